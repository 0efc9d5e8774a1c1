"""Sums by day, so that a page over all stores reads no hours; what there is is summed at the start.

The days are those of each store's clock, which only the configuration knows: here it is noted
what is to be summed.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table

from central.tables.columns import UtcTime, key

revision = "0004"
down_revision = "0002"

metadata = MetaData()

Table(
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

Table(
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

Table(
    "days_due",
    metadata,
    key("tenant"),
    key("site"),
    Column("moment_utc", UtcTime, primary_key=True),
)


def upgrade() -> None:
    """Make the tables, and have every day summed that there are hours of."""
    metadata.create_all(op.get_bind())
    op.create_index("stock_outs_by_telling", "stock_outs", ["place", "told_utc"])
    op.create_index("stock_outs_by_filling", "stock_outs", ["place", "ended_utc"])
    op.execute(
        "INSERT INTO days_due SELECT DISTINCT tenant, site, hour_utc"
        " FROM slot_hours JOIN places ON places.id = slot_hours.place"
    )
