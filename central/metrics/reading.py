"""Figures of any slots and any hours, from what the roller has left in the tables.

Hours that are over come from `slot_hours`; what is later is worked out from the intervals, so
that figures are right to the second. Questions about whole days are answered from sums by day, up
to the last full hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, tuple_

from central import tables
from central.metrics.days import end_of, start_of
from central.metrics.figures import Cell
from central.metrics.grouping import COLUMNS, Dimension, Fact, Group, Grouping
from central.metrics.hours import HOUR, NAMES, Times, by_hour, hour_start, to_ms
from central.metrics.rolling_rows import (
    SiteKey,
    read_rolled,
    read_seen_until,
    read_site_intervals,
)

_SITE = ("tenant", "site")

JUDGED = ("stocked", "wrong_alarm")
"""Reasons for which an alert ends that say whether it was right."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: hours that touch ``from_utc`` until ``until_utc``, at ``sites``.

    ``where`` holds the values that dimensions have to have; ``hours`` are the hours of the day,
    by each store's clock, of which one is the first and the other the first that is left out.
    ``wants`` says whether a SKU is asked for; None: all are.
    """

    sites: Sequence[SiteKey]
    from_utc: datetime
    until_utc: datetime
    by: tuple[Dimension, ...] = ()
    where: Mapping[Dimension, str] = field(default_factory=dict)
    hours: tuple[int, int] | None = None
    wants: Callable[[str], bool] | None = None

    @property
    def columns(self) -> set[str]:
        """What has to be known of each fact."""
        names = {name for dimension in (*self.by, *self.where) for name in COLUMNS[dimension]}
        return names | ({"hour_utc"} if self.hours else set()) | ({"sku"} if self.wants else set())

    @property
    def asks_for_hours(self) -> bool:
        """True when sums by day do not answer it."""
        return self.hours is not None or Dimension.HOUR in (*self.by, *self.where)

    @property
    def asks_for_plans(self) -> bool:
        """True when versions of planograms are told apart; alerts do not know theirs."""
        return "planogram" in self.columns


@dataclass(frozen=True, slots=True)
class Days:
    """Days of each store's clock, both included, as far as their hours are over."""

    first: date
    last: date


def read_cells(
    connection: Connection, question: Question, grouping: Grouping, now: datetime
) -> dict[Group, Cell]:
    """Return what was counted, by the values of ``question.by``."""
    reader = _Reader(connection, question, grouping, now)
    reader.add_hours()
    reader.add_hours_under_way()
    reader.add_stock_outs()
    if not question.asks_for_plans:
        reader.add_alerts()
    return reader.cells


def read_day_cells(
    connection: Connection, question: Question, days: Days, grouping: Grouping
) -> dict[Group, Cell]:
    """Return what was counted on whole ``days``; the times of the question say nothing.

    A question that needs to know the hour, or the planogram, reads 24 times as many rows.
    """
    reader = _Reader(connection, question, grouping, question.until_utc, days)
    if question.asks_for_hours or question.asks_for_plans:
        reader.add_hours()
    else:
        reader.add_days()
    reader.add_stock_outs()
    if not question.asks_for_plans:
        reader.add_alerts()
    return reader.cells


