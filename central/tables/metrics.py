"""What the figures of docs/metrics.md are computed from. ``place`` is one slot of one aisle."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from central.tables.columns import UtcTime, key, metadata, number, text, time

places = Table(
    "places",
    metadata,
    number("id"),
    text("tenant"),
    text("site"),
    text("aisle"),
    text("slot"),
    Index("places_by_name", "tenant", "site", "aisle", "slot", unique=True),
)
"""Every slot that anything was heard of, by a short number."""

slot_intervals = Table(
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
"""The history of each slot: one row for each change that was told, whatever came first.

``since_utc`` and ``time_utc`` are what the node said. From these follow ``from_utc`` and
``until_utc`` (`central.metrics.intervals`), null until the roller has worked them out; the
state in force lasts until `central.metrics.intervals.OPEN`."""

stock_outs = Table(
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
    Index("stock_outs_by_telling", "place", "told_utc"),
    Index("stock_outs_by_filling", "place", "ended_utc"),
)
"""Each time that a product was gone from its slot, derived from `slot_intervals`."""

slot_hours = Table(
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
"""How long each slot was in which state, by hour of the store's clock; derived."""

slot_days = Table(
    "slot_days",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    key("day"),
    key("sku"),
    Column("stocked_ms", BigInteger, nullable=False),
    Column("low_ms", BigInteger, nullable=False),
    Column("out_of_stock_ms", BigInteger, nullable=False),
    Column("misplaced_ms", BigInteger, nullable=False),
    Column("unknown_ms", BigInteger, nullable=False),
    Index("slot_days_by_day", "day"),
)
"""The sums of `slot_hours` by the day (``2026-11-21``) of the store's clock; derived."""

site_days = Table(
    "site_days",
    metadata,
    key("tenant"),
    key("site"),
    key("day"),
    Column("rows", Integer, nullable=False),
    Column("by_hour", LargeBinary, nullable=False),
    Column("detected", LargeBinary, nullable=False),
    Column("restocked", LargeBinary, nullable=False),
    Index("site_days_by_day", "day"),
)
"""All that was counted in a store on a day of its clock, packed (`central.metrics.days`);
``rows`` is how many rows of `slot_days` it has. Derived."""

metric_sites = Table(
    "metric_sites",
    metadata,
    key("tenant"),
    key("site"),
    time("rolled_until_utc"),
)
"""Hours of a site before this time are in `slot_hours`; what is later is read from intervals."""

metrics_due = Table(
    "metrics_due",
    metadata,
    number("id"),
    Column("place", BigInteger, nullable=False),
    time("from_utc", nullable=True),
)
"""Slots of which something new was told; ``from_utc`` where hours after it may differ, too."""

days_due = Table(
    "days_due",
    metadata,
    key("tenant"),
    key("site"),
    Column("moment_utc", UtcTime, primary_key=True),
)
"""Sites whose day around a time is to be summed again."""
