"""The fleet's health, more about dead letters, and digests."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from central.tables.columns import UtcTime, key, text, time

revision = "0005"
down_revision = "0004"

metadata = MetaData()

Table(
    "node_health",
    metadata,
    key("tenant"),
    key("site"),
    key("node"),
    time("time_utc"),
    Column("outbox_events", BigInteger, nullable=False),
    Column("outbox_bytes", BigInteger, nullable=False),
    time("outbox_oldest_utc", nullable=True),
    Column("dropped_events", BigInteger, nullable=False),
    Column("cameras", JSON, nullable=False),
    Column("planograms", JSON, nullable=False),
)

Table(
    "digests",
    metadata,
    key("digest"),
    key("period"),
    key("channel"),
    text("state"),
    text("title"),
    text("html"),
    time("created_utc"),
    time("next_utc"),
    Column("attempts", Integer, nullable=False),
    text("error", nullable=True),
    time("ended_utc", nullable=True),
    Index("digests_by_time", "state", "next_utc"),
)


def upgrade() -> None:
    """Make tables and columns; of older dead letters only what was kept is known."""
    metadata.create_all(op.get_bind())
    for column in (
        Column("calibration", String),
        Column("calibration_since_utc", UtcTime),
        Column("drift_px", Float),
        Column("drift_since_utc", UtcTime),
    ):
        op.add_column("cameras", column)
    for column in (
        Column("kind", String, nullable=False, server_default="invalid"),
        Column("size_bytes", BigInteger, nullable=False, server_default="0"),
        Column("read_again_utc", UtcTime),
    ):
        op.add_column("dead_letters", column)
    op.execute("UPDATE dead_letters SET size_bytes = length(payload)")
