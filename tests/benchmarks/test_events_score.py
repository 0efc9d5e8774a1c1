"""What the benchmark of decisions counts as right, wrong, missed and late."""

from dataclasses import replace

import pytest
from events_figures import figures
from events_score import Outcome, Pace, Score, Told, score

from shelf import SlotId, State
from simulator.days import CameraSpan, SlotFacts, SlotSpan, Truth
from simulator.days.promotion import Reset
from simulator.days.truth import About

SLOT = SlotId(1, 2, 3)
PACE = Pace(every_secs=10, confirm_secs=40, clear_secs=20, stale_secs=200)
OUT, LOW, WRONG = State.OUT_OF_STOCK, State.LOW, State.MISPLACED
END = 1000.0


def facts(state: State, *foreign: str, is_plain: bool = True) -> SlotFacts:
    found = tuple((sku, 1) for sku in foreign)
    return SlotFacts("10.1", state, 0, 0, 0, found, is_plain)


def truth_of(
    *states: tuple[float, SlotFacts],
    visible: tuple[tuple[float, float], ...] = ((0.0, 1.0),),
    moved: tuple[tuple[float, float], ...] = ((0.0, 0.0),),
) -> Truth:
    """Return the truth of one slot from (second, facts), and of its camera."""
    ends = [secs for secs, _ in states[1:]] + [END]
    spans = tuple(SlotSpan(s, e, f) for (s, f), e in zip(states, ends, strict=True))
    ends = [secs for secs, _ in moved[1:]] + [END]
    cameras = tuple(CameraSpan(s, e, px) for (s, px), e in zip(moved, ends, strict=True))
    about = About(0, 0, END, 24.0, 6.5, {"c1": (1,)}, ((0.0, "v1"),))
    return Truth(about, {SLOT: spans}, {SLOT: visible}, {"c1": cameras}, ())


def judged(truth: Truth, *told: tuple[float, State] | Told) -> Score:
    """Score what was told of the slot, as (second, state)."""
    return score(
        truth, "c1", [t if isinstance(t, Told) else Told(t[0], SLOT, t[1]) for t in told], PACE
    )


def outcomes(scored: Score) -> list[Outcome]:
    return [alert.outcome for alert in scored.alerts]


GONE = truth_of((0, facts(State.STOCKED)), (300, facts(OUT)), (600, facts(State.STOCKED)))


def test_what_a_perfect_observer_tells_is_right() -> None:
    """Each state told when it is known: all is told, nothing is wrong, nothing is late."""
    scored = judged(GONE, (20, State.STOCKED), (340, OUT), (620, State.STOCKED))
    assert outcomes(scored) == [Outcome.TRUE]
    table = figures([scored])
    assert table["precision"] == table["recall"] == table["recall_of_ends"] == 1
    assert table["delay_p95_looks"] == table["end_delay_p95_looks"] == 0
    assert table["false_alerts_per_day"] == table["alerts_while_covered"] == 0


def test_an_alert_of_what_is_not_so_is_false() -> None:
    """Of a stocked slot, of another state, and before it is so."""
    scored = judged(GONE, (100, OUT), (280, OUT), (350, LOW))
    assert outcomes(scored) == [Outcome.FALSE] * 3
    assert figures([scored])["false_alerts_per_day"] == 3
    assert figures([scored])["precision"] == 0


@pytest.mark.parametrize(("secs", "outcome"), [(610, Outcome.TRUE), (630, Outcome.FALSE)])
def test_an_alert_may_be_two_looks_late(secs: float, outcome: Outcome) -> None:
    """Who could look twice at the filled slot must not call it empty any more."""
    assert outcomes(judged(GONE, (secs, OUT))) == [outcome]


def test_nobody_knows_that_a_hidden_state_has_ended() -> None:
    """While the slot is hidden, what was last seen of it may be told."""
    hidden = replace(GONE, visible={SLOT: ((0.0, 1.0), (590.0, 0.0), (700.0, 1.0))})
    assert outcomes(judged(hidden, (690, OUT))) == [Outcome.TRUE]
    assert judged(hidden, (690, OUT)).alerts[0].is_covered


def test_an_event_that_nobody_tells_is_missed() -> None:
    """Its state is not told in its time: neither before nor long after."""
    scored = judged(GONE, (100, OUT), (110, State.STOCKED), (700, OUT))
    assert [met.is_missed for met in scored.problems] == [True]
    assert figures([scored])["recall"] == 0


def test_a_late_alert_is_told_with_its_delay() -> None:
    """Delay counts from the second at which a perfect observer knows, in looks."""
    (met,) = judged(GONE, (400, OUT)).problems
    assert met.delay_looks == 6


