"""What the page reads from the database, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shelf import CameraState, SlotId, State
from shelf.wire import AlertPhase


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """One store of one tenant."""

    tenant: str
    site: str


NO_SITE = Site("-", "-")
"""What is shown before any node has been heard of."""


@dataclass(frozen=True, slots=True)
class FoundProduct:
    """One facing that stands where it does not belong; ``sku`` None is not known."""

    sku: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class SlotRow:
    """What is held to be true of one slot; ``since_utc`` is None before the first look.

    All times are aware UTC.
    """

    aisle: str
    slot: SlotId
    state: State
    since_utc: datetime | None
    sku: str
    name: str | None
    facings_expected: int
    facings_seen: int
    confidence: float
    reason: str | None = None
    found: tuple[FoundProduct, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert. ``id`` is the event that opened it; ``closed_utc`` is None while it is open.

    ``picture`` is the id of the event whose pictures show it, or None when there are none.
    ``phase`` holds since ``phase_utc``, by ``by``, until ``until_utc``; ``held_by`` says what
    keeps the alert from being told (camera, reset, closed).
    """

    id: str
    aisle: str
    slot: SlotId
    state: State
    since_utc: datetime
    opened_utc: datetime
    sku: str
    name: str | None
    facings_expected: int
    facings_seen: int
    confidence: float
    reason: str | None = None
    found: tuple[FoundProduct, ...] = ()
    closed_utc: datetime | None = None
    closed_reason: str | None = None
    picture: str | None = None
    has_before: bool = False
    phase: AlertPhase = AlertPhase.OPEN
    phase_utc: datetime | None = None
    by: str | None = None
    until_utc: datetime | None = None
    held_by: str | None = None
    notified_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One edge node and whether it is connected."""

    node: str
    is_online: bool
    time_utc: datetime


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera and whether its looks can be trusted."""

    node: str
    camera: str
    state: CameraState
    since_utc: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeadPush:
    """A message to a person that was given up."""

    push: str
    site: Site
    person: str
    kind: str
    alerts: tuple[str, ...]
    created_utc: datetime
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class SiteRows:
    """Everything the page shows of one site, read in one transaction."""

    slots: tuple[SlotRow, ...] = ()
    open_alerts: tuple[AlertRow, ...] = ()
    closed_alerts: tuple[AlertRow, ...] = ()
    nodes: tuple[NodeRow, ...] = ()
    cameras: tuple[CameraRow, ...] = ()
