"""What people do about alerts, and what they are answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alert_site import MINUTE, SLOT, START, Shop, rules

from central.alerts import HeldBy
from shelf.states import CameraState, State
from shelf.wire import ActionKind, ActionOutcome, AlertPhase

HOUR = timedelta(hours=1)

SILENCES = {
    ActionKind.ACKNOWLEDGE: (AlertPhase.ACKNOWLEDGED, 30 * MINUTE),
    ActionKind.CLAIM: (AlertPhase.CLAIMED, 30 * MINUTE),
    ActionKind.DONE: (AlertPhase.DONE, 10 * MINUTE),
    ActionKind.NO_STOCK: (AlertPhase.NO_STOCK, 12 * HOUR),
}


@pytest.fixture
def shop() -> Shop:
    shop = Shop(rules(escalation=()))  # type: ignore[arg-type]
    shop.see(State.LOW)
    return shop


@pytest.mark.parametrize("kind", SILENCES)
def test_an_action_silences_for_a_time(shop: Shop, kind: ActionKind) -> None:
    """Who did it is known, nothing is told meanwhile, and then the alert is everybody's again."""
    phase, lasts = SILENCES[kind]
    assert shop.act(kind).outcome is ActionOutcome.APPLIED
    alert = shop.at()
    assert (alert.phase, alert.by, alert.until_utc) == (phase, "anna", START + lasts)
    shop.wait(lasts - MINUTE)
    assert shop.told() == []
    shop.wait(2 * MINUTE)
    alert = shop.at()
    assert (alert.phase, alert.by, alert.turn) == (AlertPhase.OPEN, None, 1)
    assert [name for _, _, name in shop.told()] == [("e1",)]


def test_the_camera_has_the_last_word(shop: Shop) -> None:
    """Done is done when the camera has seen it; the life of the alert says who and when."""
    shop.act(ActionKind.CLAIM, "anna")
    shop.wait(3 * MINUTE)
    shop.act(ActionKind.DONE, "anna")
    shop.wait(MINUTE)
    shop.see(State.STOCKED)
    steps = [(s.step.value, (s.time_utc - START) / MINUTE, s.by) for s in shop.steps]
    assert steps == [
        ("opened", 0, None),
        ("claimed", 0, "anna"),
        ("done", 3, "anna"),
        ("stocked", 4, None),
    ]


def test_done_that_nobody_sees_opens_again(shop: Shop) -> None:
    """It is news again, and says why."""
    shop.act(ActionKind.DONE)
    shop.wait(11 * MINUTE)
    assert shop.life() == ["opened", "done", "reopened", "notified"]


def test_done_waits_for_a_camera_that_can_see(shop: Shop) -> None:
    """Whoever stands before the slot, or a dark camera, is not held against the one who did it."""
    shop.act(ActionKind.DONE)
    shop.camera(CameraState.DARK)
    shop.wait(HOUR)
    assert shop.at().phase is AlertPhase.DONE
    shop.camera(CameraState.OK)
    shop.wait(9 * MINUTE)
    assert shop.at().phase is AlertPhase.DONE
    shop.wait(MINUTE)
    assert shop.at().phase is AlertPhase.OPEN


def test_done_waits_for_a_slot_that_can_be_seen(shop: Shop) -> None:
    """The time begins again when a problem is seen again."""
    shop.act(ActionKind.DONE)
    shop.see(State.UNKNOWN)
    shop.wait(HOUR)
    assert shop.at().phase is AlertPhase.DONE
    shop.see(State.LOW)
    shop.wait(9 * MINUTE)
    assert shop.at().phase is AlertPhase.DONE
    shop.wait(MINUTE)
    assert shop.at().phase is AlertPhase.OPEN


def test_two_claims_at_once_have_one_winner(shop: Shop) -> None:
    """The second is told who was first; the first may ask again."""
    assert shop.act(ActionKind.CLAIM, "anna").outcome is ActionOutcome.APPLIED
    second = shop.act(ActionKind.CLAIM, "ben")
    assert (second.outcome, second.detail) == (
        ActionOutcome.TAKEN,
        "claimed by anna since 09:00",
    )
    assert second.by == "anna"
    assert shop.act(ActionKind.CLAIM, "anna").outcome is ActionOutcome.UNCHANGED
    assert shop.at().by == "anna"


def test_whoever_fills_it_may_say_so(shop: Shop) -> None:
    """Also when somebody else had claimed it."""
    shop.act(ActionKind.CLAIM, "anna")
    assert shop.act(ActionKind.DONE, "ben").outcome is ActionOutcome.APPLIED
    assert shop.at().by == "ben"


@pytest.mark.parametrize("first", [ActionKind.CLAIM, ActionKind.DONE, ActionKind.NO_STOCK])
def test_seen_takes_nothing_back(shop: Shop, first: ActionKind) -> None:
    """Who says that they have seen it does not take it from who does something about it."""
    shop.act(first, "anna")
    answer = shop.act(ActionKind.ACKNOWLEDGE, "ben")
    assert answer.outcome is ActionOutcome.UNCHANGED
    assert shop.at().by == "anna"