def test_a_state_held_already_is_told() -> None:
    """A state that is so again before the agent has taken it back needs no second alert."""
    again = truth_of(
        (0, facts(OUT)), (300, facts(State.STOCKED)), (330, facts(OUT)), (600, facts(LOW))
    )
    scored = judged(again, (40, OUT))
    assert [met.delay_looks for met in scored.problems if met.event.state is OUT] == [0, 0]


def test_a_problem_never_told_has_no_late_end() -> None:
    """That the slot is told to be stocked again after a dark night says nothing of the end."""
    scored = judged(GONE, (20, State.STOCKED), (800, State.UNKNOWN), (900, State.STOCKED))
    assert [met.delay_looks for met in scored.clears] == [0]


def test_a_brief_event_need_not_be_met() -> None:
    """What ends three looks after it could be known is neither told nor missed."""
    brief = truth_of((0, facts(State.STOCKED)), (300, facts(OUT)), (365, facts(State.STOCKED)))
    (met,) = judged(brief).problems
    assert met.is_brief
    assert not met.is_missed
    assert figures([judged(brief)])["expected"] == 0


def test_the_same_problem_twice_is_repeated() -> None:
    """Flapping is an error, though each alert alone would be true."""
    scored = judged(GONE, (340, OUT), (400, State.STOCKED), (450, OUT))
    assert outcomes(scored) == [Outcome.TRUE, Outcome.REPEATED]
    assert figures([scored])["precision"] == 0.5


def test_an_end_that_is_none_is_false() -> None:
    """Whoever takes an alert back while the problem lasts is wrong; after it he is right."""
    scored = judged(GONE, (340, OUT), (400, State.STOCKED), (450, OUT), (620, State.STOCKED))
    assert [end.told.secs for end in scored.false_ends] == [400]
    assert figures([scored])["false_ends_per_day"] == 1


def test_who_could_not_see_may_tell_again() -> None:
    """After the slot was hidden until it went stale, its problem is told anew, and rightly."""
    hidden = truth_of((0, facts(OUT)), visible=((0.0, 1.0), (200.0, 0.0), (500.0, 1.0)))
    scored = judged(hidden, (40, OUT), (420, State.UNKNOWN), (560, OUT))
    assert outcomes(scored) == [Outcome.TRUE, Outcome.AGAIN]
    moved = truth_of((0, facts(OUT)), moved=((0.0, 0.0), (200.0, 40.0), (300.0, 0.0)))
    scored = judged(moved, (40, OUT), (230, State.UNKNOWN), (360, OUT))
    assert outcomes(scored) == [Outcome.TRUE, Outcome.AGAIN]
    reset = replace(truth_of((0, facts(OUT))), resets=(Reset(200.0, 300.0, (), "v2"),))
    scored = judged(reset, (40, OUT), (210, State.UNKNOWN), (360, OUT))
    assert outcomes(scored) == [Outcome.TRUE, Outcome.AGAIN]


def test_an_alert_while_nothing_can_be_seen_is_counted() -> None:
    """Raised while a slot is covered or its camera is moved, be it true or false."""
    covered = truth_of((0, facts(State.STOCKED)), visible=((0.0, 1.0), (300.0, 0.2)))
    assert figures([judged(covered, (400, OUT))])["alerts_while_covered"] == 1
    moved = truth_of((0, facts(OUT)), moved=((0.0, 0.0), (300.0, 12.0)))
    assert figures([judged(moved, (400, OUT))])["alerts_while_moved"] == 1


def test_the_wrong_sku_is_not_the_right_one() -> None:
    """A misplaced product must be named; one that is not there, or none, is wrong."""
    wrong = truth_of((0, facts(WRONG, "20.5", "10.1")))
    named = {
        names: judged(wrong, Told(40, SLOT, WRONG, names)).alerts[0].is_named
        for names in [("20.5",), ("20.6",), (None,), ("20.5", "20.6"), ()]
    }
    assert list(named.values()) == [True, False, False, False, False]
    scored = [judged(wrong, Told(40, SLOT, WRONG, (sku,))) for sku in ("20.5", "20.6")]
    assert figures(scored)["misplaced_named"] == 0.5
    assert figures(scored)["precision"] == 1


def test_what_nobody_can_see_is_neither_right_nor_wrong() -> None:
    """Facings too far back to be seen: an alert of an empty slot is not plain."""
    hidden = truth_of((0, facts(State.STOCKED, is_plain=False)))
    scored = judged(hidden, (100, OUT))
    assert outcomes(scored) == [Outcome.NOT_PLAIN]
    assert figures([scored])["not_plain_alerts_per_day"] == 1
    assert figures([scored])["false_alerts_per_day"] == 0


def test_a_reset_holds_back_what_is_expected() -> None:
    """An event that could be known in a reset of the aisle is late only after it."""
    reset = replace(GONE, resets=(Reset(320.0, 500.0, (), "v2"),))
    (met,) = judged(reset, (540, OUT)).problems
    assert met.delay_looks == 0
