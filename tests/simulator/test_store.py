"""The life of the demo store."""

import pytest

from shelf import Planogram, SlotId, State
from simulator.scenario import Scenario
from simulator.site import DEMO
from simulator.store import Store
from simulator.truth import slot_truth

CORN_FLAKES, APPLE_JUICE = SlotId(1, 2, 1), SlotId(2, 1, 3)
TORTILLA_CHIPS = SlotId(2, 4, 2)


def states(store: Store, seconds: float) -> dict[SlotId, State]:
    contents = store.at(seconds).contents
    return {slot.id: slot_truth(slot, contents).state for slot in store.planogram.slots}


def test_the_store_is_a_function_of_seed_and_time(planogram: Planogram, store: Store) -> None:
    """A second store of the same seed agrees at any time; one of another seed does not."""
    twin, other = Store(planogram, 7, DEMO), Store(planogram, 8, DEMO)
    later = [1500.0, 40.0, 95.0]
    assert [twin.at(t) for t in later] == [store.at(t) for t in later]
    assert [other.at(t) for t in later] != [store.at(t) for t in later]


@pytest.mark.parametrize("seed", [1, 7, 12])
def test_the_demo_shows_what_there_is_to_see(planogram: Planogram, seed: int) -> None:
    """One slot is empty by 60 s, one misplaced by 90 s, one restocked by 150 s, for any seed."""
    store = Store(planogram, seed, DEMO)
    assert set(states(store, 0.0).values()) == {State.STOCKED}
    assert states(store, 30.0)[CORN_FLAKES] is State.OUT_OF_STOCK
    assert states(store, 60.0)[APPLE_JUICE] is State.OUT_OF_STOCK
    assert states(store, 90.0)[TORTILLA_CHIPS] is State.MISPLACED
    assert State.LOW in states(store, 90.0).values()
    assert states(store, 150.0)[CORN_FLAKES] is State.STOCKED
    assert states(store, 150.0)[APPLE_JUICE] is State.OUT_OF_STOCK


def test_nobody_stands_before_the_empty_slot_for_long(store: Store) -> None:
    """The person who has emptied the first slot has gone 10 s later."""
    emptied = next(t for t in range(60) if states(store, t)[CORN_FLAKES] is State.OUT_OF_STOCK)
    standing = [p for p in store.at(emptied + 10.0).people if p.heading == 0]
    assert not standing


def test_each_round_starts_with_full_shelves(store: Store) -> None:
    """At the end of a round all is as at its start, so that time can run on for ever."""
    end = store.scenario.round_secs
    assert store.at(end - 0.1).contents == store.at(0.0).contents
    assert store.at(7 * end).contents == store.at(0.0).contents


def test_later_rounds_go_on(store: Store) -> None:
    """A round without a script empties slots, too, and not the same ones each time."""
    end = store.scenario.round_secs
    problems = [
        {slot for slot, state in states(store, n * end + 500.0).items() if state.is_problem}
        for n in (1, 2, 3)
    ]
    assert all(problems)
    assert problems[0] != problems[1]


def test_before_the_start_there_is_no_store(store: Store) -> None:
    """Negative seconds are refused."""
    with pytest.raises(ValueError, match="0 or more"):
        store.at(-1.0)


def test_tidying_must_fit_into_a_round() -> None:
    """A scenario whose tidying takes longer than half of it is refused."""
    with pytest.raises(ValueError, match="tidy_secs"):
        Scenario(round_secs=100.0, tidy_secs=90.0)
