"""Messages become intervals, stock-outs and hours in the database, in whatever order they come."""

from __future__ import annotations

import random
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
from metric_messages import NODE, at, changed, derived, given_up, status
from sqlalchemy import select

from central import tables
from central.database import Database
from central.ingest import Ingest
from central.intake import Received
from central.metrics.intervals import OPEN
from central.metrics.roller import Roller
from shelf.states import State
from shelf.topics import Node
from shelf.wire import BaySnapshot, Facings, SlotSnapshot

S, L, E, U = State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.UNKNOWN


def utc(_tenant: str, _site: str) -> tzinfo:
    return UTC


def hours(database: Database) -> dict[tuple[float, str], tuple[int, ...]]:
    """Return (stocked, low, out, misplaced, unknown) seconds by hour and SKU."""
    with database.read() as connection:
        rows = connection.execute(select(tables.slot_hours)).all()
    return {
        ((row.hour_utc - at(0)).total_seconds(), row.sku): (
            row.stocked_ms // 1000,
            row.low_ms // 1000,
            row.out_of_stock_ms // 1000,
            row.misplaced_ms // 1000,
            row.unknown_ms // 1000,
        )
        for row in rows
    }


def test_a_day_of_one_slot(database: Database) -> None:
    """Hours that have ended are in the table; the one under way is not."""
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply([changed(1, S, 0, 20), changed(2, E, 3000, 3060)])
    roller.run(at(5400 + 1799))
    assert hours(database) == {
        (-1800, "1001"): (1800, 0, 0, 0, 0),
        (1800, "1001"): (1200, 0, 2400, 0, 0),
    }
    ingest.apply([changed(3, S, 6000, 6020)])
    roller.run(at(9000))
    assert hours(database)[5400, "1001"] == (3000, 0, 600, 0, 0)
    (stock_out,) = derived(database)["stock_outs"]
    assert stock_out[4:9] == (at(3000), at(3060), at(6000), "restocked", "1001")


def test_nothing_is_done_twice(database: Database) -> None:
    """Without news, and before the hour ends, there is nothing to do."""
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply([changed(1, S, 0, 20)])
    assert roller.step(at(100))
    assert not roller.step(at(100))
    assert roller.step(at(1800))
    assert not roller.step(at(1800))


def test_a_late_event_changes_its_hours_and_no_newer_state(database: Database) -> None:
    """What is newer stays in force, and the hours after it stay as they were."""
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply([changed(1, S, 0, 20), changed(3, L, 9100, 9160)])
    roller.run(at(20_000))
    before = hours(database)
    ingest.apply([changed(2, E, 2000, 2060, received=at(20_000))])
    roller.run(at(20_000))
    after = hours(database)
    assert {key for key in after if after[key] != before.get(key)} == {
        (1800, "1001"),
        (5400, "1001"),
        (9000, "1001"),
    }
    assert after[9000, "1001"] == (0, 3500, 100, 0, 0)
    with database.read() as connection:
        query = select(tables.slot_intervals.c.state).where(
            tables.slot_intervals.c.until_utc == OPEN
        )
        assert connection.execute(query).scalars().all() == ["low"]


def test_while_a_node_is_away_its_slots_are_unknown(database: Database) -> None:
    """When it is back without having seen anything new, it had watched all the time."""
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply([status("online", 0), changed(1, S, 0, 20), status("offline", 2000)])
    roller.run(at(9000))
    assert hours(database) == {
        (-1800, "1001"): (1800, 0, 0, 0, 0),
        (1800, "1001"): (200, 0, 0, 0, 3400),
        (5400, "1001"): (0, 0, 0, 0, 3600),
    }
    ingest.apply([status("online", 9100)])
    roller.run(at(9100))
    assert set(hours(database).values()) == {(1800, 0, 0, 0, 0), (3600, 0, 0, 0, 0)}


