"""A batch of messages into the database, in one transaction.

Afterwards, and only then, the caller may acknowledge the messages and publish the watermarks
that `Ingest.apply` returns. Repeated messages change nothing; old ones do not overwrite newer
states.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from central import tables
from central.alert_inputs import inputs_of
from central.database import AisleKey, Database, insert_new, upsert
from central.desk import Actor, Desk, Worked
from central.intake import (
    Camera,
    Dead,
    DroppedEvent,
    EvidenceEvent,
    Numbered,
    PersonsAction,
    Received,
    Snapshot,
    StateEvent,
    Status,
    understand,
)
from central.sequences import Committed
from central.slot_writes import (
    Change,
    SlotKey,
    change_of_event,
    changes_of_snapshot,
    write_changes,
)
from central.streams import Stream, load_stream
from shelf.topics import Node, StaffMember
from shelf.wire import StaffAnswer

MAX_DEAD_PAYLOAD_BYTES = 64 * 1024
"""A dead letter keeps this much of its payload: enough to see what was wrong with it."""

MAX_PENDING_SNAPSHOTS = 10_000
"""Snapshots that wait for the events before them; the nodes publish each again hourly."""

Pending = dict[tuple[Node, str, str], Snapshot]
"""The last snapshot by node, aisle and bay."""


@dataclass(frozen=True, slots=True)
class Watermarked:
    """What to tell a node: all of ``epoch`` up to ``sequence`` is committed."""

    node: Node
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What a committed batch has changed."""

    watermarks: tuple[Watermarked, ...] = ()
    slots: frozenset[SlotKey] = frozenset()
    alerts: frozenset[AisleKey] = frozenset()
    nodes: frozenset[Node] = frozenset()
    events: int = 0
    dead_letters: int = 0
    answers: tuple[tuple[StaffMember, StaffAnswer], ...] = ()
    pushes: int = 0

    @property
    def is_visible(self) -> bool:
        """True when somebody who looks at the pages would see a difference."""
        return bool(self.slots or self.alerts or self.nodes or self.dead_letters)


def merge(parts: Iterable[Changed]) -> Changed:
    """Return what several commits have changed together; the last watermark of each counts."""
    merged = Changed()
    marks: dict[tuple[Node, int], Watermarked] = {}
    for part in parts:
        for mark in part.watermarks:
            marks.pop((mark.node, mark.epoch), None)
            marks[mark.node, mark.epoch] = mark
        merged = Changed(
            watermarks=tuple(marks.values()),
            slots=merged.slots | part.slots,
            alerts=merged.alerts | part.alerts,
            nodes=merged.nodes | part.nodes,
            events=merged.events + part.events,
            dead_letters=merged.dead_letters + part.dead_letters,
            answers=merged.answers + part.answers,
            pushes=merged.pushes + part.pushes,
        )
    return merged


class Ingest:
    """Writes batches. One per database, used by one thread."""

    def __init__(self, database: Database, desk: Desk | None = None) -> None:
        """Without a ``desk`` the alerts of all sites go by the default rules."""
        self._database = database
        self._desk = desk or Desk()
        self._streams: dict[Stream, Committed] = {}
        self._pending: Pending = {}

    def apply(self, batch: Sequence[Received]) -> Changed:
        """Commit a batch; raises what SQLAlchemy raises, and then nothing has changed."""
        with self._database.write() as connection:
            work = _Batch(connection, self._streams, self._pending)
            for received in batch:
                work.take(received)
            changed = work.write(self._desk)
        self._streams.update(work.streams)
        self._pending = work.pending
        return changed

    def bury(self, received: Received, reason: str) -> Changed:
        """Commit a message that `apply` cannot write as a dead letter."""
        with self._database.write() as connection:
            work = _Batch(connection, self._streams, self._pending)
            work.take_dead(_dead(received, reason))
            changed = work.write(self._desk)
        self._streams.update(work.streams)
        return changed


def _dead(received: Received, reason: str) -> Dead:
    meaning = understand(received)
    if isinstance(meaning, Dead):
        return replace(meaning, reason=reason)
    if isinstance(meaning, StateEvent | EvidenceEvent | DroppedEvent):
        event = meaning.event
        return Dead(received, reason, Numbered(event.source, event.epoch, event.sequence))
    return Dead(received, reason)


