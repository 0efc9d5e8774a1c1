"""Sums a store's day from its hours; the only module that writes sums by day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from central import tables
from central.database import insert_new, upsert
from central.metrics.days import (
    CLOSED,
    WRONG,
    Counts,
    end_of,
    no_counts,
    pack_counts,
    pack_durations,
    start_of,
)
from central.metrics.hours import NAMES, to_ms
from central.metrics.reading import JUDGED
from central.metrics.rolling_rows import SiteKey
from central.metrics.stock_outs import Outcome


def mark_days(connection: Connection, site: SiteKey, moments: Iterable[datetime]) -> None:
    """Have the days of a site's clock around some times summed again."""
    rows = [
        {"tenant": site[0], "site": site[1], "moment_utc": moment}
        for moment in sorted(set(moments))
    ]
    insert_new(connection, tables.days_due, rows)


def mark_span(connection: Connection, site: SiteKey, since: datetime, until: datetime) -> None:
    """Have all days summed again that a time touches, its end included."""
    days = range((until - since).days + 1)
    mark_days(connection, site, [*(since + timedelta(days=number) for number in days), until])


def has_days_due(connection: Connection) -> bool:
    """True when there are days to sum."""
    return connection.execute(select(tables.days_due.c.tenant).limit(1)).first() is not None


def read_a_day_due(connection: Connection) -> tuple[SiteKey, datetime] | None:
    """Return a site and a time of a day that is due."""
    columns = tables.days_due.c
    query = select(tables.days_due).order_by(columns.tenant, columns.site, columns.moment_utc)
    row = connection.execute(query.limit(1)).first()
    return ((row.tenant, row.site), row.moment_utc) if row else None


def sum_day(
    connection: Connection, site: SiteKey, day: date, zone: tzinfo, rolled_until: datetime
) -> None:
    """Sum a day of a site up to ``rolled_until``, and take it off the list."""
    since, until = start_of(day, zone), end_of(day, zone)
    _forget(connection, site, day, since, until)
    by_place = _sum_slots(connection, site, since, until)
    if not by_place:
        return
    rows = [{**row, "day": day.isoformat()} for row in by_place]
    upsert(connection, tables.slot_days, rows)
    until = min(until, rolled_until)
    by_hour = _sum_hours(connection, site, since, until, zone)
    _count_alerts(connection, by_hour, site, since, until, zone)
    detected, restocked = _durations(connection, site, since, until, zone)
    row = {
        "tenant": site[0],
        "site": site[1],
        "day": day.isoformat(),
        "rows": len(rows),
        "by_hour": pack_counts(by_hour),
        "detected": pack_durations(detected),
        "restocked": pack_durations(restocked),
    }
    upsert(connection, tables.site_days, [row])


def _forget(
    connection: Connection, site: SiteKey, day: date, since: datetime, until: datetime
) -> None:
    due, sums, slots, places = tables.days_due, tables.site_days, tables.slot_days, tables.places
    of_site = select(places.c.id).where(places.c.tenant == site[0], places.c.site == site[1])
    for statement in (
        delete(due).where(
            due.c.tenant == site[0],
            due.c.site == site[1],
            due.c.moment_utc >= since,
            due.c.moment_utc < until,
        ),
        delete(sums).where(
            sums.c.tenant == site[0], sums.c.site == site[1], sums.c.day == day.isoformat()
        ),
        delete(slots).where(slots.c.place.in_(of_site), slots.c.day == day.isoformat()),
    ):
        connection.execute(statement)


def _sum_slots(
    connection: Connection, site: SiteKey, since: datetime, until: datetime
) -> list[dict[str, Any]]:
    columns = tables.slot_hours.c
    query = _summed(site, since, until, columns.place, columns.sku)
    found = connection.execute(query).mappings()
    return [dict(row) | {name: int(row[name]) for name in NAMES} for row in found]


def _sum_hours(
    connection: Connection, site: SiteKey, since: datetime, until: datetime, zone: tzinfo
) -> Counts:
    query = _summed(site, since, until, tables.slot_hours.c.hour_utc)
    by_hour = no_counts()
    for row in connection.execute(query):
        hour = row.hour_utc.astimezone(zone).hour
        by_hour[hour, : len(NAMES)] += [int(getattr(row, name)) for name in NAMES]
    return by_hour


def _summed(
    site: SiteKey, since: datetime, until: datetime, *by: ColumnElement[Any]
) -> Select[Any]:
    """Return the query for a store's times in some hours, summed by some columns."""
    hours, places = tables.slot_hours.c, tables.places.c
    return (
        select(*by, *(func.sum(hours[name]).label(name) for name in NAMES))
        .join_from(tables.places, tables.slot_hours, hours.place == places.id)
        .where(
            places.tenant == site[0],
            places.site == site[1],
            hours.hour_utc >= since,
            hours.hour_utc < until,
        )
        .group_by(*by)
    )


def _count_alerts(
    connection: Connection,
    by_hour: Counts,
    site: SiteKey,
    since: datetime,
    until: datetime,
    zone: tzinfo,
) -> None:
    alerts = tables.alerts.c
    query = select(alerts.closed_utc, alerts.closed_reason).where(
        alerts.tenant == site[0],
        alerts.site == site[1],
        alerts.closed_utc >= since,
        alerts.closed_utc < until,
        alerts.closed_reason.in_(JUDGED),
    )
    for row in connection.execute(query):
        hour = row.closed_utc.astimezone(zone).hour
        by_hour[hour, CLOSED] += 1
        by_hour[hour, WRONG] += row.closed_reason == "wrong_alarm"


def _durations(
    connection: Connection, site: SiteKey, since: datetime, until: datetime, zone: tzinfo
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return hour and milliseconds of what was detected, and of what was restocked."""
    columns, places = tables.stock_outs.c, tables.places.c
    found: list[list[tuple[int, int]]] = []
    for counted in (columns.told_utc, columns.ended_utc):
        query = (
            select(columns.began_utc, counted.label("counted_utc"))
            .join_from(tables.places, tables.stock_outs, columns.place == places.id)
            .where(places.tenant == site[0], places.site == site[1])
            .where(counted >= since, counted < until)
        )
        if counted is columns.ended_utc:
            query = query.where(columns.outcome == Outcome.RESTOCKED.value)
        found.append(
            [
                (
                    row.counted_utc.astimezone(zone).hour,
                    to_ms(row.counted_utc) - to_ms(row.began_utc),
                )
                for row in connection.execute(query)
            ]
        )
    detected, restocked = found
    return detected, restocked
