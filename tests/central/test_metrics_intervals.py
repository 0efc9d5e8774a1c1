"""Claims of a slot become intervals, hours and stock-outs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from central.metrics.hours import HourKey, Times, by_hour, hour_start, to_ms
from central.metrics.intervals import OPEN, Claim, Interval, weave
from central.metrics.stock_outs import Outcome, StockOut, stock_outs_of
from shelf.states import State

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
S, L, E, M, U = State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.MISPLACED, State.UNKNOWN


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def claim(
    number: int, state: State, since: float, time: float, sku: str = "1001", epoch: int = 1
) -> Claim:
    return Claim("/a/s/n", epoch, number, state, sku, "pg-1", at(since), at(time))


def spans(intervals: list[Interval]) -> list[tuple[State, float, float | None]]:
    return [
        (
            interval.claim.state,
            (interval.from_utc - START).total_seconds(),
            None if interval.until_utc == OPEN else (interval.until_utc - START).total_seconds(),
        )
        for interval in intervals
    ]


CLAIMS = st.lists(
    st.builds(
        lambda number, state, time, lag, sku, epoch: claim(
            number, state, time - lag, time, sku, epoch
        ),
        st.integers(1, 9),
        st.sampled_from(State),
        st.integers(0, 9000),
        st.integers(-20, 600),
        st.sampled_from(["1001", "1002", ""]),
        st.integers(1, 2),
    ),
    unique_by=lambda claim: claim.key,
    max_size=12,
)


def test_a_state_holds_since_its_evidence_began() -> None:
    """And until the evidence of the next one began."""
    claims = [claim(1, S, 0, 20), claim(2, E, 100, 160), claim(3, S, 400, 420)]
    assert spans(weave(claims)) == [(S, 0, 100), (E, 100, 400), (S, 400, None)]


def test_evidence_before_the_last_word_does_not_count() -> None:
    """When stocked was told at 160, what began at 100 begins at 160."""
    claims = [claim(1, S, 0, 160), claim(2, E, 100, 200)]
    assert spans(weave(claims)) == [(S, 0, 160), (E, 160, None)]


def test_a_late_claim_moves_only_its_neighbours() -> None:
    """What is newer stays as it was."""
    claims = [claim(1, S, 0, 20), claim(4, S, 900, 920), claim(5, L, 2000, 2060)]
    late = claim(2, E, 300, 360)
    assert spans(weave([*claims, late])) == [
        (S, 0, 300),
        (E, 300, 900),
        (S, 900, 2000),
        (L, 2000, None),
    ]


@settings(deadline=None)
@given(CLAIMS, st.randoms())
def test_order_and_repeats_make_no_difference(claims: list[Claim], random: object) -> None:
    """Any order, every claim twice: the same intervals."""
    twice = claims * 2
    random.shuffle(twice)  # type: ignore[attr-defined]
    assert weave(twice) == weave(sorted(claims, key=lambda claim: claim.order))


@settings(deadline=None)
@given(CLAIMS)
def test_intervals_have_no_gaps(claims: list[Claim]) -> None:
    """One follows the other, none ends before it begins, the last one is open."""
    woven = weave(claims)
    for before, after in pairwise(woven):
        assert before.until_utc == after.from_utc
        assert before.from_utc <= before.claim.time_utc <= after.from_utc
    assert [interval.until_utc == OPEN for interval in woven] == [False] * (len(woven) - 1) + (
        [True] if woven else []
    )


@settings(deadline=None)
@given(CLAIMS, st.integers(0, 11))
def test_a_part_is_woven_like_the_whole(claims: list[Claim], number: int) -> None:
    """With the first boundary given, claims before it are not needed."""
    woven = weave(claims)
    part = woven[number:]
    if part:
        assert weave((i.claim for i in part), part[0].from_utc) == part


@settings(deadline=None)
@given(CLAIMS, st.integers(0, 8000), st.integers(0, 8000))
def test_hours_add_up(claims: list[Claim], since: int, lasts: int) -> None:
    """The times of all hours together are those of the intervals, to the millisecond."""
    woven = weave(claims)
    hours = by_hour(woven, at(since), at(since + lasts), UTC, lambda _: OPEN)
    expected = Times()
    for interval in woven:
        start, end = max(interval.from_utc, at(since)), min(interval.until_utc, at(since + lasts))
        if interval.claim.sku and start < end:
            expected.count(interval.claim.state, to_ms(end) - to_ms(start))
    total = Times()
    for key, times in hours.items():
        assert times.planned_ms <= 3_600_000
        assert key.hour_utc == hour_start(key.hour_utc, UTC)
        total.add(times)
    assert total == expected


def test_time_after_a_node_fell_silent_is_unknown() -> None:
    """What it said last is not held to be true for ever."""
    woven = weave([claim(1, S, 0, 20)])
    hours = by_hour(woven, at(0), at(5400), UTC, lambda _: at(4000))
    assert hours == {
        HourKey(at(0), "1001", "pg-1"): Times(stocked_ms=3_600_000),
        HourKey(at(3600), "1001", "pg-1"): Times(stocked_ms=400_000, unknown_ms=1_400_000),
    }


def test_an_ended_interval_was_seen_to_its_end() -> None:
    """A node that was away and came back has told what happened meanwhile."""
    woven = weave([claim(1, S, 0, 20), claim(2, E, 3000, 3060)])
    hours = by_hour(woven, at(0), at(3600), UTC, lambda _: at(100))
    assert hours == {
        HourKey(at(0), "1001", "pg-1"): Times(stocked_ms=3_000_000, unknown_ms=600_000)
    }


def test_hours_are_those_of_the_stores_clock() -> None:
    """In Kolkata they begin at half past."""
    zone = ZoneInfo("Asia/Kolkata")
    assert hour_start(at(0), zone) == at(-1800)
    assert hour_start(at(1799), zone) == at(-1800)
    assert hour_start(at(1800), zone) == at(1800)


def test_a_stock_out_lasts_until_the_product_is_back() -> None:
    """Through what could not be seen, and another product in its place."""
    claims = [
        claim(1, S, 0, 20),
        claim(2, E, 100, 160),
        claim(3, U, 700, 700),
        claim(4, E, 1000, 1060),
        claim(5, M, 1500, 1560),
        claim(6, L, 1900, 1920),
        claim(7, E, 2500, 2560),
    ]
    assert stock_outs_of(weave(claims)) == [
        StockOut(at(100), at(160), "1001", "pg-1", at(1900), Outcome.RESTOCKED, 300_000),
        StockOut(at(2500), at(2560), "1001", "pg-1"),
    ]


def test_a_new_plan_ends_a_stock_out() -> None:
    """Nobody restocked it; the product that is planned now is another matter."""
    claims = [claim(1, E, 100, 160), claim(2, E, 500, 560, "1002"), claim(3, U, 900, 900, "")]
    assert stock_outs_of(weave(claims)) == [
        StockOut(at(100), at(160), "1001", "pg-1", at(500), Outcome.REPLANNED),
        StockOut(at(500), at(560), "1002", "pg-1", at(900), Outcome.REPLANNED),
    ]


@settings(deadline=None)
@given(CLAIMS)
def test_stock_outs_do_not_overlap(claims: list[Claim]) -> None:
    """Each lasts, and ends before the next one begins; only the last may be open."""
    found = stock_outs_of(weave(claims))
    for before, after in pairwise(found):
        assert before.ended_utc is not None
        assert before.began_utc < before.ended_utc <= after.began_utc
