"""Products, categories, places and slots as tables, all from one reading of the slots' sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial

from central.metrics.figures import Cell
from central.metrics.grouping import Dimension, Group
from central.metrics.reading import Days
from central.web.metrics_api import is_chronic
from central.web.region.filters import OVERVIEW, STORE
from central.web.region.rankings import row_of
from central.web.region.report import Report, TooMuchError, grouped
from central.web.region.tables import Row, Table, Value, worst_first

MAX_SLOTS = 2500
"""Of how many slots a page tells which are chronic."""

REFUSED = "region.refused"


class SlotTables:
    """The tables of one report; of the newest of its days where all would be too much."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._filters = report.filters
        self._path = OVERVIEW if self._filters.site is None else STORE

    @cached_property
    def _days(self) -> Days | None:
        return self._report.newest_days()

    @cached_property
    def _has_few_slots(self) -> bool:
        """True where every slot can be told apart on a page."""
        last = self._filters.last
        return self._days is not None and self._report.count_slots(last) <= MAX_SLOTS

    @cached_property
    def _slots(self) -> dict[Group, Cell]:
        return self._report.cells((Dimension.SITE, Dimension.SLOT, Dimension.SKU), self._days)

    @cached_property
    def _skus(self) -> Mapping[str, Cell]:
        if self._has_few_slots:
            return grouped(self._slots, lambda group: group[2] or "")
        return grouped(
            self._report.cells((Dimension.SKU,), self._days), lambda group: group[0] or ""
        )

    def products(self) -> Table:
        """Return the products, worst first."""
        names = self._report.names

        def row(sku: str, cell: Cell) -> Row:
            keys: dict[str, Value] = {"sku": sku, "name": names.products.get(sku)}
            link = partial(self._filters.at, self._path, product=sku)
            return row_of(keys, names.product(sku), cell, link)

        return self._table("products", lambda: [row(*item) for item in self._skus.items()])

    def categories(self) -> Table:
        """Return the categories, worst first; products without one are one row."""
        known = self._report.grouping.products.categories

        def row(category: str | None, cell: Cell) -> Row:
            link = partial(self._filters.at, self._path, category=category)
            return row_of({"category": category}, category or "", cell, link if category else None)

        def rows() -> list[Row]:
            by_sku: dict[Group, Cell] = {(sku,): cell for sku, cell in self._skus.items()}
            found = grouped(by_sku, lambda group: known.get(group[0] or ""))
            return [row(*item) for item in found.items()]

        return self._table("categories", rows)

    def places(self) -> Table:
        """Return the aisles of a store, the bays of an aisle, or the slots of a bay."""
        filters, names = self._filters, self._report.names
        if filters.bay is not None:

            def slot_row(group: Group, cell: Cell) -> Row:
                slot, sku = group[1] or "", group[2] or ""
                keys: dict[str, Value] = {
                    "slot": slot,
                    "sku": sku,
                    "name": names.products.get(sku),
                }
                link = partial(filters.one_slot, filters.site or "", slot)
                return row_of(keys, names.product(sku), cell, link)

            return self._table("places", lambda: [slot_row(*one) for one in self._slots.items()])

        depth = 1 if filters.aisle is None else 2

        def place_row(place: str, cell: Cell) -> Row:
            aisle = place.partition("/")[0]
            narrower = {"aisle": aisle} | ({"bay": place} if depth == 2 else {})
            link = partial(filters.store, filters.site or "", **narrower)
            return row_of({"aisle" if depth == 1 else "bay": place}, place, cell, link)

        def rows() -> list[Row]:
            found = grouped(self._slots, lambda g: "/".join((g[1] or "").split("/")[:depth]))
            return [place_row(*item) for item in found.items()]

        return self._table("places", rows)

    def chronic(self) -> Table:
        """Return slots that are empty again and again, those empty for longest first."""
        if not self._has_few_slots:
            return Table("chronic", refused=REFUSED)
        names = self._report.names

        def row(group: Group, cell: Cell) -> Row:
            site, slot, sku = (value or "" for value in group)
            keys: dict[str, Value] = {"site": site, "slot": slot, "sku": sku}
            return row_of(
                keys, names.product(sku), cell, partial(self._filters.one_slot, site, slot)
            )

        def rows() -> list[Row]:
            found = [(g, cell) for g, cell in self._slots.items() if is_chronic(cell)]
            found.sort(key=lambda item: (-item[1].times.out_of_stock_ms, str(item[0])))
            return [row(*item) for item in found]

        return self._table("chronic", rows, order=list)

    def _table(
        self,
        name: str,
        read: Callable[[], list[Row]],
        order: Callable[[list[Row]], list[Row]] = worst_first,
    ) -> Table:
        if self._days is None:
            return Table(name, refused=REFUSED)
        try:
            rows = order(read())
        except TooMuchError:
            return Table(name, refused=REFUSED)
        is_short = self._days != self._filters.days
        return Table(name, rows, note=self._days.first.isoformat() if is_short else "")
