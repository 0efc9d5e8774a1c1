"""What has been kept for long enough is deleted, and nothing else."""

from __future__ import annotations

from datetime import UTC, timedelta

from metric_messages import at, changed
from sqlalchemy import select

from central import tables
from central.database import Database, insert_new
from central.ingest import Ingest
from central.metric_settings import Keep
from central.metrics.roller import Roller
from central.partitions import partitions
from central.retention import prune
from shelf.states import State

DAY = 86_400
KEEP = Keep(events_days=2, evidence_days=1, alerts_days=7, history_days=35)


def test_what_is_over_goes(database: Database) -> None:
    """Each table by its own time; the state in force and open alerts stay for ever."""
    ingest, roller = Ingest(database), Roller(database, lambda *_: UTC)
    states = [State.STOCKED, State.OUT_OF_STOCK, State.STOCKED, State.OUT_OF_STOCK]
    for number, state in enumerate(states):
        time = number * 0.25 * DAY
        ingest.apply([changed(number + 1, state, time, time)])
    with database.write() as connection:
        picture = {"event_id": "x", "now": b"", "before": None, "time_utc": at(0)}
        insert_new(connection, tables.evidence, [picture])
    roller.run(at(DAY))
    assert prune(database, KEEP, at(0.9 * DAY)) == {}
    assert database.count(tables.alerts) == 2

    ingest.apply([changed(5, State.OUT_OF_STOCK, 3 * DAY, 3 * DAY)])
    prune(database, KEEP, at(3 * DAY))
    assert (database.count(tables.events), database.count(tables.evidence)) == (1, 0)
    assert database.count(tables.alerts) == 2

    ingest.apply([changed(6, State.LOW, 39 * DAY, 39 * DAY)])
    roller.step(at(39 * DAY))
    prune(database, KEEP, at(40 * DAY))
    with database.read() as connection:
        (alert,) = connection.execute(select(tables.alerts)).all()
        places = connection.execute(select(tables.slot_intervals.c.sequence)).scalars().all()
    assert alert.closed_utc is None
    assert database.count(tables.alert_steps) == alert.steps
    assert sorted(places) == [5, 6]  # the one in force since the third day, and the last
    assert database.count(tables.slot_hours) == 0


def test_events_of_a_day_are_a_partition(database: Database) -> None:
    """On PostgreSQL; what is dated far away is kept all the same, and moves when its day comes."""
    ingest = Ingest(database)
    ingest.apply(
        [
            changed(1, State.LOW, 0, 0),
            changed(2, State.LOW, DAY, DAY),
            changed(3, State.LOW, 300 * DAY, 300 * DAY, received=at(DAY)),
        ]
    )
    days = [at(0).date(), at(DAY).date()]
    with database.read() as connection:
        assert partitions(connection) == ([] if database.is_sqlite else days)
    ingest.apply([changed(4, State.LOW, 300 * DAY + 9, 300 * DAY + 9)])
    ingest.apply([changed(3, State.LOW, 300 * DAY, 300 * DAY)])
    assert database.count(tables.events) == 4
    keep = KEEP.model_copy(update={"events_days": 10})
    deleted = prune(database, keep, at(300 * DAY) + timedelta(hours=1))
    assert database.count(tables.events) == 2
    assert deleted["events" if database.is_sqlite else "event_partitions"] == 2