def test_another_product_begins_its_own_times(database: Database) -> None:
    """An hour in which the plan changes has a part for each; an unplanned slot has none."""
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply(
        [
            changed(1, S, 0, 20),
            changed(2, U, 600, 600, sku="1002", planogram="pg-2"),
            changed(3, U, 1500, 1500, sku="", planogram="pg-3"),
        ]
    )
    roller.run(at(9000))
    assert hours(database) == {
        (-1800, "1001"): (600, 0, 0, 0, 0),
        (-1800, "1002"): (0, 0, 0, 0, 900),
    }


def test_a_clock_that_is_ahead_says_nothing(database: Database) -> None:
    """The message is put aside, to be read again; the figures do without it."""
    Ingest(database).apply([changed(1, S, 0, 90_000, received=at(20))])
    assert database.count(tables.dead_letters) == 1
    assert database.count(tables.slot_intervals) == 0


def test_a_snapshot_tells_of_what_no_event_did(database: Database) -> None:
    """Slots that were never heard of, and changes that were given up; else it is no news."""
    slots = {
        "s1/p01": SlotSnapshot(
            state=E, since=at(900), sku="1001", facings=Facings(expected=4, seen=0), confidence=0.9
        ),
        "s1/p02": SlotSnapshot(
            state=U, since=at(0), sku="1002", facings=Facings(expected=4, seen=0), confidence=0.0
        ),
    }
    snapshot = BaySnapshot(
        aisle="a12", bay="b01", time=at(1200), epoch=1, sequence=2, planogram="pg-1", slots=slots
    )
    message = Received(NODE.bay_state("a12", "b01"), snapshot.to_json(), at(1200))
    ingest, roller = Ingest(database), Roller(database, utc)
    ingest.apply([changed(1, S, 0, 20), given_up(2, 960), message])
    ingest.apply([message])
    roller.run(at(1800))
    assert hours(database) == {
        (-1800, "1001"): (900, 0, 900, 0, 0),
        (-1800, "1002"): (0, 0, 0, 0, 1800),
    }
    assert database.count(tables.slot_intervals) == 3


def tape(rng: random.Random) -> list[Received]:
    """Return some hours of two stores: states, other plans, another epoch, clocks that jump."""
    messages = []
    for site in ("s1", "s2"):
        node = Node("acme", site, "e1")
        times = dict.fromkeys(("b01/s1/p01", "b01/s1/p02", "b02/s3/p01"), 0.0)
        for sequence in range(1, 31):
            slot = rng.choice(sorted(times))
            since = times[slot] + rng.choice([-60, 0, 1, 300, 2000])
            time = since + rng.choice([0, 0, 20, 60.5])
            times[slot] = time
            messages.append(
                changed(
                    sequence,
                    rng.choice([S, S, L, E, E, U, State.MISPLACED]),
                    since,
                    time,
                    slot=slot,
                    sku=rng.choice(["1001", "1001", "1001", "1002", ""]),
                    planogram=rng.choice(["pg-1", "pg-1", "pg-2"]),
                    node=node,
                    epoch=1 if sequence < 20 else 2,
                    received=at(40_000),
                )
            )
    return messages


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_and_doubled_is_as_sorted(database: Database, tmp_path: Path, seed: int) -> None:
    """Any order, repeats, any batches, the roller at any time: the same rows."""
    rng = random.Random(seed)
    messages = tape(rng)
    sorted_database = Database.open(f"sqlite:///{tmp_path / 'sorted.sqlite'}")
    Ingest(sorted_database).apply(messages)
    Roller(sorted_database, utc).run(at(40_000))
    expected = derived(sorted_database)
    sorted_database.close()
    assert all(expected.values())

    shuffled = messages * 2
    rng.shuffle(shuffled)
    ingest, roller = Ingest(database), Roller(database, utc)
    while shuffled:
        size = rng.randint(1, 40)
        ingest.apply(shuffled[:size])
        shuffled = shuffled[size:]
        if rng.random() < 0.5:
            now: datetime = at(rng.uniform(0, 40_000))
            for _ in range(rng.randint(1, 5)):
                roller.step(now)
        if rng.random() < 0.2:
            ingest, roller = Ingest(database), Roller(database, utc)
    roller.run(at(40_000))
    assert derived(database) == expected
    assert NODE.source in {row[4] for row in expected["slot_intervals"]}
