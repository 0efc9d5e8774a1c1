"""The life of one slot: its states over the days, its stock-outs, and what people did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from central import tables
from central.alert_rows import read_steps
from central.alerts import Step
from central.metrics.days import end_of, start_of
from central.metrics.grouping import Grouping
from central.metrics.reading import Days
from central.metrics.rolling_rows import SiteKey, read_intervals, read_seen_until
from central.metrics.stock_outs import Outcome
from central.web.queries import read_slot_alerts
from central.web.region.charts import Lane, draw_lanes
from central.web.rows import AlertRow, Site
from shelf.states import State

MAX_ALERTS = 10
MAX_DAYS_DRAWN = 92
MAX_CHANGES = 60
"""How many of the last changes are told in words."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One stock-out; ``ended_utc`` is None while the product is missing."""

    began_utc: datetime
    told_utc: datetime
    ended_utc: datetime | None
    outcome: Outcome
    unseen: timedelta


@dataclass(frozen=True, slots=True)
class Change:
    """A state that held; ``until_utc`` is None for the one in force."""

    state: State
    sku: str
    from_utc: datetime
    until_utc: datetime | None


@dataclass(frozen=True, slots=True)
class SlotLife:
    """All that is told of a slot over some days; the newest comes first everywhere."""

    sku: str
    lanes: tuple[Lane, ...]
    changes: Sequence[Change]
    missing: Sequence[Missing]
    alerts: Sequence[tuple[AlertRow, Sequence[Step]]]


def read_life(
    connection: Connection, site: SiteKey, slot: str, days: Days, grouping: Grouping, now: datetime
) -> SlotLife | None:
    """Return the life of ``a12/b03/s2/p07``, None for a slot that nothing was heard of."""
    aisle, _, name = slot.partition("/")
    columns = tables.places.c
    place = connection.execute(
        select(columns.id).where(
            columns.tenant == site[0],
            columns.site == site[1],
            columns.aisle == aisle,
            columns.slot == name,
        )
    ).scalar_one_or_none()
    if place is None:
        return None
    zone = grouping.zone_of(*site)
    since, until = start_of(days.first, zone), min(end_of(days.last, zone), now)
    intervals = read_intervals(connection, [place], since, until).get(place, [])
    intervals.sort(key=lambda interval: interval.from_utc, reverse=True)
    seen_until = read_seen_until(connection)
    first = max(days.first, days.last - timedelta(days=MAX_DAYS_DRAWN - 1))
    alerts = read_slot_alerts(
        connection, Site(*site), aisle, name, since, end_of(days.last, zone), MAX_ALERTS
    )
    steps = read_steps(connection, [alert.id for alert in alerts])
    return SlotLife(
        next((interval.claim.sku for interval in intervals if interval.claim.sku), ""),
        draw_lanes(intervals, first, days.last, zone, until, seen_until),
        [
            Change(
                interval.claim.state,
                interval.claim.sku,
                interval.from_utc,
                interval.until_utc if interval.until_utc <= now else None,
            )
            for interval in intervals[:MAX_CHANGES]
        ],
        _missing(connection, place, since, until),
        [(alert, steps[alert.id]) for alert in alerts],
    )


def _missing(connection: Connection, place: int, since: datetime, until: datetime) -> list[Missing]:
    columns = tables.stock_outs.c
    query = (
        select(tables.stock_outs)
        .where(
            columns.place == place,
            columns.began_utc < until,
            columns.ended_utc.is_(None) | (columns.ended_utc > since),
        )
        .order_by(columns.began_utc.desc())
        .limit(MAX_CHANGES)
    )
    return [
        Missing(
            row.began_utc,
            row.told_utc,
            row.ended_utc,
            Outcome(row.outcome),
            timedelta(milliseconds=row.unseen_ms),
        )
        for row in connection.execute(query)
    ]
