"""The database, SQLite and PostgreSQL: its rows, its transactions, its errors."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from central import tables
from central.database import Database, DatabaseError, insert_new, upsert

NOW = datetime(2026, 11, 21, 12, 30, 0, 125000, tzinfo=UTC)


def node_row(**changes: Any) -> dict[str, Any]:
    row = {"tenant": "acme", "site": "s1", "node": "e1", "state": "online", "time_utc": NOW}
    return {**row, "epoch": 1, "version": "0.1", **changes}


def test_rows_outlive_a_restart(empty_url: str) -> None:
    """Opening an existing database keeps what is in it."""
    for rows in (0, 1):
        database = Database.open(empty_url)
        assert database.count(tables.nodes) == rows
        with database.write() as connection:
            upsert(connection, tables.nodes, [node_row()])
        database.close()


def test_times_come_back_as_they_were(database: Database) -> None:
    """A time in any zone is the same instant after reading, in UTC."""
    local = NOW.astimezone(timezone(timedelta(hours=9)))
    with database.write() as connection:
        upsert(connection, tables.nodes, [node_row(time_utc=local)])
    with database.read() as connection:
        read = connection.execute(select(tables.nodes.c.time_utc)).scalar_one()
    assert read == NOW
    assert read.tzinfo == UTC


def test_a_naive_time_is_refused(database: Database) -> None:
    """A time without a zone never gets into the database."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="aware"), database.write() as connection:
        upsert(connection, tables.nodes, [node_row(time_utc=naive)])


def test_insert_new_keeps_the_first(database: Database) -> None:
    """A repeated key changes nothing, even within one call."""
    rows = [node_row(version="first"), node_row(version="second")]
    with database.write() as connection:
        insert_new(connection, tables.nodes, rows)
        insert_new(connection, tables.nodes, rows[1:])
        insert_new(connection, tables.nodes, [])
    with database.read() as connection:
        assert connection.execute(select(tables.nodes.c.version)).scalars().all() == ["first"]


def test_upsert_replaces(database: Database) -> None:
    """The last row of a key is the one that stays; many rows fit in one call."""
    with database.write() as connection:
        upsert(connection, tables.nodes, [node_row(node=f"e{n}") for n in range(3000)])
        upsert(connection, tables.nodes, [node_row(node="e7", state="offline")])
    assert database.count(tables.nodes) == 3000
    with database.read() as connection:
        query = select(tables.nodes.c.state).where(tables.nodes.c.node == "e7")
        assert connection.execute(query).scalar_one() == "offline"


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """An error inside `write` undoes all of it."""
    with pytest.raises(RuntimeError), database.write() as connection:
        upsert(connection, tables.nodes, [node_row()])
        raise RuntimeError
    assert database.count(tables.nodes) == 0


def test_a_reader_sees_one_state(database: Database) -> None:
    """What is committed while somebody reads appears in the next read, not in this one."""
    with database.read() as reader:
        assert reader.execute(select(tables.nodes)).all() == []

        def write() -> None:
            with database.write() as connection:
                upsert(connection, tables.nodes, [node_row()])

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
        assert reader.execute(select(tables.nodes)).all() == []
    assert database.count(tables.nodes) == 1


def test_the_watermark_of_a_source_is_that_of_its_last_epoch(database: Database) -> None:
    """After a new epoch the old watermark is history."""
    later = NOW + timedelta(seconds=1)
    rows = [
        {"source": "/a/s/n", "epoch": 7, "sequence": 90, "updated_utc": NOW},
        {"source": "/a/s/n", "epoch": 8, "sequence": 2, "updated_utc": later},
    ]
    with database.write() as connection:
        upsert(connection, tables.watermarks, rows)
    assert database.watermarks() == {"/a/s/n": (8, 2)}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("central.sqlite", "expected a database URL"),
        ("nosuch://user:hunter2@host/db", "expected a database URL"),
        ("postgresql://user:hunter2@127.0.0.1:1/db", "cannot be opened: .*refused"),
        ("postgresql+nosuch://user:hunter2@host/db", "expected a database URL"),
        ("sqlite:////nowhere/at/all/central.sqlite", "unable to open database file"),
    ],
)
def test_a_wrong_url_is_one_message(url: str, message: str) -> None:
    """The message names the URL without its password."""
    with pytest.raises(DatabaseError, match=message) as caught:
        Database.open(url)
    assert "hunter2" not in str(caught.value)
