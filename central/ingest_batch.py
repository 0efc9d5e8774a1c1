"""One batch of messages, sorted into what one transaction writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from central import tables
from central.admission import EVERYBODY, Admission
from central.alert_inputs import inputs_of
from central.changed import Changed, Watermarked
from central.database import insert_new, upsert
from central.desk import Actor, Desk, Worked
from central.intake import (
    Camera,
    Dead,
    DeadKind,
    DroppedEvent,
    EvidenceEvent,
    Health,
    PersonsAction,
    Received,
    Snapshot,
    StateEvent,
    Status,
    understand,
)
from central.message_rows import (
    camera_row,
    dead_row,
    event_row,
    evidence_row,
    health_row,
    node_row,
)
from central.metrics.recording import node_is_back, record
from central.partitions import make_partitions
from central.sequences import Committed
from central.slot_rows import SlotRow
from central.slot_writes import (
    Change,
    SlotKey,
    change_of_event,
    changes_of_snapshot,
    write_changes,
)
from central.streams import Stream, load_stream, load_watermarks
from shelf.topics import Node, StaffMember
from shelf.wire import StaffAnswer

MAX_PENDING_SNAPSHOTS = 10_000
"""Snapshots that wait for the events before them; the nodes publish each again hourly."""

MAX_DEAD_LETTERS = 10_000
"""The oldest give way: a table that a faulty node can fill would stop all others."""

Pending = dict[tuple[Node, str, str], Snapshot]
"""The last snapshot by node, aisle and bay."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered between batches, as of the last that was committed.

    ``partitions`` are days that `events` is ready for, ``places`` the numbers of slots,
    ``strangers`` nodes that are not registered, of which one dead letter is enough. Where
    ``is_shared``, other collectors write the same streams: these are read each time.
    """

    streams: dict[Stream, Committed] = field(default_factory=dict)
    pending: Pending = field(default_factory=dict)
    places: dict[SlotKey, int] = field(default_factory=dict)
    partitions: set[date] = field(default_factory=set)
    strangers: set[Node] = field(default_factory=set)
    is_shared: bool = False


class Batch:
    """One transaction: what has been read, and what is to be written at its end."""

    def __init__(
        self, connection: Connection, known: Known, admission: Admission = EVERYBODY
    ) -> None:
        self._admission = admission
        self._streams: dict[Stream, Committed] = {}
        self._pending = dict(known.pending)
        self._places: dict[SlotKey, int] = {}
        self._partitions: set[date] = set()
        self._connection = connection
        self._known = known
        self._received_utc: datetime | None = None
        self._events: list[dict[str, Any]] = []
        self._evidence: list[dict[str, Any]] = []
        self._dead: list[dict[str, Any]] = []
        self._dead_kinds: Counter[DeadKind] = Counter()
        self._strangers: set[Node] = set()
        self._changes: list[Change] = []
        self._claims: list[SlotRow] = []
        self._nodes: dict[Node, dict[str, Any]] = {}
        self._back: dict[Node, datetime] = {}
        self._cameras: dict[tuple[Node, str], dict[str, Any]] = {}
        self._health: dict[Node, dict[str, Any]] = {}
        self._actions: list[tuple[PersonsAction, datetime]] = []

    def known_after(self) -> Known:
        """Return what is known once this batch is committed; the one before may be used up."""
        known = self._known
        if not known.is_shared:
            known.streams.update(self._streams)
        known.places.update(self._places)
        known.partitions.update(self._partitions)
        known.strangers.update(self._strangers)
        return replace(known, pending=self._pending)

    def take(self, received: Received) -> None:
        """Sort one message into what is to be written."""
        self._received_utc = received.received_utc
        match meaning := understand(received, self._admission):
            case StateEvent():
                change = change_of_event(meaning)
                self._claims.append(change.row)
                if self._take_event(meaning, received, meaning.event.data):
                    self._changes.append(change)
            case EvidenceEvent():
                self._take_event(meaning, received, {"changed": meaning.changed})
                self._evidence.append(evidence_row(meaning))
            case DroppedEvent():
                self._take_event(meaning, received, meaning.event.data)
                self._stream(meaning.event.source, meaning.event.epoch).add(*meaning.covers)
            case Status():
                self._take_status(meaning, received)
            case Camera():
                self._cameras[meaning.node, meaning.status.camera] = camera_row(meaning, received)
            case Health():
                self._health[meaning.node] = health_row(meaning, received)
            case Snapshot():
                key = (meaning.node, meaning.snapshot.aisle, meaning.snapshot.bay)
                if key in self._pending or len(self._pending) < MAX_PENDING_SNAPSHOTS:
                    self._pending[key] = meaning
            case PersonsAction():
                self._actions.append((meaning, received.received_utc))
            case Dead():
                self.take_dead(meaning)

    def take_again(self, received: Received, now: datetime) -> Dead | None:
        """Take a message that was a dead letter, or return why it still is one.

        Its number, if it has one, was counted then. What is newer stays: only events have a
        history, and of all else the newest is what counts.
        """
        self._received_utc = now
        meaning = understand(received, self._admission)
        if isinstance(meaning, Dead):
            return meaning
        match meaning:
            case StateEvent():
                change = change_of_event(meaning)
                self._claims.append(change.row)
                self._changes.append(change)
                self._events.append(event_row(meaning.event, received, meaning.event.data))
            case EvidenceEvent():
                data = {"changed": meaning.changed}
                self._events.append(event_row(meaning.event, received, data))
                self._evidence.append(evidence_row(meaning))
            case DroppedEvent():
                self._events.append(event_row(meaning.event, received, meaning.event.data))
            case Snapshot():
                self._changes += changes_of_snapshot(meaning)
            case _:
                reason = "read, but not used: only the newest of its kind matters, or came too late"
                return Dead(received, reason, DeadKind.OUTDATED)
        return None

    def take_dead(self, dead: Dead) -> None:
        """Keep a message that cannot be used, once if it has a number."""
        received, number = dead.received, dead.number
        self._received_utc = received.received_utc
        if number is not None:
            stream = self._stream(number.source, number.epoch)
            if number.sequence in stream:
                return
            stream.add(number.sequence, number.sequence)
        self._dead_kinds[dead.kind] += 1
        if dead.kind is DeadKind.UNREGISTERED and dead.sender is not None:
            if dead.sender in self._strangers | self._known.strangers:
                return
            self._strangers.add(dead.sender)
        self._dead.append(dead_row(dead))

    def write(self, desk: Desk) -> Changed:
        """Write all, with what the alerts make of it, and say what has changed."""
        committed = self._committed()
        for key, snapshot in list(self._pending.items()):
            stream = (snapshot.node.source, snapshot.snapshot.epoch)
            if committed.get(stream, 0) >= snapshot.snapshot.sequence:
                self._changes += changes_of_snapshot(snapshot)
                del self._pending[key]
        written = write_changes(self._connection, self._changes)
        self._write_events(written)
        insert_new(self._connection, tables.evidence, self._evidence)
        upsert(self._connection, tables.nodes, list(self._nodes.values()))
        upsert(self._connection, tables.cameras, self._aged_cameras())
        upsert(self._connection, tables.node_health, list(self._health.values()))
        if self._dead:
            self._connection.execute(tables.dead_letters.insert(), self._dead)
            make_room(self._connection)
        marks = [
            {
                "source": source,
                "epoch": epoch,
                "sequence": committed.watermark,
                "updated_utc": self._received_utc,
            }
            for (source, epoch), committed in self._streams.items()
        ]
        upsert(self._connection, tables.watermarks, marks)
        worked, answers = self._work(desk, written)
        return Changed(
            watermarks=tuple(
                Watermarked(Node.from_source(source), epoch, committed.watermark)
                for (source, epoch), committed in self._streams.items()
            ),
            slots=frozenset(change.row.key for change in written),
            alerts=frozenset(worked.aisles),
            nodes=frozenset(self._nodes) | {node for node, _ in self._cameras},
            events=len(self._events),
            dead=self._dead_kinds,
            answers=tuple(answers),
            pushes=worked.pushes,
        )

    def _write_events(self, written: Sequence[Change]) -> None:
        """Write events, and what they say of slots for the figures."""
        received_utc = self._received_utc
        if received_utc is None:
            return
        times = (row["time_utc"] for row in self._events)
        self._partitions = make_partitions(
            self._connection, times, received_utc, self._known.partitions
        )
        insert_new(self._connection, tables.events, self._events)
        claims = self._claims + [change.row for change in written if change.is_summary]
        self._places = record(self._connection, claims, self._known.places)
        for node, away_since in self._back.items():
            node_is_back(self._connection, node, away_since)

    def _work(
        self, desk: Desk, written: Sequence[Change]
    ) -> tuple[Worked, list[tuple[StaffMember, StaffAnswer]]]:
        """Let the alert engine take what this batch holds."""
        worked, answers = Worked(), []
        inputs = inputs_of(self._nodes, self._cameras, written)
        if inputs and self._received_utc is not None:
            worked.add(desk.advance(self._connection, inputs, self._received_utc))
        for meaning, received_utc in self._actions:
            member = meaning.member
            actor = Actor(member.person, frozenset({(member.tenant, member.site)}))
            done = desk.act(self._connection, actor, [meaning.action], received_utc)
            answers += [(member, answer) for answer in done.answers]
            worked.add(done)
        return worked, answers

    def _take_event(
        self,
        meaning: StateEvent | EvidenceEvent | DroppedEvent,
        received: Received,
        data: dict[str, Any],
    ) -> bool:
        """Take an event; False when it was here before, or was given up."""
        event = meaning.event
        self._events.append(event_row(event, received, data))
        stream = self._stream(event.source, event.epoch)
        is_new = event.sequence not in stream
        stream.add(event.sequence, event.sequence)
        return is_new

    def _take_status(self, meaning: Status, received: Received) -> None:
        node, status = meaning.node, meaning.status
        if status.epoch and status.first_sequence:
            self._stream(node.source, status.epoch).raise_to(status.first_sequence - 1)
        row = self._nodes.get(node) or self._stored_node(node)
        is_same = row is not None and (row["state"], row["epoch"]) == (status.state, status.epoch)
        if is_same and status.state == "offline":
            return
        if row is not None and row["state"] == "offline" and status.state == "online":
            self._back.setdefault(node, row["time_utc"])
        self._nodes[node] = node_row(meaning, received)

    def _stored_node(self, node: Node) -> dict[str, Any] | None:
        columns = tables.nodes.c
        row = self._connection.execute(
            select(tables.nodes).where(
                columns.tenant == node.tenant,
                columns.site == node.site,
                columns.node == node.node,
            )
        ).one_or_none()
        return row._asdict() if row else None

    def _aged_cameras(self) -> list[dict[str, Any]]:
        """Return the cameras' rows; a calibration that is in use already keeps its age."""
        columns = tables.cameras.c
        names = (columns.tenant, columns.site, columns.node, columns.camera)
        for (node, camera), row in self._cameras.items():
            key = (node.tenant, node.site, node.node, camera)
            query = select(columns.calibration, columns.calibration_since_utc).where(
                *(column == value for column, value in zip(names, key, strict=True))
            )
            known = self._connection.execute(query).one_or_none()
            if known is not None and known.calibration == row["calibration"]:
                row["calibration_since_utc"] = known.calibration_since_utc
        return list(self._cameras.values())

    def _committed(self) -> dict[Stream, int]:
        """Return up to where the streams of pending snapshots are committed or given up."""
        wanted = {(s.node.source, s.snapshot.epoch) for s in self._pending.values()}
        found = {
            stream: committed.watermark
            for stream in wanted
            if (committed := self._streams.get(stream) or self._known.streams.get(stream))
        }
        if self._known.is_shared:
            found |= load_watermarks(self._connection, sorted(wanted - found.keys()))
        return found

    def _stream(self, source: str, epoch: int) -> Committed:
        """Return the stream as this batch leaves it; the last asked for comes last."""
        stream = (source, epoch)
        committed = self._streams.pop(stream, None)
        if committed is None:
            known = self._known.streams.get(stream)
            committed = known.copy() if known else load_stream(self._connection, source, epoch)
        self._streams[stream] = committed
        return committed


def make_room(connection: Connection, most: int = MAX_DEAD_LETTERS) -> None:
    """Delete the oldest dead letters beyond ``most``."""
    letters = tables.dead_letters
    newest = connection.execute(select(func.max(letters.c.id))).scalar_one()
    connection.execute(delete(letters).where(letters.c.id <= newest - most))
