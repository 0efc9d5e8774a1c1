"""The pages that ask a store's nodes: "Where does this go?" and the picture of a bay.

Photographs are made small, sent on and forgotten. The last picture of each bay stays in memory
for some hours, so that there is one while a node does not answer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from central.database import Database
from central.photographs import MAX_BYTES, Fault, PhotographError, small_jpeg
from central.web import words
from central.web.access import Right, check_own_page, user_of
from central.web.api import asked_site
from central.web.asking_nodes import Silence, ask_store
from central.web.asking_views import bays_of, names_of, view_bay, view_found
from central.web.language import texts_of
from central.web.limits import Limit
from central.web.pages import Pages, query_of
from central.web.queries import read_alert, read_alert_site, read_site
from central.web.rows import NO_SITE, Site, SiteRows
from shelf import SlotId
from shelf.commands import (
    MAX_PICTURE_BYTES,
    BayView,
    BayViewReply,
    CommandName,
    Search,
    SearchReply,
    jpeg_of,
    to_base64,
)
from shelf.wire import InvalidMessageError

if TYPE_CHECKING:
    from central.asking import Asker

SEARCH_SECS = 20.0
BAY_SECS = 6.0
ASKS_A_MINUTE = 30
"""Of one person: each costs the store's computer up to a second."""

KEPT_BAYS = 64
KEPT_FOR = timedelta(hours=12)
LARGEST_SIDE_PX = 4096
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class _Bay:
    site: Site
    aisle: str
    bay: int
    is_planned: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: BayViewReply
    picture: bytes
    at_utc: datetime


