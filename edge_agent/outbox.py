"""The outbox: what the node has to tell and has not yet been told is safe.

A slot's new state and the event that announces it are written in one SQLite transaction
(write-ahead log, ``synchronous=FULL``: the commit is on the disk before it returns, so an
event outlives a loss of power as soon as anybody has seen its state). A row leaves only when
the collector's watermark covers it, or when the outbox is full; then the oldest rows give way
to one tombstone that says which sequences it stands for.

Invariants, checked at each open:

- sequences are given out from 1 without gaps within an epoch, and never twice;
- the rows are ``acknowledged + 1 .. last_sequence`` without gaps, except that the first may be
  a tombstone that stands for everything from its ``first`` to its own sequence;
- the rows take no more than ``max_bytes``, as `row_bytes` counts.

A file that breaks them is set aside and a new epoch begins; decision 0002 says why.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import structlog

from edge_agent.outbox_file import OutboxError, OutboxFile, as_outbox_error, open_file
from shelf.ids import uuid7
from shelf.topics import Node
from shelf.wire import Event, Message, OutboxDropped, type_of

__all__ = ["NewEvent", "Outbox", "OutboxError", "Row", "StateRow", "row_bytes"]

MIN_BYTES = 4096
DEFAULT_MAX_BYTES = 256 * 1024 * 1024

NODE_AISLE = "node"
"""The aisle in the topic of events that are about the node itself."""

ROW_OVERHEAD_BYTES = 32

_TOMBSTONE_RESERVE_BYTES = 1200
"""More than a tombstone takes with the longest names that a topic may have."""

_log = structlog.get_logger(__name__)

DropReason = Literal["full", "corrupt"]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has no place in the order yet.

    ``time`` is aware UTC; ``subject`` is aisle and slot (``a12/b03/s2/p07``), or the node's
    name; ``data`` is one of the models in `shelf.wire.EVENT_DATA`.
    """

    id: str
    time: datetime
    aisle: str
    subject: str
    data: Message


@dataclass(frozen=True, slots=True)
class StateRow:
    """The current state of one slot, to resume from: ``slot`` is ``a12/b03/s2/p07``.

    ``json`` is the writer's own; the outbox does not look into it.
    """

    slot: str
    json: str


@dataclass(frozen=True, slots=True)
class Row:
    """One message to publish."""

    sequence: int
    topic: str
    payload: bytes


def row_bytes(topic: str, payload: bytes) -> int:
    """Return what one row counts against ``max_bytes``."""
    return len(topic.encode()) + len(payload) + ROW_OVERHEAD_BYTES


