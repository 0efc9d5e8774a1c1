"""What the pages over all stores say, as tables: from sums by day, one query a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection

from central.metrics.day_reading import Part, StoreDays, read_slot_rows, read_store_days
from central.metrics.days import end_of, start_of
from central.metrics.figures import Cell
from central.metrics.grouping import Dimension, Group, Grouping
from central.metrics.hours import Times
from central.metrics.reading import Days, Question, read_day_cells
from central.metrics.rolling_rows import SiteKey
from central.web.region.filters import Filters

MAX_STORE_DAYS = 60_000
"""Rows that a page reads of whole stores: a thousand stores for two months."""

MAX_SLOT_ROWS = 60_000
"""Rows that a table reads of slots; a question that needs the hours counts 24 times."""

Counted = Cell | Part
"""What has ``times`` and ``figures()``."""

Label = TypeVar("Label", bound=Hashable)


class TooMuchError(Exception):
    """A question that would read more than a page may."""


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called: stores by id, products by SKU."""

    stores: Mapping[SiteKey, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)

    def store(self, site: SiteKey) -> str:
        """Return the name of a store, else its id."""
        return self.stores.get(site) or site[1]

    def product(self, sku: str) -> str:
        """Return the name of a product, else its SKU."""
        return self.products.get(sku) or sku


class Report:
    """The figures of some stores, days, places and products; each table is read when asked for."""

    def __init__(
        self,
        connection: Connection,
        grouping: Grouping,
        names: Names,
        filters: Filters,
        sites: Sequence[SiteKey],
    ) -> None:
        """``sites`` are of one tenant; raises `TooMuchError` for too many stores and days."""
        self.filters = filters
        self.names = names
        self.sites = sites
        self.grouping = grouping
        self._connection = connection
        count = len(sites) * ((filters.last - filters.first).days + 1)
        if count > MAX_STORE_DAYS:
            raise TooMuchError

    def on(self, days: Days) -> Report:
        """Return the same of other days."""
        filters = replace(self.filters, first=days.first, last=days.last)
        return Report(self._connection, self.grouping, self.names, filters, self.sites)

    @property
    def is_narrow(self) -> bool:
        """True when places or products are asked for, which sums of whole stores do not know."""
        return bool(self.filters.where or self.filters.product)

    @cached_property
    def stores(self) -> StoreDays:
        """All days of all stores asked for."""
        return read_store_days(self._connection, self.sites, self.filters.days, self.filters.hours)

    @cached_property
    def _cells(self) -> dict[Group, Cell]:
        """The same of places and products, by site and day; raises `TooMuchError`."""
        return self.cells((Dimension.SITE, Dimension.DAY))

    def cells(
        self,
        by: tuple[Dimension, ...],
        days: Days | None = None,
        sites: Sequence[SiteKey] | None = None,
    ) -> dict[Group, Cell]:
        """Return what was counted by some dimensions; raises `TooMuchError`."""
        days, sites = days or self.filters.days, self.sites if sites is None else sites
        question = self._question(by, days, sites)
        self._check(question, days)
        return read_day_cells(self._connection, question, days, self.grouping)

    def _question(
        self, by: tuple[Dimension, ...], days: Days, sites: Sequence[SiteKey]
    ) -> Question:
        return Question(
            sites,
            start_of(days.first, UTC),
            end_of(days.last, UTC),
            by,
            self.filters.where,
            self.filters.hours,
            self._wants(),
        )

    def _wants(self) -> Callable[[str], bool] | None:
        text = (self.filters.product or "").casefold()
        if not text:
            return None
        return lambda sku: text in sku.casefold() or text in self.names.product(sku).casefold()

    def _check(self, question: Question, days: Days) -> None:
        rows = sum(read_slot_rows(self._connection, question.sites, days).values())
        if rows * (24 if question.asks_for_hours else 1) > MAX_SLOT_ROWS:
            raise TooMuchError

    def newest_days(self) -> Days | None:
        """Return the last of the days of which a table of slots can be read, None of none."""
        factor = 24 if self.filters.hours else 1
        by_day = read_slot_rows(self._connection, self.sites, self.filters.days)
        left, first = MAX_SLOT_ROWS // factor, None
        day = self.filters.last
        while day >= self.filters.first:
            left -= by_day.get(day, 0)
            if left < 0:
                break
            first = day
            day -= timedelta(days=1)
        return None if first is None else Days(first, self.filters.last)

    def count_slots(self, day: date) -> int:
        """Return how many slots there are, by what was counted on a day."""
        return sum(read_slot_rows(self._connection, self.sites, Days(day, day)).values())

    def whole(self) -> Counted:
        """Return all of it."""
        return together(self._cells.values()) if self.is_narrow else self.stores.all()

    def by_day(self) -> Mapping[date, Counted]:
        """Return each day; one of which nothing is known is absent."""
        if self.is_narrow:
            return grouped(self._cells, lambda group: date.fromisoformat(group[1] or ""))
        return self.stores.parts(self.stores.days)

    def by_site(self) -> Mapping[SiteKey, Counted]:
        """Return each store; one of which nothing is known is absent."""
        if self.is_narrow:
            return grouped(self._cells, self._site_of)
        return self.stores.parts(self.stores.sites)

    def by_region(self) -> Mapping[str | None, Counted]:
        """Return each region; None: stores in none."""

        def region_of(site: SiteKey) -> str | None:
            region = self.grouping.regions.get(site)
            return region.id if region else None

        if self.is_narrow:
            return grouped(self._cells, lambda group: region_of(self._site_of(group)))
        return self.stores.parts([region_of(site) for site in self.stores.sites])

    def _site_of(self, group: Group) -> SiteKey:
        return self.sites[0][0], group[0] or ""

    def week(self) -> list[list[Times]] | None:
        """Return times by weekday (Monday first) and hour; None where that would be too much."""
        if not self.is_narrow:
            return self.stores.by_weekday()
        try:
            cells = self.cells((Dimension.HOUR,))
        except TooMuchError:
            return None
        week = [[Times() for _ in range(24)] for _ in range(7)]
        for (hour,), cell in cells.items():
            moment = datetime.fromisoformat(hour or "")
            week[moment.weekday()][moment.hour].add(cell.times)
        return week


def together(cells: Iterable[Cell]) -> Cell:
    """Return cells of disjoint groups as one."""
    whole = Cell()
    for cell in cells:
        whole.add(cell)
    return whole


def grouped(cells: Mapping[Group, Cell], label_of: Callable[[Group], Label]) -> dict[Label, Cell]:
    """Return cells of disjoint groups by a label."""
    found: dict[Label, Cell] = {}
    for group, cell in cells.items():
        label = label_of(group)
        found.setdefault(label, Cell()).add(cell)
    return found
