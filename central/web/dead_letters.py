"""The page of messages that could not be used, for admins: read them, and read them again."""

from __future__ import annotations

import contextlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.database import Database
from central.dead_letters import (
    PAGE,
    DeadLetter,
    ReadAgain,
    Wanted,
    count_kinds,
    read_letters,
    read_sources,
)
from central.intake import DeadKind
from central.web.access import Right, User, check_same_origin, user_of
from central.web.login import read_form_lists
from central.web.rendering import Templates

PATH = "/dead-letters"
MAX_SHOWN = 8000
"""Characters of a payload that are shown; all that was kept is read again."""


class Rereading(Protocol):
    """What reads dead letters again."""

    def read_again(self, letters: Sequence[int]) -> list[ReadAgain]:
        """Read dead letters again, by id, and tell all what has changed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A letter and its payload as text."""

    letter: DeadLetter
    text: str
    is_cut: bool


class DeadLetterPages:
    """The handlers."""

    def __init__(self, database: Database, templates: Templates, again: Rereading | None) -> None:
        """Without ``again`` letters can be looked at only."""
        self._database = database
        self._templates = templates
        self._again = again

    async def show(self, request: Request) -> Response:
        """The letters that the query asks for."""
        _admin(request)
        return await self._page(request, wanted_of(request.query_params))

    async def api(self, request: Request) -> Response:
        """The same for programs."""
        _admin(request)
        wanted = wanted_of(request.query_params)
        letters, kinds, _ = await run_in_threadpool(self._read, wanted)
        answer = {
            "kinds": {kind.value: count for kind, count in kinds.items()},
            "letters": [_json(letter) for letter in letters[:PAGE]],
            "next_before": letters[PAGE - 1].id if len(letters) > PAGE else None,
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def read_again(self, request: Request) -> Response:
        """Read the chosen letters, or all of the page, again, and say what became of them."""
        check_same_origin(request)
        user, form = _admin(request), await read_form_lists(request)
        if not hmac.compare_digest(form.get("csrf", [""])[0].encode(), user.csrf.encode()):
            raise HTTPException(403, "expected the form of the page itself")
        if self._again is None:
            raise HTTPException(503, "messages cannot be read again here")
        try:
            ids = [int(text) for text in form.get("letter", [])[:PAGE]]
        except ValueError as error:
            raise HTTPException(400, f"letter: expected numbers: {error}") from error
        outcomes = await run_in_threadpool(self._again.read_again, ids)
        wanted = wanted_of({name: values[0] for name, values in form.items()})
        return await self._page(request, wanted, outcomes)

    def _read(self, wanted: Wanted) -> tuple[list[DeadLetter], dict[DeadKind, int], list[str]]:
        """Return one letter more than a page has: then there is another page."""
        with self._database.read() as connection:
            letters = read_letters(connection, wanted, PAGE + 1)
            return letters, count_kinds(connection), read_sources(connection)

    async def _page(
        self, request: Request, wanted: Wanted, outcomes: Sequence[ReadAgain] | None = None
    ) -> Response:
        letters, kinds, sources = await run_in_threadpool(self._read, wanted)
        older = letters[PAGE - 1].id if len(letters) > PAGE else None
        return self._templates.page(
            request,
            "dead_letters/list.html",
            letters=[shown(letter) for letter in letters[:PAGE]],
            kinds=kinds,
            sources=sources,
            wanted=wanted,
            older=query_of(wanted, older) if older else None,
            may_read_again=self._again is not None,
            outcomes=None if outcomes is None else {o.id: o.reason for o in outcomes},
            used=sum(outcome.reason is None for outcome in outcomes or ()),
        )

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route(PATH, self.show),
            Route(PATH, self.read_again, methods=["POST"]),
            Route("/api/dead-letters.json", self.api),
        ]


def shown(letter: DeadLetter) -> Shown:
    """Return a letter with its payload as text: indented JSON, or what can be read of it."""
    text = letter.payload.decode("utf-8", errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    text = "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text[: MAX_SHOWN + 1]
    )
    return Shown(letter, text[:MAX_SHOWN], len(text) > MAX_SHOWN or not letter.is_whole)


def wanted_of(given: Mapping[str, str]) -> Wanted:
    """Return which letters are asked for; raises 400 with what was expected."""
    kind, before = given.get("kind") or None, given.get("before") or None
    try:
        known = None if kind is None else DeadKind(kind)
    except ValueError as error:
        raise HTTPException(400, f"kind: expected one of {', '.join(DeadKind)}") from error
    if before is not None and not (before.isdecimal() and len(before) < 19):
        raise HTTPException(400, f"before: expected a number, got {before!r}")
    return Wanted(known, given.get("source") or None, None if before is None else int(before))


def query_of(wanted: Wanted, before: int | None = None) -> str:
    """Return the query of a page."""
    values = {
        "kind": wanted.kind.value if wanted.kind else None,
        "source": wanted.source,
        "before": before,
    }
    return urlencode({name: value for name, value in values.items() if value is not None})


def _json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "topic": letter.topic,
        "kind": letter.kind.value,
        "reason": letter.reason,
        "source": letter.source,
        "sequence": letter.sequence,
        "size_bytes": letter.size_bytes,
        "received_utc": letter.received_utc.isoformat(),
        "read_again_utc": letter.read_again_utc and letter.read_again_utc.isoformat(),
        "payload": shown(letter).text,
        "is_whole": letter.is_whole,
    }


def _admin(request: Request) -> User:
    user = user_of(request)
    if not user.may(Right.DEAD_LETTERS):
        right = Right.DEAD_LETTERS.value
        raise HTTPException(403, f"{user.name} ({user.role.value}) may not {right}")
    return user
