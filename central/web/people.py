"""The page on which admins say who may log in, and to what."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from central.accounts import LINK_LASTS, AccountError, Accounts, Role
from central.web.access import Right, User, check_same_origin, user_of
from central.web.login import read_form
from central.web.rendering import Templates


class PeoplePages:
    """A list, and a form to make or change somebody."""

    def __init__(self, accounts: Accounts, templates: Templates, public_url: str = "") -> None:
        """Links begin with ``public_url``, or with the address that the admin uses."""
        self._accounts = accounts
        self._public_url = public_url
        self._templates = templates

    async def show(self, request: Request) -> Response:
        """Everybody, and the empty form."""
        _admin(request)
        return await self._page(request)

    async def change(self, request: Request) -> Response:
        """Make or change a person; show a one-time link where a password is missing."""
        check_same_origin(request)
        user, form = _admin(request), await read_form(request)
        if not hmac.compare_digest(form.get("csrf", "").encode(), user.csrf.encode()):
            raise HTTPException(403, "expected the form of the page itself")
        name = form.get("name", "").strip()
        try:
            link = await run_in_threadpool(self._change, name, form)
        except AccountError as error:
            return await self._page(request, 400, fault=str(error), form=form)
        base = (self._public_url or str(request.base_url)).rstrip("/")
        url = f"{base}/link/{link}" if link else ""
        return await self._page(request, saved=name, link=url)

    def _change(self, name: str, form: dict[str, str]) -> str | None:
        try:
            role = Role(form.get("role", ""))
        except ValueError as error:
            raise AccountError(f"role: expected one of {', '.join(Role)}") from error
        stores = form.get("stores", "").replace(",", " ").split() or None
        link = self._accounts.put(name, role, stores, is_disabled="disabled" in form)
        if link is None and "password" in form and "disabled" not in form:
            link = self._accounts.link_for(name)
        return link

    async def _page(self, request: Request, status: int = 200, **context: Any) -> Response:
        people = await run_in_threadpool(self._accounts.all)
        values = {"fault": "", "saved": "", "link": "", "form": {}} | context
        values |= {"people": people, "roles": [role.value for role in Role]}
        values["hours"] = int(LINK_LASTS.total_seconds() // 3600)
        return self._templates.page(request, "people.html", status, **values)

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/people", self.show),
            Route("/people", self.change, methods=["POST"]),
        ]


def _admin(request: Request) -> User:
    user = user_of(request)
    if not user.may(Right.USERS):
        raise HTTPException(403, f"{user.name} ({user.role.value}) may not {Right.USERS.value}")
    return user
