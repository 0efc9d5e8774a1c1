"""Stores, regions and time as tables, and what got worse from one day to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import partial

from sqlalchemy import Connection, func, select

from central import tables
from central.metrics.figures import Cell, share
from central.metrics.grouping import Dimension
from central.metrics.reading import Days
from central.metrics.rolling_rows import SiteKey
from central.web.region.report import Counted, Report, TooMuchError
from central.web.region.tables import Row, Table, Value, worst_first

MAX_EXPLAINED = 3
"""Of how many stores the slots are looked at."""

MAX_CHANGES = 10


def stores_table(report: Report, open_alerts: dict[SiteKey, int]) -> Table:
    """Return the stores, worst first; those without any figures come last."""
    found = report.by_site()
    rows = []
    for site in report.sites:
        region = report.grouping.regions.get(site)
        keys = {
            "site": site[1],
            "name": report.grouping.names.get(site),
            "region": region.id if region else None,
            "open_alerts": open_alerts.get(site, 0),
        }
        link = partial(report.filters.store, site[1])
        rows.append(row_of(keys, report.names.store(site), found.get(site), link))
    return Table("stores", worst_first(rows))


def regions_table(report: Report) -> Table:
    """Return the regions, worst first; stores in none are one row."""
    names = {region.id: region.name or region.id for region in report.grouping.regions.values()}
    rows = [
        row_of(
            {"region": region, "name": names.get(region or "")},
            names.get(region or "", ""),
            counted,
            partial(report.filters.of_region, region) if region else None,
        )
        for region, counted in report.by_region().items()
    ]
    return Table("regions", worst_first(rows))


def days_table(report: Report) -> Table:
    """Return the days in order; one without figures has a row without them."""
    by_day = report.by_day()
    filters = report.filters
    days = [
        filters.first + timedelta(days=n) for n in range((filters.last - filters.first).days + 1)
    ]
    rows = [row_of({"day": day.isoformat()}, day.isoformat(), by_day.get(day)) for day in days]
    return Table("days", rows)


def week_table(report: Report) -> Table:
    """Return a row for each weekday (Monday is 0) and hour of the stores' clocks."""
    week = report.week()
    if week is None:
        return Table("week", refused="region.refused")
    rows = [
        row_of({"weekday": weekday, "hour": hour}, "", Cell(times=times))
        for weekday, hours in enumerate(week)
        for hour, times in enumerate(hours)
    ]
    return Table("week", rows)


def worse_table(report: Report, day: date) -> Table:
    """Return what was empty for longer on ``day`` than on the day before: slots, and whose.

    Of many stores, the slots of those are looked at whose products were missing for most more.
    """
    before = Days(day - timedelta(days=1), day - timedelta(days=1))
    try:
        sites = _worse_stores(report, before, Days(day, day))
        by = (Dimension.SITE, Dimension.SLOT, Dimension.SKU)
        then = report.cells(by, before, sites)
        now = report.cells(by, Days(day, day), sites)
    except TooMuchError:
        return Table("worse", refused="region.refused")
    rows = []
    for group, cell in now.items():
        site, slot, sku = (value or "" for value in group)
        old = then.get(group, Cell())
        more_ms = cell.times.out_of_stock_ms - old.times.out_of_stock_ms
        if more_ms <= 0:
            continue
        keys: dict[str, Value] = {
            "site": site,
            "slot": slot,
            "sku": sku,
            "name": report.names.products.get(sku),
            "more_secs": more_ms // 1000,
            "before_secs": old.times.out_of_stock_ms // 1000,
            "coverage_before": share(old.times.observed_ms, old.times.planned_ms),
        }
        link = partial(report.filters.one_slot, site, slot)
        rows.append(row_of(keys, report.names.product(sku), cell, link))
    rows.sort(key=lambda row: (-float(row.keys["more_secs"] or 0), row.label))
    return Table("worse", rows[:MAX_CHANGES])


def worse_stores_table(report: Report, day: date) -> Table:
    """Return the stores whose products were missing for longer than on the day before."""
    before = Days(day - timedelta(days=1), day - timedelta(days=1))
    rows = []
    for site, (old, new) in _by_store(report, before, Days(day, day)).items():
        more_ms = new.times.out_of_stock_ms - old.times.out_of_stock_ms
        if more_ms > 0:
            keys: dict[str, Value] = {
                "site": site[1],
                "name": report.grouping.names.get(site),
                "more_secs": more_ms // 1000,
                "before_secs": old.times.out_of_stock_ms // 1000,
                "coverage_before": share(old.times.observed_ms, old.times.planned_ms),
            }
            link = partial(report.filters.store, site[1])
            rows.append(row_of(keys, report.names.store(site), new, link))
    rows.sort(key=lambda row: (-float(row.keys["more_secs"] or 0), row.label))
    return Table("worse_stores", rows[:MAX_CHANGES])


def row_of(
    keys: Mapping[str, Value],
    label: str,
    counted: Counted | None,
    link: Callable[[], str] | None = None,
) -> Row:
    """Return a line; None: nothing was ever heard of it."""
    if counted is None:
        return Row(keys, label, make_link=link)
    return Row(keys, label, counted.times, counted.figures, link)


def _worse_stores(report: Report, before: Days, after: Days) -> list[SiteKey]:
    if len(report.sites) == 1:
        return list(report.sites)
    found = _by_store(report, before, after)
    more = {
        site: new.times.out_of_stock_ms - old.times.out_of_stock_ms
        for site, (old, new) in found.items()
    }
    ordered = sorted(more, key=lambda site: (-more[site], site))
    return [site for site in ordered if more[site] > 0][:MAX_EXPLAINED]


def _by_store(report: Report, before: Days, after: Days) -> dict[SiteKey, tuple[Counted, Counted]]:
    """Return two days of each store that has both."""
    then, now = report.on(before).by_site(), report.on(after).by_site()
    return {site: (then[site], now[site]) for site in then.keys() & now.keys()}


def read_open_alerts(connection: Connection, sites: Iterable[SiteKey]) -> dict[SiteKey, int]:
    """Return how many alerts are open now at each store that has any."""
    wanted = list(sites)
    alerts = tables.alerts.c
    found: dict[SiteKey, int] = {}
    for tenant in sorted({site[0] for site in wanted}):
        query = (
            select(alerts.site, func.count().label("open"))
            .where(
                alerts.tenant == tenant,
                alerts.site.in_([site[1] for site in wanted if site[0] == tenant]),
                alerts.closed_utc.is_(None),
            )
            .group_by(alerts.site)
        )
        found |= {(tenant, row.site): row.open for row in connection.execute(query)}
    return found
