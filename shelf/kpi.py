"""Key figures of stores and regions, as central publishes them; docs/metrics.md defines each.

What is absent is not known: a share of nothing is no share, and not 0.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from shelf.wire import Count, Message, Share


class Spread(Message):
    """How long something took, in seconds."""

    count: Count
    median: float
    p90: float


class Figures(Message):
    """What was true of a set of slots over a time."""

    availability: Share | None = Field(None, description="On-shelf: available over observed time.")
    coverage: Share | None = Field(None, description="Observed over planned time.")
    compliance: Share | None = Field(None, description="As planned over observed time.")
    planned_secs: Count = Field(description="Slots times seconds that they were planned.")
    observed_secs: Count = Field(description="Of these, those in which the state was known.")
    out_of_stock_secs: Count = Field(description="Of these, those in which the slot was empty.")
    stock_outs: Count = Field(description="Times that a product was gone from its slot.")
    time_to_detect_secs: Spread | None = Field(None, description="First seen to told.")
    time_to_restock_secs: Spread | None = Field(None, description="First seen to seen filled.")
    alerts_closed: Count = Field(description="Alerts that ended filled, or as wrong alarms.")
    wrong_alarms: Count = Field(description="Of these, those that staff called wrong.")
    wrong_alarm_rate: Share | None = None


class SlotCounts(Message):
    """How many slots are in which state now."""

    stocked: Count = 0
    low: Count = 0
    out_of_stock: Count = 0
    misplaced: Count = 0
    unknown: Count = 0


class OnShelf(StrEnum):
    """Whether a shopper finds a product in a store now."""

    AVAILABLE = "available"
    OUT = "out"
    UNKNOWN = "unknown"


class SiteFigures(Message):
    """One store of a region."""

    site: str
    name: str | None = None
    today: Figures


class Kpi(Message):
    """The figures of a store or a region. ``today`` begins at midnight of each store's clock."""

    tenant: str
    scope: Literal["site", "region"]
    id: str
    name: str | None = None
    time: AwareDatetime
    slots: SlotCounts
    today: Figures
    week: Figures = Field(description="The last 7 times 24 hours up to the last full hour.")
    products: dict[str, OnShelf] | None = Field(
        None, description="A store's products by GTIN, for an online shop."
    )
    sites: tuple[SiteFigures, ...] | None = Field(None, description="A region's stores.")


MESSAGES: dict[str, type[Message]] = {"kpi": Kpi}
"""The messages of this module, by the name of their schema."""
