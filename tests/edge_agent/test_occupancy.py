"""Slot states over time: hysteresis, staleness, and that unseen is never empty."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.occupancy import Rules, SlotMemory, age, first_memory, observe
from shelf import Found, PlannedSlot, SlotId, SlotReading, State

RULES = Rules(confirm_secs=30, clear_secs=10, stale_secs=100)
GAP_SECS = 20.0
START = datetime(2026, 1, 1, tzinfo=UTC)
SLOT = PlannedSlot(SlotId(1, 1, 1), "A", "Apples", 2, 0.0, 100.0, 100.0)


def reading(
    state: State, confidence: float = 0.9, sku: str | None = None, visibility: float = 0.9
) -> SlotReading:
    """Return a reading of a slot at whose edge something moves."""
    found = () if sku is None else (Found(sku, 0.9, (0, 0, 1, 1)),)
    return SlotReading(SLOT.id, state, confidence, 2, 0, visibility, "because", found)


def run(steps: list[tuple[float, SlotReading]], memory: SlotMemory | None = None) -> SlotMemory:
    memory = memory or first_memory(SLOT, 0.0, START)
    for secs, step in steps:
        memory = observe(memory, step, RULES, secs, START + timedelta(seconds=secs), GAP_SECS)
        memory = age(memory, RULES, secs, START + timedelta(seconds=secs))
    return memory


def every(secs: float, start: float, end: float, state: State) -> list[tuple[float, SlotReading]]:
    count = int((end - start) / secs) + 1
    return [(start + k * secs, reading(state)) for k in range(count)]


STOCKED = every(5, 0, 20, State.STOCKED)


def test_a_problem_opens_after_its_seconds_of_evidence() -> None:
    """Not before `confirm_secs`, counted from the first look that saw it."""
    assert run(STOCKED + every(5, 25, 50, State.OUT_OF_STOCK)).held.state is State.STOCKED
    held = run(STOCKED + every(5, 25, 55, State.OUT_OF_STOCK)).held
    assert held.state is State.OUT_OF_STOCK
    assert held.previous is State.STOCKED
    assert held.since_utc == START + timedelta(seconds=25)
    assert held.observed_secs == 30


def test_it_closes_after_fewer() -> None:
    """`clear_secs` of stocked looks end a problem."""
    opened = STOCKED + every(5, 25, 55, State.OUT_OF_STOCK)
    assert run(opened + every(5, 60, 65, State.STOCKED)).held.state is State.OUT_OF_STOCK
    assert run(opened + every(5, 60, 70, State.STOCKED)).held.state is State.STOCKED


def test_flicker_never_adds_up() -> None:
    """A detector that misses every other look opens nothing, however long."""
    steps = [
        (25.0 + 5 * k, reading(State.OUT_OF_STOCK if k % 2 else State.STOCKED)) for k in range(200)
    ]
    assert run(STOCKED + steps).held.state is State.STOCKED


def test_looks_far_apart_prove_little() -> None:
    """Ten minutes between two looks are not ten minutes of evidence."""
    steps = [(25.0, reading(State.OUT_OF_STOCK)), (90.0, reading(State.OUT_OF_STOCK))]
    assert run(STOCKED + steps).held.state is State.STOCKED


def test_time_behind_a_shopper_is_no_evidence() -> None:
    """One look before and one after somebody stood there for a minute do not open an alert."""
    hidden = [(secs, reading(State.UNKNOWN)) for secs in range(30, 90, 5)]
    steps = [(25.0, reading(State.OUT_OF_STOCK)), *hidden, (90.0, reading(State.OUT_OF_STOCK))]
    after = run(STOCKED + steps)
    assert after.held.state is State.STOCKED
    assert run(every(5, 95, 120, State.OUT_OF_STOCK), after).held.state is State.OUT_OF_STOCK


def test_old_evidence_is_forgotten() -> None:
    """What was seen once, hours ago, says nothing about since when it is so."""
    first = run([(10.0, reading(State.OUT_OF_STOCK))])
    later = run(every(5, 28_800, 28_830, State.OUT_OF_STOCK), first)
    assert later.held.state is State.OUT_OF_STOCK
    assert later.held.since_utc == START + timedelta(seconds=28_800)


def test_the_planned_product_beside_a_stranger_changes_nothing() -> None:
    """A facing of the right product that flickers is no new misplaced item."""
    both = (Found("X", 0.9, (0, 0, 1, 1)), Found("A", 0.9, (0, 0, 1, 1)))
    alone = [(25.0 + 5 * k, reading(State.MISPLACED, sku="X")) for k in range(8)]
    beside = [
        (65.0 + 5 * k, replace(reading(State.MISPLACED), found=both[: 1 + k % 2]))
        for k in range(12)
    ]
    since = run(STOCKED + alone).held.since_utc
    assert run(beside, run(STOCKED + alone)).held.since_utc == since


def test_weak_evidence_counts_less() -> None:
    """Half-way from the least to full confidence, the same state needs twice as long."""
    weak = [(25.0 + 5 * k, reading(State.OUT_OF_STOCK, 0.575)) for k in range(12)]
    assert run(STOCKED + weak).held.state is State.STOCKED
    weak = [(25.0 + 5 * k, reading(State.OUT_OF_STOCK, 0.575)) for k in range(14)]
    assert run(STOCKED + weak).held.state is State.OUT_OF_STOCK
    least = [(25.0 + 5 * k, reading(State.OUT_OF_STOCK, 0.4)) for k in range(200)]
    assert run(STOCKED + least).held.state is State.STOCKED


def still(steps: list[tuple[float, SlotReading]]) -> list[tuple[float, SlotReading]]:
    """Return the same looks, at which nothing moves."""
    return [(secs, replace(step, visibility=1.0)) for secs, step in steps]


def test_what_has_not_moved_has_hardly_changed() -> None:
    """Without any motion since it was seen stocked, a slot needs four times the evidence."""
    calm = still(STOCKED + every(5, 25, 140, State.OUT_OF_STOCK))
    assert run(calm).held.state is State.STOCKED
    assert run([*calm, (145.0, calm[-1][1])]).held.state is State.OUT_OF_STOCK


@pytest.mark.parametrize(
    "moving",
    [reading(State.UNKNOWN, visibility=0.0), reading(State.STOCKED), reading(State.OUT_OF_STOCK)],
)
def test_one_look_that_moves_is_enough(moving: SlotReading) -> None:
    """Who stood before the slot, or reached into it, may have emptied it."""
    steps = [*still(STOCKED), (25.0, moving), *still(every(5, 30, 60, State.OUT_OF_STOCK))]
    assert run(steps).held.state is State.OUT_OF_STOCK


def test_a_blind_time_may_have_changed_anything() -> None:
    """Nobody knows what moved while there were no looks, or while the agent was off."""
    late = still(every(5, 60, 90, State.OUT_OF_STOCK))
    assert run(still(STOCKED) + late).held.state is State.OUT_OF_STOCK
    memory = run(still(STOCKED))
    again = SlotMemory.from_json(SLOT, memory.to_json(), 20.0, START + timedelta(seconds=20))
    assert run(still(every(5, 25, 55, State.OUT_OF_STOCK)), again).held.state is State.OUT_OF_STOCK


def test_a_problem_ends_without_motion() -> None:
    """A problem that was none is taken back as soon as before."""
    opened = STOCKED + every(5, 25, 55, State.OUT_OF_STOCK)
    closed = run(opened + still(every(5, 60, 75, State.STOCKED)))
    assert closed.held.state is State.STOCKED


def test_an_unseen_slot_becomes_unknown_with_the_reason() -> None:
    """After `stale_secs` without a look; unknown looks do not count as looks."""
    hidden = every(5, 25, 115, State.UNKNOWN)
    assert run(STOCKED + hidden).held.state is State.STOCKED
    held = run(STOCKED + every(5, 25, 125, State.UNKNOWN)).held
    assert (held.state, held.previous) == (State.UNKNOWN, State.STOCKED)
    assert held.reason == "not seen for 100 s"
    assert held.since_utc == START + timedelta(seconds=STOCKED[-1][0])


def test_another_foreign_product_is_another_state() -> None:
    """A misplaced item that is replaced by a different one is told again."""
    first = [(25.0 + 5 * k, reading(State.MISPLACED, sku="X")) for k in range(8)]
    second = [(65.0 + 5 * k, reading(State.MISPLACED, sku="Y")) for k in range(8)]
    after_first = run(STOCKED + first)
    after_second = run(second, after_first)
    assert after_first.held.found[0].sku == "X"
    assert after_second.held.found[0].sku == "Y"
    assert after_second.held.since_utc == START + timedelta(seconds=65)


def test_old_looks_are_ignored() -> None:
    """A look from before the last one changes nothing."""
    memory = run(STOCKED)
    assert run([(3.0, reading(State.OUT_OF_STOCK))], memory) == memory


def test_memory_survives_a_restart() -> None:
    """What is written to the disk reads back, without the candidate."""
    memory = run(STOCKED + [(25.0 + 5 * k, reading(State.MISPLACED, sku="X")) for k in range(8)])
    now_utc = memory.last_seen_utc + timedelta(seconds=40)
    again = SlotMemory.from_json(SLOT, memory.to_json(), 1000.0, now_utc)
    assert again.held == memory.held
    assert again.last_seen_secs == 960.0


states = st.sampled_from([State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.UNKNOWN])


@given(st.lists(st.tuples(st.floats(0.5, 60), states), max_size=60))
def test_no_problem_without_its_seconds(steps: list[tuple[float, State]]) -> None:
    """Whatever is seen, a problem has at least `confirm_secs` of looks behind it."""
    memory, now = first_memory(SLOT, 0.0, START), 0.0
    for pause, state in steps:
        now += pause
        before = memory
        memory = observe(
            memory, reading(state), RULES, now, START + timedelta(seconds=now), GAP_SECS
        )
        changed = memory.held.state is not before.held.state
        if changed and memory.held.state.is_problem:
            assert memory.held.observed_secs >= RULES.confirm_secs
        if state is State.UNKNOWN:
            assert memory == before


@pytest.mark.parametrize("field", ["confirm_secs", "stale_secs", "min_confidence"])
def test_rules_refuse_negative_values(field: str) -> None:
    """Durations and shares are checked."""
    with pytest.raises(ValueError, match="greater than"):
        Rules(**{field: -1})
