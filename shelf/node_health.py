"""How a node is, as it says itself once a minute; docs/fleet.md says what follows from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from shelf.wire import Count, Message


class CameraLooks(Message):
    """What one camera gave since the last message."""

    last_look: AwareDatetime | None = Field(None, description="When it gave its last look.")
    looks_per_minute: Annotated[float, Field(ge=0)] = 0
    model: str = Field("", description="The detector's weights in use: sha256.")
    refused: str = Field("", description="Why a new model or calibration was not taken.")


class NodeHealth(Message):
    """Sent with QoS 0 and not kept: the next one says more."""

    time: AwareDatetime
    outbox_events: Count = Field(0, description="Events that wait to be committed at the center.")
    outbox_bytes: Count = 0
    outbox_oldest: AwareDatetime | None = Field(
        None, description="Time of the oldest event that waits."
    )
    dropped_events: Count = Field(0, description="Events given up since the outbox was made.")
    cameras: dict[str, CameraLooks] = Field({}, description="By the camera's id.")
    planograms: dict[str, str | None] = Field(
        {}, description="The planogram in force, by aisle; null where there is none."
    )


MESSAGES: dict[str, type[Message]] = {"node-health": NodeHealth}
"""Every message of this module, by the name of its schema."""
