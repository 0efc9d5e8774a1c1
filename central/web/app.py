"""The pages' HTTP interface: the alerts, their parts as server-sent events, pictures and JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import structlog
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
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from central.accounts import Accounts, secret_of
from central.alert_settings import Store
from central.asking import Asker
from central.config import Central, Look
from central.database import Database
from central.desk import RulesOf, SiteKey, default_rules
from central.metrics.grouping import Grouping
from central.web import openapi
from central.web.access import OpenDoor, check_same_origin, is_still_in, user_of
from central.web.api import Acting, Api, asked_site
from central.web.asking_pages import AskingPages
from central.web.dead_letters import DeadLetterPages, Rereading
from central.web.entrance import Entrance
from central.web.fleet import FleetPages
from central.web.language import COOKIE, LANGUAGES, texts_of
from central.web.live import Changes, Snapshot, stream
from central.web.login import own_path, read_form
from central.web.metrics_api import Clock, MetricsApi, now_utc
from central.web.pages import Pages, Planograms, View
from central.web.pictures import Pictures
from central.web.region.pages import RegionPages
from central.web.rendering import Templates
from central.web.rows import NO_SITE, Site
from central.web.security import Compressed, SecurityHeaders, origin_of
from shelf import ConfigError, Planogram, Problem, SlotId

_log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"
LANGUAGE_SECS = 365 * 24 * 3600

_ERRORS = Templates()


class Collecting(Acting, Rereading, Protocol):
    """What the page needs of the collector."""

    @property
    def is_connected(self) -> bool:
        """True while the broker can be heard."""

    @property
    def detail(self) -> str:
        """Why it cannot be heard."""

    @property
    def asker(self) -> Asker | None:
        """What asks the nodes; None where nobody can."""

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have ``call`` called after each commit, from any thread."""


def create_app(
    central: Central,
    database: Database,
    collector: Collecting,
    planograms: Mapping[SiteKey, Mapping[str, Planogram]],
    rules_of: RulesOf,
    accounts: Accounts,
    grouping: Grouping,
) -> Starlette:
    """Return the page as ``central`` configures it, live with the collector's commits.

    Raises `shelf.ConfigError` for a look that is no http URL.
    """
    for index, look in enumerate(central.looks):
        try:
            origin_of(look.url)
        except ValueError as error:
            where = f"looks[{index}].url"
            raise ConfigError([Problem(where, "an http or https URL", repr(look.url))]) from error
    by_site = {Site(*key): by_aisle for key, by_aisle in planograms.items()}
    entrance = Entrance(accounts, central.login, central.http) if central.login.required else None
    return make_app(
        database,
        by_site,
        central.looks,
        collector,
        rules_of,
        entrance,
        central.stores,
        grouping,
    )


