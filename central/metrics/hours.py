"""From intervals to how long a slot was in which state, by hour of the store's clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from central.metrics.intervals import OPEN, Interval
from shelf.states import State

HOUR = timedelta(hours=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

SeenUntil = Callable[[str], datetime]
"""Until when what a source told last can be taken to hold: `OPEN` while it can be heard."""


@dataclass(slots=True)
class Times:
    """How long, by state. Time in which a slot was planned and nobody could see it is unknown."""

    stocked_ms: int = 0
    low_ms: int = 0
    out_of_stock_ms: int = 0
    misplaced_ms: int = 0
    unknown_ms: int = 0

    @property
    def observed_ms(self) -> int:
        """Time in which the state was known."""
        return self.stocked_ms + self.low_ms + self.out_of_stock_ms + self.misplaced_ms

    @property
    def available_ms(self) -> int:
        """Time in which a shopper found the product in its slot."""
        return self.stocked_ms + self.low_ms

    @property
    def planned_ms(self) -> int:
        """All of the time."""
        return self.observed_ms + self.unknown_ms

    def add(self, other: Times) -> None:
        """Add ``other``."""
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def count(self, state: State, milliseconds: int) -> None:
        """Add time in a state."""
        name = f"{state.value}_ms"
        setattr(self, name, getattr(self, name) + milliseconds)


NAMES = tuple(field.name for field in fields(Times))


class HourKey(NamedTuple):
    """An hour, and what was planned in it."""

    hour_utc: datetime
    sku: str
    planogram: str


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds since 1970, so that lengths of parts add up to that of all."""
    return (moment - _EPOCH) // _MS


def hour_start(moment: datetime, zone: tzinfo) -> datetime:
    """Return when the hour of the local clock began that ``moment`` is in, as UTC."""
    offset = moment.astimezone(zone).utcoffset() or timedelta(0)
    shift = offset % HOUR
    return moment - (moment + shift - _EPOCH) % HOUR


def by_hour(
    intervals: Iterable[Interval],
    from_utc: datetime,
    until_utc: datetime,
    zone: tzinfo,
    seen_until: SeenUntil,
) -> dict[HourKey, Times]:
    """Return a slot's times between two moments, by hour and plan.

    While its source cannot be heard the state in force is unknown.
    """
    hours: dict[HourKey, Times] = {}
    for interval in intervals:
        claim = interval.claim
        start, end = max(interval.from_utc, from_utc), min(interval.until_utc, until_utc)
        if not claim.sku or start >= end:
            continue
        known_until = seen_until(claim.source) if interval.until_utc == OPEN else end
        known_until = min(max(known_until, start), end)
        for state, since, until in (
            (claim.state, start, known_until),
            (State.UNKNOWN, known_until, end),
        ):
            for hour, length_ms in _split(since, until, zone):
                key = HourKey(hour, claim.sku, claim.planogram)
                hours.setdefault(key, Times()).count(state, length_ms)
    return hours


def _split(since: datetime, until: datetime, zone: tzinfo) -> Iterator[tuple[datetime, int]]:
    """Yield each hour that a time touches, with how much of it."""
    while since < until:
        hour = hour_start(since, zone)
        end = min(hour + HOUR, until)
        yield hour, to_ms(end) - to_ms(since)
        since = end
