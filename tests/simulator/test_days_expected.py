"""What a perfect observer would tell, on truths written by hand."""

from collections.abc import Sequence

import pytest

from shelf import SlotId, State
from simulator.days import (
    CameraSpan,
    ExpectedEvent,
    Observer,
    Reset,
    SlotFacts,
    SlotSpan,
    Truth,
    expected_events,
)
from simulator.days.truth import About

SLOT = SlotId(1, 1, 1)
RULES = Observer(confirm_secs=30, clear_secs=10)
END = 1000.0


def facts(state: State, *, foreign: str = "", is_plain: bool = True, sku: str = "a") -> SlotFacts:
    found = ((foreign, 1),) if foreign else ()
    return SlotFacts(sku, state, 0, 0, 0, found, is_plain)


STOCKED, EMPTY = facts(State.STOCKED), facts(State.OUT_OF_STOCK)


def truth(
    changes: Sequence[tuple[float, SlotFacts]],
    visible: Sequence[tuple[float, float]] = ((0.0, 1.0),),
    moved: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    resets: tuple[Reset, ...] = (),
) -> Truth:
    ends = [secs for secs, _ in changes[1:]] + [END]
    moves_end = [secs for secs, _ in moved[1:]] + [END]
    return Truth(
        About(1, 1, END, 1.0, 6.5, {"c1": (1,)}, ((0.0, "v1"),)),
        {SLOT: tuple(SlotSpan(s, e, f) for (s, f), e in zip(changes, ends, strict=True))},
        {SLOT: tuple(visible)},
        {"c1": tuple(CameraSpan(s, e, px) for (s, px), e in zip(moved, moves_end, strict=True))},
        resets,
    )


def problems(of: Truth) -> list[ExpectedEvent]:
    return [event for event in expected_events(of, RULES) if event.state.is_problem]


def test_a_state_is_known_after_confirm_secs() -> None:
    """An empty slot is told 30 s after it is empty, a full one again after 10 s."""
    events = expected_events(truth([(0, STOCKED), (100, EMPTY), (400, STOCKED)]), RULES)
    assert [(e.state, e.since_secs, e.known_secs, e.until_secs) for e in events] == [
        (State.STOCKED, 0.0, 10.0, 100.0),
        (State.OUT_OF_STOCK, 100.0, 130.0, 400.0),
        (State.STOCKED, 400.0, 410.0, END),
    ]
    assert [e.previous for e in events] == [State.UNKNOWN, State.STOCKED, State.OUT_OF_STOCK]


def test_what_is_over_soon_is_never_told() -> None:
    """A slot that is filled again within 30 s makes no event, nor does its being full."""
    assert len(expected_events(truth([(0, STOCKED), (100, EMPTY), (129, STOCKED)]), RULES)) == 1


def test_hidden_time_is_no_evidence() -> None:
    """Evidence waits while a shopper stands there, and goes on afterwards."""
    shopper = [(0.0, 1.0), (110.0, 0.2), (200.0, 0.9)]
    (event,) = problems(truth([(0, STOCKED), (100, EMPTY)], visible=shopper))
    assert (event.seen_secs, event.known_secs) == (100.0, 220.0)


@pytest.mark.parametrize(
    "hindered",
    [
        truth([(0, STOCKED), (100, EMPTY), (300, STOCKED)], visible=[(0.0, 1.0), (90.0, 0.5)]),
        truth([(0, STOCKED), (100, EMPTY)], moved=[(0.0, 0.0), (90.0, 8.0)]),
        truth([(0, STOCKED), (100, EMPTY)], resets=(Reset(90.0, 1000.0, (SLOT,), "v2"),)),
        truth([(0, STOCKED), (100, facts(State.OUT_OF_STOCK, is_plain=False))]),
    ],
)
def test_what_cannot_be_seen_is_not_expected(hindered: Truth) -> None:
    """Half hidden, a camera that has moved, a reset, units that stand too far back to be seen."""
    assert problems(hindered) == []


def test_a_misplaced_item_is_named() -> None:
    """Another foreign SKU is another event."""
    first = facts(State.MISPLACED, foreign="b")
    second = facts(State.MISPLACED, foreign="c")
    found = problems(truth([(0, STOCKED), (100, first), (200, second)]))
    assert [event.foreign for event in found] == [("b",), ("c",)]


def test_a_slot_with_another_sku_planned_is_judged_anew() -> None:
    """After a promotion the same state of the new SKU is news."""
    events = expected_events(truth([(0, EMPTY), (500, facts(State.OUT_OF_STOCK, sku="n"))]), RULES)
    assert [(e.sku, e.known_secs) for e in events] == [("a", 30.0), ("n", 530.0)]