class Outbox:
    """The outbox of one node. One thread appends, another reads and acknowledges."""

    def __init__(self, file: OutboxFile, node: Node, max_bytes: int) -> None:
        """Use `Outbox.open`."""
        self._file = file
        self._db = file.connection
        self._node = node
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._acknowledged = self._meta("acknowledged")
        self._last_sequence = self._meta("last_sequence")
        self._bytes_used = self._sum_bytes()

    @classmethod
    def open(cls, path: Path, node: Node, max_bytes: int = DEFAULT_MAX_BYTES) -> Self:
        """Open or create the outbox file of ``node``.

        A corrupt file is renamed to ``<name>.corrupt-<time>`` and a new epoch begins, whose
        first event is an `OutboxDropped` with the range of the old epoch that is lost (0 to 0
        where that could not be read). Raises `OutboxError` when the file cannot be used: no
        permission, no space, of another node, of a newer version, or open in another process.
        """
        if max_bytes < MIN_BYTES:
            raise ValueError(f"max_bytes: expected {MIN_BYTES} or more, got {max_bytes}")
        file, lost = open_file(path, node.source)
        outbox = cls(file, node, max_bytes)
        if lost is not None:
            outbox._report_corrupt(lost.first, lost.last)
        with outbox._transaction():
            outbox._make_room()
        return outbox

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; afterwards every other call raises `OutboxError`."""
        with self._lock:
            self._file.close()

    @property
    def node(self) -> Node:
        """The node whose events these are."""
        return self._node

    @property
    def epoch(self) -> int:
        """The number of this outbox; greater whenever the file has been made anew."""
        return self._file.epoch

    @property
    def first_sequence(self) -> int:
        """The lowest sequence not known to be committed: ``last_sequence + 1`` when empty."""
        with self._lock:
            return self._acknowledged + 1

    @property
    def last_sequence(self) -> int:
        """The highest sequence given out in this epoch, 0 before the first."""
        with self._lock:
            return self._last_sequence

    @property
    def bytes_used(self) -> int:
        """What the waiting rows take, as `row_bytes` counts."""
        with self._lock:
            return self._bytes_used

    @property
    def drops(self) -> Mapping[str, int]:
        """Events given up in this epoch, by reason."""
        with self._lock, as_outbox_error(self._file.path):
            return dict(self._db.execute("SELECT reason, events FROM drops"))

    def append(self, changes: Sequence[NewEvent], states: Sequence[StateRow] = ()) -> list[int]:
        """Write events and the slots' current states in one transaction; return the sequences.

        When it returns, both are on the disk. When it raises `OutboxError` neither is.
        """
        with self._transaction():
            self._db.executemany(
                "INSERT INTO states (slot, json) VALUES (?, ?)"
                " ON CONFLICT (slot) DO UPDATE SET json = excluded.json",
                [(state.slot, state.json) for state in states],
            )
            first = self._last_sequence + 1
            for sequence, change in enumerate(changes, first):
                self._insert(sequence, change)
            if changes:
                self._make_room()
            return list(range(first, first + len(changes)))

    def load_states(self) -> list[StateRow]:
        """Return the states last written, by slot."""
        with self._lock, as_outbox_error(self._file.path):
            rows = self._db.execute("SELECT slot, json FROM states ORDER BY slot")
            return [StateRow(*row) for row in rows]

    def forget_states(self, slots: Iterable[str]) -> None:
        """Remove the states of slots that are planned no more."""
        with self._transaction():
            self._db.executemany("DELETE FROM states WHERE slot = ?", [(slot,) for slot in slots])

    def read(self, after_sequence: int, limit: int) -> list[Row]:
        """Return up to ``limit`` waiting rows above ``after_sequence``, in order."""
        with self._lock, as_outbox_error(self._file.path):
            rows = self._db.execute(
                "SELECT sequence, topic, payload FROM events WHERE sequence > ?"
                " ORDER BY sequence LIMIT ?",
                (after_sequence, limit),
            )
            return [Row(*row) for row in rows]

    def acknowledge(self, epoch: int, sequence: int) -> int:
        """Delete what the collector has committed; return how many rows that were.

        A watermark of another epoch, or one above `last_sequence`, deletes nothing.
        """
        with self._transaction():
            if epoch != self.epoch or sequence <= self._acknowledged:
                return 0
            if sequence > self._last_sequence:
                _log.warning(
                    "watermark ignored: above all that was ever sent",
                    epoch=epoch,
                    sequence=sequence,
                    last_sequence=self._last_sequence,
                )
                return 0
            freed = self._sum_bytes(sequence)
            deleted = self._db.execute("DELETE FROM events WHERE sequence <= ?", (sequence,))
            self._set_meta("acknowledged", sequence)
            self._acknowledged = sequence
            self._bytes_used -= freed
            return deleted.rowcount

    def renew_epoch(self) -> None:
        """Begin a new epoch with the waiting events, numbered again from 1.

        For a file that has gone back in time (a restored image, a disk that lost writes): the
        collector has other events under the numbers that this file would give out next.
        """
        with self._transaction():
            rows = self._db.execute(
                "SELECT topic, payload, tombstone FROM events ORDER BY sequence"
            ).fetchall()
            self._db.execute("DELETE FROM events")
            epoch = self._file.next_epoch()
            self._acknowledged = self._last_sequence = self._bytes_used = 0
            self._set_meta("epoch", epoch)
            self._set_meta("acknowledged", 0)
            self._file.epoch = epoch
            for sequence, (topic, payload, tombstone) in enumerate(rows, 1):
                event = Event.model_validate_json(payload)
                data = event.data
                if tombstone:
                    data = {**data, "first": sequence, "last": sequence}
                moved = event.model_copy(
                    update={"epoch": epoch, "sequence": sequence, "data": data}
                )
                self._store(sequence, topic, moved.to_json(), tombstone)
            self._set_meta("last_sequence", self._last_sequence)
        _log.error("outbox has gone back in time; new epoch", epoch=self.epoch, events=len(rows))

    def _insert(self, sequence: int, change: NewEvent, tombstone: bool = False) -> None:
        event = Event(
            id=change.id,
            source=self._node.source,
            type=type_of(change.data),
            subject=change.subject,
            time=change.time,
            epoch=self.epoch,
            sequence=sequence,
            data=change.data.model_dump(mode="json", exclude_none=True),
        )
        self._store(sequence, self._node.events(change.aisle), event.to_json(), tombstone)

    def _store(self, sequence: int, topic: str, payload: bytes, tombstone: bool) -> None:
        self._db.execute(
            "INSERT INTO events (sequence, topic, payload, tombstone) VALUES (?, ?, ?, ?)",
            (sequence, topic, payload, tombstone),
        )
        self._bytes_used += row_bytes(topic, payload)
        if sequence > self._last_sequence:
            self._last_sequence = sequence
            self._set_meta("last_sequence", sequence)

    def _make_room(self) -> None:
        """Let the oldest rows give way to one tombstone until the rest fits."""
        evicted = None
        events = 0
        while self._bytes_used > self._max_bytes:
            oldest = self._db.execute(
                "SELECT sequence, topic, payload, tombstone FROM events ORDER BY sequence LIMIT 1"
            ).fetchone()
            sequence, topic, payload, tombstone = oldest
            self._db.execute("DELETE FROM events WHERE sequence = ?", (sequence,))
            self._bytes_used -= row_bytes(topic, payload)
            if evicted is None:
                self._bytes_used += _TOMBSTONE_RESERVE_BYTES
            evicted = sequence
            events += not tombstone
        if evicted is None:
            return
        self._bytes_used -= _TOMBSTONE_RESERVE_BYTES
        first = self._acknowledged + 1
        self._insert(evicted, self._tombstone(first, evicted, "full"), tombstone=True)
        self._count_drops("full", events)
        _log.warning("outbox full: oldest events dropped", first=first, last=evicted, events=events)

    def _report_corrupt(self, first: int, last: int) -> None:
        with self._transaction():
            self._insert(self._last_sequence + 1, self._tombstone(first, last, "corrupt"))
            self._count_drops("corrupt", last - first + 1 if last else 0)

    def _tombstone(self, first: int, last: int, reason: DropReason) -> NewEvent:
        dropped = OutboxDropped(first=first, last=last, reason=reason)
        now = datetime.now(UTC)
        return NewEvent(str(uuid7()), now, NODE_AISLE, self._node.node, dropped)

    def _count_drops(self, reason: DropReason, events: int) -> None:
        self._db.execute(
            "INSERT INTO drops (reason, events) VALUES (?, ?)"
            " ON CONFLICT (reason) DO UPDATE SET events = events + excluded.events",
            (reason, events),
        )

    def _meta(self, key: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0])

    def _set_meta(self, key: str, value: int) -> None:
        self._db.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))

    def _sum_bytes(self, up_to_sequence: int | None = None) -> int:
        where = "" if up_to_sequence is None else f" WHERE sequence <= {up_to_sequence:d}"
        row = self._db.execute(
            "SELECT COALESCE(SUM(LENGTH(CAST(topic AS BLOB)) + LENGTH(payload)), 0), COUNT(*)"
            f" FROM events{where}"
        ).fetchone()
        return int(row[0]) + int(row[1]) * ROW_OVERHEAD_BYTES

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in the numbers kept in memory."""
        with self._lock, as_outbox_error(self._file.path):
            before = (self._acknowledged, self._last_sequence, self._bytes_used, self.epoch)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._acknowledged, self._last_sequence, self._bytes_used = before[:3]
                self._file.epoch = before[3]
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
