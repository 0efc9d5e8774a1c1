"""What the roller reads and writes: the only module that knows its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, select
from sqlalchemy.sql.selectable import Subquery

from central import tables
from central.database import upsert
from central.metrics.hours import HourKey, Times
from central.metrics.intervals import OPEN, Claim, Interval
from central.metrics.stock_outs import Outcome, StockOut
from shelf.states import State

SiteKey = tuple[str, str]
"""Tenant and site."""

FIRST = datetime(1, 1, 2, tzinfo=UTC)

_AVAILABLE = [state.value for state in State if state.is_available]


class Due(NamedTuple):
    """What is to be looked at again of a place; hours after ``from_utc`` in any case."""

    ids: tuple[int, ...]
    from_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A claim with the interval that is stored for it: None before it was ever woven."""

    claim: Claim
    from_utc: datetime | None
    until_utc: datetime | None


def has_due(connection: Connection) -> bool:
    """True when there are places to look at again."""
    return connection.execute(select(tables.metrics_due.c.id).limit(1)).first() is not None


def read_due(connection: Connection, limit: int) -> dict[int, Due]:
    """Return what is due by place, the oldest first."""
    table = tables.metrics_due
    due: dict[int, Due] = {}
    for row in connection.execute(select(table).order_by(table.c.id).limit(limit)):
        ids, since = due.get(row.place, Due((), None))
        starts = [start for start in (since, row.from_utc) if start is not None]
        due[row.place] = Due((*ids, row.id), min(starts, default=None))
    return due


def forget_due(connection: Connection, due: Mapping[int, Due]) -> None:
    """Take off the list what is done."""
    table = tables.metrics_due
    ids = [{"done": number} for item in due.values() for number in item.ids]
    if ids:
        connection.execute(delete(table).where(table.c.id == bindparam("done")), ids)


def read_sites(connection: Connection, places: Iterable[int]) -> dict[int, SiteKey]:
    """Return the site of each place."""
    columns = tables.places.c
    query = select(columns.id, columns.tenant, columns.site).where(columns.id.in_(list(places)))
    return {row.id: (row.tenant, row.site) for row in connection.execute(query)}


def read_rolled(connection: Connection) -> dict[SiteKey, datetime]:
    """Return until when the hours of each site are in the table."""
    query = select(tables.metric_sites)
    return {(row.tenant, row.site): row.rolled_until_utc for row in connection.execute(query)}


def write_rolled(connection: Connection, site: SiteKey, until_utc: datetime) -> None:
    """Note that hours before ``until_utc`` are in the table."""
    row = {"tenant": site[0], "site": site[1], "rolled_until_utc": until_utc}
    upsert(connection, tables.metric_sites, [row])


def read_unwoven(connection: Connection, places: Iterable[int]) -> dict[int, list[Stored]]:
    """Return, for places with new claims, all claims that these can make a difference to.

    They begin with the last claim before the new ones that says the product is there: no
    stock-out reaches across it. Without one they are all of the place's claims.
    """
    start = _starts(places)
    table = tables.slot_intervals
    query = select(table).join_from(
        start, table, and_(table.c.place == start.c.place, table.c.time_utc >= start.c.since)
    )
    found: dict[int, list[Stored]] = {}
    for row in connection.execute(query):
        found.setdefault(row.place, []).append(Stored(_claim(row), row.from_utc, row.until_utc))
    return {place: _from_anchor(claims) for place, claims in found.items()}


def _starts(places: Iterable[int]) -> Subquery:
    table, before = tables.slot_intervals, tables.slot_intervals.alias()
    new = (
        select(table.c.place, func.min(table.c.time_utc).label("first"))
        .where(table.c.place.in_(list(places)), table.c.until_utc.is_(None))
        .group_by(table.c.place)
        .subquery()
    )
    anchor = (
        select(before.c.time_utc)
        .where(
            before.c.place == new.c.place,
            before.c.state.in_(_AVAILABLE),
            before.c.until_utc.is_not(None),
            before.c.time_utc < new.c.first,
        )
        .order_by(before.c.time_utc.desc())
        .limit(1)
        .scalar_subquery()
    )
    since = func.coalesce(anchor, bindparam("first", FIRST, tables.UtcTime))
    return select(new.c.place, since.label("since")).subquery()


def _from_anchor(claims: list[Stored]) -> list[Stored]:
    """Leave out what was claimed at the same instant as the first, but before it."""
    ordered = sorted(claims, key=lambda stored: stored.claim.order)
    first = ordered[0].claim.time_utc
    anchor = 0
    for number, stored in enumerate(ordered):
        if stored.claim.time_utc > first or stored.until_utc is None:
            break
        if stored.claim.state.is_available:
            anchor = number
    return ordered[anchor:]


