"""Deletes what has been kept for as long as the configuration says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_

from central import tables
from central.database import Database
from central.metric_settings import Keep
from central.partitions import drop_before

ROWS_A_STEP = 5000
"""Deleted in one transaction, so that the collector does not wait long."""


def prune(database: Database, keep: Keep, now: datetime) -> dict[str, int]:
    """Delete what is over, and return how many rows of each table, or partitions, it was.

    Raises what SQLAlchemy raises; then a part of it is done, and the rest can be done later.
    """
    events_before = now - timedelta(days=keep.events_days)
    deleted = {}
    if not database.is_sqlite:
        with database.write() as connection:
            dropped = drop_before(connection, events_before.astimezone(UTC).date())
        deleted["event_partitions"] = dropped
    for table, is_over in _what_is_over(keep, now):
        count = 0
        while True:
            with database.write() as connection:
                step = _delete(connection, table, is_over)
            count += step
            if step < ROWS_A_STEP:
                break
        deleted[table.name] = count
    return {name: count for name, count in deleted.items() if count}


def _what_is_over(keep: Keep, now: datetime) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return which rows may go; those of an alert's life go before the alert."""
    events = now - timedelta(days=keep.events_days)
    evidence = now - timedelta(days=keep.evidence_days)
    alerts = now - timedelta(days=keep.alerts_days)
    history = now - timedelta(days=keep.history_days)
    closed = tables.alerts.c.closed_utc < alerts
    old_alerts = select(tables.alerts.c.alert).where(closed)
    return [
        (tables.events, tables.events.c.time_utc < events),
        (tables.dead_letters, tables.dead_letters.c.received_utc < events),
        (tables.evidence, tables.evidence.c.time_utc < evidence),
        (tables.alert_steps, tables.alert_steps.c.alert.in_(old_alerts)),
        (tables.staff_actions, tables.staff_actions.c.alert.in_(old_alerts)),
        (tables.alerts, closed),
        (tables.pushes, tables.pushes.c.ended_utc < alerts),
        (tables.digests, tables.digests.c.created_utc < alerts),
        (tables.slot_intervals, tables.slot_intervals.c.until_utc < history),
        (tables.stock_outs, tables.stock_outs.c.ended_utc < history),
        (tables.slot_hours, tables.slot_hours.c.hour_utc < history),
        (tables.slot_days, tables.slot_days.c.day < history.date().isoformat()),
        (tables.site_days, tables.site_days.c.day < history.date().isoformat()),
    ]


def _delete(connection: Connection, table: Table, is_over: ColumnElement[bool]) -> int:
    key = tuple_(*table.primary_key)
    some = select(*table.primary_key).where(is_over).limit(ROWS_A_STEP)
    return connection.execute(delete(table).where(key.in_(some))).rowcount
