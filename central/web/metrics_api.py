"""Figures as JSON: of the stores that who asks may see; docs/metrics.md defines each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.database import Database
from central.metrics.feeds import midnight_before, read_products
from central.metrics.figures import Cell
from central.metrics.grouping import Dimension, Group, Grouping
from central.metrics.hours import HOUR, NAMES
from central.metrics.reading import Question, read_cells
from central.metrics.rolling_rows import SiteKey, read_rolled
from central.web.access import User, user_of
from central.web.rows import Site

MAX_DIMENSIONS = 3
MAX_DAYS = 400
MAX_ROWS = 20_000

CHRONIC_DAYS = 28
CHRONIC_STOCK_OUTS = 3
CHRONIC_SHARE = 0.2
"""A slot that is empty for this much of the time that it was seen is chronic, too."""

PLACES = (Dimension.AISLE, Dimension.BAY, Dimension.SLOT)
FILTERS = (
    *PLACES,
    Dimension.CATEGORY,
    Dimension.SKU,
    Dimension.PLANOGRAM,
)


Clock = Callable[[], datetime]
"""Says what time it is, in UTC."""


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class MetricsApi:
    """The handlers, and what they share."""

    def __init__(
        self,
        database: Database,
        grouping: Grouping,
        clock: Clock = now_utc,
    ) -> None:
        self._database = database
        self._grouping = grouping
        self._clock = clock

    async def metrics(self, request: Request) -> Response:
        """Figures by any of the dimensions."""
        return await self._answer(request, self._metrics)

    async def chronic(self, request: Request) -> Response:
        """Slots that are empty again and again, the worst first."""
        return await self._answer(request, self._chronic)

    async def products(self, request: Request) -> Response:
        """Whether a shopper finds each product now, by store and GTIN."""
        return await self._answer(request, self._products)

    async def regions(self, request: Request) -> Response:
        """The regions, each with those of its stores that who asks may see."""
        return await self._answer(request, self._regions)

    async def _answer(
        self, request: Request, read: Callable[[Request], Mapping[str, Any]]
    ) -> Response:
        answer = await run_in_threadpool(read, request)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _metrics(self, request: Request) -> dict[str, Any]:
        question = self._question(request)
        cells = self._cells(question)
        if len(cells) > MAX_ROWS:
            raise HTTPException(400, f"expected up to {MAX_ROWS} rows, got {len(cells)}; ask less")
        ordered = sorted(cells.items(), key=lambda item: tuple(str(value) for value in item[0]))
        return {
            "from": question.from_utc.isoformat(),
            "until": question.until_utc.isoformat(),
            "by": [dimension.value for dimension in question.by],
            "rows": [self._row(question.by, group, cell) for group, cell in ordered],
        }

    def _chronic(self, request: Request) -> dict[str, Any]:
        question = self._question(request, days=CHRONIC_DAYS, by="site,slot,sku")
        rows = [
            (cell.times.out_of_stock_ms, self._row(question.by, group, cell))
            for group, cell in self._cells(question).items()
            if is_chronic(cell)
        ]
        rows.sort(key=lambda row: (-row[0], str(row[1])))
        return {
            "from": question.from_utc.isoformat(),
            "until": question.until_utc.isoformat(),
            "rows": [row for _, row in rows],
        }

    def _products(self, request: Request) -> dict[str, Any]:
        wanted = request.query_params.get("gtin")
        stores = []
        for site in self._sites(request):
            with self._database.read() as connection:
                found = read_products(connection, site, self._grouping)
            if wanted is not None:
                found = {gtin: state for gtin, state in found.items() if gtin == wanted}
            stores.append({"tenant": site[0], "site": site[1], "products": found})
        return {"time": self._clock().isoformat(), "stores": stores}

    def _regions(self, request: Request) -> dict[str, Any]:
        user = user_of(request)
        regions: dict[tuple[str, str], dict[str, Any]] = {}
        for (tenant, site), region in sorted(self._grouping.regions.items()):
            if user.sees(Site(tenant, site)):
                entry: dict[str, Any] = {
                    "tenant": tenant,
                    "id": region.id,
                    "name": region.name,
                    "sites": [],
                }
                regions.setdefault((tenant, region.id), entry)["sites"].append(site)
        return {"regions": list(regions.values())}

    def _cells(self, question: Question) -> dict[Group, Cell]:
        with self._database.read() as connection:
            return read_cells(connection, question, self._grouping, self._clock())

    def _row(self, by: Sequence[Dimension], group: Group, cell: Cell) -> dict[str, Any]:
        values = {d.value: value for d, value in zip(by, group, strict=True)}
        secs = {f"{name.removesuffix('_ms')}": getattr(cell.times, name) // 1000 for name in NAMES}
        return values | cell.figures().model_dump(mode="json") | {"state_secs": secs}

    def _question(self, request: Request, *, days: float = 0, by: str | None = None) -> Question:
        """Return what is asked; raises 400 with what was expected, 404 for what is not theirs."""
        given = request.query_params
        sites = self._sites(request)
        until = _time(given.get("until"), "until") or self._clock()
        since = _time(given.get("from"), "from")
        if since is None:
            since = until - timedelta(days=days) if days else self._midnight(sites, until)
        if not since < until <= since + timedelta(days=MAX_DAYS):
            raise HTTPException(400, f"from, until: expected up to {MAX_DAYS} days, in order")
        return Question(
            sites=sites,
            from_utc=since,
            until_utc=until,
            by=_dimensions(given.get("by", "") if by is None else by),
            where={d: given[d.value] for d in FILTERS if d.value in given},
            hours=hours_of(given.get("hours")),
        )

    def _midnight(self, sites: Sequence[SiteKey], until: datetime) -> datetime:
        """Return when the day began at the first of the stores."""
        if not sites:
            return until - HOUR
        midnight = midnight_before(until, self._grouping, sites[0])
        return midnight if midnight < until else until - HOUR

    def _sites(self, request: Request) -> list[SiteKey]:
        """Return the stores that are asked for; another's are as if they did not exist."""
        user: User = user_of(request)
        given = request.query_params
        with self._database.read() as connection:
            known = sorted(read_rolled(connection))
        sites = [site for site in known if user.sees(Site(*site))]
        if "tenant" in given:
            sites = [site for site in sites if site[0] == given["tenant"]]
        if "site" in given:
            sites = [site for site in sites if site[1] == given["site"]]
            if not sites:
                raise HTTPException(404, f"no store {given['site']} with figures")
        if "region" in given:
            of_region = self._grouping.regions
            sites = [s for s in sites if s in of_region and of_region[s].id == given["region"]]
            if not sites:
                raise HTTPException(404, f"no region {given['region']} with figures")
        return sites

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/api/metrics.json", self.metrics),
            Route("/api/chronic.json", self.chronic),
            Route("/api/products.json", self.products),
            Route("/api/regions.json", self.regions),
        ]


