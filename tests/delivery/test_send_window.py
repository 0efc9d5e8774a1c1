"""How much is sent ahead, and when it is sent again."""

from __future__ import annotations

import pytest

from edge_agent.backoff import Backoff
from edge_agent.send_window import SendWindow, Stall


@pytest.fixture
def window() -> SendWindow:
    window = SendWindow(limit_events=3, limit_bytes=100, resend_after_secs=10, resend_cap_secs=25)
    window.begin(acknowledged=7, now_secs=0)
    return window


def test_room_is_bounded_in_events(window: SendWindow) -> None:
    """No more than the limit is sent ahead, until the watermark frees some."""
    for sequence in (8, 9, 10):
        window.sent(sequence, 1, now_secs=0)
    assert (window.room, window.cursor) == (0, 10)
    window.committed(9, now_secs=1)
    assert window.room == 2


def test_room_is_bounded_in_bytes(window: SendWindow) -> None:
    """A large event fits an empty window, and nothing fits behind it."""
    assert window.room == 3
    window.sent(8, 1000, now_secs=0)
    assert window.room == 0
    window.committed(8, now_secs=1)
    assert window.room == 3


def test_silence_asks_for_a_resend_later_and_later(window: SendWindow) -> None:
    """Each resend waits twice as long, up to the cap."""
    now, waits = 0.0, []
    for _ in range(4):
        window.begin(acknowledged=7, now_secs=now)
        window.sent(8, 1, now_secs=now)
        wait = window.wait_secs(now)
        assert wait is not None
        assert window.check(now + wait - 0.1, unconfirmed=0) is Stall.NONE
        now += wait
        assert window.check(now, unconfirmed=0) is Stall.RESEND
        waits.append(wait)
    assert waits == [10, 20, 25, 25]


def test_progress_starts_the_wait_again(window: SendWindow) -> None:
    """A watermark that moves makes the wait short again."""
    window.sent(8, 1, now_secs=0)
    window.sent(9, 1, now_secs=0)
    assert window.check(10, unconfirmed=0) is Stall.RESEND
    window.committed(8, now_secs=12)
    assert window.wait_secs(12) == 10
    assert window.check(21.9, unconfirmed=0) is Stall.NONE


def test_a_slow_connection_is_not_a_stall(window: SendWindow) -> None:
    """As long as the broker takes something, nothing is sent again."""
    window.sent(8, 1, now_secs=0)
    window.received(now_secs=9)
    assert window.check(18, unconfirmed=1) is Stall.NONE


def test_a_broker_that_takes_nothing_is_left(window: SendWindow) -> None:
    """With messages unacknowledged by the broker the connection is what hangs."""
    window.sent(8, 1, now_secs=0)
    assert window.check(10, unconfirmed=1) is Stall.RECONNECT


def test_an_idle_window_waits_for_nothing(window: SendWindow) -> None:
    """Without events under way there is no deadline."""
    assert window.wait_secs(1000) is None
    assert window.check(1000, unconfirmed=0) is Stall.NONE


def test_attempts_come_apart_and_start_again() -> None:
    """Waits double with half to all of them used, and begin anew after a success."""
    backoff = Backoff(first_secs=1, cap_secs=5)
    for full in (1, 2, 4, 5, 5):
        assert full / 2 <= backoff.next_secs() <= full
    backoff.succeeded()
    assert backoff.next_secs() <= 1
