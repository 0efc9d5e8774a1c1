"""Tables of earlier days become those of today, with what is in them, or are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from central import tables
from central.database import Database, DatabaseError, insert_new
from central.migrating import newest
from central.migrations.versions import v0001_version_2 as version_2

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENT = {
    "source": "/acme/s1/e1",
    "epoch": 1,
    "sequence": 7,
    "id": "id-7",
    "type": "io.shelfwatch.slot.changed.v1",
    "subject": "a12/b01/s1/p01",
    "aisle": "a12",
    "time_utc": NOW,
    "received_utc": NOW,
    "data": {"state": "low"},
}
USER = {
    "name": "admin",
    "role": "admin",
    "stores": None,
    "password": "x",
    "created_utc": NOW,
    "is_disabled": False,
}


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    """A connection of the test's own, to make what another program has left."""
    made = create_engine(empty_url.replace("postgresql://", "postgresql+psycopg://"))
    yield made
    made.dispose()


def make_version_2(engine: Engine) -> None:
    with engine.begin() as connection:
        version_2.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE schema (version INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO schema VALUES (2)"))
        insert_new(connection, version_2.metadata.tables["events"], [EVENT])
        insert_new(connection, version_2.metadata.tables["users"], [USER])


def read_back(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [
            connection.execute(text("SELECT id, sequence, source FROM events")).one(),
            connection.execute(text("SELECT name, role FROM users")).one(),
        ]


def test_tables_are_those_that_the_code_speaks_of(database: Database) -> None:
    """What the steps make is what `central.tables` declares: columns, types, indexes."""

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or not str(name).startswith(("events_", "alembic_"))

    options = {"compare_type": True, "include_name": is_ours}
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == newest()


def test_version_2_is_brought_forward_with_its_rows(empty_url: str, engine: Engine) -> None:
    """Opening is enough, and opening again finds nothing to do."""
    make_version_2(engine)
    for _ in range(2):
        Database.open(empty_url).close()
        assert read_back(engine) == [("id-7", 7, "/acme/s1/e1"), ("admin", "admin")]
    assert not inspect(engine).has_table("schema")


def test_an_early_version_2_gets_what_a_later_one_added(empty_url: str, engine: Engine) -> None:
    """The first databases of version 2 had no accounts, and did not know who took a message."""
    make_version_2(engine)
    with engine.begin() as connection:
        for name in ("users", "sessions", "login_links", "secrets"):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("ALTER TABLE pushes DROP COLUMN sent_to"))
    database = Database.open(empty_url)
    assert database.count(tables.users) == database.count(tables.pushes) == 0
    database.close()


def test_a_copy_is_left_before_a_file_is_changed(tmp_path: Path) -> None:
    """It holds what was there; a second one does not replace the first; an empty one has none."""
    path = tmp_path / "central.sqlite"
    Database.open(f"sqlite:///{path}").close()
    assert [file.name for file in tmp_path.glob("*before*")] == []
    names = [f"central.sqlite.before-{newest()}", f"central.sqlite.before-{newest()}.2"]
    for name in names:
        path.unlink()
        old = create_engine(f"sqlite:///{path}")
        make_version_2(old)
        old.dispose()
        Database.open(f"sqlite:///{path}").close()
        copy = create_engine(f"sqlite:///{tmp_path / name}")
        assert read_back(copy) == [("id-7", 7, "/acme/s1/e1"), ("admin", "admin")]
        assert inspect(copy).has_table("schema")
        copy.dispose()


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            ["CREATE TABLE schema (version INTEGER)", "INSERT INTO schema VALUES (1)"],
            "found version 1, which are too old .*begin with an empty database",
        ),
        (
            ["CREATE TABLE schema (version INTEGER)", "INSERT INTO schema VALUES (99)"],
            "found version 99, which are not of this program",
        ),
        (["CREATE TABLE schema (version INTEGER)"], "found version None"),
        (
            [
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "INSERT INTO alembic_version VALUES ('9999')",
            ],
            "or older, found 9999, made by a newer program",
        ),
        (["CREATE TABLE events (id INTEGER)"], "found other tables named as ours"),
    ],
    ids=["version 1", "version 99", "no version", "newer", "somebody else's"],
)
def test_what_cannot_be_brought_forward_is_refused(
    empty_url: str, engine: Engine, statements: list[str], message: str
) -> None:
    """Nothing is changed, and one sentence says what to do."""
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    before = inspect(engine).get_table_names()
    with pytest.raises(DatabaseError, match=message):
        Database.open(empty_url)
    assert inspect(engine).get_table_names() == before


def test_a_step_that_fails_changes_nothing(
    empty_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are as they were, and the next start tries again."""
    make_version_2(engine)
    before = set(inspect(engine).get_table_names())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE slot_hours (nonsense INTEGER)"))
        connection.execute(text("CREATE TABLE alembic_version (nonsense INTEGER)"))
    with pytest.raises(DatabaseError, match="cannot be opened"):
        Database.open(empty_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE slot_hours"))
        connection.execute(text("DROP TABLE alembic_version"))
    assert set(inspect(engine).get_table_names()) == before
    Database.open(empty_url).close()
