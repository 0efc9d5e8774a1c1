"""The database: SQLAlchemy Core over SQLite or PostgreSQL, by its URL; docs/database.md.

Readers use `Database.read`; only the collector's writer thread and staff actions write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from central import migrating, tables
from central.migrating import DatabaseError
from shelf.settings import redact

BACKENDS = ("sqlite", "postgresql")
BUSY_TIMEOUT_MS = 5000

MIGRATION_LOCK = 0x5E1F
"""PostgreSQL: who holds this advisory lock may change tables."""

_WRITING = "shelfwatch_writing"


class AisleKey(NamedTuple):
    """One aisle of one site."""

    tenant: str
    site: str
    aisle: str


class Database:
    """An open database with the tables in it."""

    def __init__(self, engine: Engine) -> None:
        """Use `Database.open`."""
        self.engine = engine
        self._writing_engine = engine.execution_options(**{_WRITING: True})
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading_engine = engine.execution_options(**snapshot)

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect, and make or change tables where that is due; raises `DatabaseError`.

        Before tables of a SQLite file are changed, a copy is left beside it.
        """
        shown = redact(url)
        try:
            made = _with_driver(make_url(url))
            if made.get_backend_name() not in BACKENDS:
                raise ArgumentError("sqlite:///FILE or postgresql://HOST/NAME")
            engine = create_engine(made, pool_pre_ping=True)
        except ImportError as error:
            hint = "; pip install 'shelfwatch[postgres]'" if "psycopg" in str(error) else ""
            raise DatabaseError(f"{shown}: expected its driver, found none{hint}") from error
        except (ArgumentError, SQLAlchemyError) as error:
            raise DatabaseError(f"{shown}: expected a database URL: {error}") from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        try:
            database = cls(engine)
            database._migrate(shown)
        except SQLAlchemyError as error:
            engine.dispose()
            raise DatabaseError(f"{shown}: cannot be opened: {_cause(error)}") from error
        except DatabaseError:
            engine.dispose()
            raise
        return database

    def _migrate(self, shown: str) -> None:
        with self.read() as connection:
            revision = migrating.found_revision(connection, shown)
        if revision == migrating.newest():
            return
        file = self.engine.url.database
        if revision is not None and self.is_sqlite and file and Path(file).is_file():
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
                migrating.copy_sqlite(plain, Path(file), revision)
        with self.write() as connection:
            if not self.is_sqlite:  # two programs that start at once
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            migrating.upgrade(connection)

    @property
    def is_sqlite(self) -> bool:
        """True where the database is a file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads all see one state of the database."""
        with self._reading_engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction: committed at the end, or not at all."""
        with self._writing_engine.begin() as connection:
            yield connection

    def watermarks(self) -> dict[str, tuple[int, int]]:
        """Return ``(epoch, sequence)`` by source, of the epoch last written to."""
        marks = tables.watermarks
        query = select(marks.c.source, marks.c.epoch, marks.c.sequence).order_by(
            marks.c.updated_utc, marks.c.epoch
        )
        with self.read() as connection:
            return {row.source: (row.epoch, row.sequence) for row in connection.execute(query)}

    def count(self, table: Table) -> int:
        """Return how many rows ``table`` holds."""
        with self.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet; leave the others."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), list(rows))


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace those with the same primary key. One row a key at most."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = _insert(connection, table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    statement = statement.on_conflict_do_update(index_elements=keys, set_=replaced)
    connection.execute(statement, list(rows))


def _insert(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _with_driver(url: URL) -> URL:
    """Return a URL that names psycopg 3 where it says only ``postgresql``."""
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers do not wait for the writer, and a commit is on the disk when it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin as SQLite should: the driver's own way begins late, and reads not at all."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITING) else "BEGIN")


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip()
