"""The tables. Times are aware UTC; ``slot`` is ``b03/s2/p07``, without its aisle."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    Text,
    TypeDecorator,
)

SCHEMA_VERSION = 2

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
    _text("camera", nullable=True),
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
    _text("node"),
    _text("camera"),
    _text("phase"),
    _text("by", nullable=True),
    _time("phase_utc"),
    _time("until_utc", nullable=True),
    _text("held_by", nullable=True),
    Column("is_blind", Boolean, nullable=False),
    _time("active_utc"),
    Column("turn", Integer, nullable=False),
    Column("escalated", Integer, nullable=False),
    _time("notified_utc", nullable=True),
    Column("steps", Integer, nullable=False),
    Column("undo", JSON(none_as_null=True)),
    Index("alerts_by_place", "tenant", "site", "aisle", "slot", "closed_utc"),
    Index("alerts_by_opening", "opened_utc"),
    Index("alerts_by_closing", "tenant", "site", "closed_utc"),
)
"""Problems that staff solve, as `central.alerts.Alert`. ``alert`` is the id of the event that
opened it, ``evidence`` the id of the event of its present state; an alert is open while
``closed_utc`` is null."""

alert_steps = Table(
    "alert_steps",
    metadata,
    _key("alert"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("step"),
    _time("time_utc"),
    _text("by", nullable=True),
    _text("detail", nullable=True),
    _text("action", nullable=True),
)
"""The life of each alert: every step with its time, from 1."""

alert_sites = Table(
    "alert_sites",
    metadata,
    _key("tenant"),
    _key("site"),
    _text("version"),
    _time("due_utc", nullable=True),
    Column("memory", Text, nullable=False),
    Index("alert_sites_by_due", "due_utc"),
)
"""What the alert engine remembers of a site beside its alerts. ``version`` is new with each
write; at ``due_utc`` something happens by itself."""

staff_actions = Table(
    "staff_actions",
    metadata,
    _key("action"),
    _text("alert"),
    _text("kind"),
    _text("person"),
    _text("undoes", nullable=True),
    _time("at_utc", nullable=True),
    _time("received_utc"),
    _text("outcome"),
    _text("detail"),
)
"""Every action of a person with its answer, so that one sent twice is done once."""

pushes = Table(
    "pushes",
    metadata,
    _key("push"),
    _text("tenant"),
    _text("site"),
    _text("person"),
    _text("kind"),
    _text("aisle", nullable=True),
    Column("alerts", JSON, nullable=False),
    _time("created_utc"),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    _time("next_utc"),
    _time("ended_utc", nullable=True),
    _text("error", nullable=True),
    Column("sent_to", JSON, nullable=False),
    Index("pushes_by_next", "state", "next_utc"),
)
"""Messages to people: ``queued`` until ``sent``, ``pointless`` (solved before it could be
sent) or ``dead`` (given up; ``error`` says why). ``sent_to`` are the channels that took it."""

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

users = Table(
    "users",
    metadata,
    _key("name"),
    _text("role"),
    Column("stores", JSON(none_as_null=True)),
    _text("password", nullable=True),
    _time("created_utc"),
    Column("is_disabled", Boolean, nullable=False),
)
"""Who may log in. ``stores`` is a list of ``tenant/site`` or ``tenant/*``, null for all;
``password`` an argon2 hash, null until the person has chosen one."""

sessions = Table(
    "sessions",
    metadata,
    _key("token_hash"),
    _text("name"),
    _time("created_utc"),
    _time("seen_utc"),
    _time("expires_utc"),
    Index("sessions_by_name", "name"),
)
"""Who is logged in: the SHA-256 of the cookie, never the cookie."""

login_links = Table(
    "login_links",
    metadata,
    _key("token_hash"),
    _text("name"),
    _time("expires_utc"),
)
"""One-time links with which a person chooses a password: the SHA-256 of the secret part."""

secrets = Table("secrets", metadata, _key("name"), Column("value", LargeBinary, nullable=False))
"""Keys that were made at the first start."""
