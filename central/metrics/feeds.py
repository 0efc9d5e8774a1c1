"""The figures of stores and regions as messages: ``shelf/v1/{tenant}/_agg/{scope}/{id}/kpi``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, func, select

from central import tables
from central.database import Database
from central.metric_settings import Region
from central.metrics.figures import Cell
from central.metrics.grouping import Grouping
from central.metrics.hours import hour_start
from central.metrics.intervals import OPEN
from central.metrics.reading import Question, read_cells
from central.metrics.rolling_rows import SiteKey, read_rolled, read_seen_until
from shelf import topics
from shelf.kpi import Kpi, OnShelf, SiteFigures, SlotCounts
from shelf.states import State

WEEK = timedelta(days=7)


@dataclass(slots=True)
class _Store:
    """What goes into the messages of one store, and of its region."""

    today: Cell = field(default_factory=Cell)
    week: Cell = field(default_factory=Cell)
    slots: Counter[State] = field(default_factory=Counter)
    products: dict[str, OnShelf] = field(default_factory=dict)

    def add(self, other: _Store) -> None:
        """Add another store; products are not of a region."""
        self.today.add(other.today)
        self.week.add(other.week)
        self.slots.update(other.slots)


class Feeds:
    """Reads what is to be published. One per database, used by one thread."""

    def __init__(self, database: Database, grouping: Grouping) -> None:
        self._database = database
        self._grouping = grouping
        self._weeks: dict[SiteKey, tuple[datetime, Cell]] = {}

    def read(self, now: datetime) -> Iterator[tuple[str, bytes]]:
        """Yield topic and payload of each message; raises what SQLAlchemy raises."""
        stores: dict[SiteKey, _Store] = {}
        with self._database.read() as connection:
            sites = sorted(read_rolled(connection))
        for site in sites:
            with self._database.read() as connection:  # short ones: nobody waits for a reader
                stores[site] = self._read_store(connection, site, now)
            message = self._site(site, stores[site], now)
            yield topics.kpi(site[0], "site", site[1]), message.to_json()
        regions = {(region.tenant, region.id): region for region in self._grouping.regions.values()}
        for region in regions.values():
            known = [(region.tenant, site) for site in region.sites]
            known = [site for site in known if site in stores]
            if known:
                message = self._region(region, {site: stores[site] for site in known}, now)
                yield topics.kpi(region.tenant, "region", region.id), message.to_json()

    def _read_store(self, connection: Connection, site: SiteKey, now: datetime) -> _Store:
        store = _Store()
        midnight = midnight_before(now, self._grouping, site)
        store.today = self._cell(connection, site, midnight, now, now)
        store.week = self._week(connection, site, now)
        for _, state, count in _present(connection, site):
            store.slots[state] += count
        store.products = read_products(connection, site, self._grouping)
        return store

    def _week(self, connection: Connection, site: SiteKey, now: datetime) -> Cell:
        """Return the figures of the last seven days, which change once an hour."""
        until = hour_start(now, self._grouping.zone_of(*site))
        known = self._weeks.get(site)
        if known is None or known[0] != until:
            known = until, self._cell(connection, site, until - WEEK, until, now)
            if read_rolled(connection)[site] >= until:
                self._weeks[site] = known
        return known[1]

    def _cell(
        self, connection: Connection, site: SiteKey, since: datetime, until: datetime, now: datetime
    ) -> Cell:
        question = Question([site], since, until)
        return read_cells(connection, question, self._grouping, now).get((), Cell())

    def _site(self, site: SiteKey, store: _Store, now: datetime) -> Kpi:
        return Kpi(
            tenant=site[0],
            scope="site",
            id=site[1],
            name=self._grouping.names.get(site),
            time=now,
            slots=_counts(store.slots),
            today=store.today.figures(),
            week=store.week.figures(),
            products=store.products,
        )

    def _region(self, region: Region, stores: dict[SiteKey, _Store], now: datetime) -> Kpi:
        whole = _Store()
        for store in stores.values():
            whole.add(store)
        return Kpi(
            tenant=region.tenant,
            scope="region",
            id=region.id,
            name=region.name,
            time=now,
            slots=_counts(whole.slots),
            today=whole.today.figures(),
            week=whole.week.figures(),
            sites=tuple(
                SiteFigures(
                    site=site[1],
                    name=self._grouping.names.get(site),
                    today=store.today.figures(),
                )
                for site, store in stores.items()
            ),
        )


def midnight_before(now: datetime, grouping: Grouping, site: SiteKey) -> datetime:
    """Return when the day began by the clock of a store, as UTC."""
    zone = grouping.zone_of(*site)
    return datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)


def read_products(connection: Connection, site: SiteKey, grouping: Grouping) -> dict[str, OnShelf]:
    """Return whether a shopper finds each product of a store now, by GTIN."""
    products: dict[str, OnShelf] = {}
    for sku, state, _ in _present(connection, site):
        gtin = grouping.products.gtins.get(sku)
        if gtin is not None:
            products[gtin] = _better(products.get(gtin), _on_shelf(state))
    return dict(sorted(products.items()))


def _present(connection: Connection, site: SiteKey) -> Iterator[tuple[str, State, int]]:
    """Yield SKU, state now and number of slots; unknown where the node cannot be heard."""
    slots = tables.slot_states.c
    seen_until = read_seen_until(connection)
    query = (
        select(slots.sku, slots.state, slots.source, func.count().label("slots"))
        .where(slots.tenant == site[0], slots.site == site[1], slots.sku != "")
        .group_by(slots.sku, slots.state, slots.source)
    )
    for row in connection.execute(query):
        is_heard = seen_until(row.source) == OPEN
        yield row.sku, State(row.state) if is_heard else State.UNKNOWN, row.slots


def _on_shelf(state: State) -> OnShelf:
    if state is State.UNKNOWN:
        return OnShelf.UNKNOWN
    return OnShelf.AVAILABLE if state.is_available else OnShelf.OUT


def _better(one: OnShelf | None, other: OnShelf) -> OnShelf:
    """Return what two slots of a product say: one filled slot is enough, one unseen may be it."""
    order = (OnShelf.OUT, OnShelf.UNKNOWN, OnShelf.AVAILABLE)
    return other if one is None else max(one, other, key=order.index)


def _counts(slots: Counter[State]) -> SlotCounts:
    return SlotCounts(**{state.value: slots[state] for state in State})
