"""The outbox's SQLite file: made, locked, examined, set aside when corrupt, and its epochs.

Beside ``outbox.sqlite`` lies ``outbox.sqlite.epoch``. It holds the last epoch given out, so
that epochs grow even when the file is lost while the clock is wrong, and its lock keeps a
second process out.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from shelf.errors import ShelfwatchError

SCHEMA_VERSION = 1

KEEP_CORRUPT_FILES = 3
"""How many files that were set aside are kept: enough to look into, not to fill a disk."""

BUSY_TIMEOUT_SECS = 5.0

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE drops (reason TEXT PRIMARY KEY, events INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE states (slot TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    tombstone INTEGER NOT NULL
);
"""

_log = structlog.get_logger(__name__)


class OutboxError(ShelfwatchError):
    """An outbox that cannot be opened, read or written; nothing has been changed."""

    exit_code = 1


class _CorruptError(Exception):
    """The file breaks the outbox's invariants; the text says which."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The sequences of the old epoch that went with a corrupt file; 0 to 0 where unknown."""

    first: int
    last: int


class EpochFile:
    """The last epoch given out, in a file that one process at a time holds."""

    def __init__(self, path: Path) -> None:
        """Lock ``path``, making it when missing; raises `OutboxError` when it is held."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise OutboxError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise OutboxError(
                f"{path}: expected one process with this outbox, found another that holds it"
            ) from error

    def next_after(self, epoch: int) -> int:
        """Give out an epoch above ``epoch`` and all before: unix seconds where they are."""
        text = os.pread(self._descriptor, 32, 0).split(b"\n")[0]
        last = int(text) if text.isdigit() else 0
        following = max(int(time.time()), last + 1, epoch + 1)
        os.pwrite(self._descriptor, b"%d\n" % following, 0)
        os.fsync(self._descriptor)
        return following

    def close(self) -> None:
        """Let another process have it. May be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


@dataclass(slots=True)
class OutboxFile:
    """An open outbox file with its current epoch."""

    path: Path
    connection: sqlite3.Connection
    epoch: int
    _epochs: EpochFile

    def next_epoch(self) -> int:
        """Give out a new epoch; the caller writes it to the file."""
        return self._epochs.next_after(self.epoch)

    def close(self) -> None:
        """Close the file and let another process have it. May be called again."""
        self.connection.close()
        self._epochs.close()


@contextmanager
def as_outbox_error(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into an `OutboxError` that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutboxError(f"{path}: {error}") from error


def open_file(path: Path, source: str) -> tuple[OutboxFile, Lost | None]:
    """Open or make the file; what a corrupt one has lost comes with its replacement.

    Raises `OutboxError` when it cannot be used but may be sound.
    """
    epochs = EpochFile(path.with_name(f"{path.name}.epoch"))
    try:
        with as_outbox_error(path):
            return _open_or_replace(path, source, epochs)
    except BaseException:
        epochs.close()
        raise


def _open_or_replace(path: Path, source: str, epochs: EpochFile) -> tuple[OutboxFile, Lost | None]:
    connection = None
    try:
        connection = _connect(path)
        epoch = _examine(path, connection, source) or _make(connection, source, epochs, 0)
        return OutboxFile(path, connection, epoch, epochs), None
    except (_CorruptError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not _is_corruption(error):
            if connection is not None:
                connection.close()
            raise
        lost, old_epoch = _salvage(connection)
        if connection is not None:
            connection.close()
        aside = _set_aside(path)
        _log.error(
            "outbox corrupt: set aside, new epoch",
            file=str(path),
            aside=str(aside),
            reason=str(error),
            first_lost=lost.first,
            last_lost=lost.last,
        )
        connection = _connect(path)
        epoch = _make(connection, source, epochs, old_epoch)
        return OutboxFile(path, connection, epoch, epochs), lost
    except BaseException:
        if connection is not None:
            connection.close()
        raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=16777216")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _examine(path: Path, connection: sqlite3.Connection, source: str) -> int:
    """Return the file's epoch, or 0 for a file with nothing in it yet."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise OutboxError(
            f"{path}: expected an outbox of version {SCHEMA_VERSION} or older, found {version}"
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not version and not tables:
        return 0
    if version != SCHEMA_VERSION:
        raise _CorruptError(f"{tables} tables without a version")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _CorruptError(verdict)
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if meta.keys() != {"source", "epoch", "acknowledged", "last_sequence"}:
        raise _CorruptError(f"meta holds {sorted(meta)}")
    if meta["source"] != source:
        raise OutboxError(f"{path}: expected the outbox of {source}, found {meta['source']}'s")
    _examine_sequences(connection, meta["acknowledged"], meta["last_sequence"])
    return int(meta["epoch"])


def _examine_sequences(connection: sqlite3.Connection, acknowledged: int, last: int) -> None:
    lowest, highest, count = connection.execute(
        "SELECT min(sequence), max(sequence), count(*) FROM events"
    ).fetchone()
    if not count:
        if acknowledged != last:
            raise _CorruptError(f"no rows, but {acknowledged + 1} to {last} are not acknowledged")
        return
    tombstone = connection.execute(
        "SELECT tombstone FROM events WHERE sequence = ?", (lowest,)
    ).fetchone()[0]
    starts_well = lowest > acknowledged if tombstone else lowest == acknowledged + 1
    if not starts_well or highest != last or count != highest - lowest + 1:
        raise _CorruptError(
            f"{count} rows from {lowest} to {highest}, where {acknowledged + 1} to {last} belong"
        )


def _make(connection: sqlite3.Connection, source: str, epochs: EpochFile, after: int) -> int:
    epoch = epochs.next_after(after)
    meta = {"source": source, "epoch": epoch, "acknowledged": 0, "last_sequence": 0}
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.strip().removesuffix(";").split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", meta.items())
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")
    return epoch


def _is_corruption(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _salvage(connection: sqlite3.Connection | None) -> tuple[Lost, int]:
    """Return what can still be read of the range that is lost, and of the old epoch."""
    if connection is not None:
        with suppress(sqlite3.Error, KeyError, TypeError, ValueError):
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            epoch, last = int(meta["epoch"]), int(meta["last_sequence"])
            first = int(meta["acknowledged"]) + 1
            return Lost(first, last) if 0 < first <= last else Lost(0, 0), epoch
    return Lost(0, 0), 0


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("-wal", "-shm"):
        extra = path.with_name(path.name + suffix)
        if extra.exists():
            extra.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    older = sorted(
        found
        for found in path.parent.glob(f"{path.name}.corrupt-*")
        if not found.name.endswith(("-wal", "-shm"))
    )
    for found in older[:-KEEP_CORRUPT_FILES]:
        for suffix in ("", "-wal", "-shm"):
            found.with_name(found.name + suffix).unlink(missing_ok=True)
    return aside
