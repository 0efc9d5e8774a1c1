"""The page's HTTP interface: one page, its parts as server-sent events, pictures and JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from central.accounts import Accounts, secret_of
from central.config import Central, Login, Look
from central.database import Database
from central.desk import RulesOf, SiteKey, default_rules
from central.web.access import OpenDoor, User, is_still_in, user_of
from central.web.api import Acting, Api, asked_site
from central.web.live import Changes, stream
from central.web.login import Door, LoginPages
from central.web.pages import Pages, Planograms
from central.web.people import PeoplePages
from central.web.people_api import PeopleApi
from central.web.queries import Moment, read_picture, read_picture_sites
from central.web.rows import NO_SITE, Site
from central.web.security import SecurityHeaders, origin_of
from shelf import ConfigError, Planogram, Problem, SlotId

_log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"


class Collecting(Acting, Protocol):
    """What the page needs of the collector."""

    @property
    def is_connected(self) -> bool:
        """True while the broker can be heard."""

    @property
    def detail(self) -> str:
        """Why it cannot be heard."""

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have ``call`` called after each commit, from any thread."""


def create_app(
    central: Central,
    database: Database,
    collector: Collecting,
    planograms: Mapping[SiteKey, Mapping[str, Planogram]],
    rules_of: RulesOf,
    accounts: Accounts,
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
    public_url = central.http.public_url or ""
    entrance = Entrance(accounts, central.login, public_url) if central.login.required else None
    return make_app(database, by_site, central.looks, collector, rules_of, entrance)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who may come in, and how; an https ``public_url`` keeps the cookie from plain http."""

    accounts: Accounts
    login: Login
    public_url: str = ""

    def door(self, secret: bytes) -> Middleware:
        """Return what every request has to pass; ``secret`` makes its tokens."""
        return Middleware(Door, accounts=self.accounts, login=self.login, secret=secret)

    def routes(self) -> list[Route]:
        """Return the pages to log in, and the interface to manage people."""
        is_https = self.public_url.startswith("https://")
        pages = LoginPages(self.accounts, self.login, is_https=is_https)
        people = PeoplePages(self.accounts, self.public_url)
        return [*pages.routes(), *people.routes(), *PeopleApi(self.accounts).routes()]


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
        rules_of: RulesOf,
    ) -> None:
        self.changes = Changes()
        self._database = database
        self._collector = collector
        self._pages = Pages(database, planograms, self.changes, self._broker_fault, rules_of)
        self._api = Api(database, self._pages, collector)
        self._looks = list(looks)

    def _broker_fault(self) -> str | None:
        """Why no news can come, or None while it can."""
        if self._collector is None or self._collector.is_connected:
            return None
        return self._collector.detail or "no connection"

    async def page(self, request: Request) -> Response:
        """The live page of one site."""
        user = user_of(request)
        sites = user.own(await run_in_threadpool(self._pages.sites))
        site = asked_site(request, sites)
        if site not in sites and site != NO_SITE:
            known = ", ".join(other.site for other in sites) or "none that you may see"
            raise HTTPException(404, f"no site {site.site}; there is {known}")
        parts = await self._pages.parts(site)
        html = await run_in_threadpool(self._pages.draw_page, site, sites, parts, self._looks, user)
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    async def events(self, request: Request) -> Response:
        """Parts of the page as they change."""
        site = _own_site(request)

        async def draw() -> dict[str, str]:
            return await self._pages.parts(site)

        async def is_welcome() -> bool:
            return await run_in_threadpool(is_still_in, request)

        return StreamingResponse(
            stream(self.changes, draw, is_welcome),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def card(self, request: Request) -> Response:
        """One slot in words, as a piece of HTML."""
        site = _own_site(request)
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
        event, user = request.path_params["event"], user_of(request)
        picture = await run_in_threadpool(self._read_picture, event, moment, user)
        if picture is None:
            raise HTTPException(404, "no picture")
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(picture, media_type="image/jpeg", headers=headers)

    def _read_picture(self, event: str, moment: Moment, user: User) -> bytes | None:
        with self._database.read() as connection:
            if user.stores is not None and not user.own(read_picture_sites(connection, event)):
                return None
            return read_picture(connection, event, moment)

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
            *self._api.routes(),
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
) -> Starlette:
    """Return the page over ``database``; without a ``collector`` it only looks now and then.

    Without an ``entrance`` everybody may come in.

    ``app.state.changes`` is its `Changes`: ``notify()`` redraws, ``close()`` ends the streams
    (call it before the server waits for its connections to end).
    Raises ``ValueError`` for a look whose URL is not http.
    """
    web = Web(database, planograms, looks, collector, rules_of)
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
            entrance.door(secret) if entrance else Middleware(OpenDoor, secret=secret),
        ],
        exception_handlers={HTTPException: _plain_error, SQLAlchemyError: _try_again},
        lifespan=lifespan,
    )
    app.state.changes = web.changes
    return app


async def _plain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, headers=error.headers)


async def _try_again(request: Request, error: Exception) -> Response:
    _log.warning("database does not answer", path=request.url.path, reason=str(error))
    words = "the database does not answer; nothing was done, try again"
    return PlainTextResponse(words, 503, headers={"Retry-After": "5"})


def _own_site(request: Request) -> Site:
    """Return the site that the query names; raises 404 for one that the user may not see."""
    site = asked_site(request, [])
    if site != NO_SITE and not user_of(request).sees(site):
        raise HTTPException(404, f"no site {site.site} that you may see")
    return site
