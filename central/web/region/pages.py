"""The pages over all stores and their tables over HTTP, for whoever may compare stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from central.database import Database
from central.desk import SiteKey
from central.metrics.day_reading import is_summing
from central.metrics.days import day_of
from central.metrics.grouping import Grouping
from central.metrics.rolling_rows import read_rolled
from central.web.access import Right, User, require
from central.web.language import texts_of
from central.web.metrics_api import Clock, now_utc
from central.web.region import charts, rankings
from central.web.region.filters import (
    OVERVIEW,
    PRESETS,
    SLOT,
    STORE,
    TABLE_CSV,
    TABLE_JSON,
    Filters,
    read_filters,
)
from central.web.region.report import Names, Report, TooMuchError
from central.web.region.slot import read_life
from central.web.region.slot_tables import SlotTables
from central.web.region.tables import MIN_COVERAGE, SHOWN_TILES, Table
from central.web.region.wording import Wording
from central.web.rendering import Templates
from central.web.rows import Site
from shelf import Planogram

Planned = Mapping[Site, Mapping[str, Planogram]]

TOO_MUCH = "expected fewer days or fewer stores: this would read more than a page may"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, understood. ``sites`` are those of one tenant that are asked for."""

    filters: Filters
    user: User
    tenants: list[str]
    sites: list[SiteKey]
    rolled: Mapping[SiteKey, datetime]


