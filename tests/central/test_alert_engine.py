"""When an alert opens, changes and closes, and what keeps it silent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from alert_site import MINUTE, SLOT, START, Shop, rules, sighting

from central.alerts import (
    Alert,
    Calendar,
    CameraChanged,
    HeldBy,
    Memory,
    ResetWindow,
    Rules,
    SiteState,
    StepKind,
    advance,
)
from shelf.states import CameraState, State
from shelf.wire import ActionKind, AlertPhase

PROBLEMS = [State.LOW, State.OUT_OF_STOCK, State.MISPLACED]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("state", PROBLEMS)
def test_a_problem_opens_an_alert(shop: Shop, state: State) -> None:
    """It is named after its event, holds what staff need, and is open to everybody."""
    shop.see(state)
    alert = shop.at()
    assert (alert.alert, alert.evidence, alert.state) == ("e1", "e1", state)
    assert (alert.opened_utc, alert.phase, alert.closed_utc) == (START, AlertPhase.OPEN, None)
    assert shop.life() == ["opened"]


@pytest.mark.parametrize("state", [State.STOCKED, State.UNKNOWN])
def test_no_problem_opens_nothing(shop: Shop, state: State) -> None:
    """A slot that is stocked, or that nobody sees, is nobody's task."""
    shop.see(state)
    assert shop.alerts == {}


def test_a_problem_that_changes_stays_one_alert(shop: Shop) -> None:
    """From low to out of stock it is the same alert, with the newer evidence."""
    shop.see(State.LOW)
    shop.wait(MINUTE)
    shop.see(State.OUT_OF_STOCK)
    alert = shop.at()
    assert (alert.alert, alert.evidence, alert.state) == ("e1", "e2", State.OUT_OF_STOCK)
    assert shop.life() == ["opened", "notified", "changed"]
    assert len(shop.alerts) == 1


def test_the_same_state_again_is_no_step(shop: Shop) -> None:
    """One alert for a problem, not one for each frame."""
    for _ in range(3):
        shop.see(State.LOW)
    assert shop.life() == ["opened"]
    assert shop.at().evidence == "e3"


def test_stocked_closes(shop: Shop) -> None:
    """The time of the event that showed it is the time of the closing."""
    shop.see(State.LOW)
    shop.wait(10 * MINUTE)
    shop.see(State.STOCKED, late=2 * MINUTE)
    alert = shop.alerts["e1"]
    assert (alert.phase, alert.closed_reason) == (AlertPhase.CLOSED, "stocked")
    assert alert.closed_utc == START + 8 * MINUTE
    assert shop.open == []


def test_not_seeing_closes_nothing(shop: Shop) -> None:
    """A shopper in front of a gap does not fill it."""
    shop.see(State.LOW)
    shop.see(State.UNKNOWN)
    assert shop.at().is_blind
    assert shop.life() == ["opened"]


@pytest.mark.parametrize(("state", "left"), [(State.LOW, 1), (State.STOCKED, 0)])
def test_another_planned_product_ends_the_alert(shop: Shop, state: State, left: int) -> None:
    """A new planogram makes it another problem, or none."""
    shop.see(State.LOW)
    shop.see(state, sku="200")
    assert shop.alerts["e1"].closed_reason == "replanned"
    assert len(shop.open) == left


def test_a_step_is_never_before_the_one_before_it(shop: Shop) -> None:
    """A node's clock may be wrong, and news may be late; the life of an alert stays in order."""
    shop.see(State.LOW)
    shop.wait(5 * MINUTE)
    shop.act(ActionKind.CLAIM)
    shop.see(State.OUT_OF_STOCK, late=timedelta(hours=3))
    shop.see(State.STOCKED, late=-timedelta(hours=3))
    times = [step.time_utc for step in shop.steps if step.alert == "e1"]
    assert times == sorted(times)
    assert times[-1] == shop.now


def test_the_arguments_stay_as_they_were() -> None:
    """The engine changes nothing that it is given, and gives the same for the same."""
    state = SiteState("acme", "s1")
    first = advance(state, [sighting(State.LOW)], rules(), START)
    again = advance(state, [sighting(State.LOW)], rules(), START)
    assert (state.alerts, state.memory) == ({}, Memory())
    assert first == again


def test_what_is_remembered_outlives_a_restart(shop: Shop) -> None:
    """Alert and memory come back from rows and JSON as they were."""
    shop.see(State.LOW)
    shop.reset(timedelta(hours=1))
    shop.see(State.OUT_OF_STOCK, "b01/s1/p02")
    shop.act(ActionKind.WRONG_ALARM, slot="b01/s1/p02")
    memory = shop.state.memory
    assert (memory.mutes, memory.resets) != ({}, {})
    assert Memory.from_json(memory.to_json()) == memory
    for alert in shop.alerts.values():
        assert Alert.from_row(alert.to_row()) == alert


