"""What one look says of a slot, and what is held to be true of it over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shelf.slots import SlotId

BoxPx = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the camera's picture (origin top left)."""


class State(StrEnum):
    """The state of a slot. ``unknown`` is never counted as empty."""

    STOCKED = "stocked"
    LOW = "low"
    OUT_OF_STOCK = "out_of_stock"
    MISPLACED = "misplaced"
    UNKNOWN = "unknown"

    @property
    def is_problem(self) -> bool:
        """True when staff have something to do."""
        return self in (State.LOW, State.OUT_OF_STOCK, State.MISPLACED)

    @property
    def is_available(self) -> bool:
        """True when a shopper finds the product (the numerator of on-shelf availability)."""
        return self in (State.STOCKED, State.LOW)


class CameraState(StrEnum):
    """Whether a camera's looks can be trusted."""

    OK = "ok"
    STALE = "stale"
    DARK = "dark"
    MOVED = "moved"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Found:
    """One facing that stands in a slot. ``sku`` is None when the product is not known."""

    sku: str | None
    confidence: float
    box_xyxy_px: BoxPx


@dataclass(frozen=True, slots=True)
class SlotReading:
    """What a single look says of one slot.

    ``visibility`` is the share of the slot that could be seen (0..1); ``confidence`` is the
    belief in ``state`` (0..1); ``box_xyxy_px`` is where the slot lies in the picture, or None
    when it is outside; ``reason`` says in words and numbers why.
    """

    slot: SlotId
    state: State
    confidence: float
    facings_expected: int
    facings_seen: int
    visibility: float
    reason: str
    found: tuple[Found, ...] = ()
    box_xyxy_px: BoxPx | None = None


@dataclass(frozen=True, slots=True)
class SlotState:
    """What is held to be true of a slot, with the evidence in seconds.

    ``since_utc`` is the time of the first look of the evidence that led to this state;
    ``observed_secs`` is how long it had been observed when it was decided.
    """

    slot: SlotId
    state: State
    previous: State
    since_utc: datetime
    observed_secs: float
    confidence: float
    facings_expected: int
    facings_seen: int
    reason: str
    found: tuple[Found, ...] = ()
