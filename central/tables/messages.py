"""What nodes have said, and which of it is committed."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table

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
    text("calibration", nullable=True),
    time("calibration_since_utc", nullable=True),
    Column("drift_px", Float),
    time("drift_since_utc", nullable=True),
)
"""What each camera's looks are worth, as its node last said; ``calibration_since_utc`` is when
that version was first heard of."""

node_health = Table(
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
"""How each node last said that it is: `shelf.node_health.NodeHealth`, by the time of arrival."""

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
    Column("kind", String, nullable=False, default="invalid"),
    Column("size_bytes", BigInteger, nullable=False, default=0),
    time("read_again_utc", nullable=True),
    Index("dead_letters_by_sequence", "source", "epoch", "sequence"),
)
"""Messages that are not what they should be; ``source`` to ``sequence`` where readable.

``payload`` is no more than the beginning where ``size_bytes`` says that it was larger."""

digests = Table(
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
"""One digest of one period to one address: ``queued``, ``sent`` or ``dead``; written once."""
