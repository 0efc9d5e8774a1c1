"""Figures of whole stores over days, from one row a store and day: fast for a thousand stores."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, func, select

from central import tables
from central.metrics.days import (
    CLOSED,
    HOURS,
    WRONG,
    Counts,
    Durations,
    unpack_counts,
    unpack_durations,
)
from central.metrics.figures import figures_of
from central.metrics.hours import NAMES, Times
from central.metrics.reading import Days
from central.metrics.rolling_rows import SiteKey
from shelf.kpi import Figures

Label = TypeVar("Label", bound=Hashable)
Rows = NDArray[np.intp]
"""Which of the rows."""


@dataclass(frozen=True)
class StoreDays:
    """One row a store and day, in order of ``sites``, then days. Arrays share the first axis.

    ``by_hour`` (n, 24, 7) has a column for each of `central.metrics.days.COLUMNS`; ``hours``
    are the hours of the day that count, from the first until before the other.
    """

    sites: Sequence[SiteKey]
    days: Sequence[date]
    by_hour: Counts
    detected: Sequence[bytes]
    restocked: Sequence[bytes]
    hours: tuple[int, int] = (0, HOURS)

    @cached_property
    def totals(self) -> Counts:
        """What was counted in the hours that count (n, 7)."""
        counts: Counts = self.by_hour[:, slice(*self.hours)].sum(axis=1)
        return counts

    def parts(self, labels: Sequence[Label]) -> dict[Label, Part]:
        """Return the rows of each label, of which there is one a row."""
        rows: dict[Label, list[int]] = {}
        for number, label in enumerate(labels):
            rows.setdefault(label, []).append(number)
        return {label: Part(self, np.array(found, np.intp)) for label, found in rows.items()}

    def all(self) -> Part:
        """Return all rows."""
        return Part(self, np.arange(len(self.sites), dtype=np.intp))

    def by_weekday(self) -> list[list[Times]]:
        """Return the times of each weekday (Monday first) and hour of the clock."""
        weekdays = np.array([day.weekday() for day in self.days], np.intp)
        week = np.zeros((7, *self.by_hour.shape[1:]), np.int64)
        for weekday in range(7):
            week[weekday] = self.by_hour[weekdays == weekday].sum(axis=0)
        return [[times_of(hour) for hour in day] for day in week]

    def secs(self, packed: Sequence[bytes], rows: Rows) -> NDArray[np.float64]:
        """Return the durations of some rows that count."""
        found: Durations = unpack_durations(b"".join(packed[row] for row in rows))
        first, end = self.hours
        if (first, end) != (0, HOURS):
            found = found[(found["hour"] >= first) & (found["hour"] < end)]
        secs: NDArray[np.float64] = found["ms"] / 1000
        return secs


@dataclass(frozen=True)
class Part:
    """Some rows together."""

    of: StoreDays
    rows: Rows

    @cached_property
    def counts(self) -> Counts:
        """What was counted (7,)."""
        counts: Counts = self.of.totals[self.rows].sum(axis=0)
        return counts

    @cached_property
    def times(self) -> Times:
        """How long, by state."""
        return times_of(self.counts)

    def figures(self) -> Figures:
        """Return the figures; a share of nothing is None."""
        return figures_of(
            self.times,
            self.of.secs(self.of.detected, self.rows),
            self.of.secs(self.of.restocked, self.rows),
            int(self.counts[CLOSED]),
            int(self.counts[WRONG]),
        )


def times_of(counts: Counts) -> Times:
    """Return the times of a row of counts (7,)."""
    return Times(*(int(value) for value in counts[: len(NAMES)]))


def read_store_days(
    connection: Connection,
    sites: Sequence[SiteKey],
    days: Days,
    hours: tuple[int, int] | None = None,
) -> StoreDays:
    """Return all rows of some stores and days."""
    columns = tables.site_days.c
    found: list[Any] = []
    for tenant in sorted({site[0] for site in sites}):
        query = select(
            columns.tenant,
            columns.site,
            columns.day,
            columns.by_hour,
            columns.detected,
            columns.restocked,
        ).where(_of(tenant, sites, days))
        found += connection.execute(query).all()
    found.sort(key=lambda row: row[:3])
    return StoreDays(
        sites=[(row.tenant, row.site) for row in found],
        days=[date.fromisoformat(row.day) for row in found],
        by_hour=unpack_counts(row.by_hour for row in found),
        detected=[row.detected for row in found],
        restocked=[row.restocked for row in found],
        hours=hours or (0, HOURS),
    )


def read_slot_rows(connection: Connection, sites: Sequence[SiteKey], days: Days) -> dict[date, int]:
    """Return how many rows the sums by slot have on each day, at some stores."""
    columns = tables.site_days.c
    found: dict[date, int] = {}
    for tenant in sorted({site[0] for site in sites}):
        query = (
            select(columns.day, func.sum(columns.rows).label("slots"))
            .where(_of(tenant, sites, days))
            .group_by(columns.day)
        )
        for row in connection.execute(query):
            day = date.fromisoformat(row.day)
            found[day] = found.get(day, 0) + int(row.slots)
    return found


def _of(tenant: str, sites: Sequence[SiteKey], days: Days) -> ColumnElement[bool]:
    columns = tables.site_days.c
    return and_(
        columns.tenant == tenant,
        columns.site.in_([site[1] for site in sites if site[0] == tenant]),
        columns.day >= days.first.isoformat(),
        columns.day <= days.last.isoformat(),
    )


def is_summing(connection: Connection, sites: Sequence[SiteKey]) -> bool:
    """True while days of some of the stores are still to be summed again."""
    columns = tables.days_due.c
    found = connection.execute(select(columns.tenant, columns.site).distinct().limit(2000))
    wanted = set(sites)
    return any((row.tenant, row.site) in wanted for row in found)
