"""All that was counted in a store on one day of its clock, by hour, as it is packed. Pure.

``by_hour`` is an int64 array (24, 7): a row for each hour of the clock, a column for each of
`COLUMNS`. Durations are an array of `DURATION`: the hour in which they count, and how long it
took. An hour that comes twice, when clocks are put back, is one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from central.metrics.hours import NAMES

COLUMNS = (*NAMES, "alerts_closed", "wrong_alarms")
CLOSED, WRONG = len(NAMES), len(NAMES) + 1
HOURS = 24

DURATION = np.dtype([("hour", "u1"), ("ms", "<u4")])
LONGEST_MS = 2**32 - 1
"""49.7 days; what took longer counts as if it had taken this long."""

Counts = NDArray[np.int64]
"""As `COLUMNS`, along the last axis."""

Durations = NDArray[np.void]
"""Of type `DURATION`."""


def no_counts() -> Counts:
    """Return a day on which nothing was counted."""
    return np.zeros((HOURS, len(COLUMNS)), np.int64)


def pack_counts(by_hour: Counts) -> bytes:
    """Return a day's counts as bytes."""
    return by_hour.astype("<i8").tobytes()


def unpack_counts(packed: Iterable[bytes]) -> Counts:
    """Return the counts of some days (n, 24, 7)."""
    return np.frombuffer(b"".join(packed), "<i8").reshape(-1, HOURS, len(COLUMNS))


def pack_durations(found: Iterable[tuple[int, int]]) -> bytes:
    """Return pairs of hour and milliseconds as bytes."""
    pairs = [(hour, min(max(ms, 0), LONGEST_MS)) for hour, ms in sorted(found)]
    return np.array(pairs, DURATION).tobytes()


def unpack_durations(packed: bytes) -> Durations:
    """Return the durations of a day, or of several that were joined."""
    return np.frombuffer(packed, DURATION)


def day_of(moment: datetime, zone: tzinfo) -> date:
    """Return the day of a clock."""
    return moment.astimezone(zone).date()


def start_of(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins by a clock, as UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of(day: date, zone: tzinfo) -> datetime:
    """Return when the next day begins by a clock, as UTC."""
    return start_of(day + timedelta(days=1), zone)
