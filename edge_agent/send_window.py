"""How much may be under way, and when to send it again: decisions only, the clock is given."""

from __future__ import annotations

from collections import deque
from enum import StrEnum


class Stall(StrEnum):
    """What to do about events that nobody has confirmed."""

    NONE = "none"
    RESEND = "resend"
    RECONNECT = "reconnect"


class SendWindow:
    """What was published on the present connection and is not covered by the watermark yet.

    All times are monotonic seconds. ``resend_after_secs`` without any progress ask for a
    resend; the wait doubles up to ``resend_cap_secs`` until the watermark moves again.
    """

    def __init__(
        self,
        *,
        limit_events: int,
        limit_bytes: int,
        resend_after_secs: float,
        resend_cap_secs: float,
    ) -> None:
        self._limit_events = limit_events
        self._limit_bytes = limit_bytes
        self._first_wait_secs = resend_after_secs
        self._cap_secs = max(resend_cap_secs, resend_after_secs)
        self._wait_secs = resend_after_secs
        self._deadline_secs = 0.0
        self._sent: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._cursor = 0

    @property
    def cursor(self) -> int:
        """The last sequence published; the next to publish is the first row above."""
        return self._cursor

    @property
    def room(self) -> int:
        """How many more events may be published now; one of any size fits an empty window."""
        if self._bytes >= self._limit_bytes:
            return 0
        return max(self._limit_events - len(self._sent), 0)

    def begin(self, acknowledged: int, now_secs: float) -> None:
        """Start again above ``acknowledged``: a new connection, or a resend."""
        self._sent.clear()
        self._bytes = 0
        self._cursor = acknowledged
        self._deadline_secs = now_secs + self._wait_secs

    def sent(self, sequence: int, size_bytes: int, now_secs: float) -> None:
        """Note that an event was handed to the connection."""
        if not self._sent:
            self._deadline_secs = now_secs + self._wait_secs
        self._sent.append((sequence, size_bytes))
        self._bytes += size_bytes
        self._cursor = sequence

    def committed(self, sequence: int, now_secs: float) -> None:
        """Note that the watermark has moved to ``sequence``."""
        while self._sent and self._sent[0][0] <= sequence:
            self._bytes -= self._sent.popleft()[1]
        self._cursor = max(self._cursor, sequence)
        self._wait_secs = self._first_wait_secs
        self._deadline_secs = now_secs + self._wait_secs

    def received(self, now_secs: float) -> None:
        """Note that the broker has taken something: the connection works, if slowly."""
        self._deadline_secs = now_secs + self._wait_secs

    def wait_secs(self, now_secs: float) -> float | None:
        """Return how long until `check` may say something, or None while nothing waits."""
        return max(self._deadline_secs - now_secs, 0.0) if self._sent else None

    def check(self, now_secs: float, unconfirmed: int) -> Stall:
        """Say what is due; a resend makes the next wait twice as long.

        ``unconfirmed`` counts messages that the broker has not acknowledged: then the
        connection is what hangs, and sending more into it would not help.
        """
        if not self._sent or now_secs < self._deadline_secs:
            return Stall.NONE
        self._wait_secs = min(self._wait_secs * 2, self._cap_secs)
        return Stall.RECONNECT if unconfirmed else Stall.RESEND
