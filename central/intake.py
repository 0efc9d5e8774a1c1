"""From an MQTT message to what it means, or to why it means nothing. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from central.admission import EVERYBODY, MAX_AHEAD, Admission
from shelf.node_health import NodeHealth
from shelf.slots import SlotId
from shelf.topics import Node, StaffMember, UpTopic, parse_up
from shelf.wire import (
    EVENT_DATA,
    BaySnapshot,
    CameraStatus,
    Event,
    InvalidMessageError,
    Message,
    NodeStatus,
    OutboxDropped,
    SlotChanged,
    SlotEvidence,
    StaffAction,
    parse,
)

MAX_NUMBER = 2**62
"""Epochs and sequences above this do not fit a database's integers."""

MAX_REASON = 500

IGNORED_KINDS = frozenset({"cfg", "rsp"})
"""What nodes publish under ``up/`` that the collector has no use for."""

_VERSIONED = re.compile(r"(.+)\.v\d+")
_KNOWN_TYPES = frozenset(name.rpartition(".")[0] for name in EVENT_DATA)


class DeadKind(StrEnum):
    """Why a message cannot be used."""

    TOPIC = "topic"
    UNREGISTERED = "unregistered"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_SOURCE = "wrong_source"
    FROM_FUTURE = "from_future"
    INVALID = "invalid"
    UNSTORABLE = "unstorable"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it arrived."""

    topic: str
    payload: bytes
    received_utc: datetime
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Numbered:
    """The place of a message in its source's order."""

    source: str
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that cannot be used; ``number`` where it could be read and is the sender's.

    ``sender`` is the node whose topic it came on.
    """

    received: Received
    reason: str
    kind: DeadKind
    number: Numbered | None = None
    sender: Node | None = None


@dataclass(frozen=True, slots=True)
class StateEvent:
    """A slot has changed its state."""

    event: Event
    change: SlotChanged
    node: Node
    aisle: str
    slot: str


@dataclass(frozen=True, slots=True)
class EvidenceEvent:
    """Pictures of a change: JPEG."""

    event: Event
    changed: str
    now: bytes
    before: bytes | None


@dataclass(frozen=True, slots=True)
class DroppedEvent:
    """Events that will never come. ``covers`` is the range that this event stands for."""

    event: Event
    covers: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Status:
    """Birth or last will of a node."""

    node: Node
    status: NodeStatus


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera's looks are worth."""

    node: Node
    status: CameraStatus


