"""What nodes have said, and which of it is committed."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, LargeBinary, Table

from central.tables.columns import key, metadata, text, time

events = Table(
    "events",
    metadata,
    key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    text("id"),
    text("type"),
    text("subject"),
    text("aisle"),
    time("time_utc"),
    time("received_utc"),
    Column("data", JSON, nullable=False),
    Index("events_by_subject", "subject", "time_utc"),
    Index("events_by_time", "time_utc"),
)
"""Every event that was committed, once. Pictures are in `evidence`, not in ``data``."""

watermarks = Table(
    "watermarks",
    metadata,
    key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    time("updated_utc"),
)
"""By source and epoch: everything up to ``sequence`` is committed."""

slot_states = Table(
    "slot_states",
    metadata,
    key("tenant"),
    key("site"),
    key("aisle"),
    key("slot"),
    text("state"),
    text("previous"),
    time("since_utc"),
    text("sku"),
    text("name", nullable=True),
    Column("facings_expected", Integer, nullable=False),
    Column("facings_seen", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    text("reason", nullable=True),
    Column("found", JSON, nullable=False),
    text("camera", nullable=True),
    text("planogram"),
    text("source"),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    time("time_utc"),
)
"""The newest state of each slot; ``found`` is a list of ``{sku?, confidence}``."""

evidence = Table(
    "evidence",
    metadata,
    key("event_id"),
    Column("now", LargeBinary, nullable=False),
    Column("before", LargeBinary),
    time("time_utc"),
)
"""JPEG pictures by the id of the ``slot.changed`` event that they show."""

nodes = Table(
    "nodes",
    metadata,
    key("tenant"),
    key("site"),
    key("node"),
    text("state"),
    time("time_utc"),
    Column("epoch", BigInteger, nullable=False),
    text("version"),
)
"""Whether each node is ``online`` or ``offline``, since ``time_utc``."""

cameras = Table(
    "cameras",
    metadata,
    key("tenant"),
    key("site"),
    key("node"),
    key("camera"),
    text("state"),
    time("since_utc"),
    time("time_utc"),
    text("detail"),
    Column("calibration_score", Float),
)
"""What each camera's looks are worth, as its node last said."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    text("topic"),
    Column("payload", LargeBinary, nullable=False),
    text("reason"),
    time("received_utc"),
    text("source", nullable=True),
    Column("epoch", BigInteger),
    Column("sequence", BigInteger),
    Index("dead_letters_by_sequence", "source", "epoch", "sequence"),
)
"""Messages that are not what they should be; ``source`` to ``sequence`` where readable."""
