"""What a digest tells of some stores and days, from the same sums as the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select, tuple_

from central import tables
from central.fleet import Fleet, read_fleet
from central.metrics.day_reading import StoreDays, read_store_days
from central.metrics.grouping import Dimension, Grouping
from central.metrics.reading import Days, Question, read_day_cells
from central.metrics.rolling_rows import SiteKey
from shelf.kpi import Figures

MAX_STORES = 5
MAX_SLOTS = 5
MIN_COVERAGE = 0.5
"""Of a store of which less was seen nobody can say how it does; it is told of apart."""

SlotName = tuple[str, str, str]
"""Site, aisle with slot (``a12/b01/s3/p02``), SKU."""


@dataclass(frozen=True, slots=True)
class StoreLine:
    """One store; ``change`` is that of its availability, in shares, since the time before."""

    site: SiteKey
    figures: Figures
    change: float | None


@dataclass(frozen=True, slots=True)
class SlotLine:
    """One slot: how long it was empty, and how much longer than in the time before."""

    site: str
    slot: str
    sku: str
    name: str
    empty_secs: int
    more_secs: int


@dataclass(frozen=True, slots=True)
class Digest:
    """All that is told. ``stores`` are the worst first; ``hidden`` those too little seen."""

    days: Days
    stores_known: int
    total: Figures
    before: Figures
    stores: tuple[StoreLine, ...]
    hidden: tuple[StoreLine, ...]
    slots: tuple[SlotLine, ...]
    worse: tuple[SlotLine, ...]
    better: tuple[SlotLine, ...]
    fleet: Fleet


def read_digest(
    connection: Connection,
    sites: Sequence[SiteKey],
    days: Days,
    grouping: Grouping,
    now: datetime,
) -> Digest:
    """Return what there is to tell of whole days of each store's clock.

    Slots are looked at in the worst stores and in those that changed most, so that a region of
    a thousand stores is read as fast as one of ten.
    """
    length = (days.last - days.first) + timedelta(days=1)
    earlier = Days(days.first - length, days.last - length)
    here, past = (
        read_store_days(connection, sites, days),
        read_store_days(connection, sites, earlier),
    )
    figures, figures_past = _by_store(here), _by_store(past)
    lines = [
        StoreLine(site, found, _change(found, figures_past.get(site)))
        for site, found in figures.items()
    ]
    seen = [line for line in lines if (line.figures.coverage or 0) >= MIN_COVERAGE]
    worst = sorted(seen, key=lambda line: (line.figures.availability or 0, line.site))[:MAX_STORES]
    changed = sorted(seen, key=lambda line: (-abs(line.change or 0), line.site))[:MAX_STORES]
    chosen = sorted({line.site for line in (*worst, *changed)})
    slots = _slots(connection, chosen, days, earlier, grouping, now)
    empty = sorted(slots, key=lambda slot: (-slot.empty_secs, slot.slot))
    by_change = sorted(slots, key=lambda slot: (-slot.more_secs, slot.slot))
    return Digest(
        days=days,
        stores_known=len(figures),
        total=here.all().figures(),
        before=past.all().figures(),
        stores=tuple(worst),
        hidden=tuple(line for line in lines if line not in seen)[:MAX_STORES],
        slots=tuple(slot for slot in empty if slot.empty_secs)[:MAX_SLOTS],
        worse=tuple(slot for slot in by_change if slot.more_secs > 0)[:MAX_SLOTS],
        better=tuple(slot for slot in reversed(by_change) if slot.more_secs < 0)[:MAX_SLOTS],
        fleet=read_fleet(connection, sites, now),
    )


def _by_store(found: StoreDays) -> dict[SiteKey, Figures]:
    parts = found.parts(list(found.sites))
    return {site: part.figures() for site, part in parts.items()}


def _change(now: Figures, past: Figures | None) -> float | None:
    if past is None or now.availability is None or past.availability is None:
        return None
    return now.availability - past.availability


def _slots(
    connection: Connection,
    sites: Sequence[SiteKey],
    days: Days,
    earlier: Days,
    grouping: Grouping,
    now: datetime,
) -> list[SlotLine]:
    if not sites:
        return []
    empty = _empty_secs(connection, sites, days, grouping, now)
    past = _empty_secs(connection, sites, earlier, grouping, now)
    names = _names(connection, sites)
    return [
        SlotLine(
            site=site,
            slot=slot,
            sku=sku,
            name=names.get((site, sku), sku),
            empty_secs=empty.get((site, slot, sku), 0),
            more_secs=empty.get((site, slot, sku), 0) - past.get((site, slot, sku), 0),
        )
        for site, slot, sku in sorted(empty.keys() | past.keys())
    ]


def _empty_secs(
    connection: Connection,
    sites: Sequence[SiteKey],
    days: Days,
    grouping: Grouping,
    now: datetime,
) -> dict[SlotName, int]:
    """Return how long slots were out of stock; only those that were."""
    by = (Dimension.SITE, Dimension.SLOT, Dimension.SKU)
    question = Question(sites, now - timedelta(days=1), now, by)
    cells = read_day_cells(connection, question, days, grouping)
    return {
        (str(group[0]), str(group[1]), str(group[2])): cell.times.out_of_stock_ms // 1000
        for group, cell in cells.items()
        if cell.times.out_of_stock_ms
    }


def _names(connection: Connection, sites: Sequence[SiteKey]) -> Mapping[tuple[str, str], str]:
    slots = tables.slot_states.c
    query = (
        select(slots.site, slots.sku, slots.name)
        .where(tuple_(slots.tenant, slots.site).in_(list(sites)), slots.name.is_not(None))
        .distinct()
    )
    return {(row.site, row.sku): row.name for row in connection.execute(query)}


def period_of(day: date, every_week: bool) -> tuple[str, Days]:
    """Return the last period that is over on ``day``, and its name: a date, or an ISO week."""
    if not every_week:
        yesterday = day - timedelta(days=1)
        return yesterday.isoformat(), Days(yesterday, yesterday)
    monday = day - timedelta(days=day.weekday() + 7)
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}", Days(monday, monday + timedelta(days=6))