@pytest.mark.parametrize(
    "state", [CameraState.OFFLINE, CameraState.MOVED, CameraState.DARK, CameraState.STALE]
)
def test_a_camera_that_cannot_see_silences_its_alerts(shop: Shop, state: CameraState) -> None:
    """Nothing is told until it sees again; then after the usual wait."""
    shop.camera(state)
    shop.see(State.LOW)
    assert shop.at().held_by is HeldBy.CAMERA
    shop.wait(timedelta(hours=3))
    assert shop.pushes == []
    shop.camera(CameraState.OK)
    shop.wait(MINUTE)
    assert shop.told() == [("new", 180.5, ("e1",))]
    assert shop.life() == ["opened", "held", "freed", "notified"]


def test_an_offline_node_silences_its_alerts(shop: Shop) -> None:
    """What its cameras last said is of no use."""
    shop.see(State.LOW)
    shop.node(is_online=False)
    shop.wait(timedelta(hours=1))
    assert (shop.at().held_by, shop.pushes) == (HeldBy.CAMERA, [])
    shop.node(is_online=True)
    assert shop.at().held_by is None


def test_another_camera_silences_nothing(shop: Shop) -> None:
    """Only what it watched."""
    shop.see(State.LOW)
    shop.take(CameraChanged("e1", "c2", CameraState.MOVED))
    assert shop.at().held_by is None


def test_a_rebuild_makes_no_tasks(shop: Shop) -> None:
    """Gaps of a rebuild close unheard; what is left afterwards is told."""
    shop.reset(timedelta(hours=1))
    for position in range(1, 11):
        shop.see(State.OUT_OF_STOCK, f"b01/s1/p{position:02d}")
    shop.wait(timedelta(minutes=50))
    for position in range(1, 10):
        shop.see(State.STOCKED, f"b01/s1/p{position:02d}")
    shop.wait(timedelta(minutes=10))
    shop.wait(MINUTE)
    assert shop.told() == [("new", 60.5, ("e10",))]


def test_a_rebuild_can_be_ended_early(shop: Shop) -> None:
    """A time that is over ends it."""
    shop.reset(timedelta(hours=8))
    shop.see(State.LOW)
    assert shop.at().held_by is HeldBy.RESET
    shop.reset(timedelta(0))
    assert shop.at().held_by is None


BERLIN = Calendar(
    zone=ZoneInfo("Europe/Berlin"),
    hours={day: (time(8), time(20)) for day in range(6)},
    closed_on=frozenset({date(2026, 12, 25)}),
)


def test_a_closed_store_is_told_in_the_morning() -> None:
    """One push when it opens; an hour of the night counts for no escalation."""
    shop = Shop(Rules(people=rules().people, calendar=BERLIN))
    shop.wait(timedelta(hours=12))
    shop.see(State.LOW)
    assert shop.at().held_by is HeldBy.CLOSED
    shop.wait(timedelta(hours=10) + MINUTE)
    assert [(kind, minute) for kind, minute, _ in shop.told()] == [("new", 22 * 60 + 0.5)]


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-23T07:59", False),
        ("2026-11-23T08:00", True),
        ("2026-11-23T19:59", True),
        ("2026-11-23T20:00", False),
        ("2026-11-29T12:00", False),
        ("2026-12-25T12:00", False),
        ("2026-03-30T08:00", True),
    ],
)
def test_a_store_opens_by_its_own_clock(local: str, is_open: bool) -> None:
    """In local time, also when clocks have been put forward, and not on its free days."""
    moment = datetime.fromisoformat(local).replace(tzinfo=BERLIN.zone)
    assert BERLIN.is_open(moment.astimezone(UTC)) is is_open


def test_hours_may_go_past_midnight() -> None:
    """The night belongs to the day on which it began."""
    late = Calendar(hours={4: (time(18), time(2))})
    saturday = datetime(2026, 11, 28, 1, 59, tzinfo=UTC)
    assert late.is_open(saturday)
    assert not late.is_open(saturday + MINUTE)
    assert not late.is_open(saturday - timedelta(days=1))


def test_a_planned_reset_covers_its_aisle() -> None:
    """From its start until before its end, one aisle or all."""
    end = START + timedelta(hours=1)
    one = Calendar(resets=(ResetWindow(START, end, "a12"),))
    assert one.is_reset("a12", START)
    assert not one.is_reset("a13", START)
    assert not one.is_reset("a12", end)
    assert Calendar(resets=(ResetWindow(START, end),)).is_reset("a13", START)


def test_without_hours_only_free_days_close() -> None:
    """Most stores say nothing, and are always open."""
    assert Calendar().is_open(START)
    assert not Calendar(closed_on=frozenset({START.date()})).is_open(START)


def test_the_published_alert_says_the_place_in_words_and_its_life(shop: Shop) -> None:
    """Staff read where to go, and what has been done."""
    shop.see(State.LOW)
    shop.act(ActionKind.CLAIM)
    message = shop.at().to_wire(shop.steps)
    assert message.slot == f"a12/{SLOT}"
    assert message.place == "bay 1, shelf 1 from the bottom, 1st from the left"
    assert (message.phase, message.by) == (AlertPhase.CLAIMED, "anna")
    assert [step.step for step in message.steps] == [StepKind.OPENED, StepKind.CLAIMED]
