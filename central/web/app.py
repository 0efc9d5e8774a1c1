"""The page's HTTP interface: one page, its parts as server-sent events, pictures and JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

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

from central.database import Database
from central.web import words
from central.web.live import Changes, stream
from central.web.pages import Look, Pages, Planograms
from central.web.queries import Moment, read_picture, read_site
from central.web.rows import NO_SITE, AlertRow, Site, SlotRow
from central.web.security import SecurityHeaders, origin_of
from shelf import SlotId

STATIC = Path(__file__).parent / "static"

OnCommit = Callable[[Callable[[], None]], None]
"""Takes a function to be called after each commit, from any thread."""


class Web:
    """The handlers, and what they share."""

    def __init__(self, database: Database, planograms: Planograms, looks: Sequence[Look]) -> None:
        self.changes = Changes()
        self._database = database
        self._pages = Pages(database, planograms, self.changes)
        self._looks = list(looks)

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
            answer["open"] += [_alert_json(site, row) for row in rows.open_alerts]
            answer["closed"] += [_alert_json(site, row) for row in rows.closed_alerts]
        return answer

    async def slots_json(self, request: Request) -> Response:
        """The state of every slot, and nodes and cameras, of one site, or of all."""
        return JSONResponse(await run_in_threadpool(self._slots_json, request))

    def _slots_json(self, request: Request) -> dict[str, Any]:
        answer: dict[str, list[dict[str, Any]]] = {"slots": [], "nodes": [], "cameras": []}
        for site in self._wanted(request):
            with self._database.read() as connection:
                rows = read_site(connection, site)
            answer["slots"] += [_slot_json(site, row) for row in rows.slots]
            answer["nodes"] += [_plain(asdict(site) | asdict(row)) for row in rows.nodes]
            answer["cameras"] += [_plain(asdict(site) | asdict(row)) for row in rows.cameras]
        return answer

    def _wanted(self, request: Request) -> list[Site]:
        sites = self._pages.sites()
        return [_asked_site(request, sites)] if "site" in request.query_params else sites

    async def healthz(self, request: Request) -> Response:
        """200 while the database answers."""
        try:
            await run_in_threadpool(self._pages.sites)
        except SQLAlchemyError as error:
            return JSONResponse({"status": "failing", "database": type(error).__name__}, 503)
        return JSONResponse({"status": "ok"})

    def routes(self) -> list[Route | Mount]:
        """Return what is served."""
        return [
            Route("/", self.page),
            Route("/events", self.events),
            Route("/card", self.card),
            Route("/evidence/{event}/{moment}.jpg", self.picture),
            Route("/api/alerts.json", self.alerts_json),
            Route("/api/slots.json", self.slots_json),
            Route("/healthz", self.healthz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]


def make_app(
    database: Database,
    planograms: Planograms,
    looks: Sequence[Look] = (),
    on_commit: OnCommit | None = None,
) -> Starlette:
    """Return the page over ``database``.

    ``app.state.changes`` is its `Changes`: ``notify()`` redraws, ``close()`` ends the streams
    (call it before the server waits for its connections to end).
    Raises ``ValueError`` for a look whose URL is not http.
    """
    web = Web(database, planograms, looks)
    if on_commit is not None:
        on_commit(web.changes.notify)

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


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Make a row fit for JSON: times as ISO 8601, slots as text."""
    return {
        key: value.isoformat() if hasattr(value, "isoformat") else value
        for key, value in row.items()
    }


def _alert_json(site: Site, row: AlertRow) -> dict[str, Any]:
    picture = f"/evidence/{row.picture}" if row.picture else None
    return _plain(asdict(site) | asdict(row)) | {
        "slot": f"{row.aisle}/{row.slot}",
        "place": words.place(row.aisle, row.slot),
        "now": f"{picture}/now.jpg" if picture else None,
        "before": f"{picture}/before.jpg" if picture and row.has_before else None,
    }


def _slot_json(site: Site, row: SlotRow) -> dict[str, Any]:
    return _plain(asdict(site) | asdict(row)) | {"slot": f"{row.aisle}/{row.slot}"}
