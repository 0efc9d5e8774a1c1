"""The node's clocks: aware UTC for records, and whether it can be trusted."""

from __future__ import annotations

import ctypes
from datetime import UTC, datetime

from shelf.wire import Clock

_TIMEX_BYTES = 512
"""More than the kernel's ``struct timex`` takes on any platform."""

_TIME_ERROR = 5
"""What adjtimex(2) returns while no time source keeps the clock."""


def utc_now() -> datetime:
    """Return the wall clock's time, aware."""
    return datetime.now(UTC)


def clock_state() -> Clock:
    """Ask the kernel whether the wall clock is kept by a time source; else `unsynced`."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return Clock.UNSYNCED
    return Clock.UNSYNCED if state in (-1, _TIME_ERROR) else Clock.SYNCED
