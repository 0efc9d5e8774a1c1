"""What the page of one camera asks to be done: JSON in, the page's new state out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calibration.tool.door import Installer, installer_of
from calibration.tool.edits import Edit
from calibration.tool.start import BenchError
from calibration.tool.state import draft_of, state_of
from calibration.tool.workshop import Work, Workshop
from shelf import SlotId

MAX_BYTES = 64 * 1024


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Propose(_Asked):
    """Take a picture and propose."""

    by_hand: bool = False


class Revised(_Asked):
    """Something done to the draft that was seen as ``revision``."""

    revision: int


class Save(Revised):
    """Save the draft."""

    note: str = Field("", max_length=500)


class MakeEdit(Revised):
    """One change; ``is_last`` is false in the middle of a drag."""

    edit: Edit
    is_last: bool = True


class RollBack(_Asked):
    """Put an earlier version in force again."""

    version: str = Field(max_length=200)


class Begin(_Asked):
    """Begin the test of a slot."""

    slot: str


class Store(_Asked):
    """Keep these crops of the sheet."""

    crops: Annotated[list[int], Field(max_length=2000)]


class Nothing(_Asked):
    """No more is to be said."""


A = TypeVar("A", bound=_Asked)


class Actions:
    """The handlers; ``work_of`` finds the camera that a path names."""

    def __init__(self, workshop: Workshop, work_of: Callable[[Request], Work]) -> None:
        self._workshop = workshop
        self._work_of = work_of

    async def state(self, request: Request) -> Response:
        """What the page shows."""
        return await self._do(request, lambda work, who: None)

    async def propose(self, request: Request) -> Response:
        """Take a picture, and propose where the bays are."""
        asked = await _asked(request, Propose)
        return await self._do(
            request, lambda work, who: work.bench.propose(who, by_hand=asked.by_hand)
        )

    async def edit(self, request: Request) -> Response:
        """Change the draft; answers with the draft alone, for a drag asks often."""
        asked = await _asked(request, MakeEdit)
        work, who = self._work_of(request), installer_of(request)

        def act() -> object:
            self._workshop.edit(work, who, asked.revision, asked.edit, is_last=asked.is_last)
            return draft_of(work, who, self._workshop.now())

        return JSONResponse({"draft": await run_in_threadpool(act)})

    async def undo(self, request: Request) -> Response:
        """Take back the last change."""
        asked = await _asked(request, Revised)
        now = self._workshop.now()
        return await self._do(
            request,
            lambda work, who: work.bench.change(
                who, asked.revision, lambda draft: draft.undone(who.name, now)
            ),
        )

    async def redo(self, request: Request) -> Response:
        """Make again what was taken back last."""
        asked = await _asked(request, Revised)
        now = self._workshop.now()
        return await self._do(
            request,
            lambda work, who: work.bench.change(
                who, asked.revision, lambda draft: draft.redone(who.name, now)
            ),
        )

    async def save(self, request: Request) -> Response:
        """Write the calibration."""
        asked = await _asked(request, Save)
        note = " ".join(asked.note.split())
        return await self._do(
            request, lambda work, who: self._workshop.save(work, who, asked.revision, note)
        )

    async def rebase(self, request: Request) -> Response:
        """Go on over what somebody else has saved meanwhile."""
        asked = await _asked(request, Revised)
        return await self._do(request, lambda work, who: work.bench.rebase(who, asked.revision))

    async def take_over(self, request: Request) -> Response:
        """Become the one who works on the camera."""
        await _asked(request, Nothing)
        return await self._do(request, lambda work, who: work.bench.take_over(who))

    async def discard(self, request: Request) -> Response:
        """Throw the draft away."""
        asked = await _asked(request, Revised)
        return await self._do(request, lambda work, who: work.bench.discard(who, asked.revision))

    async def roll_back(self, request: Request) -> Response:
        """Put an earlier version in force again."""
        asked = await _asked(request, RollBack)
        return await self._do(request, lambda work, who: work.bench.roll_back(who, asked.version))

    async def begin_test(self, request: Request) -> Response:
        """Begin the sign-off test."""
        asked = await _asked(request, Begin)
        try:
            slot = SlotId.parse(asked.slot)
        except ValueError as error:
            raise BenchError(f"slot: {error}") from error
        return await self._do(request, lambda work, who: self._workshop.begin_test(work, who, slot))

    async def end_test(self, request: Request) -> Response:
        """End the sign-off test, passed or not."""
        await _asked(request, Nothing)

        def end(work: Work, who: Installer) -> None:
            work.sign_off = None

        return await self._do(request, end)

    async def sheet(self, request: Request) -> Response:
        """Cut the crops for the catalogue."""
        await _asked(request, Nothing)
        work = self._work_of(request)
        sheet = await run_in_threadpool(self._workshop.make_sheet, work)
        crops = [
            {
                "slot": str(crop.slot),
                "place": crop.slot.in_words,
                "sku": crop.sku,
                "name": crop.name,
                "doubt": crop.doubt,
            }
            for crop in sheet
        ]
        pictured = {crop.slot for crop in sheet}
        left_out = [
            f"{slot.id.in_words}: {slot.name}"
            for number in work.place.bays
            for slot in work.place.planogram.bay(number).slots
            if slot.id not in pictured
        ]
        return JSONResponse({"crops": crops, "left_out": left_out})

    async def store(self, request: Request) -> Response:
        """Keep chosen crops in the catalogue."""
        asked, work = await _asked(request, Store), self._work_of(request)
        words = await run_in_threadpool(self._workshop.store, work, asked.crops)
        return JSONResponse({"words": words})

    def routes(self) -> list[Route]:
        """Return what is served."""
        posts = {
            "propose": self.propose,
            "edit": self.edit,
            "undo": self.undo,
            "redo": self.redo,
            "save": self.save,
            "rebase": self.rebase,
            "take-over": self.take_over,
            "discard": self.discard,
            "roll-back": self.roll_back,
            "test": self.begin_test,
            "end-test": self.end_test,
            "sheet": self.sheet,
            "store": self.store,
        }
        return [
            Route("/api/cameras/{camera}", self.state),
            *(
                Route(f"/api/cameras/{{camera}}/{name}", handler, methods=["POST"])
                for name, handler in posts.items()
            ),
        ]

    async def _do(self, request: Request, act: Callable[[Work, Installer], object]) -> Response:
        work, who = self._work_of(request), installer_of(request)

        def both() -> object:
            act(work, who)
            return state_of(self._workshop, work, who)

        return JSONResponse(await run_in_threadpool(both))


async def _asked(request: Request, model: type[A]) -> A:
    """Return the body as ``model``; raises 400 with the field, what was expected and found."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"expected at most {MAX_BYTES} bytes")
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise HTTPException(400, f"{place}: {first['msg']}") from error
