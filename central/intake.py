"""From an MQTT message to what it means, or to why it means nothing. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime

from shelf.slots import SlotId
from shelf.topics import Node, StaffMember, UpTopic, parse_up
from shelf.wire import (
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

IGNORED_KINDS = frozenset({"metrics", "cfg", "rsp"})
"""What nodes publish under ``up/`` that the collector has no use for."""


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
    """A message that cannot be used; ``number`` where it could be read and is the sender's."""

    received: Received
    reason: str
    number: Numbered | None = None


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
    | Snapshot
    | PersonsAction
    | Dead
    | None
)


def understand(received: Received) -> Meaning:
    """Return what a node's or a person's message means; None for one that nobody needs here."""
    if received.topic.split("/")[3:4] == ["_staff"]:
        return _action(received)
    try:
        topic = parse_up(received.topic)
    except ValueError as error:
        return Dead(received, f"topic: {error}")
    if topic.kind in IGNORED_KINDS:
        return None
    if topic.kind in ("state", "cam") and not received.payload:
        return None  # a node takes back what it had retained: the bay is planned no more
    try:
        match topic.kind, len(topic.rest):
            case "evt", 1:
                return _event(topic, received)
            case "status", 0:
                return Status(topic.node, _status(received.payload))
            case "cam", 1:
                return Camera(topic.node, _camera(topic, received.payload))
            case "state", 2:
                return Snapshot(topic.node, _snapshot(topic, received.payload))
    except InvalidMessageError as error:
        return Dead(received, str(error), _number(topic, received.payload))
    return Dead(received, f"topic: expected evt, status, cam or state, got {received.topic!r}")


def _action(received: Received) -> Meaning:
    try:
        member = StaffMember.from_actions(received.topic)
        return PersonsAction(member, parse(StaffAction, received.payload))
    except (ValueError, InvalidMessageError) as error:
        return Dead(received, str(error))


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


def _event(topic: UpTopic, received: Received) -> Meaning:
    event = parse(Event, received.payload)
    if event.source != topic.node.source:
        raise InvalidMessageError(
            f"source: expected {topic.node.source} as in the topic, got {event.source}"
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
