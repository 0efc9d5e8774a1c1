"""PostgreSQL: `events` has a partition for each day, which retention drops in no time.

What is dated far from the day on which it came (a clock was wrong) goes to ``events_other``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, inspect, text

DAYS_BACK = 60
DAYS_AHEAD = 1
MAKING_LOCK = 0x5E20
"""Who holds this advisory lock may make partitions."""

_NAME = re.compile(r"events_(\d{4})(\d{2})(\d{2})")


def make_partitions(
    connection: Connection, times: Iterable[datetime], received_utc: datetime, known: set[date]
) -> set[date]:
    """Make the partitions that rows of ``times`` need, and return their days.

    ``known`` are days that have one. Does nothing where the database is SQLite.
    """
    if connection.dialect.name != "postgresql":
        return set()
    today = received_utc.astimezone(UTC).date()
    first, last = today - timedelta(days=DAYS_BACK), today + timedelta(days=DAYS_AHEAD)
    days = {moment.astimezone(UTC).date() for moment in times} - known
    wanted = {day for day in days if first <= day <= last}
    if not wanted:
        return set()
    if wanted <= set(partitions(connection)):
        return wanted
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MAKING_LOCK})
    present = set(partitions(connection))  # another collector may have been faster
    for day in sorted(wanted - present):
        _make(connection, day)
    return wanted


def partitions(connection: Connection) -> list[date]:
    """Return the days that have a partition, in order."""
    names = inspect(connection).get_table_names()
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    return sorted(date(int(m[1]), int(m[2]), int(m[3])) for m in matches)


def drop_before(connection: Connection, day: date) -> int:
    """Drop the partitions of days before ``day``; returns how many."""
    old = [found for found in partitions(connection) if found < day]
    for found in old:
        connection.execute(text(f"DROP TABLE {_name(found)}"))
    return len(old)


def _make(connection: Connection, day: date) -> None:
    """Make a day's partition; what was put elsewhere while that day was far away moves there."""
    since, until = f"'{day} 00:00+00'", f"'{day + timedelta(days=1)} 00:00+00'"
    is_there = f"time_utc >= {since} AND time_utc < {until}"
    span = f"FROM ({since}) TO ({until})"
    for statement in (
        f"CREATE TABLE {_name(day)} (LIKE events INCLUDING DEFAULTS)",
        f"INSERT INTO {_name(day)} SELECT * FROM events_other WHERE {is_there}",
        f"DELETE FROM events_other WHERE {is_there}",
        f"ALTER TABLE events ATTACH PARTITION {_name(day)} FOR VALUES {span}",
    ):
        connection.execute(text(statement))


def _name(day: date) -> str:
    return f"events_{day:%Y%m%d}"
