"""The database: SQLAlchemy Core over SQLite now, PostgreSQL by its URL.

Readers use `Database.read`; only the collector's writer thread and staff actions write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from central import tables
from shelf.errors import ShelfwatchError
from shelf.settings import redact

BUSY_TIMEOUT_MS = 5000

_WRITING = "shelfwatch_writing"


class DatabaseError(ShelfwatchError):
    """A database that cannot be used; the text names it without credentials."""

    exit_code = 1


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

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect and make missing tables; raises `DatabaseError`."""
        shown = redact(url)
        try:
            engine = create_engine(make_url(url), pool_pre_ping=True)
        except (ArgumentError, SQLAlchemyError, ImportError) as error:
            raise DatabaseError(f"{shown}: expected a database URL: {error}") from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        try:
            database = cls(engine)
            with database.write() as connection:
                _make_tables(connection, shown)
        except SQLAlchemyError as error:
            engine.dispose()
            raise DatabaseError(f"{shown}: cannot be opened: {_cause(error)}") from error
        except DatabaseError:
            engine.dispose()
            raise
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads all see one state of the database."""
        with self.engine.connect() as connection:
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


def _make_tables(connection: Connection, shown: str) -> None:
    if inspect(connection).has_table(tables.schema.name):
        version = connection.execute(select(tables.schema.c.version)).scalar_one()
        if version != tables.SCHEMA_VERSION:
            raise DatabaseError(
                f"{shown}: expected tables of version {tables.SCHEMA_VERSION}, found {version}; "
                "use the program that made them, or begin with an empty database"
            )
        return
    tables.metadata.create_all(connection)
    insert_new(connection, tables.schema, [{"version": tables.SCHEMA_VERSION}])


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
    writing = connection.get_execution_options().get(_WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error)
