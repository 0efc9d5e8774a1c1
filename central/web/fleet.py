"""How the fleet is: nodes and cameras, those first that need somebody; page, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.database import Database
from central.fleet import Fleet, FleetCamera, FleetNode, Need, read_fleet
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.web import words
from central.web.access import Right, user_of
from central.web.language import Texts, texts_of
from central.web.queries import read_sites
from central.web.rendering import Templates
from central.web.rows import Site

PATH = "/fleet"
MAX_ROWS = 100
"""Of nodes, and of cameras, on the page; filters and the CSV have the rest."""

MAX_TASKS = 20

COLUMNS = (
    "tenant",
    "site",
    "node",
    "camera",
    "state",
    "since_utc",
    "needs",
    "version",
    "reported_utc",
    "outbox_events",
    "outbox_bytes",
    "outbox_oldest_utc",
    "dropped_events",
    "planograms",
    "detail",
    "slots",
    "coverage",
    "last_look_utc",
    "looks_per_minute",
    "model",
    "refused",
    "calibration",
    "calibration_since_utc",
    "calibration_score",
    "drift_px",
    "drift_since_utc",
)
"""Of the CSV: one row a node, one row a camera."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; None means any."""

    tenant: str | None = None
    site: str | None = None
    region: str | None = None
    need: Need | None = None

    def query(self, **changes: Any) -> str:
        """Return the query of a page that asks for this, with ``changes``."""
        need = self.need.value if self.need else None
        values = asdict(self) | {"need": need} | changes
        return urlencode({name: value for name, value in values.items() if value})


class FleetPages:
    """The handlers."""

    def __init__(
        self,
        database: Database,
        templates: Templates,
        grouping: Grouping,
        name_of: Callable[[Texts, Site], str] = lambda _t, site: site.site,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._templates = templates
        self._regions = grouping.regions
        self._name_of = name_of
        self._clock = clock

    async def page(self, request: Request) -> Response:
        """The page."""
        wanted = self._wanted(request)
        fleet, sites = await run_in_threadpool(self._read, request, wanted)
        shown = fleet.with_need(wanted.need) if wanted.need else fleet
        t = texts_of(request)
        tasks = [u for u in shown.units if u.needs and u.needs[0].is_grave]
        return self._templates.page(
            request,
            "fleet/fleet.html",
            wanted=wanted,
            fleet=fleet,
            shown=shown,
            tasks=tasks[:MAX_TASKS],
            more_tasks=max(len(tasks) - MAX_TASKS, 0),
            nodes=shown.nodes[:MAX_ROWS],
            cameras=shown.cameras[:MAX_ROWS],
            max_rows=MAX_ROWS,
            sites=[(site, self._name_of(t, site)) for site in sites],
            regions=self._regions_of(sites),
            store=lambda unit: self._name_of(t, Site(unit.tenant, unit.site)),
            ago=lambda moment: words.duration(t, self._clock() - moment),
        )

    async def json(self, request: Request) -> Response:
        """The same for programs."""
        wanted = self._wanted(request)
        fleet, _ = await run_in_threadpool(self._read, request, wanted)
        shown = fleet.with_need(wanted.need) if wanted.need else fleet
        answer = {
            "time": self._clock().isoformat(),
            "needs": {need.value: count for need, count in fleet.needs.items()},
            "nodes": [_plain(node) for node in shown.nodes],
            "cameras": [_plain(camera) for camera in shown.cameras],
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def csv(self, request: Request) -> Response:
        """The same for a spreadsheet: one row a node, one row a camera."""
        wanted = self._wanted(request)
        fleet, _ = await run_in_threadpool(self._read, request, wanted)
        shown = fleet.with_need(wanted.need) if wanted.need else fleet
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="")
        table.writeheader()
        for unit in shown.units:
            table.writerow({name: _cell(value) for name, value in _plain(unit).items()})
        headers = {
            "Content-Disposition": 'attachment; filename="fleet.csv"',
            "Cache-Control": "no-store",
        }
        return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    def _read(self, request: Request, wanted: Wanted) -> tuple[Fleet, list[Site]]:
        """Return the fleet, and all stores that who asks may see; raises 404."""
        user = user_of(request)
        with self._database.read() as connection:
            sites = user.own(read_sites(connection))
            chosen = [site for site in sites if self._is_wanted(site, wanted)]
            if not chosen and (wanted.site or wanted.region or wanted.tenant):
                raise HTTPException(404, "no store that you may see fits the filter")
            keys = [(site.tenant, site.site) for site in chosen]
            return read_fleet(connection, keys, self._clock()), sites

    def _is_wanted(self, site: Site, wanted: Wanted) -> bool:
        if wanted.tenant not in (None, site.tenant) or wanted.site not in (None, site.site):
            return False
        region = self._regions.get((site.tenant, site.site))
        return wanted.region is None or (region is not None and region.id == wanted.region)

    def _regions_of(self, sites: Sequence[Site]) -> list[Region]:
        """Return the regions that have one of ``sites``."""
        found = (self._regions.get((site.tenant, site.site)) for site in sites)
        return list(dict.fromkeys(region for region in found if region is not None))

    def _wanted(self, request: Request) -> Wanted:
        """Return what is asked for; raises 403 and 400."""
        user = user_of(request)
        if not user.may(Right.FLEET):
            right = Right.FLEET.value
            raise HTTPException(403, f"{user.name} ({user.role.value}) may not {right}")
        given = request.query_params
        tenant, _, site = (given.get("site") or "").rpartition("/")
        need = given.get("need") or None
        try:
            known = None if need is None else Need(need)
        except ValueError as error:
            raise HTTPException(400, f"need: expected one of {', '.join(Need)}") from error
        return Wanted(
            given.get("tenant") or tenant or None,
            site or None,
            given.get("region") or None,
            known,
        )

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route(PATH, self.page),
            Route("/api/fleet.json", self.json),
            Route("/api/fleet.csv", self.csv),
        ]


def _plain(unit: FleetNode | FleetCamera) -> dict[str, Any]:
    """Return a node or a camera with JSON's types."""
    plain: dict[str, Any] = {}
    for name, value in asdict(unit).items():
        if isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif name == "needs":
            plain[name] = [need.value for need in value]
        elif name == "is_online":
            plain["state"] = "online" if value else "offline"
        else:
            plain[name] = value
    return plain


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={item or '-'}" for name, item in value.items())
    # A spreadsheet takes what begins so for a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
