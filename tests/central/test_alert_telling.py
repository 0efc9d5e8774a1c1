"""Who is told of what, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alert_site import ANNA, BOSS, MINUTE, START, Shop, rules, sighting, slots

from central.alerts import Person, Rules, Weights
from shelf.states import CameraState, State
from shelf.wire import ActionKind

HOUR = timedelta(hours=1)


@pytest.fixture
def shop() -> Shop:
    return Shop(rules(ANNA, BOSS))


def test_what_comes_together_is_told_together(shop: Shop) -> None:
    """The first alert of a quiet aisle waits for the others."""
    for slot in slots(3):
        shop.see(State.LOW, slot)
        shop.wait(timedelta(seconds=9))
    shop.wait(MINUTE)
    assert shop.told() == [("new", 0.5, ("e1", "e2", "e3"))]


def test_what_comes_later_waits_for_the_interval(shop: Shop) -> None:
    """Five minutes after the last push of the aisle, only what is new."""
    shop.see(State.LOW)
    shop.wait(MINUTE)
    for slot in ("b01/s1/p02", "b01/s1/p03"):
        shop.see(State.LOW, slot)
    shop.wait(10 * MINUTE)
    assert shop.told() == [("new", 0.5, ("e1",)), ("new", 5.5, ("e2", "e3"))]


def test_what_nobody_takes_is_repeated(shop: Shop) -> None:
    """Every two hours, all of it; not what somebody has taken."""
    shop.see(State.LOW)
    shop.see(State.LOW, "b01/s1/p02")
    shop.wait(HOUR)
    shop.act(ActionKind.NO_STOCK, slot="b01/s1/p02")
    shop.wait(4 * HOUR)
    reminders = [told for told in shop.told() if told[0] == "reminder"]
    assert reminders == [("reminder", 120.5, ("e1",)), ("reminder", 240.5, ("e1",))]


def test_a_camera_that_comes_and_goes_pushes_once(shop: Shop) -> None:
    """What was told before it was held is no news afterwards; the reminder keeps its time."""
    shop.see(State.LOW)
    shop.wait(MINUTE)
    for _ in range(5):
        shop.camera(CameraState.OFFLINE)
        shop.wait(5 * MINUTE)
        shop.camera(CameraState.OK)
        shop.wait(5 * MINUTE)
    shop.wait(2 * HOUR)
    assert [told[:2] for told in shop.told()] == [("new", 0.5), ("reminder", 120.5)]


def test_what_is_solved_before_the_wait_is_over_is_not_told(shop: Shop) -> None:
    """A shopper who puts it back disturbs nobody."""
    shop.see(State.LOW)
    shop.wait(timedelta(seconds=20))
    shop.see(State.STOCKED)
    shop.wait(HOUR)
    assert shop.pushes == []


def test_the_most_urgent_is_told_first() -> None:
    """Velocity x minutes out x priority."""
    weights = Weights(
        units_per_day=lambda sku: {"slow": 1.0, "fast": 50.0}[sku],
        priority=lambda _aisle, slot: 100.0 if slot == "b01/s1/p03" else 1.0,
    )
    shop = Shop(Rules(people=(ANNA,), weights=weights))
    shop.see(State.OUT_OF_STOCK, "b01/s1/p01", sku="slow")
    shop.see(State.OUT_OF_STOCK, "b01/s1/p02", sku="fast")
    shop.see(State.OUT_OF_STOCK, "b01/s1/p03", sku="slow")
    shop.wait(MINUTE)
    assert shop.told() == [("new", 0.5, ("e3", "e2", "e1"))]


def test_urgency_grows_with_time_and_severity() -> None:
    """An empty slot outranks a low one, and each its younger self."""
    empty, low = (sighting(state) for state in (State.OUT_OF_STOCK, State.LOW))
    rank = Weights().rank
    assert rank(empty, START) > rank(low, START) > 0  # type: ignore[arg-type]
    assert rank(empty, START + HOUR) > rank(empty, START)  # type: ignore[arg-type]


def test_what_nobody_attends_to_is_escalated_once(shop: Shop) -> None:
    """To the people of the next level, also when somebody has only seen it."""
    shop.see(State.LOW)
    shop.act(ActionKind.ACKNOWLEDGE)
    shop.wait(3 * HOUR)
    assert shop.told("boss") == [("escalation", 45.0, ("e1",))]
    assert shop.life().count("escalated") == 1


def test_what_somebody_has_claimed_is_not_escalated(shop: Shop) -> None:
    """The time begins again when the claim ends without a deed."""
    shop.see(State.LOW)
    shop.wait(40 * MINUTE)
    shop.act(ActionKind.CLAIM)
    shop.wait(30 * MINUTE)
    shop.wait(44 * MINUTE)
    assert shop.told("boss") == []
    shop.wait(MINUTE)
    assert shop.told("boss") == [("escalation", 115.0, ("e1",))]


def test_people_hear_only_of_their_aisles() -> None:
    """And nobody else's escalations."""
    shop = Shop(rules(Person("ben", aisles=frozenset({"a13"})), ANNA))
    shop.see(State.LOW)
    shop.wait(MINUTE)
    assert shop.told("ben") == []
    assert len(shop.told("anna")) == 1


def test_over_the_cap_comes_a_digest() -> None:
    """Two an hour, whatever happens; then one message about all that is still open."""
    shop = Shop(rules(Person("anna", pushes_per_hour=2), group_interval=MINUTE))
    for number, slot in enumerate(slots(9), 1):
        shop.see(State.LOW, slot)
        shop.wait(3 * MINUTE)
        assert len(shop.told()) == min(number, 2)
    shop.see(State.STOCKED, "b01/s1/p09")
    shop.wait(HOUR)
    digest = shop.told()[2]
    assert digest[:2] == ("digest", 60.5)
    assert set(digest[2]) == {f"e{number}" for number in range(3, 9)}


def test_a_digest_of_what_is_solved_is_not_sent() -> None:
    """Nor of what somebody has claimed meanwhile."""
    shop = Shop(rules(Person("anna", pushes_per_hour=1), group_interval=MINUTE))
    shop.see(State.LOW)
    shop.wait(2 * MINUTE)
    shop.see(State.LOW, "b01/s1/p02")
    shop.wait(2 * MINUTE)
    shop.act(ActionKind.CLAIM, "ben", slot="b01/s1/p02")
    shop.wait(10 * MINUTE)
    shop.see(State.STOCKED, "b01/s1/p02")
    shop.wait(HOUR)
    assert [kind for kind, _, _ in shop.told()] == ["new"]


def test_the_life_says_who_was_told_first(shop: Shop) -> None:
    """The first time stays, whatever is told later."""
    shop.see(State.LOW)
    shop.wait(5 * HOUR)
    assert shop.at().notified_utc == START + timedelta(seconds=30)
    assert shop.life()[:3] == ["opened", "notified", "escalated"]