class AskingPages:
    """The handlers, and the last pictures of bays."""

    def __init__(self, database: Database, pages: Pages, asker: Asker | None) -> None:
        """Without an ``asker`` every page says that no node can be asked."""
        self._database = database
        self._pages = pages
        self._asker = asker
        self._limit = Limit(ASKS_A_MINUTE, 60)
        self._kept: OrderedDict[_Bay, _Kept] = OrderedDict()

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/where", self.where),
            Route("/where", self.search, methods=["POST"]),
            Route("/bay", self.bay),
            Route("/bay/picture.jpg", self.bay_picture),
        ]

    async def where(self, request: Request) -> Response:
        """The page on which a photograph is taken."""
        site, sites = await self._asked(request)
        return self._pages.templates.page(
            request,
            "where.html",
            tab="where",
            store=self._pages.name_of(texts_of(request), site),
            query=query_of(site),
            has_store=bool(sites),
        )

    async def search(self, request: Request) -> Response:
        """Say which product the photograph in the body shows and where it goes, as HTML."""
        user = user_of(request)
        check_own_page(request, user)
        if not user.may(Right.ACT):
            raise HTTPException(403, f"{user.name} ({user.role.value}) may not ask for products")
        site, _ = await self._asked(request)
        t = texts_of(request)
        if self._limit.wait_secs(user.name):
            return self._answer(request, Silence("asking.too_often"), 429)
        try:
            picture = await run_in_threadpool(small_jpeg, await _body(request))
        except PhotographError as error:
            return self._answer(request, Silence(f"where.fault.{error.fault.value}"), 400)
        rows = await run_in_threadpool(self._rows, site)
        command = Search(id="x" * 8, picture=to_base64(picture), within_secs=SEARCH_SECS)
        asked = await ask_store(
            self._asker,
            site,
            rows.nodes,
            CommandName.SEARCH,
            command,
            SearchReply,
            # A product that is planned there, read by its print, alone.
            lambda reply: (
                bool(reply.found),
                any(candidate.slots for candidate in reply.found),
                max((c.print_points for c in reply.found), default=0),
            ),
        )
        if asked.reply is None:
            assert asked.silence is not None
            return self._answer(request, asked.silence, 503)
        view = view_found(t, asked.reply, rows, self._pages.layouts(site))
        html = self._pages.templates.html("where_answer.html", t, found=view, query=query_of(site))
        return HTMLResponse(html, headers=NO_STORE)

    def _answer(self, request: Request, silence: Silence, status: int) -> Response:
        html = self._pages.templates.html(
            "where_answer.html", texts_of(request), found=None, silence=silence
        )
        return HTMLResponse(html, status, headers=NO_STORE)

    async def bay(self, request: Request) -> Response:
        """The page of one bay: as last seen, and what belongs into its gaps."""
        site, aisle, bay, slot = await self._asked_bay(request)
        t = texts_of(request)
        is_planned = request.query_params.get("planned") != "0"
        rows = await run_in_threadpool(self._rows, site)
        layouts = self._pages.layouts(site)
        all_bays = bays_of(rows, layouts)
        if (aisle, bay) not in all_bays:
            raise HTTPException(404, f"no bay {bay} in aisle {aisle}")
        key = _Bay(site, aisle, bay, is_planned)
        silence = await self._ask_bay(key, rows, user_of(request).name)
        kept = self._recent(key)
        view = None
        if kept is not None:
            names = names_of(rows, layouts, [one.slot for one in kept.reply.slots])
            view = view_bay(t, kept.reply, names, slot)
        here = all_bays.index((aisle, bay))
        age = "" if view is None else words.duration(t, datetime.now(UTC) - view.seen_utc)
        return self._pages.templates.page(
            request,
            "bayview.html",
            tab="shelves",
            store=self._pages.name_of(t, site),
            query=query_of(site),
            aisle=aisle,
            bay=bay,
            slot=slot,
            is_planned=is_planned,
            view=view,
            since_words=age,
            silence=silence,
            version="" if kept is None else int(kept.at_utc.timestamp() * 1000),
            before=all_bays[here - 1] if here else None,
            after=all_bays[here + 1] if here + 1 < len(all_bays) else None,
        )

    async def _ask_bay(self, key: _Bay, rows: SiteRows, who: str) -> Silence | None:
        """Ask for a bay's picture and keep it; returns why there is none."""
        if self._limit.wait_secs(who):
            return Silence("asking.too_often")
        asked = await ask_store(
            self._asker,
            key.site,
            rows.nodes,
            CommandName.BAY_VIEW,
            BayView(
                id="x" * 8,
                aisle=key.aisle,
                bay=key.bay,
                planned=key.is_planned,
                within_secs=BAY_SECS,
            ),
            BayViewReply,
            lambda reply: reply.seen or datetime.fromtimestamp(0, UTC),
        )
        if asked.reply is None:
            return asked.silence
        try:
            picture = jpeg_of("picture", asked.reply.picture or "", LARGEST_SIDE_PX)
            if asked.reply.seen is None or len(picture) > MAX_PICTURE_BYTES:
                raise InvalidMessageError("seen: expected a time")
        except InvalidMessageError as error:
            return Silence("asking.unreadable", detail=str(error))
        reply = asked.reply.model_copy(update={"picture": None})
        self._kept[key] = _Kept(reply, picture, datetime.now(UTC))
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_BAYS:
            self._kept.popitem(last=False)
        return None

    def _recent(self, key: _Bay) -> _Kept | None:
        """The last picture of a bay; those that are too old are forgotten."""
        limit = datetime.now(UTC) - KEPT_FOR
        for old in [bay for bay, kept in self._kept.items() if kept.at_utc < limit]:
            del self._kept[old]
        return self._kept.get(key)

    async def bay_picture(self, request: Request) -> Response:
        """The last picture of a bay as JPEG."""
        site, aisle, bay, _ = await self._asked_bay(request)
        kept = self._recent(_Bay(site, aisle, bay, request.query_params.get("planned") != "0"))
        if kept is None:
            raise HTTPException(404, "no picture")
        return Response(kept.picture, media_type="image/jpeg", headers=NO_STORE)

    async def _asked(self, request: Request) -> tuple[Site, list[Site]]:
        """Return the site that is asked for and all that the user sees; raises 404."""
        sites = user_of(request).own(await run_in_threadpool(self._pages.sites))
        site = asked_site(request, sites)
        if site not in sites and site != NO_SITE:
            raise HTTPException(404, f"no site {site.site} that you may see")
        return site, sites

    async def _asked_bay(self, request: Request) -> tuple[Site, str, int, SlotId | None]:
        """Return the bay that the query names, itself or by one of its slots or alerts."""
        query = request.query_params
        if "alert" in query:
            found = await run_in_threadpool(self._alert_place, query["alert"])
            if found is None or not user_of(request).sees(found[0]):
                raise HTTPException(404, "no alert with this id")
            site, aisle, slot = found
            return site, aisle, slot.bay, slot
        site, _ = await self._asked(request)
        aisle, _, text = query.get("slot", "").partition("/")
        try:
            if text:
                slot = SlotId.parse(text)
                return site, aisle, slot.bay, slot
            return site, query.get("aisle", ""), int(query.get("bay", "")), None
        except ValueError as error:
            raise HTTPException(400, "expected ?aisle=a12&bay=1 or ?slot=a12/b01/s3/p02") from error

    def _alert_place(self, alert: str) -> tuple[Site, str, SlotId] | None:
        with self._database.read() as connection:
            site, row = read_alert_site(connection, alert), read_alert(connection, alert)
        return (site, row.aisle, row.slot) if site and row else None

    def _rows(self, site: Site) -> SiteRows:
        with self._database.read() as connection:
            return read_site(connection, site)


async def _body(request: Request) -> bytes:
    """Return the photograph in the body; raises `PhotographError` before it holds too much."""
    parts: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > MAX_BYTES:
            raise PhotographError(Fault.TOO_LARGE, f"expected at most {MAX_BYTES} bytes")
        parts.append(chunk)
    return b"".join(parts)
