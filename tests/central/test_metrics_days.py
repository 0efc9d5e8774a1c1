"""Sums by day are those of the hours, in whatever order messages come, and after an update."""

from __future__ import annotations

import random
from datetime import UTC, date, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from metric_messages import START, at, changed, status
from sqlalchemy import select, text

from central import tables
from central.database import Database
from central.desk import Actor, Desk
from central.ingest import Ingest
from central.metrics.day_reading import read_slot_rows, read_store_days
from central.metrics.figures import Cell, spread
from central.metrics.grouping import Dimension, Grouping
from central.metrics.reading import Days, Question, read_cells, read_day_cells
from central.metrics.roller import Roller
from shelf.states import State
from shelf.topics import Node
from shelf.wire import ActionKind, StaffAction

S, L, E, U = State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.UNKNOWN
HOUR = 3600
SITES = [("acme", "s1"), ("acme", "s2")]
NOW = at(3.2 * 24 * HOUR)


def zone_of(_tenant: str, site: str) -> tzinfo:
    return ZoneInfo("Asia/Kolkata") if site == "s2" else UTC


GROUPING = Grouping(zone_of=zone_of)


def tape(rng: random.Random) -> list[Any]:
    """Return three days of two stores, of which one is away for some hours."""
    messages = []
    for _, site in SITES:
        node = Node("acme", site, "e1")
        messages.append(status("online", 0, node))
        times = dict.fromkeys(("b01/s1/p01", "b01/s1/p02", "b02/s3/p01"), 0.0)
        for sequence in range(1, 61):
            slot = rng.choice(sorted(times))
            since = times[slot] + rng.choice([1, 1800, 3 * HOUR, 9 * HOUR])
            times[slot] = time = min(since + rng.choice([0, 20, 60.5]), 3.1 * 24 * HOUR)
            state, sku = rng.choice([S, S, L, E, E, U]), rng.choice(["1001", "1001", "1002"])
            messages.append(
                changed(sequence, state, since, time, slot=slot, sku=sku, node=node, received=NOW)
            )
    return messages


