"""The page's HTTP interface: one page, its parts as server-sent events, pictures and JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from central.config import Central, Look
from central.database import Database
from central.web.as_json import alert_json, row_json, slot_json
from central.web.live import Changes, stream
from central.web.pages import Pages, Planograms
from central.web.queries import Moment, read_picture, read_site
from central.web.rows import NO_SITE, Site
from central.web.security import SecurityHeaders, origin_of
from shelf import ConfigError, Planogram, Problem, SlotId, load_planogram

DONE = "done"
"""The reason of an alert that somebody closed on the page."""

STATIC = Path(__file__).parent / "static"


class Collecting(Protocol):
    """What the page needs of the collector."""

    @property
    def is_connected(self) -> bool:
        """True while the broker can be heard."""

    @property
    def detail(self) -> str:
        """Why it cannot be heard."""

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have ``call`` called after each commit, from any thread."""

    def close_alert(self, alert: str, reason: str) -> bool:
        """Close an open alert; False if none was open."""


def create_app(central: Central, database: Database, collector: Collecting) -> Starlette:
    """Return the page as ``central`` configures it, live with the collector's commits.

    Raises `shelf.ConfigError` for a look that is no http URL, and `shelf.PlanogramError`.
    """
    planograms: dict[Site, dict[str, Planogram]] = {}
    for item in central.planograms:
        by_aisle = planograms.setdefault(Site(item.tenant, item.site), {})
        by_aisle[item.aisle] = load_planogram(item.file)
    for index, look in enumerate(central.looks):
        try:
            origin_of(look.url)
        except ValueError as error:
            where = f"looks[{index}].url"
            raise ConfigError([Problem(where, "an http or https URL", repr(look.url))]) from error
    return make_app(database, planograms, central.looks, collector)


