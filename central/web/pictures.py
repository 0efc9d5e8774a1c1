"""The pictures that show why a slot's state has changed."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from central.database import Database
from central.photographs import PhotographError, small_jpeg
from central.web.access import User, user_of
from central.web.queries import Moment, read_picture, read_picture_sites

SMALL_PX = 224
"""Longer side of a small picture: for a list on a phone, at two pixels a point."""


class Pictures:
    """The handler."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def picture(self, request: Request) -> Response:
        """One picture, as it is or with ``?size=small``."""
        try:
            moment = Moment(request.path_params["moment"])
        except ValueError as error:
            raise HTTPException(404) from error
        event, user = request.path_params["event"], user_of(request)
        is_small = request.query_params.get("size") == "small"
        picture = await run_in_threadpool(self._read, event, moment, user, is_small)
        if picture is None:
            raise HTTPException(404, "no picture")
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(picture, media_type="image/jpeg", headers=headers)

    def _read(self, event: str, moment: Moment, user: User, is_small: bool) -> bytes | None:
        with self._database.read() as connection:
            if user.stores is not None and not user.own(read_picture_sites(connection, event)):
                return None
            picture = read_picture(connection, event, moment)
        if picture is None or not is_small:
            return picture
        try:
            return small_jpeg(picture, SMALL_PX)
        except PhotographError:
            return picture

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [Route("/evidence/{event}/{moment}.jpg", self.picture)]
