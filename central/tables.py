"""The tables. Times are aware UTC; ``slot`` is ``b03/s2/p07``, without its aisle."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

SCHEMA_VERSION = 1

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; a naive one is refused with ``ValueError``."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into what the database stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware time, got {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn what the database stores into an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, String, nullable=nullable)


def _time(name: str, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcTime, nullable=nullable)


schema = Table("schema", metadata, Column("version", Integer, primary_key=True))

events = Table(
    "events",
    metadata,
    _key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _text("id"),
    _text("type"),
    _text("subject"),
    _text("aisle"),
    _time("time_utc"),
    _time("received_utc"),
    Column("data", JSON, nullable=False),
    Index("events_by_subject", "subject", "time_utc"),
    Index("events_by_time", "time_utc"),
)
"""Every event that was committed, once. Pictures are in `evidence`, not in ``data``."""

watermarks = Table(
    "watermarks",
    metadata,
    _key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    _time("updated_utc"),
)
"""By source and epoch: everything up to ``sequence`` is committed."""

slot_states = Table(
    "slot_states",
    metadata,
    _key("tenant"),
    _key("site"),
    _key("aisle"),
    _key("slot"),
    _text("state"),
    _text("previous"),
    _time("since_utc"),
    _text("sku"),
    _text("name", nullable=True),
    Column("facings_expected", Integer, nullable=False),
    Column("facings_seen", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    _text("reason", nullable=True),
    Column("found", JSON, nullable=False),
    _text("planogram"),
    _text("source"),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    _time("time_utc"),
)
"""The newest state of each slot; ``found`` is a list of ``{sku?, confidence}``."""

evidence = Table(
    "evidence",
    metadata,
    _key("event_id"),
    Column("now", LargeBinary, nullable=False),
    Column("before", LargeBinary),
    _time("time_utc"),
)
"""JPEG pictures by the id of the ``slot.changed`` event that they show."""

alerts = Table(
    "alerts",
    metadata,
    _key("alert"),
    _text("tenant"),
    _text("site"),
    _text("aisle"),
    _text("slot"),
    _text("state"),
    _text("sku"),
    _text("name", nullable=True),
    _time("since_utc"),
    _time("opened_utc"),
    _time("updated_utc"),
    _time("closed_utc", nullable=True),
    _text("closed_reason", nullable=True),
    Column("facings_expected", Integer, nullable=False),
    Column("facings_seen", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    _text("reason", nullable=True),
    Column("found", JSON, nullable=False),
    _text("evidence", nullable=True),
    Index("alerts_by_place", "tenant", "site", "aisle", "slot", "closed_utc"),
    Index("alerts_by_opening", "opened_utc"),
)
"""Problems that staff solve. ``alert`` is the id of the event that opened it, ``evidence``
the id of the event of its present state; an alert is open while ``closed_utc`` is null."""

nodes = Table(
    "nodes",
    metadata,
    _key("tenant"),
    _key("site"),
    _key("node"),
    _text("state"),
    _time("time_utc"),
    Column("epoch", BigInteger, nullable=False),
    _text("version"),
)
"""Whether each node is ``online`` or ``offline``, since ``time_utc``."""

cameras = Table(
    "cameras",
    metadata,
    _key("tenant"),
    _key("site"),
    _key("node"),
    _key("camera"),
    _text("state"),
    _time("since_utc"),
    _time("time_utc"),
    _text("detail"),
    Column("calibration_score", Float),
)
"""What each camera's looks are worth, as its node last said."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _text("topic"),
    Column("payload", LargeBinary, nullable=False),
    _text("reason"),
    _time("received_utc"),
    _text("source", nullable=True),
    Column("epoch", BigInteger),
    Column("sequence", BigInteger),
    Index("dead_letters_by_sequence", "source", "epoch", "sequence"),
)
"""Messages that are not what they should be; ``source`` to ``sequence`` where readable."""
