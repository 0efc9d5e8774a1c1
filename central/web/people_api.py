"""People and their rights, for admins: JSON over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.accounts import Account, AccountError, Accounts, Role
from central.web.access import Right, require
from central.web.api import read_body
from shelf.settings import Settings


class PersonBody(Settings):
    """The body of ``POST /api/people``."""

    name: str
    role: Role
    stores: tuple[str, ...] | None = Field(None, max_length=1000)
    is_disabled: bool = False
    new_password: bool = False


class NameBody(Settings):
    """The body of ``POST /api/people/remove``."""

    name: str


class PeopleApi:
    """The handlers."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def everybody(self, request: Request) -> Response:
        """Who may log in, and to what."""
        require(request, Right.USERS)
        people = await run_in_threadpool(self._accounts.all)
        return JSONResponse({"people": [_json(person) for person in people]})

    async def put(self, request: Request) -> Response:
        """Make or change a person; the answer has a one-time link where a password is missing."""
        require(request, Right.USERS)
        body = await read_body(request, PersonBody)
        try:
            token = await run_in_threadpool(
                lambda: self._accounts.put(
                    body.name, body.role, body.stores, is_disabled=body.is_disabled
                )
            )
            if token is None and body.new_password:
                token = await run_in_threadpool(self._accounts.link_for, body.name)
        except AccountError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse({"link": f"/link/{token}" if token else None})

    async def remove(self, request: Request) -> Response:
        """Remove a person."""
        require(request, Right.USERS)
        body = await read_body(request, NameBody)
        try:
            await run_in_threadpool(self._accounts.remove, body.name)
        except AccountError as error:
            raise HTTPException(400, str(error)) from error
        return Response(status_code=204)

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/api/people.json", self.everybody),
            Route("/api/people", self.put, methods=["POST"]),
            Route("/api/people/remove", self.remove, methods=["POST"]),
        ]


def _json(person: Account) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role.value,
        "stores": None if person.stores is None else sorted(person.stores),
        "has_password": person.has_password,
        "is_disabled": person.is_disabled,
    }
