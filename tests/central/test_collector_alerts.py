"""When an alert opens, changes and closes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from central.alerts import AlertRow, SlotRow, decide
from shelf.states import State

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def slot(state: State, sequence: int = 1, sku: str = "1001") -> SlotRow:
    return SlotRow(
        tenant="acme",
        site="s1",
        aisle="a12",
        slot="b03/s2/p07",
        state=state,
        previous=State.UNKNOWN,
        since_utc=START,
        sku=sku,
        name="Rye crackers",
        facings_expected=4,
        facings_seen=1,
        confidence=0.9,
        reason="gap seen",
        found=[{"sku": "1002", "confidence": 0.8}],
        planogram="pg-1",
        source="/acme/s1/e1",
        epoch=1,
        sequence=sequence,
        time_utc=START + timedelta(minutes=sequence),
    )


def opened(state: State = State.LOW) -> AlertRow:
    (alert,) = decide(None, slot(state), "event-1")
    return alert


@pytest.mark.parametrize("state", [State.LOW, State.OUT_OF_STOCK, State.MISPLACED])
def test_a_problem_opens_an_alert(state: State) -> None:
    """The alert is named after its event and holds what staff need."""
    alert = opened(state)
    assert (alert.alert, alert.evidence, alert.state) == ("event-1", "event-1", state)
    assert (alert.opened_utc, alert.closed_utc) == (START + timedelta(minutes=1), None)


@pytest.mark.parametrize("state", [State.STOCKED, State.UNKNOWN])
def test_no_problem_opens_nothing(state: State) -> None:
    """A slot that is stocked, or that nobody sees, is nobody's task."""
    assert decide(None, slot(state), "event-1") == []


def test_a_problem_that_changes_stays_one_alert() -> None:
    """From low to out of stock it is the same alert, with the newer evidence."""
    (alert,) = decide(opened(), slot(State.OUT_OF_STOCK, sequence=2), "event-2")
    assert (alert.alert, alert.evidence, alert.state) == (
        "event-1",
        "event-2",
        State.OUT_OF_STOCK,
    )
    assert alert.opened_utc == START + timedelta(minutes=1)
    assert alert.updated_utc == START + timedelta(minutes=2)


def test_stocked_closes() -> None:
    """The time of the event that showed it is the time of the closing."""
    (alert,) = decide(opened(), slot(State.STOCKED, sequence=5), "event-5")
    assert (alert.alert, alert.closed_reason) == ("event-1", "stocked")
    assert alert.closed_utc == START + timedelta(minutes=5)


def test_not_seeing_closes_nothing() -> None:
    """A shopper in front of a gap does not fill it."""
    assert decide(opened(), slot(State.UNKNOWN, sequence=2), "event-2") == []


@pytest.mark.parametrize(("state", "alerts"), [(State.LOW, 2), (State.STOCKED, 1)])
def test_another_planned_product_ends_the_alert(state: State, alerts: int) -> None:
    """A new planogram makes it another problem, or none."""
    rows = decide(opened(), slot(state, sequence=2, sku="2002"), "event-2")
    assert len(rows) == alerts
    assert (rows[0].alert, rows[0].closed_reason) == ("event-1", "replanned")
    assert all(row.alert == "event-2" and row.closed_utc is None for row in rows[1:])


def test_the_published_alert_says_the_place_in_words() -> None:
    """Staff read where to go."""
    message = opened().to_wire()
    assert message.slot == "a12/b03/s2/p07"
    assert message.place == "bay 3, shelf 2 from the bottom, 7th from the left"
    assert [(item.sku, item.confidence) for item in message.found] == [("1002", 0.8)]


def test_rows_come_back_as_they_were() -> None:
    """What goes into the tables comes out again."""
    row, alert = slot(State.LOW), opened()
    assert SlotRow.from_row(row.to_row()) == row
    assert AlertRow.from_row(alert.to_row()) == alert
    assert row.to_row()["state"] == "low"


def test_newer_is_by_sequence_within_an_epoch_and_by_time_between() -> None:
    """A clock that was set back during an epoch does not confuse the order."""
    first, second = slot(State.LOW, 1), slot(State.STOCKED, 2)
    set_back = replace(second, time_utc=START - timedelta(days=1))
    assert set_back.is_newer_than(first)
    assert not first.is_newer_than(set_back)
    assert not first.is_newer_than(first)
    assert not replace(set_back, epoch=2).is_newer_than(first)
    assert replace(second, source="/acme/s1/e2").is_newer_than(first)
