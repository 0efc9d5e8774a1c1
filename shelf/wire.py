"""The messages on the wire, version 1. Their JSON Schemas are published in `configs/schema`.

An event is CloudEvents 1.0 structured JSON; ``epoch`` and ``sequence`` order it within its
source without gaps. Readers ignore keys they do not know, so that fields can be added.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shelf.states import CameraState, State

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
SlotPath = Annotated[str, Field(pattern=r"^[^/]+/b\d{2,3}/s\d{1,3}/p\d{2,3}$")]
"""Aisle and slot: ``a12/b03/s2/p07``."""

TYPE_PREFIX = "io.shelfwatch."


class Message(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        """Return the message as UTF-8 JSON."""
        return self.model_dump_json(exclude_none=True).encode()


class Clock(StrEnum):
    """Whether the node's wall clock could be trusted when the event was written."""

    SYNCED = "synced"
    UNSYNCED = "unsynced"


class Facings(Message):
    """Facings planned and seen."""

    expected: Count
    seen: Count


class FoundItem(Message):
    """A facing that stands in the slot; ``sku`` is absent when the product is not known."""

    sku: str | None = None
    confidence: Share


class SlotChanged(Message):
    """The state of a slot has changed."""

    state: State
    previous: State
    since: AwareDatetime = Field(description="First look of the evidence for this state.")
    sku: str = Field(description="The planned SKU.")
    name: str | None = Field(None, description="The planned product's name.")
    facings: Facings
    confidence: Share
    observed_secs: Annotated[float, Field(ge=0)]
    reason: str | None = Field(None, description="Why, in words and numbers.")
    found: tuple[FoundItem, ...] = ()
    camera: str | None = None
    planogram: str = Field(description="Id and version of the planogram judged against.")
    model: str = Field(description="sha256 of the detector's weights.")
    calibration: str
    clock: Clock = Clock.SYNCED


class SlotEvidence(Message):
    """Pictures of a slot that show why its state has changed: JPEG, base64."""

    changed: str = Field(description="The id of the slot.changed event that this shows.")
    now: str
    before: str | None = None


class OutboxDropped(Message):
    """Events ``first`` to ``last`` were given up; this event takes their place."""

    first: Count
    last: Count
    reason: Literal["full", "corrupt", "expired"]


EVENT_DATA: dict[str, type[Message]] = {
    f"{TYPE_PREFIX}slot.changed.v1": SlotChanged,
    f"{TYPE_PREFIX}slot.evidence.v1": SlotEvidence,
    f"{TYPE_PREFIX}outbox.dropped.v1": OutboxDropped,
}
"""Every event type and what its ``data`` holds."""

_TYPE_OF = {model: name for name, model in EVENT_DATA.items()}


class Event(Message):
    """One CloudEvents envelope. ``subject`` is aisle and slot, or the node for its own events."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: Annotated[str, Field(pattern=r"^/[^/]+/[^/]+/[^/]+$")]
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    epoch: Annotated[int, Field(ge=1)]
    sequence: Annotated[int, Field(ge=1)]
    data: dict[str, Any]

    def payload(self) -> Message:
        """Return ``data`` as the model of its type.

        Raises `InvalidMessageError` for an unknown type or data that does not fit.
        """
        model = EVENT_DATA.get(self.type)
        if model is None:
            raise InvalidMessageError(
                f"type: expected one of {', '.join(EVENT_DATA)}, got {self.type!r}"
            )
        return parse(model, self.data)


class NodeStatus(Message):
    """Birth (``online``) and last will (``offline``).

    ``first_sequence`` is the lowest event that the node can still send in ``epoch``: everything
    below has been acknowledged.
    """

    state: Literal["online", "offline"]
    time: AwareDatetime
    epoch: Count = 0
    first_sequence: Count = 0
    version: str = ""


class Watermark(Message):
    """All events of ``epoch`` up to ``sequence`` are committed."""

    epoch: Count
    sequence: Count


class SlotSnapshot(Message):
    """One slot in a `BaySnapshot`."""

    state: State
    since: AwareDatetime
    sku: str
    facings: Facings
    confidence: Share


class BaySnapshot(Message):
    """All slots of one bay, by shelf and position (``s2/p07``), as of event ``sequence``."""

    aisle: str
    bay: str
    time: AwareDatetime
    epoch: Count
    sequence: Count
    planogram: str
    slots: dict[str, SlotSnapshot]


class CameraStatus(Message):
    """Whether a camera can be trusted, and why not."""

    camera: str
    state: CameraState
    since: AwareDatetime
    time: AwareDatetime
    detail: str = ""
    calibration_score: Share | None = None
    calibration: str | None = Field(None, description="Version of the calibration in use.")
    drift_px: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="How far the camera has turned, in px of its picture at the farthest corner "
        "of a bay, and is corrected; absent while nothing is.",
    )
    drift_since: AwareDatetime | None = None


class AlertPhase(StrEnum):
    """Where an alert stands between the camera's word and the camera's word."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLAIMED = "claimed"
    DONE = "done"
    NO_STOCK = "no_stock"
    CLOSED = "closed"


