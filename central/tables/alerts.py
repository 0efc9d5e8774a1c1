"""Alerts, what people do about them, and what people are sent."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, Table, Text

from central.tables.columns import key, metadata, text, time

alerts = Table(
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
"""Problems that staff solve, as `central.alerts.Alert`. ``alert`` is the id of the event that
opened it, ``evidence`` the id of the event of its present state; an alert is open while
``closed_utc`` is null."""

alert_steps = Table(
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
"""The life of each alert: every step with its time, from 1."""

alert_sites = Table(
    "alert_sites",
    metadata,
    key("tenant"),
    key("site"),
    text("version"),
    time("due_utc", nullable=True),
    Column("memory", Text, nullable=False),
    Index("alert_sites_by_due", "due_utc"),
)
"""What the alert engine remembers of a site beside its alerts. ``version`` is new with each
write; at ``due_utc`` something happens by itself."""

staff_actions = Table(
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
"""Every action of a person with its answer, so that one sent twice is done once."""

pushes = Table(
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
"""Messages to people: ``queued`` until ``sent``, ``pointless`` (solved before it could be
sent) or ``dead`` (given up; ``error`` says why). ``sent_to`` are the channels that took it."""