def test_an_action_on_a_closed_alert_is_told_so(shop: Shop) -> None:
    """And does nothing: closed alerts stay closed."""
    shop.see(State.STOCKED)
    assert shop.act(ActionKind.DONE, alert="e1").outcome is ActionOutcome.CLOSED
    assert shop.open == []


def test_a_phone_that_was_away_says_when_it_was(shop: Shop) -> None:
    """The step has the time of the tap, the silence begins when it is heard of."""
    shop.wait(HOUR)
    shop.act(ActionKind.CLAIM, at=START + 40 * MINUTE)
    step = shop.steps[-1]
    assert step.time_utc == START + 40 * MINUTE
    assert shop.at().until_utc == START + 90 * MINUTE


def test_a_wrong_alarm_closes_and_mutes(shop: Shop) -> None:
    """The same state of the slot is nobody's task until the camera has seen it filled."""
    shop.act(ActionKind.WRONG_ALARM)
    assert shop.alerts["e1"].closed_reason == "wrong_alarm"
    shop.see(State.LOW)
    shop.see(State.UNKNOWN)
    shop.see(State.LOW)
    assert shop.open == []
    shop.see(State.STOCKED)
    shop.see(State.LOW)
    assert len(shop.open) == 1


def test_a_worse_state_is_another_problem(shop: Shop) -> None:
    """Who called "low" wrong has not said anything of "out of stock"; both can be muted."""
    shop.act(ActionKind.WRONG_ALARM)
    shop.see(State.OUT_OF_STOCK)
    second = shop.at()
    assert second.alert != "e1"
    shop.act(ActionKind.WRONG_ALARM)
    shop.see(State.LOW)
    assert shop.open == []


def test_a_mute_ends(shop: Shop) -> None:
    """After a day the problem that is still seen is an alert of its own; the old one stays."""
    shop.act(ActionKind.WRONG_ALARM)
    shop.wait(timedelta(hours=24))
    (alert,) = shop.open
    assert alert.alert == "e1.next"
    assert shop.alerts["e1"].closed_reason == "wrong_alarm"


TAKEN_BACK = [ActionKind.DONE, ActionKind.NO_STOCK, ActionKind.WRONG_ALARM]


@pytest.mark.parametrize("kind", TAKEN_BACK)
def test_an_action_can_be_taken_back(shop: Shop, kind: ActionKind) -> None:
    """Everything is as before, and the life says that it was."""
    shop.act(ActionKind.CLAIM, "ben")
    before = shop.at()
    done = shop.act(kind, "anna")
    undone = shop.act(ActionKind.UNDO, "anna", alert="e1", undoes=done.action)
    assert undone.outcome is ActionOutcome.APPLIED
    after = shop.at()
    assert (after.phase, after.by, after.until_utc) == (before.phase, "ben", before.until_utc)
    assert (after.closed_utc, after.closed_reason) == (None, None)
    assert shop.life()[-1] == "undone"
    assert shop.state.memory.mutes == {}


def test_only_who_did_it_takes_it_back_and_only_soon(shop: Shop) -> None:
    """And only what was last."""
    done = shop.act(ActionKind.DONE, "anna")
    other = shop.act(ActionKind.UNDO, "ben", undoes=done.action)
    assert (other.outcome, other.detail) == (
        ActionOutcome.TAKEN,
        "only anna can take that back",
    )
    assert shop.act(ActionKind.UNDO, undoes="action-0").outcome is ActionOutcome.TOO_LATE
    shop.wait(2 * MINUTE)
    assert shop.act(ActionKind.UNDO, undoes=done.action).outcome is ActionOutcome.TOO_LATE
    assert shop.at().phase is AlertPhase.DONE


def test_a_wrong_alarm_is_not_taken_back_over_what_the_camera_saw(shop: Shop) -> None:
    """The slot was filled since: there is nothing to open again."""
    wrong = shop.act(ActionKind.WRONG_ALARM)
    shop.see(State.STOCKED)
    answer = shop.act(ActionKind.UNDO, alert="e1", undoes=wrong.action)
    assert answer.outcome is ActionOutcome.TOO_LATE
    assert shop.open == []


def test_a_wrong_alarm_taken_back_knows_what_is_seen_now(shop: Shop) -> None:
    """A shopper came between: the alert is open, and its slot cannot be seen."""
    wrong = shop.act(ActionKind.WRONG_ALARM)
    shop.see(State.UNKNOWN)
    shop.act(ActionKind.UNDO, alert="e1", undoes=wrong.action)
    assert shop.at().is_blind


def test_holding_leaves_the_undo_alone(shop: Shop) -> None:
    """That a camera went dark is no reason why a tap could not be taken back."""
    done = shop.act(ActionKind.DONE)
    shop.camera(CameraState.DARK)
    shop.act(ActionKind.UNDO, undoes=done.action)
    assert (shop.at().phase, shop.at().held_by) == (AlertPhase.OPEN, HeldBy.CAMERA)
    assert shop.at().place.slot == SLOT


def test_a_wrong_alarm_s_problem_outlives_what_cannot_be_seen(shop: Shop) -> None:
    """A shopper comes while nobody wants to hear of it: later it is told again, as unseen."""
    shop.act(ActionKind.WRONG_ALARM)
    shop.see(State.UNKNOWN)
    shop.wait(timedelta(hours=25))
    assert shop.at().is_blind