class AlertStep(Message):
    """One step in the life of an alert: what happened, when, and by whom."""

    step: str
    time: AwareDatetime
    by: str | None = None
    detail: str | None = None


class OpenAlert(Message):
    """One problem that staff have to solve."""

    alert: str
    slot: SlotPath
    place: str = Field(description="The place in words.")
    state: State
    sku: str
    name: str | None = None
    since: AwareDatetime
    facings: Facings
    confidence: Share
    reason: str | None = None
    found: tuple[FoundItem, ...] = ()
    phase: AlertPhase = AlertPhase.OPEN
    by: str | None = Field(None, description="Who brought it into this phase.")
    until: AwareDatetime | None = Field(None, description="When this phase lapses by itself.")
    held_by: str | None = Field(
        None, description="What keeps it silent: camera, reset or closed (the store)."
    )
    steps: tuple[AlertStep, ...] = Field((), description="Its life so far, in order.")


class OpenAlerts(Message):
    """All open alerts of one aisle, and those that were closed within the last hour."""

    aisle: str
    time: AwareDatetime
    alerts: tuple[OpenAlert, ...]
    closed: tuple[OpenAlert, ...] = ()


class ActionKind(StrEnum):
    """What a person says of an alert."""

    ACKNOWLEDGE = "acknowledge"
    CLAIM = "claim"
    DONE = "done"
    NO_STOCK = "no_stock"
    WRONG_ALARM = "wrong_alarm"
    UNDO = "undo"


ActionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""Made by the client, once for each action: sent again, the action is not done again."""


class StaffAction(Message):
    """What a person does about an alert."""

    action: ActionId
    alert: str
    kind: ActionKind
    undoes: ActionId | None = Field(None, description="The action that an undo takes back.")
    at: AwareDatetime | None = Field(None, description="When, by the client's clock.")


class ActionOutcome(StrEnum):
    """What became of a `StaffAction`."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    TAKEN = "taken"
    CLOSED = "closed"
    TOO_LATE = "too_late"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    INVALID = "invalid"


class StaffAnswer(Message):
    """The answer to one `StaffAction`; ``detail`` says why, for a person.

    ``by`` is who has the alert, where the outcome is that somebody else has it.
    """

    action: str
    alert: str
    outcome: ActionOutcome
    detail: str = ""
    by: str | None = None


MESSAGES: dict[str, type[Message]] = {
    "event": Event,
    "node-status": NodeStatus,
    "watermark": Watermark,
    "bay-snapshot": BaySnapshot,
    "camera-status": CameraStatus,
    "open-alerts": OpenAlerts,
    "staff-action": StaffAction,
    "staff-answer": StaffAnswer,
}
"""Every message that is not an event's data, by the name of its schema."""


class InvalidMessageError(ValueError):
    """A payload that is not the message it should be; the text says what was expected."""


M = TypeVar("M", bound=Message)


def parse(model: type[M], payload: bytes | str | dict[str, Any]) -> M:
    """Return ``payload`` (JSON or an object) as ``model``; raises `InvalidMessageError`."""
    try:
        if isinstance(payload, dict):
            return model.model_validate(payload)
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or model.__name__
        raise InvalidMessageError(f"{place}: {first['msg']}") from error


def type_of(data: Message) -> str:
    """Return the event type whose data is of ``data``'s class; raises ``KeyError``."""
    return _TYPE_OF[type(data)]
