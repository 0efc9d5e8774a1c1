"""From what a batch of messages has changed to what the alert engine takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from central.alerts import CameraChanged, Input, NodeChanged
from central.desk import SiteKey
from central.slot_writes import Change
from shelf.states import CameraState
from shelf.topics import Node


def inputs_of(
    nodes: Mapping[Node, Mapping[str, Any]],
    cameras: Mapping[tuple[Node, str], Mapping[str, Any]],
    changes: Sequence[Change],
) -> dict[SiteKey, list[Input]]:
    """Return the inputs by site: first who can be heard, then what can see, then what is seen.

    ``nodes`` and ``cameras`` hold rows of their tables.
    """
    inputs: dict[SiteKey, list[Input]] = {}
    for node, row in nodes.items():
        entry = NodeChanged(node.node, row["state"] == "online")
        inputs.setdefault((node.tenant, node.site), []).append(entry)
    for (node, camera), row in cameras.items():
        state = CameraState(row["state"])
        seen_by = CameraChanged(node.node, camera, state)
        inputs.setdefault((node.tenant, node.site), []).append(seen_by)
    for change in changes:
        sighting = change.row.sighting(change.event_id)
        inputs.setdefault((change.row.tenant, change.row.site), []).append(sighting)
    return inputs
