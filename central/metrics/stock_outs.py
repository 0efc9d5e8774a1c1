"""When a product was gone from its slot, and when it was back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from central.metrics.hours import to_ms
from central.metrics.intervals import OPEN, Interval
from shelf.states import State


class Outcome(StrEnum):
    """How a stock-out ended."""

    OPEN = "open"
    RESTOCKED = "restocked"
    REPLANNED = "replanned"


@dataclass(frozen=True, slots=True)
class StockOut:
    """A product was gone from ``began_utc`` (first seen) until ``ended_utc``; told at ``told_utc``.

    It ends where the slot is seen stocked or low again, or another product is planned. What
    could not be seen in between (``unseen_ms``) belongs to it: nobody saw it end.
    """

    began_utc: datetime
    told_utc: datetime
    sku: str
    planogram: str
    ended_utc: datetime | None = None
    outcome: Outcome = Outcome.OPEN
    unseen_ms: int = 0


def stock_outs_of(intervals: Iterable[Interval]) -> list[StockOut]:
    """Return the stock-outs of one slot's intervals, which begin where none is under way."""
    found: list[StockOut] = []
    current: StockOut | None = None
    for interval in intervals:
        claim = interval.claim
        if current is not None:
            outcome = None
            if claim.sku != current.sku:
                outcome = Outcome.REPLANNED
            elif claim.state.is_available:
                outcome = Outcome.RESTOCKED
            if outcome is not None:
                found.append(replace(current, ended_utc=interval.from_utc, outcome=outcome))
                current = None
        if current is None and claim.state is State.OUT_OF_STOCK and claim.sku:
            current = StockOut(interval.from_utc, claim.time_utc, claim.sku, claim.planogram)
        elif current is not None and claim.state is State.UNKNOWN and interval.until_utc < OPEN:
            unseen_ms = to_ms(interval.until_utc) - to_ms(interval.from_utc)
            current = replace(current, unseen_ms=current.unseen_ms + unseen_ms)
    if current is not None:
        found.append(current)
    return [stock_out for stock_out in found if stock_out.ended_utc != stock_out.began_utc]
