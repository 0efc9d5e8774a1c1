"""The tool's HTTP interface: a list of cameras, a page for each, its pictures and actions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from calibration.tool.actions import Actions
from calibration.tool.bench import TakenError
from calibration.tool.door import COOKIE, LONGEST_NAME, Door, Guard, installer_of
from calibration.tool.headers import SecurityHeaders
from calibration.tool.report import PICTURES, encoded, shrink
from calibration.tool.state import state_of
from calibration.tool.workshop import Work, Workshop
from shelf.errors import ShelfwatchError

_log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"
MAX_FORM_BYTES = 16 * 1024
LIVE_PX = 1280
KEPT_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}


class Pages:
    """The handlers, and what they share."""

    def __init__(self, workshop: Workshop, door: Door) -> None:
        self._workshop = workshop
        self._door = door
        self._templates = Environment(
            loader=PackageLoader("calibration.tool"), autoescape=True, undefined=StrictUndefined
        )

    async def lobby(self, request: Request) -> Response:
        """Where those go who have no session."""
        return self._page("enter.html", 401, token=None, fault="")

    async def show_link(self, request: Request) -> Response:
        """The form of a link; looking at it does not use it up."""
        token = request.path_params["token"]
        if not self._door.is_open(token):
            return self._page("enter.html", 404, token=None, fault="This link has been used.")
        return self._page("enter.html", token=token, fault="")

    async def use_link(self, request: Request) -> Response:
        """Come in under a name."""
        token, form = request.path_params["token"], await _form(request)
        name = " ".join(form.get("name", "").split())
        if not 0 < len(name) <= LONGEST_NAME:
            fault = f"Your name: expected 1 to {LONGEST_NAME} letters, found {len(name)}."
            return self._page("enter.html", 400, token=token, fault=fault)
        cookie = self._door.enter(token, name)
        if cookie is None:
            return self._page("enter.html", 404, token=None, fault="This link has been used.")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict")
        return answer

    async def cameras(self, request: Request) -> Response:
        """The list of cameras; with a single one, its page."""
        who = installer_of(request)
        works = self._workshop.works
        if len(works) == 1:
            return RedirectResponse(f"/cameras/{works[0].place.id}", 303)
        states = await run_in_threadpool(
            lambda: [state_of(self._workshop, work, who) for work in works]
        )
        cameras = list(zip(works, states, strict=True))
        return self._page("cameras.html", me=who, site=self._workshop.parts.name, cameras=cameras)

    async def camera(self, request: Request) -> Response:
        """The page of one camera."""
        who, work = installer_of(request), self._work(request)
        return self._page(
            "camera.html",
            me=who,
            site=self._workshop.parts.name,
            place=work.place,
            is_alone=len(self._workshop.works) == 1,
        )

    async def live(self, request: Request) -> Response:
        """The camera's newest picture."""
        sight = self._work(request).place.camera.sight()
        if sight.image_bgr is None:
            raise HTTPException(404, "no picture yet")
        image = sight.image_bgr
        body = await run_in_threadpool(lambda: encoded(shrink(image, LIVE_PX), ".jpg"))
        return Response(body, media_type="image/jpeg")

    async def picture(self, request: Request) -> Response:
        """The picture that the draft is made on."""
        work = self._work(request).bench.must_have_work()
        body = await run_in_threadpool(lambda: encoded(work.picture, ".jpg"))
        return Response(body, media_type="image/jpeg", headers=KEPT_A_DAY)

    async def frontal(self, request: Request) -> Response:
        """One bay of the draft from its front."""
        work = self._work(request).bench.must_have_work()
        bay = work.bay(request.path_params["bay"])
        draw = lambda: encoded(bay.rectifier().apply(work.picture), ".jpg")  # noqa: E731
        body = await run_in_threadpool(draw)
        return Response(body, media_type="image/jpeg", headers=KEPT_A_DAY)

    async def crop(self, request: Request) -> Response:
        """One picture of the sheet for the catalogue."""
        sheet, number = self._work(request).sheet, request.path_params["number"]
        if sheet is None or number >= len(sheet):
            raise HTTPException(404, "no such picture: look at the crops again")
        image = sheet[number].image_bgr
        body = await run_in_threadpool(lambda: encoded(image, ".jpg"))
        return Response(body, media_type="image/jpeg")

    async def report(self, request: Request) -> Response:
        """A file of a report."""
        work, version = self._work(request), request.path_params["version"]
        name = request.path_params["name"] or "index.html"
        is_known = name in ("index.html", "report.css", *PICTURES) or _is_bay_picture(name)
        if not is_known or not work.reports.exists(version):
            raise HTTPException(404, f"no report of {version}")
        path = work.reports.of(version) / name
        try:
            body = await run_in_threadpool(path.read_bytes)
        except OSError as error:
            raise HTTPException(404, f"no {name} in the report of {version}") from error
        kinds = {
            ".html": "text/html",
            ".css": "text/css",
            ".png": "image/png",
            ".jpg": "image/jpeg",
        }
        return Response(body, media_type=kinds[path.suffix])

    def routes(self) -> list[Route | Mount]:
        """Return what is served."""
        actions = Actions(self._workshop, self._work)
        return [
            Route("/enter", self.lobby),
            Route("/enter/{token}", self.show_link),
            Route("/enter/{token}", self.use_link, methods=["POST"]),
            Route("/", self.cameras),
            Route("/cameras/{camera}", self.camera),
            Route("/cameras/{camera}/live.jpg", self.live),
            Route("/cameras/{camera}/picture.jpg", self.picture),
            Route("/cameras/{camera}/bays/{bay:int}.jpg", self.frontal),
            Route("/cameras/{camera}/crops/{number:int}.jpg", self.crop),
            Route("/cameras/{camera}/reports/{version}/{name:path}", self.report),
            *actions.routes(),
            Mount("/static", _Revalidated(directory=STATIC)),
        ]

    def _work(self, request: Request) -> Work:
        try:
            return self._workshop.work(request.path_params["camera"])
        except KeyError as error:
            known = ", ".join(work.place.id for work in self._workshop.works)
            raise HTTPException(404, f"expected a camera of {known}, found {error}") from error

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(values), status)


def create_app(workshop: Workshop, door: Door) -> Starlette:
    """Return the tool; it scores drafts and follows tests while it runs."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        workshop.start()
        yield
        workshop.stop()

    return Starlette(
        routes=Pages(workshop, door).routes(),
        middleware=[Middleware(SecurityHeaders), Middleware(Guard, door=door)],
        exception_handlers={HTTPException: _plain, ShelfwatchError: _refused},
        lifespan=lifespan,
    )


class _Revalidated(StaticFiles):
    """Files that a browser asks about each time, so that an update is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _is_bay_picture(name: str) -> bool:
    number = name.removeprefix("bay-").removesuffix(".jpg")
    return name == f"bay-{number}.jpg" and number.isdigit()


async def _form(request: Request) -> dict[str, str]:
    body = await request.body() if _length(request) <= MAX_FORM_BYTES else b""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isdigit() else MAX_FORM_BYTES + 1


async def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _refused(request: Request, error: Exception) -> Response:
    """What cannot be done, in words: 409 where somebody else was faster, else 400."""
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, TakenError) else 400)
