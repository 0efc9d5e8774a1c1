"""The tables as they were before there were migrations: version 2 of those days.

A database of that version has most of them; what a later day of the same version added is made
where it is missing.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    inspect,
)

from central.tables.columns import key, text, time

revision = "0001"
down_revision = None

metadata = MetaData()

Table(
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

Table(
    "watermarks",
    metadata,
    key("source"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    time("updated_utc"),
)

Table(
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

Table(
    "evidence",
    metadata,
    key("event_id"),
    Column("now", LargeBinary, nullable=False),
    Column("before", LargeBinary),
    time("time_utc"),
)

Table(
    "alerts",
    metadata,
    key("alert"),
    text("tenant"),
    text("site"),
    text("aisle"),
    text("slot"),
    text("state"),
    text("sku"),
    text("name", nullable=True),
    time("since_utc"),
    time("opened_utc"),
    time("updated_utc"),
    time("closed_utc", nullable=True),
    text("closed_reason", nullable=True),
    Column("facings_expected", Integer, nullable=False),
    Column("facings_seen", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    text("reason", nullable=True),
    Column("found", JSON, nullable=False),
    text("evidence", nullable=True),
    text("node"),
    text("camera"),
    text("phase"),
    text("by", nullable=True),
    time("phase_utc"),
    time("until_utc", nullable=True),
    text("held_by", nullable=True),
    Column("is_blind", Boolean, nullable=False),
    time("active_utc"),
    Column("turn", Integer, nullable=False),
    Column("escalated", Integer, nullable=False),
    time("notified_utc", nullable=True),
    Column("steps", Integer, nullable=False),
    Column("undo", JSON(none_as_null=True)),
    Index("alerts_by_place", "tenant", "site", "aisle", "slot", "closed_utc"),
    Index("alerts_by_opening", "opened_utc"),
    Index("alerts_by_closing", "tenant", "site", "closed_utc"),
)

Table(
    "alert_steps",
    metadata,
    key("alert"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    text("step"),
    time("time_utc"),
    text("by", nullable=True),
    text("detail", nullable=True),
    text("action", nullable=True),
)

Table(
    "alert_sites",
    metadata,
    key("tenant"),
    key("site"),
    text("version"),
    time("due_utc", nullable=True),
    Column("memory", Text, nullable=False),
    Index("alert_sites_by_due", "due_utc"),
)

Table(
    "staff_actions",
    metadata,
    key("action"),
    text("alert"),
    text("kind"),
    text("person"),
    text("undoes", nullable=True),
    time("at_utc", nullable=True),
    time("received_utc"),
    text("outcome"),
    text("detail"),
)

Table(
    "pushes",
    metadata,
    key("push"),
    text("tenant"),
    text("site"),
    text("person"),
    text("kind"),
    text("aisle", nullable=True),
    Column("alerts", JSON, nullable=False),
    time("created_utc"),
    text("state"),
    Column("attempts", Integer, nullable=False),
    time("next_utc"),
    time("ended_utc", nullable=True),
    text("error", nullable=True),
    Column("sent_to", JSON, nullable=False),
    Index("pushes_by_next", "state", "next_utc"),
)

Table(
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

Table(
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

Table(
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

Table(
    "users",
    metadata,
    key("name"),
    text("role"),
    Column("stores", JSON(none_as_null=True)),
    text("password", nullable=True),
    time("created_utc"),
    Column("is_disabled", Boolean, nullable=False),
)

Table(
    "sessions",
    metadata,
    key("token_hash"),
    text("name"),
    time("created_utc"),
    time("seen_utc"),
    time("expires_utc"),
    Index("sessions_by_name", "name"),
)

Table(
    "login_links",
    metadata,
    key("token_hash"),
    text("name"),
    time("expires_utc"),
)

Table("secrets", metadata, key("name"), Column("value", LargeBinary, nullable=False))


def upgrade() -> None:
    """Make what is missing."""
    connection = op.get_bind()
    metadata.create_all(connection)
    columns = {column["name"] for column in inspect(connection).get_columns("pushes")}
    if "sent_to" not in columns:
        op.add_column("pushes", Column("sent_to", JSON, nullable=False, server_default="[]"))
