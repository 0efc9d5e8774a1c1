"""When a store is open, and when its shelves are being rebuilt: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Hours = tuple[time, time]
"""From and to, local time; a ``to`` that is not after ``from`` is on the next day."""


@dataclass(frozen=True, slots=True)
class ResetWindow:
    """From ``start_utc`` until before ``end_utc`` an aisle (None: every aisle) is rebuilt."""

    start_utc: datetime
    end_utc: datetime
    aisle: str | None = None

    def covers(self, aisle: str, now: datetime) -> bool:
        """True while ``aisle`` is being rebuilt."""
        return self.start_utc <= now < self.end_utc and self.aisle in (None, aisle)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours by weekday (None: always open) and planned resets of one site.

    ``hours`` holds the days that the store opens (Monday is 0); ``closed_on`` are dates on
    which it does not. Times are local in ``zone``, also where clocks are put forward or back.
    """

    zone: tzinfo = UTC
    hours: Mapping[int, Hours] | None = None
    closed_on: frozenset[date] = frozenset()
    resets: tuple[ResetWindow, ...] = field(default=())

    def is_open(self, now: datetime) -> bool:
        """True while customers can be in the store."""
        if self.hours is None:
            return not self.closed_on or now.astimezone(self.zone).date() not in self.closed_on
        local = now.astimezone(self.zone)
        today = local.date()
        return self._is_within(today, local) or self._is_within(today - timedelta(days=1), local)

    def is_reset(self, aisle: str, now: datetime) -> bool:
        """True while a planned reset rebuilds ``aisle``."""
        return any(window.covers(aisle, now) for window in self.resets)

    def _is_within(self, day: date, local: datetime) -> bool:
        """True when the opening that begins on ``day`` covers ``local``."""
        hours = (self.hours or {}).get(day.weekday())
        if hours is None or day in self.closed_on:
            return False
        opens, closes = hours
        start = datetime.combine(day, opens, self.zone)
        last_day = day if closes > opens else day + timedelta(days=1)
        return start <= local < datetime.combine(last_day, closes, self.zone)