def is_chronic(cell: Cell) -> bool:
    """True when a slot is empty again and again, or for much of the time."""
    times = cell.times
    share = times.out_of_stock_ms / times.observed_ms if times.observed_ms else 0
    return len(cell.detect_secs) >= CHRONIC_STOCK_OUTS or share >= CHRONIC_SHARE


def _dimensions(text: str) -> tuple[Dimension, ...]:
    names = [name for name in text.split(",") if name]
    known = ", ".join(Dimension)
    try:
        found = tuple(Dimension(name) for name in names)
    except ValueError as error:
        raise HTTPException(400, f"by: expected some of {known}, got {text!r}") from error
    if len(set(found)) < len(found) or len(found) > MAX_DIMENSIONS:
        raise HTTPException(400, f"by: expected up to {MAX_DIMENSIONS}, each once, got {text!r}")
    return found


def _time(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a plus is a space in a query
    except ValueError as error:
        expected = "expected a time like 2026-11-21T00:00Z"
        raise HTTPException(400, f"{name}: {expected}, got {text!r}") from error
    if moment.tzinfo is None:
        raise HTTPException(400, f"{name}: expected a time with its zone (Z), got {text!r}")
    return moment.astimezone(UTC)


def hours_of(text: str | None) -> tuple[int, int] | None:
    """Return hours of the day like ``7-22``; raises 400 for anything else."""
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last) <= 24):
        raise HTTPException(400, f"hours: expected hours of the day like 7-22, got {text!r}")
    return int(first), int(last)