class _Revalidated(StaticFiles):
    """Files that a browser asks about each time, so that an update is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Web:
    """The handlers, and what they share."""

    def __init__(
        self,
        database: Database,
        planograms: Planograms,
        looks: Sequence[Look],
        collector: Collecting | None,
    ) -> None:
        self.changes = Changes()
        self._database = database
        self._collector = collector
        self._pages = Pages(database, planograms, self.changes, self._broker_fault)
        self._looks = list(looks)

    def _broker_fault(self) -> str | None:
        """Why no news can come, or None while it can."""
        if self._collector is None or self._collector.is_connected:
            return None
        return self._collector.detail or "no connection"

    async def page(self, request: Request) -> Response:
        """The live page of one site."""
        sites = await run_in_threadpool(self._pages.sites)
        site = _asked_site(request, sites)
        if sites and site not in sites:
            known = ", ".join(other.site for other in sites)
            raise HTTPException(404, f"no site {site.site}; there is {known}")
        parts = await self._pages.parts(site)
        looks = self._looks
        html = await run_in_threadpool(self._pages.draw_page, site, sites, parts, looks)
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    async def events(self, request: Request) -> Response:
        """Parts of the page as they change."""
        site = _asked_site(request, [])

        async def draw() -> dict[str, str]:
            return await self._pages.parts(site)

        return StreamingResponse(
            stream(self.changes, draw),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def card(self, request: Request) -> Response:
        """One slot in words, as a piece of HTML."""
        site = _asked_site(request, [])
        aisle, _, slot_text = request.query_params.get("slot", "").partition("/")
        try:
            slot = SlotId.parse(slot_text)
        except ValueError as error:
            raise HTTPException(400, f"slot: {error}, after the aisle: a12/b01/s3/p02") from error
        html = await run_in_threadpool(self._pages.draw_card, site, aisle, slot)
        if html is None:
            raise HTTPException(404, f"no slot {slot} in aisle {aisle}")
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    async def picture(self, request: Request) -> Response:
        """The picture that shows why a slot's state has changed."""
        try:
            moment = Moment(request.path_params["moment"])
        except ValueError as error:
            raise HTTPException(404) from error
        picture = await run_in_threadpool(self._read_picture, request.path_params["event"], moment)
        if picture is None:
            raise HTTPException(404, "no picture")
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(picture, media_type="image/jpeg", headers=headers)

    async def done(self, request: Request) -> Response:
        """Close an alert because somebody in the store says that it is solved."""
        if self._collector is None:
            raise HTTPException(503, "alerts cannot be closed here")
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise HTTPException(403, "only the page itself may ask this")
        if request.headers.get("x-requested-with") != "shelfwatch":
            raise HTTPException(403, "expected the header X-Requested-With: shelfwatch")
        alert = request.path_params["alert"]
        if not await run_in_threadpool(self._collector.close_alert, alert, DONE):
            raise HTTPException(404, "no open alert with this id")
        return Response(status_code=204)

    def _read_picture(self, event: str, moment: Moment) -> bytes | None:
        with self._database.read() as connection:
            return read_picture(connection, event, moment)

    async def alerts_json(self, request: Request) -> Response:
        """Open and recently closed alerts of one site, or of all."""
        return JSONResponse(await run_in_threadpool(self._alerts_json, request))

    def _alerts_json(self, request: Request) -> dict[str, Any]:
        answer: dict[str, list[dict[str, Any]]] = {"open": [], "closed": []}
        for site in self._wanted(request):
            with self._database.read() as connection:
                rows = read_site(connection, site)
            answer["open"] += [alert_json(site, row) for row in rows.open_alerts]
            answer["closed"] += [alert_json(site, row) for row in rows.closed_alerts]
        return answer

    async def slots_json(self, request: Request) -> Response:
        """The state of every slot, and nodes and cameras, of one site, or of all."""
        return JSONResponse(await run_in_threadpool(self._slots_json, request))

    def _slots_json(self, request: Request) -> dict[str, Any]:
        answer: dict[str, list[dict[str, Any]]] = {"slots": [], "nodes": [], "cameras": []}
        for site in self._wanted(request):
            with self._database.read() as connection:
                rows = read_site(connection, site)
            answer["slots"] += [slot_json(site, row) for row in rows.slots]
            answer["nodes"] += [row_json(site, row) for row in rows.nodes]
            answer["cameras"] += [row_json(site, row) for row in rows.cameras]
        return answer

    def _wanted(self, request: Request) -> list[Site]:
        sites = self._pages.sites()
        return [_asked_site(request, sites)] if "site" in request.query_params else sites

    async def healthz(self, request: Request) -> Response:
        """200 while the database answers; says whether the broker does."""
        try:
            await run_in_threadpool(self._pages.sites)
        except SQLAlchemyError as error:
            return JSONResponse({"status": "failing", "database": type(error).__name__}, 503)
        return JSONResponse({"status": "ok", "broker": self._broker_fault() or "connected"})

    def routes(self) -> list[Route | Mount]:
        """Return what is served."""
        return [
            Route("/", self.page),
            Route("/events", self.events),
            Route("/card", self.card),
            Route("/evidence/{event}/{moment}.jpg", self.picture),
            Route("/alerts/{alert}/done", self.done, methods=["POST"]),
            Route("/api/alerts.json", self.alerts_json),
            Route("/api/slots.json", self.slots_json),
            Route("/healthz", self.healthz),
            Mount("/static", _Revalidated(directory=STATIC)),
        ]


def make_app(
    database: Database,
    planograms: Planograms,
    looks: Sequence[Look] = (),
    collector: Collecting | None = None,
) -> Starlette:
    """Return the page over ``database``; without a ``collector`` it only looks now and then.

    ``app.state.changes`` is its `Changes`: ``notify()`` redraws, ``close()`` ends the streams
    (call it before the server waits for its connections to end).
    Raises ``ValueError`` for a look whose URL is not http.
    """
    web = Web(database, planograms, looks, collector)
    if collector is not None:
        collector.on_commit(web.changes.notify)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        web.changes.open()
        yield
        web.changes.close()

    origins = [origin_of(look.url) for look in looks]
    app = Starlette(
        routes=web.routes(),
        middleware=[Middleware(SecurityHeaders, picture_origins=origins)],
        exception_handlers={HTTPException: _plain_error},
        lifespan=lifespan,
    )
    app.state.changes = web.changes
    return app


async def _plain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, headers=error.headers)


def _asked_site(request: Request, known: Sequence[Site]) -> Site:
    """Return the site that the query names, else the first that is known.

    ``tenant`` may be left out where one of ``known`` has the site.
    """
    site = request.query_params.get("site")
    tenant = request.query_params.get("tenant")
    if site is None:
        return known[0] if known else NO_SITE
    if tenant is None:
        tenant = next((s.tenant for s in known if s.site == site), "-")
    return Site(tenant, site)
