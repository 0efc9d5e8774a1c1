"""The interface for programs and for the page's own buttons: JSON over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Protocol, TypeVar

from pydantic import AwareDatetime, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.alert_rows import read_steps
from central.alert_settings import Name
from central.alerts import ResetAnnounced
from central.database import Database
from central.desk import Actor, SiteKey
from central.web.access import Right, require, user_of
from central.web.as_json import alert_json, push_json, row_json, slot_json, step_json
from central.web.limits import Limit
from central.web.pages import Pages
from central.web.queries import read_alert, read_alert_site, read_dead_pushes, read_site
from central.web.rows import NO_SITE, AlertRow, Site
from shelf.settings import Settings
from shelf.wire import StaffAction, StaffAnswer

Model = TypeVar("Model", bound=Settings)

MAX_BODY_BYTES = 256 * 1024
MAX_REQUESTS = 300
"""Requests with actions that one person may make in a minute."""

MAX_ACTIONS = 200
"""Of one request; a phone that was away for longer sends several."""


class Acting(Protocol):
    """What the interface needs of the collector: to change something, and tell all."""

    def act(self, actor: Actor, actions: Sequence[StaffAction]) -> list[StaffAnswer]:
        """Do what a person asks, in order; one answer each."""

    def announce_reset(self, site: SiteKey, reset: ResetAnnounced) -> None:
        """Take note that an aisle is rebuilt."""


class Actions(Settings):
    """The body of ``POST /api/actions``."""

    actions: tuple[StaffAction, ...] = Field(min_length=1, max_length=MAX_ACTIONS)


class ResetBody(Settings):
    """The body of ``POST /api/resets``."""

    tenant: Name
    site: Name
    aisle: Name
    until: AwareDatetime


class Api:
    """The handlers, and what they share."""

    def __init__(self, database: Database, pages: Pages, acting: Acting | None) -> None:
        self._database = database
        self._pages = pages
        self._acting = acting
        self._limit = Limit(MAX_REQUESTS, 60)

    async def me(self, request: Request) -> Response:
        """Who asks, what they may do, and the token that their changes need."""
        user = user_of(request)
        sites = user.own(await run_in_threadpool(self._pages.sites))
        answer = {
            "name": user.name,
            "role": user.role.value,
            "stores": [{"tenant": site.tenant, "site": site.site} for site in sites],
            "rights": sorted(right.name.lower() for right in Right if user.may(right)),
            "csrf": user.csrf,
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def actions(self, request: Request) -> Response:
        """Do what a person says about alerts; every action is answered, and done once."""
        user = require(request, Right.ACT)
        if self._acting is None:
            raise HTTPException(503, "alerts cannot be changed here")
        wait_secs = self._limit.wait_secs(user.name)
        if wait_secs:
            headers = {"Retry-After": str(int(wait_secs) + 1)}
            raise HTTPException(429, "too many requests; nothing was done", headers)
        body = await read_body(request, Actions)
        actor = user.actor(await run_in_threadpool(self._pages.sites))
        answers = await run_in_threadpool(self._acting.act, actor, body.actions)
        return JSONResponse({"answers": [a.model_dump(mode="json") for a in answers]})

    async def resets(self, request: Request) -> Response:
        """Say that an aisle is rebuilt until a time; one that is over ends it."""
        user = require(request, Right.RESET)
        if self._acting is None:
            raise HTTPException(503, "alerts cannot be changed here")
        body = await read_body(request, ResetBody)
        known = user.own(await run_in_threadpool(self._pages.sites))
        if Site(body.tenant, body.site) not in known:
            raise HTTPException(404, f"no store {body.tenant}/{body.site}")
        reset = ResetAnnounced(user.name, body.aisle, body.until.astimezone(UTC))
        await run_in_threadpool(self._acting.announce_reset, (body.tenant, body.site), reset)
        return Response(status_code=204)

    async def alerts(self, request: Request) -> Response:
        """Open alerts, the most urgent first, and recently closed ones."""
        return JSONResponse(await run_in_threadpool(self._alerts, request))

    def _alerts(self, request: Request) -> dict[str, Any]:
        answer: dict[str, list[dict[str, Any]]] = {"open": [], "closed": []}
        for site in self._wanted(request):
            with self._database.read() as connection:
                rows = read_site(connection, site)
            rank = self._pages.ranker(site)
            answer["open"] += [self._alert(site, row) for row in rows.open_alerts]
            answer["closed"] += [alert_json(site, row, rank(row)) for row in rows.closed_alerts]
        answer["open"].sort(key=lambda alert: (-alert["rank"], alert["id"]))
        return answer

    def _alert(self, site: Site, row: AlertRow) -> dict[str, Any]:
        return alert_json(site, row, self._pages.ranker(site)(row))

    async def alert(self, request: Request) -> Response:
        """One alert, open or closed, with every step of its life."""
        return JSONResponse(await run_in_threadpool(self._one_alert, request))

    def _one_alert(self, request: Request) -> dict[str, Any]:
        name = request.query_params.get("alert", "")
        with self._database.read() as connection:
            site = read_alert_site(connection, name)
            row = read_alert(connection, name)
            if site is None or row is None or not user_of(request).sees(site):
                raise HTTPException(404, "no alert with this id")
            steps = read_steps(connection, [name])[name]
        return self._alert(site, row) | {"steps": [step_json(step) for step in steps]}

    async def slots(self, request: Request) -> Response:
        """The state of every slot, and nodes and cameras, of one site, or of all."""
        return JSONResponse(await run_in_threadpool(self._slots, request))

    def _slots(self, request: Request) -> dict[str, Any]:
        answer: dict[str, list[dict[str, Any]]] = {"slots": [], "nodes": [], "cameras": []}
        for site in self._wanted(request):
            with self._database.read() as connection:
                rows = read_site(connection, site)
            answer["slots"] += [slot_json(site, row) for row in rows.slots]
            answer["nodes"] += [row_json(site, row) for row in rows.nodes]
            answer["cameras"] += [row_json(site, row) for row in rows.cameras]
        return answer

    async def dead_pushes(self, request: Request) -> Response:
        """What could not be sent to people, the newest first, with the reason."""
        user = require(request, Right.PUSHES)
        rows = await run_in_threadpool(self._dead_pushes)
        return JSONResponse({"pushes": [push_json(row) for row in rows if user.sees(row.site)]})

    def _dead_pushes(self) -> list[Any]:
        with self._database.read() as connection:
            return read_dead_pushes(connection)

    def _wanted(self, request: Request) -> list[Site]:
        sites = user_of(request).own(self._pages.sites())
        if "site" not in request.query_params:
            return sites
        wanted = asked_site(request, sites)
        return [wanted] if wanted in sites else []

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/api/me", self.me),
            Route("/api/alerts.json", self.alerts),
            Route("/api/alert.json", self.alert),
            Route("/api/slots.json", self.slots),
            Route("/api/actions", self.actions, methods=["POST"]),
            Route("/api/resets", self.resets, methods=["POST"]),
            Route("/api/pushes.json", self.dead_pushes),
        ]


async def read_body(request: Request, model: type[Model]) -> Model:
    """Return the request's JSON body; raises 400 or 413 with what is wrong with it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"expected at most {MAX_BODY_BYTES} bytes")
    try:
        return model.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise HTTPException(400, f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"body: expected JSON: {error}") from error


def asked_site(request: Request, known: Sequence[Site]) -> Site:
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
