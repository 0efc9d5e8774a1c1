"""Messages that could not be used: finding them, and reading them again after an update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from central import tables
from central.admission import Admission
from central.changed import Changed, merge
from central.database import Database
from central.desk import Desk
from central.ingest_batch import Batch, Known
from central.intake import Dead, DeadKind, Received

PAGE = 50
MAX_SOURCES = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message; ``payload`` is its beginning where ``size_bytes`` is more."""

    id: int
    topic: str
    payload: bytes
    reason: str
    kind: DeadKind
    size_bytes: int
    received_utc: datetime
    source: str | None
    sequence: int | None
    read_again_utc: datetime | None

    @property
    def is_whole(self) -> bool:
        """True when it can be read again."""
        return len(self.payload) >= self.size_bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: ``before`` is the id below which a page begins; None means any."""

    kind: DeadKind | None = None
    source: str | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What became of one letter: ``reason`` says why it stays, None when it is used now."""

    id: int
    reason: str | None


def read_letters(connection: Connection, wanted: Wanted, limit: int = PAGE) -> list[DeadLetter]:
    """Return letters, the newest first."""
    letters = tables.dead_letters
    query = select(letters).where(*_where(wanted)).order_by(letters.c.id.desc()).limit(limit)
    return [
        DeadLetter(
            row.id,
            row.topic,
            row.payload,
            row.reason,
            DeadKind(row.kind),
            row.size_bytes,
            row.received_utc,
            row.source,
            row.sequence,
            row.read_again_utc,
        )
        for row in connection.execute(query)
    ]


def count_kinds(connection: Connection) -> dict[DeadKind, int]:
    """Return how many letters of each kind there are, the most first."""
    letters = tables.dead_letters.c
    query = select(letters.kind, func.count().label("letters")).group_by(letters.kind)
    found = {DeadKind(row.kind): int(row.letters) for row in connection.execute(query)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def read_sources(connection: Connection) -> list[str]:
    """Return the nodes on whose topics letters came, in order."""
    source = tables.dead_letters.c.source
    query = select(source).where(source.is_not(None)).distinct().order_by(source)
    return list(connection.execute(query.limit(MAX_SOURCES)).scalars())


def read_again(
    database: Database, desk: Desk, admission: Admission, ids: Sequence[int], now: datetime
) -> tuple[Changed, list[ReadAgain]]:
    """Read letters again, the oldest first, each in a transaction of its own.

    What can be used now is committed and the letter goes; another stays, with the reason of
    today. Raises what SQLAlchemy raises when the database does not answer.
    """
    changes, outcomes = [], []
    for number in sorted(set(ids)):
        with database.read() as connection:
            found = read_letters(connection, Wanted(before=number + 1), 1)
        if not found or found[0].id != number:
            continue  # somebody else was faster, or it was too old
        letter = found[0]
        if not letter.is_whole:
            kept, whole = len(letter.payload), letter.size_bytes
            outcomes.append(ReadAgain(number, f"only {kept} of {whole} bytes were kept"))
            continue
        changed, reason = _read_one(database, desk, admission, letter, now)
        changes.append(changed)
        outcomes.append(ReadAgain(number, reason))
    return merge(changes), outcomes


def _read_one(
    database: Database, desk: Desk, admission: Admission, letter: DeadLetter, now: datetime
) -> tuple[Changed, str | None]:
    letters = tables.dead_letters
    received = Received(letter.topic, letter.payload, letter.received_utc, retained=True)
    try:
        with database.write() as connection:
            work = Batch(connection, Known(), admission)
            dead = work.take_again(received, now)
            if dead is None:
                connection.execute(delete(letters).where(letters.c.id == letter.id))
                return work.write(desk), None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        dead = Dead(received, f"cannot be stored: {error.orig}"[:500], DeadKind.UNSTORABLE)
    values = {"reason": dead.reason, "kind": dead.kind.value, "read_again_utc": now}
    with database.write() as connection:
        connection.execute(update(letters).where(letters.c.id == letter.id).values(values))
    return Changed(), dead.reason


def _where(wanted: Wanted) -> list[ColumnElement[bool]]:
    letters, conditions = tables.dead_letters.c, []
    if wanted.kind is not None:
        conditions.append(letters.kind == wanted.kind.value)
    if wanted.source is not None:
        conditions.append(letters.source == wanted.source)
    if wanted.before is not None:
        conditions.append(letters.id < wanted.before)
    return conditions