@dataclass(frozen=True, slots=True)
class Health:
    """How a node is."""

    node: Node
    health: NodeHealth


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All slots of a bay."""

    node: Node
    snapshot: BaySnapshot


@dataclass(frozen=True, slots=True)
class PersonsAction:
    """What a person does about an alert."""

    member: StaffMember
    action: StaffAction


Meaning = (
    StateEvent
    | EvidenceEvent
    | DroppedEvent
    | Status
    | Camera
    | Health
    | Snapshot
    | PersonsAction
    | Dead
    | None
)


class _RefusedError(InvalidMessageError):
    """A message that is well formed and still not to be used."""

    def __init__(self, kind: DeadKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def understand(received: Received, admission: Admission = EVERYBODY) -> Meaning:
    """Return what a node's or a person's message means; None for one that nobody needs here."""
    if received.topic.split("/")[3:4] == ["_staff"]:
        return _action(received)
    try:
        topic = parse_up(received.topic)
    except ValueError as error:
        return Dead(received, _short(f"topic: {error}"), DeadKind.TOPIC)
    if topic.kind in IGNORED_KINDS:
        return None
    if topic.kind in ("state", "cam") and not received.payload:
        return None  # a node takes back what it had retained: the bay is planned no more
    if not admission.knows(topic.node):
        reason = f"node: expected one of admission.nodes, got {topic.node.source}"
        return Dead(received, reason, DeadKind.UNREGISTERED, None, topic.node)
    try:
        return _understand(topic, received, admission)
    except InvalidMessageError as error:
        kind = error.kind if isinstance(error, _RefusedError) else _kind_of(received.payload)
        number = _number(topic, received.payload)
        return Dead(received, _short(str(error)), kind, number, topic.node)


def _understand(topic: UpTopic, received: Received, admission: Admission) -> Meaning:
    size, most = len(received.payload), admission.max_message_bytes
    if size > most:
        raise _RefusedError(DeadKind.TOO_LARGE, f"expected up to {most} bytes, got {size}")
    match topic.kind, len(topic.rest):
        case "evt", 1:
            meaning = _event(topic, received)
            _check_time(_time_of(meaning), received, admission)
            return meaning
        case "status", 0:
            return Status(topic.node, _status(received.payload))
        case "cam", 1:
            return Camera(topic.node, _camera(topic, received.payload))
        case "metrics", 0:
            return Health(topic.node, parse(NodeHealth, received.payload))
        case "state", 2:
            snapshot = _snapshot(topic, received.payload)
            _check_time(snapshot.time, received, admission)
            return Snapshot(topic.node, snapshot)
    raise _RefusedError(
        DeadKind.TOPIC,
        f"topic: expected evt, status, cam, state or metrics, got {received.topic!r}",
    )


def _time_of(meaning: StateEvent | EvidenceEvent | DroppedEvent) -> datetime:
    return meaning.event.time


def _check_time(time: datetime, received: Received, admission: Admission) -> None:
    if admission.is_ahead(time, received.received_utc):
        hours = MAX_AHEAD.total_seconds() / 3600
        raise _RefusedError(
            DeadKind.FROM_FUTURE,
            f"time: expected up to {hours:.0f} h after its arrival, got {time.isoformat()}; "
            "set the node's clock",
        )


def _kind_of(payload: bytes) -> DeadKind:
    """Return what kind of fault a payload has that does not fit."""
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError):
        return DeadKind.NOT_JSON
    if not isinstance(fields, dict):
        return DeadKind.INVALID
    spec, kind = fields.get("specversion", "1.0"), fields.get("type")
    is_other = isinstance(kind, str) and kind not in EVENT_DATA
    match = _VERSIONED.fullmatch(kind) if isinstance(kind, str) and is_other else None
    if spec != "1.0" or (match is not None and match[1] in _KNOWN_TYPES):
        return DeadKind.UNKNOWN_VERSION
    return DeadKind.INVALID


def _short(reason: str) -> str:
    """Return a reason that every database stores."""
    return reason.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MAX_REASON]


def _action(received: Received) -> Meaning:
    try:
        member = StaffMember.from_actions(received.topic)
    except ValueError as error:
        return Dead(received, _short(str(error)), DeadKind.TOPIC)
    try:
        return PersonsAction(member, parse(StaffAction, received.payload))
    except InvalidMessageError as error:
        return Dead(received, _short(str(error)), _kind_of(received.payload))


def _status(payload: bytes) -> NodeStatus:
    status = parse(NodeStatus, payload)
    _check_numbers(status.epoch, status.first_sequence)
    return status


def _camera(topic: UpTopic, payload: bytes) -> CameraStatus:
    status = parse(CameraStatus, payload)
    if (status.camera,) != topic.rest:
        raise InvalidMessageError(
            f"camera: expected {topic.rest[0]} as in the topic, got {status.camera!r}"
        )
    return status


def _snapshot(topic: UpTopic, payload: bytes) -> BaySnapshot:
    snapshot = parse(BaySnapshot, payload)
    _check_numbers(snapshot.epoch, snapshot.sequence)
    if (snapshot.aisle, snapshot.bay) != topic.rest:
        raise InvalidMessageError(
            f"aisle and bay: expected {'/'.join(topic.rest)} as in the topic, "
            f"got {snapshot.aisle}/{snapshot.bay}"
        )
    for place in snapshot.slots:
        _slot(f"{snapshot.bay}/{place}")
    return snapshot


def _event(topic: UpTopic, received: Received) -> StateEvent | EvidenceEvent | DroppedEvent:
    event = parse(Event, received.payload)
    if event.source != topic.node.source:
        raise _RefusedError(
            DeadKind.WRONG_SOURCE,
            f"source: expected {topic.node.source} as in the topic, got {event.source}",
        )
    _check_numbers(event.epoch, event.sequence)
    (aisle,) = topic.rest
    data: Message = event.payload()
    if isinstance(data, SlotChanged):
        subject_aisle, _, slot = event.subject.partition("/")
        if subject_aisle != aisle:
            raise InvalidMessageError(
                f"subject: expected a slot of aisle {aisle} as in the topic, got {event.subject!r}"
            )
        return StateEvent(event, data, topic.node, aisle, _slot(slot))
    if isinstance(data, SlotEvidence):
        before = None if data.before is None else _picture("before", data.before)
        return EvidenceEvent(event, data.changed, _picture("now", data.now), before)
    assert isinstance(data, OutboxDropped)
    stands_for_range = data.last == event.sequence and data.reason != "corrupt"
    first = max(data.first, 1) if stands_for_range else event.sequence
    return DroppedEvent(event, (first, event.sequence))


def _slot(text: str) -> str:
    try:
        return str(SlotId.parse(text))
    except ValueError as error:
        raise InvalidMessageError(f"slot: {error}") from error


def _picture(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMessageError(f"data.{name}: expected base64, got {error}") from error


def _check_numbers(*numbers: int) -> None:
    for number in numbers:
        if number > MAX_NUMBER:
            raise InvalidMessageError(f"epoch, sequence: expected up to 2**62, got {number}")


def _number(topic: UpTopic, payload: bytes) -> Numbered | None:
    """Return the number of an invalid event, if it can be read and is this node's own."""
    if topic.kind != "evt":
        return None
    try:
        fields = json.loads(payload)
        source, epoch, sequence = fields["source"], fields["epoch"], fields["sequence"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if source != topic.node.source or type(epoch) is not int or type(sequence) is not int:
        return None
    if not (1 <= epoch <= MAX_NUMBER and 1 <= sequence <= MAX_NUMBER):
        return None
    return Numbered(source, epoch, sequence)