class _Batch:
    """One transaction: what has been read, and what is to be written at its end."""

    def __init__(
        self, connection: Connection, known: dict[Stream, Committed], pending: Pending
    ) -> None:
        self.streams: dict[Stream, Committed] = {}
        self.pending = dict(pending)
        self._connection = connection
        self._known = known
        self._received_utc: datetime | None = None
        self._events: list[dict[str, Any]] = []
        self._evidence: list[dict[str, Any]] = []
        self._dead: list[dict[str, Any]] = []
        self._changes: list[Change] = []
        self._nodes: dict[Node, dict[str, Any]] = {}
        self._cameras: dict[tuple[Node, str], dict[str, Any]] = {}
        self._actions: list[tuple[PersonsAction, datetime]] = []

    def take(self, received: Received) -> None:
        """Sort one message into what is to be written."""
        self._received_utc = received.received_utc
        match meaning := understand(received):
            case StateEvent():
                self._take_event(meaning, received, meaning.event.data)
                self._changes.append(change_of_event(meaning))
            case EvidenceEvent():
                self._take_event(meaning, received, {"changed": meaning.changed})
                self._evidence.append(_evidence_row(meaning))
            case DroppedEvent():
                self._take_event(meaning, received, meaning.event.data)
                self._stream(meaning.event.source, meaning.event.epoch).add(*meaning.covers)
            case Status():
                self._take_status(meaning, received)
            case Camera():
                self._cameras[meaning.node, meaning.status.camera] = _camera_row(meaning)
            case Snapshot():
                key = (meaning.node, meaning.snapshot.aisle, meaning.snapshot.bay)
                if key in self.pending or len(self.pending) < MAX_PENDING_SNAPSHOTS:
                    self.pending[key] = meaning
            case PersonsAction():
                self._actions.append((meaning, received.received_utc))
            case Dead():
                self.take_dead(meaning)

    def take_dead(self, dead: Dead) -> None:
        """Keep a message that cannot be used, once if it has a number."""
        received, number = dead.received, dead.number
        self._received_utc = received.received_utc
        if number is not None:
            stream = self._stream(number.source, number.epoch)
            if number.sequence in stream:
                return
            stream.add(number.sequence, number.sequence)
        self._dead.append(
            {
                "topic": received.topic,
                "payload": received.payload[:MAX_DEAD_PAYLOAD_BYTES],
                "reason": dead.reason,
                "received_utc": received.received_utc,
                "source": number.source if number else None,
                "epoch": number.epoch if number else None,
                "sequence": number.sequence if number else None,
            }
        )

    def write(self, desk: Desk) -> Changed:
        """Write all, with what the alerts make of it, and say what has changed."""
        for key, snapshot in list(self.pending.items()):
            if self._is_complete(snapshot):
                self._changes += changes_of_snapshot(snapshot)
                del self.pending[key]
        written = write_changes(self._connection, self._changes)
        insert_new(self._connection, tables.events, self._events)
        insert_new(self._connection, tables.evidence, self._evidence)
        upsert(self._connection, tables.nodes, list(self._nodes.values()))
        upsert(self._connection, tables.cameras, list(self._cameras.values()))
        if self._dead:
            self._connection.execute(tables.dead_letters.insert(), self._dead)
        marks = [
            {
                "source": source,
                "epoch": epoch,
                "sequence": committed.watermark,
                "updated_utc": self._received_utc,
            }
            for (source, epoch), committed in self.streams.items()
        ]
        upsert(self._connection, tables.watermarks, marks)
        worked, answers = self._work(desk, written)
        return Changed(
            watermarks=tuple(
                Watermarked(Node.from_source(source), epoch, committed.watermark)
                for (source, epoch), committed in self.streams.items()
            ),
            slots=frozenset(change.row.key for change in written),
            alerts=frozenset(worked.aisles),
            nodes=frozenset(self._nodes) | {node for node, _ in self._cameras},
            events=len(self._events),
            dead_letters=len(self._dead),
            answers=tuple(answers),
            pushes=worked.pushes,
        )

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
    ) -> None:
        event = meaning.event
        self._events.append(
            {
                "source": event.source,
                "epoch": event.epoch,
                "sequence": event.sequence,
                "id": event.id,
                "type": event.type,
                "subject": event.subject,
                "aisle": received.topic.rpartition("/")[2],
                "time_utc": event.time,
                "received_utc": received.received_utc,
                "data": data,
            }
        )
        self._stream(event.source, event.epoch).add(event.sequence, event.sequence)

    def _take_status(self, meaning: Status, received: Received) -> None:
        node, status = meaning.node, meaning.status
        if status.epoch and status.first_sequence:
            self._stream(node.source, status.epoch).raise_to(status.first_sequence - 1)
        row = self._nodes.get(node) or self._stored_node(node)
        is_same = row is not None and (row["state"], row["epoch"]) == (status.state, status.epoch)
        if is_same and status.state == "offline":
            return
        is_will = status.state == "offline" and not received.retained
        self._nodes[node] = {
            "tenant": node.tenant,
            "site": node.site,
            "node": node.node,
            "state": status.state,
            "time_utc": received.received_utc if is_will else status.time,
            "epoch": status.epoch,
            "version": status.version,
        }

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

    def _is_complete(self, snapshot: Snapshot) -> bool:
        """True when every event that the snapshot sums up is committed or given up."""
        message = snapshot.snapshot
        stream = (snapshot.node.source, message.epoch)
        committed = self.streams.get(stream) or self._known.get(stream)
        watermark = committed.watermark if committed else 0
        return watermark >= message.sequence

    def _stream(self, source: str, epoch: int) -> Committed:
        """Return the stream as this batch leaves it; the last asked for comes last."""
        stream = (source, epoch)
        committed = self.streams.pop(stream, None)
        if committed is None:
            known = self._known.get(stream)
            committed = known.copy() if known else load_stream(self._connection, source, epoch)
        self.streams[stream] = committed
        return committed


def _evidence_row(meaning: EvidenceEvent) -> dict[str, Any]:
    return {
        "event_id": meaning.changed,
        "now": meaning.now,
        "before": meaning.before,
        "time_utc": meaning.event.time,
    }


def _camera_row(meaning: Camera) -> dict[str, Any]:
    node, status = meaning.node, meaning.status
    return {
        "tenant": node.tenant,
        "site": node.site,
        "node": node.node,
        "camera": status.camera,
        "state": status.state.value,
        "since_utc": status.since,
        "time_utc": status.time,
        "detail": status.detail,
        "calibration_score": status.calibration_score,
    }
