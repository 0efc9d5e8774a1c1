"""Tables for figures, and events by day where the database is PostgreSQL.

A partition is dropped in no time where deleting as many rows leaves work for the vacuum. A
partitioned table's key has to hold the time, so there the key of `events` is one column longer.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, MetaData, Table, inspect

from central.tables.columns import UtcTime, key, number, text, time

revision = "0002"
down_revision = "0001"

metadata = MetaData()

Table(
    "places",
    metadata,
    number("id"),
    text("tenant"),
    text("site"),
    text("aisle"),
    text("slot"),
    Index("places_by_name", "tenant", "site", "aisle", "slot", unique=True),
)

Table(
    "slot_intervals",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    text("state"),
    text("sku"),
    text("planogram"),
    time("since_utc"),
    time("time_utc"),
    time("from_utc", nullable=True),
    time("until_utc", nullable=True),
    Index("slot_intervals_by_time", "place", "time_utc"),
    Index("slot_intervals_by_end", "place", "until_utc"),
)

Table(
    "stock_outs",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("began_utc", UtcTime, primary_key=True),
    time("told_utc"),
    time("ended_utc", nullable=True),
    text("outcome"),
    text("sku"),
    text("planogram"),
    Column("unseen_ms", BigInteger, nullable=False),
    Index("stock_outs_by_beginning", "began_utc"),
    Index("stock_outs_by_end", "ended_utc"),
)

Table(
    "slot_hours",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hour_utc", UtcTime, primary_key=True),
    key("sku"),
    key("planogram"),
    Column("stocked_ms", BigInteger, nullable=False),
    Column("low_ms", BigInteger, nullable=False),
    Column("out_of_stock_ms", BigInteger, nullable=False),
    Column("misplaced_ms", BigInteger, nullable=False),
    Column("unknown_ms", BigInteger, nullable=False),
    Index("slot_hours_by_hour", "hour_utc"),
)

Table("metric_sites", metadata, key("tenant"), key("site"), time("rolled_until_utc"))

Table(
    "metrics_due",
    metadata,
    number("id"),
    Column("place", BigInteger, nullable=False),
    time("from_utc", nullable=True),
)


def upgrade() -> None:
    """Make the tables; the marker of the days before migrations goes."""
    connection = op.get_bind()
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        _partition_events()
        _ease_the_vacuum()
    if inspect(connection).has_table("schema"):
        op.drop_table("schema")


def _partition_events() -> None:
    """Turn `events` into a table that is partitioned by day; what it holds is kept."""
    op.execute("ALTER TABLE events RENAME TO events_before")
    op.execute("ALTER INDEX events_by_subject RENAME TO events_before_by_subject")
    op.execute("ALTER INDEX events_by_time RENAME TO events_before_by_time")
    op.execute("ALTER INDEX events_pkey RENAME TO events_before_pkey")
    op.execute(
        "CREATE TABLE events (LIKE events_before INCLUDING DEFAULTS,"
        " PRIMARY KEY (source, epoch, sequence, time_utc)) PARTITION BY RANGE (time_utc)"
    )
    op.execute("CREATE TABLE events_other PARTITION OF events DEFAULT")
    op.execute("CREATE INDEX events_by_subject ON events (subject, time_utc)")
    op.execute("CREATE INDEX events_by_time ON events (time_utc)")
    op.execute("INSERT INTO events SELECT * FROM events_before")
    op.execute("DROP TABLE events_before")


def _ease_the_vacuum() -> None:
    """Leave room for rows that are written over and over, and clean up a queue early."""
    for table in ("slot_states", "watermarks", "alert_sites"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 70)")
    op.execute(
        "ALTER TABLE metrics_due SET"
        " (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"
    )
