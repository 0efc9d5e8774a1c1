"""Whose messages the collector takes, and of what size and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field, field_validator

from shelf.settings import Settings
from shelf.topics import Node, name_fault

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_AHEAD = timedelta(hours=1)
"""What is dated so much later than its arrival comes from a clock that is wrong."""

ALL_NODES = "*"


class AdmissionSettings(Settings):
    """Which nodes' messages are used."""

    nodes: tuple[str, ...] | None = Field(
        None,
        description="tenant/site/node, or tenant/site/* for all of a store; every node that the "
        "broker lets in if absent. What another sends is not used, and it keeps its events.",
    )

    @field_validator("nodes")
    @classmethod
    def _check_nodes(cls, nodes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in nodes or ():
            levels = text.split("/")
            names = levels[:-1] if levels[-1] == ALL_NODES else levels
            if len(levels) != 3 or any(name_fault(name) for name in names):
                raise ValueError(f"expected tenant/site/node or tenant/site/*, got {text!r}")
        return nodes


@dataclass(frozen=True, slots=True)
class Admission:
    """``nodes`` as in `AdmissionSettings`; None admits every node."""

    nodes: frozenset[str] | None = None
    max_message_bytes: int = MAX_MESSAGE_BYTES

    @classmethod
    def of(cls, settings: AdmissionSettings) -> Admission:
        """Return what is configured."""
        return cls(None if settings.nodes is None else frozenset(settings.nodes))

    def knows(self, node: Node) -> bool:
        """True when the node's messages are used."""
        if self.nodes is None:
            return True
        store = f"{node.tenant}/{node.site}"
        return not self.nodes.isdisjoint((f"{store}/{node.node}", f"{store}/{ALL_NODES}"))

    def is_ahead(self, time: datetime, received_utc: datetime) -> bool:
        """True when a message's own time cannot be right."""
        return time > received_utc + MAX_AHEAD


EVERYBODY = Admission()
"""Takes what the broker lets in."""