class RegionPages:
    """The handlers, and what they share."""

    def __init__(
        self,
        database: Database,
        templates: Templates,
        grouping: Grouping,
        planograms: Planned,
        clock: Clock = now_utc,
    ) -> None:
        self._database = database
        self._templates = templates
        self._grouping = grouping
        self._clock = clock
        planned = [slot for of in planograms.values() for p in of.values() for slot in p.slots]
        self._names = Names(grouping.names, {slot.sku: slot.name for slot in planned})

    async def overview(self, request: Request) -> Response:
        """All stores, or those of a region."""
        return await self._answer(request, self._overview)

    async def store(self, request: Request) -> Response:
        """One store, an aisle or a bay of it."""
        return await self._answer(request, self._store)

    async def slot(self, request: Request) -> Response:
        """The life of one slot."""
        return await self._answer(request, self._slot)

    async def table_csv(self, request: Request) -> Response:
        """One table of a page, for a spreadsheet."""
        table = await run_in_threadpool(self._table, request)
        headers = {
            "Content-Disposition": f'attachment; filename="{table.name}.csv"',
            "Cache-Control": "no-store",
        }
        return Response(table.to_csv(), media_type="text/csv; charset=utf-8", headers=headers)

    async def table_json(self, request: Request) -> Response:
        """One table of a page, for a program."""
        table = await run_in_threadpool(self._table, request)
        return JSONResponse(table.to_json(), headers={"Cache-Control": "no-store"})

    async def _answer(
        self, request: Request, draw: Callable[[Request, Connection, _Asked], Response]
    ) -> Response:
        return await run_in_threadpool(self._draw, request, draw)

    def _draw(
        self, request: Request, draw: Callable[[Request, Connection, _Asked], Response]
    ) -> Response:
        with self._database.read() as connection:
            asked = self._asked(request, connection)
            if any(not value.strip() for value in request.query_params.values()):
                return RedirectResponse(asked.filters.at(request.url.path), 303)
            try:
                return draw(request, connection, asked)
            except TooMuchError as error:
                raise HTTPException(400, TOO_MUCH) from error

    def _asked(self, request: Request, connection: Connection) -> _Asked:
        """Return what is asked; raises 403 without the right, 404 for what is not theirs."""
        user = require(request, Right.COMPARE)
        rolled = read_rolled(connection)
        seen = [
            site for site in sorted({*rolled, *self._grouping.regions}) if user.sees(Site(*site))
        ]
        tenants = sorted({site[0] for site in seen})
        tenant = request.query_params.get("tenant") or next(iter(tenants), "")
        sites = [site for site in seen if site[0] == tenant]
        zone = self._grouping.zone_of(*sites[0]) if sites else UTC
        filters = read_filters(request.query_params, self._clock().astimezone(zone).date())
        if tenant not in tenants and tenants:
            raise HTTPException(404, f"no stores of {tenant} that you may see")
        if filters.region is not None:
            regions = self._grouping.regions
            sites = [s for s in sites if s in regions and regions[s].id == filters.region]
            if not sites:
                raise HTTPException(404, f"no region {filters.region} that you may see")
        if filters.site is not None:
            sites = [site for site in sites if site[1] == filters.site]
            if not sites:
                raise HTTPException(404, f"no store {filters.site} that you may see")
        return _Asked(filters, user, tenants, sites, rolled)

    def _report(self, connection: Connection, asked: _Asked) -> Report:
        return Report(connection, self._grouping, self._names, asked.filters, asked.sites)

    def _overview(self, request: Request, connection: Connection, asked: _Asked) -> Response:
        if asked.filters.site is not None:
            return RedirectResponse(asked.filters.at(STORE), 303)
        report = self._report(connection, asked)
        context = self._common(request, connection, asked, report)
        open_alerts = context["open_alerts"]
        context |= {
            "stores": rankings.stores_table(report, open_alerts),
            "regions": rankings.regions_table(report) if asked.filters.region is None else None,
            "worse_stores": rankings.worse_stores_table(report, context["worse_day"]),
        }
        return self._templates.page(request, "region/overview.html", **context)

    def _store(self, request: Request, connection: Connection, asked: _Asked) -> Response:
        if asked.filters.site is None:
            raise HTTPException(400, "site: expected a store")
        report = self._report(connection, asked)
        context = self._common(request, connection, asked, report)
        context |= {"site": asked.sites[0]}
        return self._templates.page(request, "region/store.html", **context)

    def _slot(self, request: Request, connection: Connection, asked: _Asked) -> Response:
        filters = asked.filters
        if filters.site is None or filters.slot is None:
            raise HTTPException(400, "site, slot: expected a store and a slot like a12/b01/s3/p02")
        site = asked.sites[0]
        now = self._clock()
        life = read_life(connection, site, filters.slot, filters.days, self._grouping, now)
        if life is None:
            raise HTTPException(404, f"no slot {filters.slot} in store {filters.site}")
        report = self._report(connection, asked)
        wording = self._wording(request, asked)
        context = self._frame(request, connection, asked, wording) | {
            "site": site,
            "life": life,
            "whole": rankings.row_of({}, "", report.whole()),
            "product": self._names.product(life.sku),
            "category": self._grouping.products.categories.get(life.sku),
            "lane": (charts.HOUR_WIDTH, charts.LANE_HEIGHT, charts.LANE_PITCH),
        }
        return self._templates.page(request, "region/slot.html", **context)

    def _common(
        self, request: Request, connection: Connection, asked: _Asked, report: Report
    ) -> dict[str, Any]:
        """Return what the pages of stores and of one store have in common."""
        wording = self._wording(request, asked)
        days = rankings.days_table(report)
        open_alerts = rankings.read_open_alerts(connection, asked.sites)
        worse_day = self._worse_day(asked)
        slots = SlotTables(report)
        return self._frame(request, connection, asked, wording) | {
            "whole": rankings.row_of({}, "", report.whole()),
            "open_alerts": open_alerts,
            "open_now": sum(open_alerts.values()),
            "days": days,
            "trend": charts.draw_trend(days.rows),
            "week": rankings.week_table(report),
            "worse_day": worse_day,
            "worse": rankings.worse_table(report, worse_day),
            "categories": slots.categories(),
            "products": slots.products(),
            "chronic": slots.chronic(),
            "places": slots.places() if asked.filters.site else None,
        }

    def _frame(
        self, request: Request, connection: Connection, asked: _Asked, wording: Wording
    ) -> dict[str, Any]:
        """Return what every page has: filters, the way back, how new the figures are."""
        filters, t = asked.filters, wording.t
        until = [asked.rolled[site] for site in asked.sites if site in asked.rolled]
        regions = {
            region.id: region.name or region.id
            for site, region in sorted(self._grouping.regions.items())
            if asked.user.sees(Site(*site)) and site[0] in {s[0] for s in asked.sites}
        }
        return {
            "w": wording,
            "f": filters,
            "path": request.url.path,
            "presets": PRESETS,
            "tenants": asked.tenants,
            "region_names": regions,
            "store_names": {site[1]: self._names.store(site) for site in asked.sites},
            "category_names": sorted(set(self._grouping.products.categories.values())),
            "crumbs": list(self._crumbs(asked, wording, regions)),
            "until": min(until) if until else None,
            "is_summing": is_summing(connection, asked.sites),
            "min_coverage": MIN_COVERAGE,
            "max_tiles": SHOWN_TILES,
            "paths": {"csv": TABLE_CSV, "json": TABLE_JSON},
            "title": t("region.title"),
        }

    def _crumbs(
        self, asked: _Asked, wording: Wording, regions: Mapping[str, str]
    ) -> list[tuple[str, str]]:
        """Return the way from all stores to here: names and URLs."""
        filters, t = asked.filters, wording.t
        crumbs = [(t("region.all"), filters.of_region(None))]
        site = asked.sites[0] if filters.site and asked.sites else None
        region = self._grouping.regions.get(site) if site else None
        region_id = region.id if region else filters.region
        if region_id:
            crumbs.append((regions.get(region_id, region_id), filters.of_region(region_id)))
        if site is None:
            return crumbs
        crumbs.append((self._names.store(site), filters.store(site[1])))
        aisle, _, rest = (filters.slot or filters.bay or filters.aisle or "").partition("/")
        bay = rest.partition("/")[0]
        if aisle:
            crumbs.append((wording.place(aisle), filters.store(site[1], aisle=aisle)))
        if bay:
            url = filters.store(site[1], aisle=aisle, bay=f"{aisle}/{bay}")
            crumbs.append((wording.place(f"{aisle}/{bay}"), url))
        if filters.slot:
            crumbs.append((t("region.slot"), filters.one_slot(site[1], filters.slot)))
        return crumbs

    def _wording(self, request: Request, asked: _Asked) -> Wording:
        zone = self._grouping.zone_of(*asked.sites[0]) if asked.sites else UTC
        return Wording(texts_of(request), zone)

    def _worse_day(self, asked: _Asked) -> date:
        """Return the last of the days that is over."""
        if not asked.sites:
            return asked.filters.last
        zone = self._grouping.zone_of(*asked.sites[0])
        yesterday = day_of(self._clock(), zone) - timedelta(days=1)
        return min(asked.filters.last, yesterday)

    def _table(self, request: Request) -> Table:
        """Return the table that is asked for; raises 400 where it would be too much."""
        name = request.query_params.get("table", "")
        with self._database.read() as connection:
            asked = self._asked(request, connection)
            try:
                report = self._report(connection, asked)
                slots = SlotTables(report)
                makers: dict[str, Callable[[], Table]] = {
                    "stores": lambda: rankings.stores_table(
                        report, rankings.read_open_alerts(connection, asked.sites)
                    ),
                    "regions": lambda: rankings.regions_table(report),
                    "days": lambda: rankings.days_table(report),
                    "week": lambda: rankings.week_table(report),
                    "worse": lambda: rankings.worse_table(report, self._worse_day(asked)),
                    "worse_stores": lambda: rankings.worse_stores_table(
                        report, self._worse_day(asked)
                    ),
                    "categories": slots.categories,
                    "products": slots.products,
                    "chronic": slots.chronic,
                    "places": slots.places,
                }
                if name not in makers:
                    known = ", ".join(makers)
                    raise HTTPException(400, f"table: expected one of {known}, got {name!r}")
                table = makers[name]()
            except TooMuchError as error:
                raise HTTPException(400, TOO_MUCH) from error
        if table.refused:
            raise HTTPException(400, TOO_MUCH)
        return table

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route(OVERVIEW, self.overview),
            Route(STORE, self.store),
            Route(SLOT, self.slot),
            Route(TABLE_CSV, self.table_csv),
            Route(TABLE_JSON, self.table_json),
        ]
