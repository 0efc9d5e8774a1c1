"""The test that ends a calibration, as a pure function of what was heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calibration.tool.sign_off import SignOff, Stage, easiest_slot
from calibration.tool.site import Heard
from shelf import SlotId, State
from shelf.wire import Facings, SlotChanged
from simulator.site import demo_planogram

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SLOT = SlotId(1, 2, 1)


def heard(state: State, secs: float) -> Heard:
    changed = SlotChanged(
        state=state,
        previous=State.UNKNOWN,
        since=NOW,
        sku="1",
        facings=Facings(expected=3, seen=0),
        confidence=0.9,
        observed_secs=1,
        planogram="p",
        model="m",
        calibration="c1-1",
    )
    return Heard(changed, NOW + timedelta(seconds=secs))


@pytest.mark.parametrize(
    ("told", "stage"),
    [
        ([], Stage.EMPTY_IT),
        ([(State.OUT_OF_STOCK, -5)], Stage.EMPTY_IT),
        ([(State.STOCKED, 5)], Stage.EMPTY_IT),
        ([(State.UNKNOWN, 5)], Stage.EMPTY_IT),
        ([(State.OUT_OF_STOCK, 5)], Stage.FILL_IT),
        ([(State.LOW, 3), (State.OUT_OF_STOCK, 5)], Stage.FILL_IT),
        ([(State.OUT_OF_STOCK, 5), (State.LOW, 9)], Stage.FILL_IT),
        ([(State.OUT_OF_STOCK, 5), (State.UNKNOWN, 9)], Stage.FILL_IT),
        ([(State.OUT_OF_STOCK, 5), (State.STOCKED, 9)], Stage.PASSED),
        ([(State.OUT_OF_STOCK, -5), (State.STOCKED, 9)], Stage.EMPTY_IT),
    ],
)
def test_an_alert_and_its_clearing_pass(told: list[tuple[State, float]], stage: Stage) -> None:
    """Only a problem after the beginning counts, and only stocked after it clears."""
    test = SignOff(SLOT, "Ana", NOW)
    assert test.after(heard(*one) for one in told).stage is stage


def test_hearing_the_same_again_changes_nothing() -> None:
    """What was heard is told anew with each question."""
    told = [heard(State.OUT_OF_STOCK, 5), heard(State.STOCKED, 9)]
    once = SignOff(SLOT, "Ana", NOW).after(told)
    assert once.after([*told, heard(State.OUT_OF_STOCK, 20)]) == once


def test_the_suggested_slot_has_few_facings() -> None:
    """Nobody clears away four facings where two are enough."""
    planogram = demo_planogram()
    suggested = easiest_slot(planogram, [1])
    assert suggested is not None
    assert planogram.slot(suggested).facings == 2
    assert easiest_slot(planogram, []) is None
