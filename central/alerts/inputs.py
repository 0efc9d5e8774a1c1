"""What comes into the engine, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from central.alerts.alert import Alert, Sighting, Step
from central.alerts.state import SiteState
from shelf.states import CameraState
from shelf.wire import StaffAction, StaffAnswer


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """What a camera's looks are worth from now on."""

    node: str
    camera: str
    state: CameraState


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """Whether a node can be heard."""

    node: str
    is_online: bool


@dataclass(frozen=True, slots=True)
class Acted:
    """What ``person`` does about an alert."""

    person: str
    action: StaffAction


@dataclass(frozen=True, slots=True)
class ResetAnnounced:
    """``person`` rebuilds ``aisle`` until ``until_utc``; a time that is over ends it."""

    person: str
    aisle: str
    until_utc: datetime


Input = Sighting | CameraChanged | NodeChanged | Acted | ResetAnnounced


class PushKind(StrEnum):
    """Why a person is told."""

    NEW = "new"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Push:
    """One message to one person: about ``alerts``, the most urgent first.

    ``aisle`` is None for a digest, which may be about several.
    """

    person: str
    kind: PushKind
    aisle: str | None
    alerts: tuple[str, ...]
    at_utc: datetime


@dataclass(slots=True)
class Advance:
    """One call of the engine: the new state, and everything that has to be written.

    ``alerts`` are those that changed; ``answers`` are to the actions among the inputs, in
    order; ``due_utc`` is when the engine must be called again at the latest, None for never.
    """

    state: SiteState
    alerts: dict[str, Alert] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    answers: list[StaffAnswer] = field(default_factory=list)
    due_utc: datetime | None = None

    @property
    def aisles(self) -> set[str]:
        """The aisles whose alerts have changed."""
        return {alert.aisle for alert in self.alerts.values()}
