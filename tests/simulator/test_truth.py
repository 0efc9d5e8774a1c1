"""The truth about slots."""

from dataclasses import replace

import pytest

from shelf import Planogram, SlotId, State
from simulator.geometry import Camera
from simulator.items import Item
from simulator.layout import FacingId
from simulator.people import Person
from simulator.store import Store, StoreState
from simulator.truth import slot_truth, store_truth

CORN = SlotId(1, 2, 1)


@pytest.mark.parametrize(
    ("fronts", "state", "seen"),
    [
        (["100103"] * 3, State.STOCKED, 3),
        (["100103", "100103", None], State.STOCKED, 2),
        (["100103", None, None], State.LOW, 1),
        ([None, None, None], State.OUT_OF_STOCK, 0),
        (["100103", "100103", "100101"], State.MISPLACED, 2),
        (["100101", None, None], State.MISPLACED, 0),
    ],
)
def test_state_follows_from_the_fronts(
    planogram: Planogram, fronts: list[str | None], state: State, seen: int
) -> None:
    """The demo's corn flakes have 3 facings and are low below 2."""
    contents = {
        FacingId(CORN, column): (Item(sku, "", 185.0, 265.0, 2),) if sku else ()
        for column, sku in enumerate(fronts)
    }
    truth = slot_truth(planogram.slot(CORN), contents)
    assert (truth.state, truth.facings_seen) == (state, seen)


def test_a_substitute_counts(planogram: Planogram) -> None:
    """A SKU that may stand in is neither missing nor misplaced."""
    planned = replace(planogram.slot(CORN), substitutes=("100101",))
    contents = {FacingId(CORN, c): (Item("100101", "", 155.0, 255.0, 0),) for c in range(3)}
    assert slot_truth(planned, contents).state is State.STOCKED


def test_a_person_hides_the_slots_behind(store: Store, camera: Camera) -> None:
    """Visibility is whole without people, and falls where one stands, not elsewhere."""
    alone = store_truth(store, replace(store.at(0.0), people=()), {"c": camera})
    assert all(truth.visibility["c"] > 0.99 for truth in alone.values())
    person = Person(look=1, x_mm=250.0, z_mm=300.0)
    state = StoreState(0.0, store.at(0.0).contents, (person,))
    hidden = store_truth(store, state, {"c": camera})
    assert hidden[CORN].visibility["c"] < 0.8
    assert hidden[SlotId(2, 2, 3)].visibility["c"] > 0.99


def test_what_is_outside_the_picture_is_not_visible(store: Store, camera: Camera) -> None:
    """A camera that looks elsewhere sees nothing of a slot."""
    away = replace(camera, target_mm=(9000.0, 850.0, 0.0), position_mm=(9000.0, 1700.0, 2600.0))
    truths = store_truth(store, store.at(0.0), {"c": away})
    assert {truth.visibility["c"] for truth in truths.values()} == {0.0}