class _Revalidated(StaticFiles):
    """Files that a browser asks about each time, so that an update is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Service-Worker-Allowed"] = "/"
        return response


class Web:
    """The handlers, and what they share."""

    def __init__(
        self,
        database: Database,
        planograms: Planograms,
        looks: Sequence[Look],
        collector: Collecting | None,
        rules_of: RulesOf,
        stores: Sequence[Store],
        grouping: Grouping,
        clock: Clock,
    ) -> None:
        self.changes = Changes()
        self._database = database
        self._collector = collector
        self._pages = Pages(
            database, planograms, self.changes, self._broker_fault, rules_of, stores
        )
        self._api = Api(database, self._pages, collector)
        self._asking = AskingPages(database, self._pages, collector.asker if collector else None)
        self._dead_letters = DeadLetterPages(database, self._pages.templates, collector)
        self._fleet = FleetPages(
            database, self._pages.templates, grouping, self._pages.name_of, clock
        )
        self._region = RegionPages(database, self._pages.templates, grouping, planograms, clock)
        self._metrics = MetricsApi(database, grouping, clock)
        self._pictures = Pictures(database)
        self._looks = list(looks)

    def _broker_fault(self) -> str | None:
        """Why no news can come, or None while it can."""
        if self._collector is None or self._collector.is_connected:
            return None
        return self._collector.detail or "no connection"

    async def page(self, request: Request) -> Response:
        """The live page of one site; with ``?view=all`` its shelves are drawn at once."""
        site, sites = await self._asked(request)
        snapshot = await self._pages.parts(site, texts_of(request), _asked_view(request))
        return await run_in_threadpool(
            self._pages.page, request, site, sites, snapshot, self._looks
        )

    async def more(self, request: Request) -> Response:
        """What is seldom needed: other stores, the language, logging out."""
        site, sites = await self._asked(request)
        return self._pages.more(request, site, sites)

    async def _asked(self, request: Request) -> tuple[Site, list[Site]]:
        """Return the site that is asked for and all that the user sees; raises 404."""
        sites = user_of(request).own(await run_in_threadpool(self._pages.sites))
        site = asked_site(request, sites)
        if site not in sites and site != NO_SITE:
            known = ", ".join(other.site for other in sites) or "none that you may see"
            raise HTTPException(404, f"no site {site.site}; there is {known}")
        return site, sites

    async def events(self, request: Request) -> Response:
        """Parts of the page as they change; a page says which snapshot it has."""
        site, t, view = _own_site(request), texts_of(request), _asked_view(request)
        has = request.headers.get("last-event-id") or request.query_params.get("have")

        async def draw() -> Snapshot:
            return await self._pages.parts(site, t, view)

        async def is_welcome() -> bool:
            return await run_in_threadpool(is_still_in, request)

        return StreamingResponse(
            stream(self.changes, draw, self._pages.history.find(has), is_welcome),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def language(self, request: Request) -> Response:
        """Keep the language that somebody has chosen, and go back."""
        check_same_origin(request)
        form = await read_form(request)
        if form.get("language") not in LANGUAGES:
            raise HTTPException(400, f"language: expected one of {', '.join(LANGUAGES)}")
        answer = RedirectResponse(own_path(form.get("next")), 303)
        answer.set_cookie(COOKIE, form["language"], max_age=LANGUAGE_SECS, samesite="lax")
        return answer

    async def card(self, request: Request) -> Response:
        """One slot in words, as a piece of HTML."""
        site = _own_site(request)
        aisle, _, slot_text = request.query_params.get("slot", "").partition("/")
        try:
            slot = SlotId.parse(slot_text)
        except ValueError as error:
            raise HTTPException(400, f"slot: {error}, after the aisle: a12/b01/s3/p02") from error
        t = texts_of(request)
        html = await run_in_threadpool(self._pages.draw_card, site, aisle, slot, t)
        if html is None:
            raise HTTPException(404, f"no slot {slot} in aisle {aisle}")
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

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
            Route("/more", self.more),
            Route("/language", self.language, methods=["POST"]),
            Route("/events", self.events),
            Route("/card", self.card),
            *self._pictures.routes(),
            *self._api.routes(),
            *self._asking.routes(),
            *self._dead_letters.routes(),
            *self._fleet.routes(),
            *self._region.routes(),
            *self._metrics.routes(),
            *openapi.routes(),
            Route("/healthz", self.healthz),
            Mount("/static", _Revalidated(directory=STATIC)),
        ]


def make_app(
    database: Database,
    planograms: Planograms,
    looks: Sequence[Look] = (),
    collector: Collecting | None = None,
    rules_of: RulesOf = default_rules,
    entrance: Entrance | None = None,
    stores: Sequence[Store] = (),
    grouping: Grouping | None = None,
    clock: Clock = now_utc,
) -> Starlette:
    """Return the page over ``database``; without a ``collector`` it only looks now and then.

    Without an ``entrance`` everybody may come in.

    ``app.state.changes`` is its `Changes`: ``notify()`` redraws, ``close()`` ends the streams
    (call it before the server waits for its connections to end).
    Raises ``ValueError`` for a look whose URL is not http.
    """
    web = Web(
        database,
        planograms,
        looks,
        collector,
        rules_of,
        stores,
        grouping or Grouping(),
        clock,
    )
    if collector is not None:
        collector.on_commit(web.changes.notify)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        web.changes.open()
        yield
        web.changes.close()

    secret = secret_of(database, "csrf")
    origins = [origin_of(look.url) for look in looks]
    app = Starlette(
        routes=[*web.routes(), *(entrance.routes() if entrance else [])],
        middleware=[
            Middleware(SecurityHeaders, picture_origins=origins),
            Middleware(Compressed),
            entrance.door(secret) if entrance else Middleware(OpenDoor, secret=secret),
        ],
        exception_handlers={HTTPException: _say_error, SQLAlchemyError: _try_again},
        lifespan=lifespan,
    )
    app.state.changes = web.changes
    return app


async def _say_error(request: Request, error: Exception) -> Response:
    """Answer a person with a page that leads back, a program with plain text."""
    assert isinstance(error, HTTPException)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
    page = _ERRORS.page(request, "fault.html", error.status_code, fault=error.detail)
    page.headers.update(error.headers or {})
    return page


async def _try_again(request: Request, error: Exception) -> Response:
    _log.warning("database does not answer", path=request.url.path, reason=str(error))
    words = "the database does not answer; nothing was done, try again"
    return PlainTextResponse(words, 503, headers={"Retry-After": "5"})


def _asked_view(request: Request) -> View:
    """Return how much of the site the query asks for."""
    return View.ALL if request.query_params.get("view") == View.ALL else View.TODO


def _own_site(request: Request) -> Site:
    """Return the site that the query names; raises 404 for one that the user may not see."""
    site = asked_site(request, [])
    if site != NO_SITE and not user_of(request).sees(site):
        raise HTTPException(404, f"no site {site.site} that you may see")
    return site