class _Reader:
    """Adds what the tables hold to the cells of one question."""

    def __init__(
        self,
        connection: Connection,
        question: Question,
        grouping: Grouping,
        now: datetime,
        days: Days | None = None,
    ) -> None:
        self.cells: dict[Group, Cell] = {}
        self._connection = connection
        self._question = question
        self._grouping = grouping
        self._now = now
        self._days = days
        self._rolled = read_rolled(connection)

    def add_hours(self) -> None:
        """Add hours that are in the table."""
        hours, places = tables.slot_hours.c, tables.places.c
        by_name = {
            "aisle": places.aisle,
            "slot": places.slot,
            "sku": hours.sku,
            "planogram": hours.planogram,
            "hour_utc": hours.hour_utc,
        }
        names = sorted(self._question.columns)
        group = [places.tenant, places.site, *(by_name[name] for name in names)]
        sums = [func.sum(hours[name]).label(name) for name in NAMES]
        for zone, sites in self._by_zone():
            since, until = self._window(zone)
            query = (
                select(*group, *sums)
                .join_from(tables.places, tables.slot_hours, hours.place == places.id)
                .where(_at(sites), hours.hour_utc >= since, hours.hour_utc < until)
                .group_by(*group)
            )
            for row in self._connection.execute(query):
                known = {name: getattr(row, name) for name in names}
                times = Times(*(int(getattr(row, name)) for name in NAMES))
                self._add_times(Fact(row.tenant, row.site, **known), times)

    def add_days(self) -> None:
        """Add days that are in the table; by the numbers of places, which sort fast."""
        assert self._days is not None
        days, places = tables.slot_days.c, tables.places.c
        wanted = self._question.columns
        for zone, sites in self._by_zone():
            group: list[ColumnElement[Any]] = [places.tenant, places.site]
            if wanted & {"aisle", "slot"}:
                group = [days.place]
            elif wanted == {"sku"} and not self._tells_sites:
                group = []  # a thousand products, not as many for each store
            group += [days.sku] if "sku" in wanted else []
            group += [days.day] if "hour_utc" in wanted else []
            query = (
                select(*group, *(func.sum(days[name]).label(name) for name in NAMES))
                .join_from(tables.places, tables.slot_days, days.place == places.id)
                .where(
                    *self._narrowed(sites, days.sku),
                    days.day >= self._days.first.isoformat(),
                    days.day <= self._days.last.isoformat(),
                )
                .group_by(*group)
            )
            known = self._places(sites) if wanted & {"aisle", "slot"} else {}
            for row in self._connection.execute(query).mappings():
                fact = known[row["place"]] if known else Fact(*(row.get(n, "") for n in _SITE))
                day = start_of(date.fromisoformat(row["day"]), zone) if "day" in row else None
                fact = fact._replace(sku=row.get("sku"), hour_utc=day)
                self._add_times(fact, Times(*(int(row[name]) for name in NAMES)))

    @property
    def _tells_sites(self) -> bool:
        asked = {*self._question.by, *self._question.where}
        return bool(asked & {Dimension.SITE, Dimension.REGION})

    def _places(self, sites: Sequence[SiteKey]) -> dict[int, Fact]:
        query = select(tables.places).where(*self._narrowed(sites))
        return {
            row.id: Fact(row.tenant, row.site, row.aisle, row.slot)
            for row in self._connection.execute(query)
        }

    def _narrowed(
        self, sites: Sequence[SiteKey], sku: ColumnElement[str] | None = None
    ) -> Iterator[ColumnElement[bool]]:
        """Yield what the database can leave out by itself of what is not asked for."""
        places, where = tables.places.c, self._question.where
        yield _at(sites)
        aisle, _, rest = (
            where.get(Dimension.SLOT) or where.get(Dimension.BAY) or where.get(Dimension.AISLE, "")
        ).partition("/")
        if aisle:
            yield places.aisle == aisle
        if Dimension.SLOT in where:
            yield places.slot == rest
        elif Dimension.BAY in where:
            yield places.slot.startswith(f"{rest}/", autoescape=True)
        if sku is not None and Dimension.CATEGORY in where:
            categories = self._grouping.products.categories
            yield sku.in_(
                [s for s, name in categories.items() if name == where[Dimension.CATEGORY]]
            )

    def add_hours_under_way(self) -> None:
        """Add hours that are not in the table yet, up to now."""
        seen_until = read_seen_until(self._connection)
        for zone, sites in self._by_zone():
            since, until = self._window(zone)
            until = min(until, self._now)
            for site in sites:
                if site not in self._rolled or (start := max(since, self._rolled[site])) >= until:
                    continue
                found = read_site_intervals(self._connection, site, start, until)
                names = self._names(site) if found else {}
                for place, intervals in found.items():
                    hours = by_hour(intervals, start, until, zone, seen_until)
                    for key, times in hours.items():
                        fact = Fact(*site, *names[place], key.sku, key.planogram, key.hour_utc)
                        self._add_times(fact, times)

    def add_stock_outs(self) -> None:
        """Add stock-outs: found when they were told, restocked when they ended."""
        columns, places = tables.stock_outs.c, tables.places.c
        for zone, sites in self._by_zone():
            since, until = self._window(zone)
            told = and_(columns.told_utc >= since, columns.told_utc < until)
            ended = and_(columns.ended_utc >= since, columns.ended_utc < until)
            query = (
                select(places.tenant, places.site, places.aisle, places.slot, tables.stock_outs)
                .join_from(tables.places, tables.stock_outs, columns.place == places.id)
                .where(_at(sites), or_(told, ended))
            )
            for row in self._connection.execute(query):
                fact = Fact(row.tenant, row.site, row.aisle, row.slot, row.sku, row.planogram)
                began_ms = to_ms(row.began_utc)
                if since <= row.told_utc < until:
                    cell = self._cell(fact._replace(hour_utc=hour_start(row.told_utc, zone)))
                    if cell is not None:
                        cell.detect_secs.append((to_ms(row.told_utc) - began_ms) / 1000)
                if row.outcome == "restocked" and since <= row.ended_utc < until:
                    cell = self._cell(fact._replace(hour_utc=hour_start(row.ended_utc, zone)))
                    if cell is not None:
                        cell.restock_secs.append((to_ms(row.ended_utc) - began_ms) / 1000)

    def add_alerts(self) -> None:
        """Add alerts that ended, and said whether they had been right."""
        alerts = tables.alerts.c
        for zone, sites in self._by_zone():
            since, until = self._window(zone)
            query = select(
                alerts.tenant,
                alerts.site,
                alerts.aisle,
                alerts.slot,
                alerts.sku,
                alerts.closed_utc,
                alerts.closed_reason,
            ).where(
                tuple_(alerts.tenant, alerts.site).in_(sites),
                alerts.closed_utc >= since,
                alerts.closed_utc < until,
                alerts.closed_reason.in_(JUDGED),
            )
            for row in self._connection.execute(query):
                hour = hour_start(row.closed_utc, zone)
                fact = Fact(row.tenant, row.site, row.aisle, row.slot, row.sku, None, hour)
                cell = self._cell(fact)
                if cell is not None:
                    cell.alerts_closed += 1
                    cell.wrong_alarms += row.closed_reason == "wrong_alarm"

    def _add_times(self, fact: Fact, times: Times) -> None:
        cell = self._cell(fact)
        if cell is not None:
            cell.times.add(times)

    def _cell(self, fact: Fact) -> Cell | None:
        """Return the cell of a fact, None when it was not asked for."""
        question, grouping = self._question, self._grouping
        if question.wants is not None and not question.wants(fact.sku or ""):
            return None
        for dimension, wanted in question.where.items():
            if grouping.value(fact, dimension) != wanted:
                return None
        if question.hours is not None:
            assert fact.hour_utc is not None
            local = fact.hour_utc.astimezone(grouping.zone_of(fact.tenant, fact.site))
            if not question.hours[0] <= local.hour < question.hours[1]:
                return None
        return self.cells.setdefault(grouping.group(fact, question.by), Cell())

    def _window(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return the whole hours that are asked for, by one clock."""
        if self._days is not None:
            rolled = [
                until
                for site in self._question.sites
                if (until := self._rolled.get(site)) and self._zone_of(site) == zone
            ]
            end = end_of(self._days.last, zone)
            return start_of(self._days.first, zone), min([end, *rolled])
        until = hour_start(self._question.until_utc, zone)
        if until < self._question.until_utc:
            until += HOUR
        return hour_start(self._question.from_utc, zone), until

    def _zone_of(self, site: SiteKey) -> tzinfo:
        return self._grouping.zone_of(*site)

    def _by_zone(self) -> Iterator[tuple[tzinfo, list[SiteKey]]]:
        """Yield the sites by their clock: hours of different ones need not begin together."""
        by_zone: dict[str, tuple[tzinfo, list[SiteKey]]] = {}
        for site in self._question.sites:
            zone = self._zone_of(site)
            by_zone.setdefault(str(zone), (zone, []))[1].append(site)
        yield from by_zone.values()

    def _names(self, site: SiteKey) -> dict[int, tuple[str, str]]:
        columns = tables.places.c
        query = select(columns.id, columns.aisle, columns.slot).where(
            columns.tenant == site[0], columns.site == site[1]
        )
        return {row.id: (row.aisle, row.slot) for row in self._connection.execute(query)}


def _at(sites: Sequence[SiteKey]) -> ColumnElement[bool]:
    return tuple_(tables.places.c.tenant, tables.places.c.site).in_(sites)
