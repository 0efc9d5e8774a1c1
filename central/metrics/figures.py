"""From times and counts to the figures of docs/metrics.md. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from central.metrics.hours import Times
from shelf.kpi import Figures, Spread

DIGITS = 6


@dataclass(slots=True)
class Cell:
    """All that was counted for one group; cells of disjoint groups add up.

    ``detect_secs`` and ``restock_secs`` hold one number for each stock-out that was told, or was
    restocked. ``alerts_closed`` ended filled or as ``wrong_alarms``.
    """

    times: Times = field(default_factory=Times)
    detect_secs: list[float] = field(default_factory=list)
    restock_secs: list[float] = field(default_factory=list)
    alerts_closed: int = 0
    wrong_alarms: int = 0

    def add(self, other: Cell) -> None:
        """Add what was counted for another group."""
        self.times.add(other.times)
        self.detect_secs += other.detect_secs
        self.restock_secs += other.restock_secs
        self.alerts_closed += other.alerts_closed
        self.wrong_alarms += other.wrong_alarms

    def figures(self) -> Figures:
        """Return the figures; a share of nothing is None."""
        return figures_of(
            self.times, self.detect_secs, self.restock_secs, self.alerts_closed, self.wrong_alarms
        )


def figures_of(
    times: Times,
    detect_secs: ArrayLike,
    restock_secs: ArrayLike,
    alerts_closed: int,
    wrong_alarms: int,
) -> Figures:
    """Return the figures; a share of nothing is None."""
    detect = spread(detect_secs)
    return Figures(
        availability=share(times.available_ms, times.observed_ms),
        coverage=share(times.observed_ms, times.planned_ms),
        compliance=share(times.stocked_ms, times.observed_ms),
        planned_secs=times.planned_ms // 1000,
        observed_secs=times.observed_ms // 1000,
        out_of_stock_secs=times.out_of_stock_ms // 1000,
        stock_outs=detect.count if detect else 0,
        time_to_detect_secs=detect,
        time_to_restock_secs=spread(restock_secs),
        alerts_closed=alerts_closed,
        wrong_alarms=wrong_alarms,
        wrong_alarm_rate=share(wrong_alarms, alerts_closed),
    )


def share(part: int, whole: int) -> float | None:
    """Return ``part / whole``, None where there is nothing to divide by."""
    return round(part / whole, DIGITS) if whole else None


def spread(values: ArrayLike) -> Spread | None:
    """Return median and 90th percentile, None of nothing.

    The median is the mean of the middle two where there are two; the percentile is the smallest
    value that at least 90 % of the values do not exceed (nearest rank).
    """
    found = np.asarray(values, np.float64)
    count = len(found)
    if not count:
        return None
    low, high, rank = (count - 1) // 2, count // 2, math.ceil(0.9 * count) - 1
    ordered = np.partition(found, sorted({low, high, rank}))
    return Spread(
        count=count,
        median=round(float((ordered[low] + ordered[high]) / 2), 3),
        p90=round(float(ordered[rank]), 3),
    )
