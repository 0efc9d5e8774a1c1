"""Keeps intervals, stock-outs, hours and days up to date with what was told. Incremental.

Each step is one short transaction, so that the collector can work between two of them. What is
left to do is in the database: a crash loses none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection

from central.database import Database
from central.metrics.day_rows import (
    has_days_due,
    mark_days,
    mark_span,
    read_a_day_due,
    sum_day,
)
from central.metrics.days import day_of
from central.metrics.hours import HOUR, by_hour, hour_start
from central.metrics.intervals import Interval, weave
from central.metrics.rolling_rows import (
    FIRST,
    Due,
    SiteKey,
    Stored,
    forget_due,
    forget_hours,
    has_due,
    read_due,
    read_intervals,
    read_rolled,
    read_seen_until,
    read_site_intervals,
    read_sites,
    read_stock_outs,
    read_unwoven,
    write_hours,
    write_intervals,
    write_rolled,
    write_stock_outs,
)
from central.metrics.stock_outs import StockOut, stock_outs_of

DUE_A_STEP = 500

Span = tuple[datetime, datetime]
"""From, and until just before."""

ZoneOf = Callable[[str, str], tzinfo]
"""The time zone of a tenant's site."""


class Roller:
    """Works off what is due. One per database, used by one thread."""

    def __init__(self, database: Database, zone_of: ZoneOf) -> None:
        self._database = database
        self._zone_of = zone_of

    def step(self, now: datetime) -> bool:
        """Do a part of what is due; True when there may be more. Raises what SQLAlchemy raises."""
        with self._database.read() as connection:
            is_idle = not has_due(connection) and self._ended_hour(connection, now) is None
            if is_idle and not has_days_due(connection):
                return False
        with self._database.write() as connection:
            due = read_due(connection, DUE_A_STEP)
            if due:
                self._renew(connection, due)
                return True
            ended = self._ended_hour(connection, now)
            if ended is not None:
                self._end_hour(connection, *ended)
                if ended[1] + 2 * HOUR <= now:  # more hours of the same days are to come
                    return True
            self._sum_a_day(connection)
        return True

    def run(self, now: datetime) -> None:
        """Do all that is due."""
        while self.step(now):
            pass

    def _renew(self, connection: Connection, due: dict[int, Due]) -> None:
        sites = read_sites(connection, due)
        rolled = read_rolled(connection)
        rewoven = {
            place: _reweave(stored) for place, stored in read_unwoven(connection, due).items()
        }
        write_intervals(connection, {place: new.changed for place, new in rewoven.items()})
        self._mark_changed(connection, rewoven, sites)
        write_stock_outs(
            connection, {place: (new.since, new.stock_outs) for place, new in rewoven.items()}
        )
        seen_until = read_seen_until(connection)
        for place, item in due.items():
            spans = rewoven[place].spans if place in rewoven else []
            site = sites[place]
            zone = self._zone_of(*site)
            if site not in rolled:
                if not spans:
                    continue
                rolled[site] = hour_start(min(span[0] for span in spans), zone)
                write_rolled(connection, site, rolled[site])
            if item.from_utc is not None:
                spans.append((item.from_utc, rolled[site]))
            for span in _hours_of(spans, rolled[site], zone):
                mark_span(connection, site, *span)
                intervals = read_intervals(connection, [place], *span).get(place, [])
                forget_hours(connection, place, *span)
                write_hours(connection, {place: by_hour(intervals, *span, zone, seen_until)})
        forget_due(connection, due)

    def _mark_changed(
        self, connection: Connection, rewoven: dict[int, _Rewoven], sites: dict[int, SiteKey]
    ) -> None:
        """Have the days summed in which stock-outs count that are new, or are no more."""
        since = {place: new.since for place, new in rewoven.items()}
        before = read_stock_outs(connection, since)
        rolled = read_rolled(connection)
        moments: dict[SiteKey, set[datetime]] = {}
        for place, new in rewoven.items():
            site = sites[place]
            for stock_out in before.get(place, set()) ^ set(new.stock_outs):
                counted = (stock_out.told_utc, stock_out.ended_utc)
                moments.setdefault(site, set()).update(
                    hour_start(moment, self._zone_of(*site))
                    for moment in counted
                    if moment is not None and site in rolled and moment < rolled[site]
                )
        for site, found in moments.items():
            mark_days(connection, site, found)

    def _ended_hour(self, connection: Connection, now: datetime) -> tuple[SiteKey, datetime] | None:
        """Return a site with an hour that has ended and is not in the table yet."""
        for site, until in read_rolled(connection).items():
            if until + HOUR <= now:
                return site, until
        return None

    def _end_hour(self, connection: Connection, site: SiteKey, hour: datetime) -> None:
        zone, end = self._zone_of(*site), hour + HOUR
        seen_until = read_seen_until(connection)
        found = read_site_intervals(connection, site, hour, end)
        hours = {
            place: by_hour(intervals, hour, end, zone, seen_until)
            for place, intervals in found.items()
        }
        write_hours(connection, hours)
        write_rolled(connection, site, end)
        mark_days(connection, site, [hour - HOUR, hour])  # what the last one held may be undone

    def _sum_a_day(self, connection: Connection) -> None:
        due = read_a_day_due(connection)
        if due is not None:
            site, moment = due
            zone = self._zone_of(*site)
            rolled = read_rolled(connection).get(site, moment)
            sum_day(connection, site, day_of(moment, zone), zone, rolled)


@dataclass(frozen=True, slots=True)
class _Rewoven:
    """What new claims of a place lead to.

    ``changed`` are intervals that are new or have other boundaries, ``spans`` the times in which
    the state differs from what was stored; ``stock_outs`` are all that began ``since``.
    """

    changed: list[Interval]
    spans: list[Span]
    since: datetime
    stock_outs: list[StockOut]


def _reweave(stored: Sequence[Stored]) -> _Rewoven:
    anchor = stored[0]
    woven = weave((item.claim for item in stored), anchor.from_utc)
    known = {item.claim.key: item for item in stored}
    changed: list[Interval] = []
    spans: list[Span] = []
    for interval in woven:
        before = known[interval.claim.key]
        if (before.from_utc, before.until_utc) == (interval.from_utc, interval.until_utc):
            continue
        changed.append(interval)
        if before.from_utc is None or before.until_utc is None:
            spans.append((interval.from_utc, interval.until_utc))
            continue
        spans.append(_between(before.from_utc, interval.from_utc))
        spans.append(_between(before.until_utc, interval.until_utc))
    return _Rewoven(
        changed,
        [span for span in spans if span[0] < span[1]],
        anchor.from_utc or FIRST,
        stock_outs_of(woven),
    )


def _between(one: datetime, other: datetime) -> Span:
    return min(one, other), max(one, other)


def _hours_of(spans: Sequence[Span], rolled: datetime, zone: tzinfo) -> list[Span]:
    """Return the whole hours before ``rolled`` that spans touch, without overlap."""
    merged: list[Span] = []
    for since, until in sorted(spans):
        if since >= rolled:
            continue
        last = min(until, rolled)
        start, end = hour_start(since, zone), hour_start(last, zone)
        if end < last:
            end += HOUR
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
