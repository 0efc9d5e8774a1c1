"""The door: who may pass, and the pages on which people log in and choose a password."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from central.accounts import Account, AccountError, Accounts
from central.config import Login, ProxyLogin
from central.web.access import User, check_same_origin, csrf_of, user_of
from central.web.language import texts_of
from central.web.limits import Limit
from central.web.rendering import Templates

COOKIE = "shelfwatch_session"
FOR_ALL = ("/static/", "/healthz")
PUBLIC = ("/login", "/link/", "/language", *FOR_ALL)
MAX_FORM_BYTES = 16 * 1024

Network = IPv4Network | IPv6Network


class Door:
    """Lets requests through that have a session, or that a trusted proxy vouches for."""

    def __init__(self, app: ASGIApp, accounts: Accounts, login: Login, secret: bytes) -> None:
        self._app = app
        self._accounts = accounts
        self._proxy = login.proxy
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its user, or send to the login."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        user = None
        if not request.url.path.startswith(FOR_ALL):
            user = await run_in_threadpool(self._find, request)
        if user is None and not request.url.path.startswith(PUBLIC):
            await _turn_away(request)(scope, receive, send)
            return
        scope["user"] = user
        scope["is_still_in"] = lambda: self._find(request) is not None
        await self._app(scope, receive, send)

    def _find(self, request: Request) -> User | None:
        name = _vouched_for(request, self._proxy)
        if name is not None:
            account = self._accounts.find(name)
            return None if account is None else self._user(account, f"proxy {name}")
        token = request.cookies.get(COOKIE)
        account = self._accounts.session(token) if token else None
        return None if account is None else self._user(account, f"session {token}")

    def _user(self, account: Account, identity: str) -> User:
        return User(account.name, account.role, account.stores, csrf_of(self._secret, identity))


def _turn_away(request: Request) -> Response:
    is_page = request.url.path == "/" or "text/html" in request.headers.get("accept", "")
    if request.method != "GET" or not is_page:
        return PlainTextResponse("log in first: /login", 401)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(path, safe='')}", 303)


def _vouched_for(request: Request, proxy: ProxyLogin | None) -> str | None:
    """Return whom a trusted proxy names; None where there is none."""
    if proxy is None or request.client is None:
        return None
    name = request.headers.get(proxy.header)
    return name if name and _is_within(request.client.host, proxy.trusted) else None


def _is_within(host: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


class LoginPages:
    """Log in, log out, choose a password."""

    def __init__(
        self, accounts: Accounts, login: Login, templates: Templates, *, is_https: bool
    ) -> None:
        """``is_https`` keeps the cookie from plain http."""
        self._accounts = accounts
        self._max_age_secs = int(login.session_days * 24 * 3600)
        self._is_https = is_https
        self._by_address = Limit(30, 300)
        self._by_name = Limit(8, 300)
        self._templates = templates

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._form(request, "login.html", next=own_path(request.query_params.get("next")))

    async def log_in(self, request: Request) -> Response:
        """Check name and password; too many tries have to wait."""
        check_same_origin(request)
        form = await read_form(request)
        name, after = form.get("name", "").strip(), own_path(form.get("next"))
        address = request.client.host if request.client else "-"
        wait_secs = max(
            self._by_address.wait_secs(address), self._by_name.wait_secs(f"{address} {name}")
        )
        if wait_secs:
            words = texts_of(request)("login.wait", minutes=f"{wait_secs / 60 + 1:.0f}")
            answer = self._form(request, "login.html", 429, next=after, name=name, fault=words)
            answer.headers["Retry-After"] = str(int(wait_secs) + 1)
            return answer
        password = form.get("password", "")
        token = await run_in_threadpool(self._accounts.log_in, name, password)
        if token is None:
            words = texts_of(request)("login.wrong")
            return self._form(request, "login.html", 403, next=after, name=name, fault=words)
        self._by_name.forget(f"{address} {name}")
        return self._let_in(token, after)

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        check_same_origin(request)
        form = await read_form(request)
        user = request.scope.get("user")
        if user is None or not hmac.compare_digest(
            form.get("csrf", "").encode(), user_of(request).csrf.encode()
        ):
            raise HTTPException(403, "expected the form of the page itself")
        token = request.cookies.get(COOKIE)
        if token:
            await run_in_threadpool(self._accounts.log_out, token)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._is_https)
        return answer

    async def show_link(self, request: Request) -> Response:
        """The form of a one-time link; looking at it does not use it up."""
        name = await run_in_threadpool(self._accounts.link_owner, request.path_params["token"])
        if name is None:
            words = texts_of(request)("link.over")
            return self._form(request, "link.html", 404, name="", fault=words)
        return self._form(request, "link.html", name=name)

    async def use_link(self, request: Request) -> Response:
        """Choose the password, and come in."""
        check_same_origin(request)
        form = await read_form(request)
        token = request.path_params["token"]
        address = request.client.host if request.client else "-"
        if self._by_address.wait_secs(address):
            raise HTTPException(429, "too many tries; wait five minutes")
        name = await run_in_threadpool(self._accounts.link_owner, token)
        password = form.get("password", "")
        if name is not None and password != form.get("again", ""):
            words = texts_of(request)("link.differ")
            return self._form(request, "link.html", 400, name=name, fault=words)
        try:
            session = await run_in_threadpool(self._accounts.use_link, token, password)
        except AccountError as error:
            status = 400 if name else 404
            return self._form(request, "link.html", status, name=name or "", fault=str(error))
        return self._let_in(session, "/")

    def _let_in(self, token: str, after: str) -> Response:
        answer = RedirectResponse(after, 303)
        answer.set_cookie(
            COOKIE,
            token,
            max_age=self._max_age_secs,
            httponly=True,
            samesite="lax",
            secure=self._is_https,
        )
        return answer

    def _form(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        values = {"name": "", "fault": "", "next": "/"} | context
        if request.method == "POST":
            values["here"] = request.url.path  # the form itself cannot be asked for again
        return self._templates.page(request, template, status, **values)

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/login", self.show),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/link/{token}", self.show_link),
            Route("/link/{token}", self.use_link, methods=["POST"]),
        ]


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; raises 413 for one that is too large."""
    fields = await read_form_lists(request)
    return {name: values[-1] for name, values in fields.items()}


async def read_form_lists(request: Request) -> dict[str, list[str]]:
    """Return all values of each field of a posted form; raises 413 for one that is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"expected at most {MAX_FORM_BYTES} bytes")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def own_path(path: str | None) -> str:
    """Return a path on this server to go to next; ``/`` for one that leads elsewhere."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path if not urlsplit(path).netloc else "/"
