"""Who may come in: a link that works once, a session after it, and proof of the own page."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "shelfwatch_calibrate"
CSRF_HEADER = "x-csrf-token"
PUBLIC = ("/enter", "/static/")
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Installer:
    """Somebody at work. ``session`` tells two devices of one person apart."""

    name: str
    session: str
    csrf: str


@dataclass(slots=True)
class Door:
    """Links and sessions, in memory: both end with the program. For any thread.

    ``used`` is called with the name of who came in, after their link has stopped working.
    """

    used: Callable[[str], None] = lambda _name: None
    _links: set[str] = field(default_factory=set)
    _sessions: dict[str, Installer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_link(self) -> str:
        """Return the path of a link that lets one device in, once."""
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._links.add(token)
        return f"/enter/{token}"

    def is_open(self, token: str) -> bool:
        """True while the link has not been used; asking does not use it up."""
        with self._lock:
            return any(hmac.compare_digest(token.encode(), link.encode()) for link in self._links)

    def enter(self, token: str, name: str) -> str | None:
        """Use the link up and return the cookie of a new session; None for a used link."""
        with self._lock:
            if token not in self._links:
                return None
            self._links.remove(token)
            cookie = secrets.token_urlsafe(32)
            self._sessions[cookie] = Installer(
                name, secrets.token_hex(6), secrets.token_urlsafe(18)
            )
        self.used(name)
        return cookie

    def find(self, cookie: str | None) -> Installer | None:
        """Return whose session it is."""
        with self._lock:
            return self._sessions.get(cookie) if cookie else None


class Guard:
    """Lets requests through that have a session; those that change something must prove more."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its installer, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        installer = self._door.find(request.cookies.get(COOKIE))
        refusal = self._refusal(request, installer)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope["installer"] = installer
        await self._app(scope, receive, send)

    def _refusal(self, request: Request, installer: Installer | None) -> Response | None:
        if request.method not in ("GET", "HEAD") and not _is_same_origin(request):
            return PlainTextResponse("only the page itself may ask this", 403)
        if request.url.path.startswith(PUBLIC):
            return None
        if installer is None:
            if "text/html" in request.headers.get("accept", ""):
                return RedirectResponse("/enter", 303)
            return PlainTextResponse("open the link again that the command has printed", 401)
        if request.method not in ("GET", "HEAD"):
            token = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(token.encode(), installer.csrf.encode()):
                return PlainTextResponse("expected the header X-CSRF-Token of the page", 403)
        return None


def installer_of(request: Request) -> Installer:
    """Return who asks; raises 401 where nobody has come in."""
    installer: Installer | None = request.scope.get("installer")
    if installer is None:
        raise HTTPException(401, "open the link again that the command has printed")
    return installer


def _is_same_origin(request: Request) -> bool:
    """False for what a page of another origin made a browser ask."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
