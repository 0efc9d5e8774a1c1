"""What the pages over all stores say, as tables: from sums by day, one query a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection

from central.metrics.day_reading import StoreDays, read_slot_rows, read_store_days
from central.metrics.days import end_of, start_of
from central.metrics.figures import Cell
from central.metrics.grouping import Dimension, Group, Grouping
from central.metrics.hours import Times
from central.metrics.reading import Days, Question, read_day_cells
from central.metrics.rolling_rows import SiteKey
from central.web.metrics_api import is_chronic
from central.web.region.filters import OVERVIEW, STORE, Filters
from central.web.region.tables import Row, Table, Value, worst_first
from shelf.kpi import Figures

MAX_STORE_DAYS = 60_000
"""Rows that a page reads of whole stores: a thousand stores for two months."""

MAX_SLOT_ROWS = 150_000
"""Rows that a table reads of slots; a question that needs the hours counts 24 times."""

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
        if (
            self._rows(question.sites, days) * (24 if question.asks_for_hours else 1)
            > MAX_SLOT_ROWS
        ):
            raise TooMuchError

    def _rows(self, sites: Sequence[SiteKey], days: Days) -> int:
        return sum(read_slot_rows(self._connection, sites, days).values())

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

    def whole(self) -> Figures:
        """Return the figures of all of it."""
        if self.is_narrow:
            return _together(self._cells.values()).figures()
        return self.stores.figures(self.stores.all())

    def by_day(self) -> dict[date, Figures]:
        """Return the figures of each day, in order; a day of which nothing is known is absent."""
        if self.is_narrow:
            by_day = _grouped({group: group[1] for group in self._cells}, self._cells)
            return {date.fromisoformat(day or ""): f for day, f in sorted(by_day.items())}
        groups = self.stores.groups(self.stores.days)
        return {day: self.stores.figures(rows) for day, rows in sorted(groups.items())}

    def by_site(self) -> dict[SiteKey, Figures]:
        """Return the figures of each store; one that was never heard of is absent."""
        if self.is_narrow:
            of = {(site[1]): site for site in self.sites}
            by_site = _grouped({group: group[0] for group in self._cells}, self._cells)
            return {of[site or ""]: figures for site, figures in by_site.items()}
        groups = self.stores.groups(self.stores.sites)
        return {site: self.stores.figures(rows) for site, rows in groups.items()}

    def by_region(self) -> dict[str | None, Figures]:
        """Return the figures of each region."""
        regions = self.grouping.regions
        if self.is_narrow:
            tenant = self.sites[0][0] if self.sites else ""

            def region_of(site: str | None) -> str | None:
                region = regions.get((tenant, site or ""))
                return region.id if region else None

            return _grouped({g: region_of(g[0]) for g in self._cells}, self._cells)
        labels = [r.id if (r := regions.get(site)) else None for site in self.stores.sites]
        return {
            region: self.stores.figures(rows) for region, rows in self.stores.groups(labels).items()
        }

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

    def table_of(
        self, name: str, by: tuple[Dimension, ...], make: Callable[[Group, Cell], Row | None]
    ) -> Table:
        """Return a table of slots or products, of the newest days that are not too much."""
        days = self.newest_days()
        if days is None:
            return Table(name, refused="region.refused")
        found = (make(group, cell) for group, cell in self.cells(by, days).items())
        rows = worst_first(row for row in found if row is not None)
        is_short = days != self.filters.days
        return Table(name, rows, note=days.first.isoformat() if is_short else "")

    def products(self) -> Table:
        """Return the products, worst first."""

        def row(group: Group, cell: Cell) -> Row:
            sku = group[0] or ""
            keys = {"sku": sku, "name": self.names.products.get(sku)}
            href = self.filters.at(self._path, product=sku)
            return Row(keys, self.names.product(sku), cell.figures(), href)

        return self.table_of("products", (Dimension.SKU,), row)

    def categories(self) -> Table:
        """Return the categories, worst first; products without one are one row."""

        def row(group: Group, cell: Cell) -> Row:
            category = group[0]
            href = self.filters.at(self._path, category=category) if category else None
            return Row({"category": category}, category or "", cell.figures(), href)

        return self.table_of("categories", (Dimension.CATEGORY,), row)

    def chronic(self) -> Table:
        """Return slots that are empty again and again, those empty for longest first."""

        def row(group: Group, cell: Cell) -> Row | None:
            site, slot, sku = (value or "" for value in group)
            if not is_chronic(cell):
                return None
            return Row(
                {"site": site, "slot": slot, "sku": sku},
                self.names.product(sku),
                cell.figures(),
                self.filters.one_slot(site, slot),
            )

        table = self.table_of("chronic", (Dimension.SITE, Dimension.SLOT, Dimension.SKU), row)
        rows = sorted(
            table.rows, key=lambda row: -(row.figures.out_of_stock_secs if row.figures else 0)
        )
        return Table(table.name, rows, table.refused, table.note)

    def places(self) -> Table:
        """Return the aisles of a store, the bays of an aisle, or the slots of a bay."""
        filters = self.filters
        if filters.bay is not None:
            by: tuple[Dimension, ...] = (Dimension.SLOT, Dimension.SKU)
        else:
            by = (Dimension.BAY,) if filters.aisle is not None else (Dimension.AISLE,)

        def row(group: Group, cell: Cell) -> Row:
            name = group[0] or ""
            keys: dict[str, Value] = {by[0].value: name}
            site = filters.site or ""
            if by[0] is Dimension.SLOT:
                sku = group[1] or ""
                keys |= {"sku": sku, "name": self.names.products.get(sku)}
                href = filters.one_slot(site, name)
                return Row(keys, self.names.product(sku), cell.figures(), href)
            place = {by[0].value: name}
            if by[0] is Dimension.BAY:
                place["aisle"] = name.partition("/")[0]
            return Row(keys, name, cell.figures(), filters.store(site, **place))

        return self.table_of("places", by, row)

    @property
    def _path(self) -> str:
        return OVERVIEW if self.filters.site is None else STORE


def _together(cells: Iterable[Cell]) -> Cell:
    whole = Cell()
    for cell in cells:
        whole.add(cell)
    return whole


def _grouped(labels: Mapping[Group, Label], cells: Mapping[Group, Cell]) -> dict[Label, Figures]:
    found: dict[Label, Cell] = {}
    for group, label in labels.items():
        found.setdefault(label, Cell()).add(cells[group])
    return {label: cell.figures() for label, cell in found.items()}