_BOUNDARIES = (
    tables.slot_intervals.update()
    .where(
        tables.slot_intervals.c.place == bindparam("of_place"),
        tables.slot_intervals.c.source == bindparam("of_source"),
        tables.slot_intervals.c.epoch == bindparam("of_epoch"),
        tables.slot_intervals.c.sequence == bindparam("of_sequence"),
    )
    .values(from_utc=bindparam("starts"), until_utc=bindparam("ends"))
)
_OLD_STOCK_OUTS = delete(tables.stock_outs).where(
    tables.stock_outs.c.place == bindparam("of_place"),
    tables.stock_outs.c.began_utc >= bindparam("since"),
)


def write_intervals(connection: Connection, changed: Mapping[int, Sequence[Interval]]) -> None:
    """Write the boundaries of places' claims that are there."""
    rows = [
        {
            "of_place": place,
            "of_source": interval.claim.source,
            "of_epoch": interval.claim.epoch,
            "of_sequence": interval.claim.sequence,
            "starts": interval.from_utc,
            "ends": interval.until_utc,
        }
        for place, intervals in changed.items()
        for interval in intervals
    ]
    if rows:
        connection.execute(_BOUNDARIES, rows)


def read_stock_outs(
    connection: Connection, since: Mapping[int, datetime]
) -> dict[int, set[StockOut]]:
    """Return the stock-outs of places that began at a time or later."""
    table = tables.stock_outs
    query = select(table).where(
        table.c.place == bindparam("of_place"), table.c.began_utc >= bindparam("since")
    )
    found: dict[int, set[StockOut]] = {}
    for place, moment in since.items():
        for row in connection.execute(query, {"of_place": place, "since": moment}):
            values = row._asdict() | {"outcome": Outcome(row.outcome)}
            del values["place"]
            found.setdefault(place, set()).add(StockOut(**values))
    return found


def write_stock_outs(
    connection: Connection, found: Mapping[int, tuple[datetime, Sequence[StockOut]]]
) -> None:
    """Replace the stock-outs of places that began at a time or later."""
    old = [{"of_place": place, "since": since} for place, (since, _) in found.items()]
    if old:
        connection.execute(_OLD_STOCK_OUTS, old)
    rows = [
        {**asdict(stock_out), "outcome": stock_out.outcome.value, "place": place}
        for place, (_, stock_outs) in found.items()
        for stock_out in stock_outs
    ]
    if rows:
        connection.execute(tables.stock_outs.insert(), rows)


def read_intervals(
    connection: Connection, places: Sequence[int], from_utc: datetime, until_utc: datetime
) -> dict[int, list[Interval]]:
    """Return the woven intervals of places that touch a time."""
    columns = tables.slot_intervals.c
    query = select(tables.slot_intervals).where(
        columns.place.in_(places), columns.until_utc > from_utc, columns.from_utc < until_utc
    )
    return _by_place(connection.execute(query))


def read_site_intervals(
    connection: Connection, site: SiteKey, from_utc: datetime, until_utc: datetime
) -> dict[int, list[Interval]]:
    """Return the woven intervals of a site's places that touch a time."""
    columns, places = tables.slot_intervals.c, tables.places.c
    query = (
        select(tables.slot_intervals)
        .join_from(tables.places, tables.slot_intervals, columns.place == places.id)
        .where(
            places.tenant == site[0],
            places.site == site[1],
            columns.until_utc > from_utc,
            columns.from_utc < until_utc,
        )
    )
    return _by_place(connection.execute(query))


def read_seen_until(connection: Connection) -> Callable[[str], datetime]:
    """Return until when what a source told can be taken to hold."""
    columns = tables.nodes.c
    query = select(columns.tenant, columns.site, columns.node, columns.time_utc).where(
        columns.state == "offline"
    )
    away = {
        f"/{row.tenant}/{row.site}/{row.node}": row.time_utc for row in connection.execute(query)
    }
    return lambda source: away.get(source, OPEN)


def forget_hours(connection: Connection, place: int, from_utc: datetime, until: datetime) -> None:
    """Delete a place's hours from a time until just before another."""
    table = tables.slot_hours
    hour = table.c.hour_utc
    connection.execute(delete(table).where(table.c.place == place, hour >= from_utc, hour < until))


def write_hours(connection: Connection, hours: Mapping[int, Mapping[HourKey, Times]]) -> None:
    """Write the hours of places."""
    rows = [
        {"place": place, **key._asdict(), **asdict(times)}
        for place, by_hour in hours.items()
        for key, times in by_hour.items()
    ]
    upsert(connection, tables.slot_hours, rows)


def _by_place(found: Iterable[Row[Any]]) -> dict[int, list[Interval]]:
    intervals: dict[int, list[Interval]] = {}
    for row in found:
        interval = Interval(_claim(row), row.from_utc, row.until_utc)
        intervals.setdefault(row.place, []).append(interval)
    return intervals


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        source=row.source,
        epoch=row.epoch,
        sequence=row.sequence,
        state=State(row.state),
        sku=row.sku,
        planogram=row.planogram,
        since_utc=row.since_utc,
        time_utc=row.time_utc,
    )