def by_day(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is in both tables, by the names of places."""
    places = tables.places.c
    columns = [column for column in tables.slot_days.columns if column.name != "place"]
    slots = select(places.tenant, places.site, places.aisle, places.slot, *columns).join_from(
        tables.places, tables.slot_days, tables.slot_days.c.place == places.id
    )
    with database.read() as connection:
        return {
            "slots": sorted(tuple(row) for row in connection.execute(slots)),
            "sites": sorted(tuple(row) for row in connection.execute(select(tables.site_days))),
        }


def asked(site: tuple[str, str], first: int, last: int, **more: Any) -> Question:
    """Return a question about whole days by the clock of a store, in hours that are over."""
    zone = zone_of(*site)
    midnight = START.astimezone(zone).replace(hour=0, minute=0)
    since = midnight + timedelta(days=first)
    return Question([site], since.astimezone(UTC), since + timedelta(days=last - first + 1), **more)


@pytest.mark.parametrize("seed", range(2))
def test_days_are_the_hours_of_the_clock_together(database: Database, seed: int) -> None:
    """Shuffled, doubled, in batches, the roller in between: figures are those of the hours."""
    rng = random.Random(seed)
    messages = tape(rng) * 2
    rng.shuffle(messages)
    ingest, roller = Ingest(database), Roller(database, zone_of)
    while messages:
        size = rng.randint(1, 60)
        ingest.apply(messages[:size])
        messages = messages[size:]
        for _ in range(rng.randint(0, 3)):
            roller.step(at(rng.uniform(0, 3.2 * 24 * HOUR)))
    roller.run(NOW)
    assert database.count(tables.days_due) == 0
    first = START.date()
    with database.read() as connection:
        for site in SITES:
            for one, other in ((0, 0), (0, 2), (1, 2), (2, 2)):
                days = Days(first + timedelta(days=one), first + timedelta(days=other))
                for hours in (None, (7, 19)):
                    found = read_store_days(connection, [site], days, hours)
                    question = asked(site, one, other, hours=hours)
                    exact = read_cells(connection, question, GROUPING, NOW).get((), Cell())
                    assert found.all().figures() == exact.figures()
                for by in ((Dimension.SKU,), (Dimension.SLOT, Dimension.DAY), (Dimension.HOUR,)):
                    question = asked(site, one, other, by=by)
                    cells = read_day_cells(connection, question, days, GROUPING)
                    exact_cells = read_cells(connection, question, GROUPING, NOW)
                    assert {group: cell.figures() for group, cell in cells.items()} == {
                        group: cell.figures() for group, cell in exact_cells.items()
                    }
        whole = Days(first - timedelta(days=1), first + timedelta(days=9))
        counted = sum(read_slot_rows(connection, SITES, whole).values())
    assert counted == database.count(tables.slot_days) > 10


def test_a_late_event_changes_the_days_that_it_touches(database: Database) -> None:
    """Also the day, much later, on which what it ends would have ended."""
    ingest, roller = Ingest(database), Roller(database, zone_of)
    day = 24 * HOUR
    ingest.apply([changed(1, S, 0, 0), changed(2, E, HOUR, HOUR), changed(3, U, 2 * HOUR, day)])
    ingest.apply([changed(5, U, 1.5 * day, 1.5 * day), changed(6, S, 2.5 * day, 2.5 * day)])
    roller.run(NOW)
    last = START.date() + timedelta(days=3)

    def restocked(on: date) -> int:
        with database.read() as connection:
            found = read_store_days(connection, SITES, Days(on, on))
        spread_ = found.all().figures().time_to_restock_secs
        return spread_.count if spread_ else 0

    assert [restocked(last), restocked(last - timedelta(days=2))] == [0, 0]
    assert restocked(last - timedelta(days=1)) == 1
    ingest.apply([changed(4, S, day + 60, day + 60, received=NOW)])
    roller.run(NOW)
    assert [restocked(last - timedelta(days=number)) for number in (2, 1)] == [1, 0]


def test_a_late_state_counts_on_its_day(database: Database) -> None:
    """Also one that begins and ends no stock-out."""
    ingest, roller = Ingest(database), Roller(database, zone_of)
    ingest.apply([changed(1, S, 0, 0)])
    roller.run(NOW)
    ingest.apply([changed(2, L, HOUR, HOUR), changed(3, S, 2 * HOUR, 2 * HOUR)])
    roller.run(NOW)
    with database.read() as connection:
        found = read_store_days(connection, SITES, Days(START.date(), START.date()))
    assert found.all().times.low_ms == HOUR * 1000


def test_an_answer_that_comes_late_counts_on_its_day(database: Database) -> None:
    """A phone that was away says so hours after the day was summed."""
    ingest, roller = Ingest(database), Roller(database, zone_of)
    ingest.apply([changed(1, S, 0, 0), changed(2, E, HOUR, HOUR + 60)])
    roller.run(at(30 * HOUR))
    action = StaffAction(
        action="phone-1-1", alert="acme-s1-1-2", kind=ActionKind.WRONG_ALARM, at=at(2 * HOUR)
    )
    with database.write() as connection:
        answers = Desk().act(connection, Actor("anna"), [action], at(30 * HOUR)).answers
    assert answers[0].outcome == "applied"
    roller.run(at(30 * HOUR))
    with database.read() as connection:
        found = read_store_days(connection, SITES, Days(START.date(), START.date()))
        closed = connection.execute(select(tables.alerts.c.closed_utc)).scalar_one()
    assert closed is not None and closed.date() == START.date()
    assert found.all().figures().wrong_alarms == 1


def test_what_was_there_before_is_summed(database: Database) -> None:
    """Tables of the days before have hours only; the next start notes all of their days."""
    ingest, roller = Ingest(database), Roller(database, zone_of)
    ingest.apply(tape(random.Random(1)))
    roller.run(NOW)
    expected = by_day(database)
    assert all(expected.values())
    with database.write() as connection:
        for table in (tables.slot_days, tables.site_days):
            connection.execute(table.delete())
        connection.execute(text(BACKFILL))
    roller.run(NOW)
    assert by_day(database) == expected


BACKFILL = (
    "INSERT INTO days_due SELECT DISTINCT tenant, site, hour_utc"
    " FROM slot_hours JOIN places ON places.id = slot_hours.place"
)
"""What the step to revision 0004 does."""


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [([5], 5, 5), ([3, 1], 2, 3), ([3, 1, 2], 2, 3), (range(1, 11), 5.5, 9), ([7] * 99, 7, 7)],
)
def test_medians_and_percentiles(values: list[float], median: float, p90: float) -> None:
    """The mean of the middle two; nearest rank."""
    found = spread(values)
    assert found is not None and (found.median, found.p90) == (median, p90)
