"""Where the lines of a trend and the bars of a day go: pure geometry, in SVG user units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from central.metrics.days import end_of, start_of
from central.metrics.hours import SeenUntil
from central.metrics.intervals import OPEN, Interval
from central.web.region.tables import Row
from shelf.states import State

WIDTH, HEIGHT = 760.0, 220.0
LEFT, RIGHT, TOP = 52.0, 12.0, 12.0
LINE_BOTTOM = 150.0
"""Below it is the strip of coverage."""
STRIP_TOP, STRIP_BOTTOM = 166.0, 196.0
STEPS = (0.01, 0.02, 0.05, 0.1, 0.25)
"""What a line of the grid may be worth."""

LANE_HEIGHT = 22.0
LANE_PITCH = 27.0
HOUR_WIDTH = 26.0


@dataclass(frozen=True, slots=True)
class Point:
    """A day: where it is, and its figures. ``is_sure`` where enough was seen."""

    day: date
    x: float
    y: float
    value: float
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle that stands for how much was seen on a day."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Availability by day as lines, broken where nothing was seen; below it coverage.

    ``grid`` is y and value of each line, ``days`` x and day of each that is written below.
    """

    paths: tuple[str, ...]
    points: tuple[Point, ...]
    bars: tuple[Bar, ...]
    grid: tuple[tuple[float, float], ...]
    days: tuple[tuple[float, date], ...]


def draw_trend(rows: Sequence[Row]) -> Trend | None:
    """Return the trend of a table of days; None where nothing was seen on any day."""
    figures = [(date.fromisoformat(str(row.keys["day"])), row) for row in rows]
    known = [f.availability for row in rows if (f := row.figures) and f.availability is not None]
    if not known:
        return None
    low, step = _scale(min(known))
    pitch = (WIDTH - LEFT - RIGHT) / max(1, len(figures))
    points: list[Point] = []
    bars: list[Bar] = []
    paths: list[list[Point]] = [[]]
    for number, (day, row) in enumerate(figures):
        found = row.figures
        x = LEFT + (number + 0.5) * pitch
        if found is None or found.availability is None:
            paths.append([])
            continue
        y = LINE_BOTTOM - (found.availability - low) / (1 - low) * (LINE_BOTTOM - TOP)
        point = Point(day, x, y, found.availability, row.is_ranked)
        points.append(point)
        paths[-1].append(point)
        height = (found.coverage or 0) * (STRIP_BOTTOM - STRIP_TOP)
        width = min(pitch * 0.7, 24)
        bars.append(Bar(x - width / 2, STRIP_BOTTOM - height, width, height))
    lines = round((1 - low) / step)
    gap = (LINE_BOTTOM - TOP) / lines
    grid = [(LINE_BOTTOM - n * gap, low + n * step) for n in range(lines + 1)]
    every = math.ceil(len(figures) / 8)
    return Trend(
        tuple(" ".join(f"{p.x:.1f},{p.y:.1f}" for p in path) for path in paths if len(path) > 1),
        tuple(points),
        tuple(bars),
        tuple(grid),
        tuple(
            (LEFT + (n + 0.5) * pitch, day)
            for n, (day, _) in enumerate(figures)
            if (len(figures) - 1 - n) % every == 0
        ),
    )


def _scale(lowest: float) -> tuple[float, float]:
    """Return where the axis begins, and what a line of the grid is worth: at most five lines."""
    for step in STEPS:
        low = math.floor(lowest / step) * step
        if low >= 1:
            low = 1 - step
        if (1 - low) / step <= 4.001:
            return max(0.0, low), step
    return 0.0, STEPS[-1]


@dataclass(frozen=True, slots=True)
class Piece:
    """A state that held on a day: where it is on the lane, and from when to when."""

    state: State
    x: float
    width: float
    from_utc: datetime
    until_utc: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """One day of a slot, from midnight to midnight of the store's clock."""

    day: date
    y: float
    pieces: tuple[Piece, ...]


def draw_lanes(
    intervals: Iterable[Interval],
    first: date,
    last: date,
    zone: tzinfo,
    until_utc: datetime,
    seen_until: SeenUntil,
) -> tuple[Lane, ...]:
    """Return the days of a slot, the newest first; nothing is drawn after ``until_utc``.

    While its source cannot be heard, what it told last is unknown. An hour that a clock skips
    leaves no gap: the lane of that day is shorter.
    """
    spans = list(_spans(intervals, until_utc, seen_until))
    lanes: list[Lane] = []
    day = last
    while day >= first:
        since, until = start_of(day, zone), end_of(day, zone)
        pieces = [
            Piece(state, (x := _x(begin, since)), _x(end, since) - x, begin, end)
            for state, start, stop in spans
            if (begin := max(start, since)) < (end := min(stop, until))
        ]
        lanes.append(Lane(day, len(lanes) * LANE_PITCH, tuple(pieces)))
        day -= timedelta(days=1)
    return tuple(lanes)


def _spans(
    intervals: Iterable[Interval], until_utc: datetime, seen_until: SeenUntil
) -> Iterable[tuple[State, datetime, datetime]]:
    for interval in sorted(intervals, key=lambda interval: interval.from_utc):
        claim = interval.claim
        if not claim.sku:
            continue
        end = min(interval.until_utc, until_utc)
        known = min(seen_until(claim.source), end) if interval.until_utc == OPEN else end
        yield claim.state, interval.from_utc, known
        if known < end:
            yield State.UNKNOWN, max(known, interval.from_utc), end


def _x(moment: datetime, midnight: datetime) -> float:
    return (moment - midnight) / timedelta(hours=1) * HOUR_WIDTH
