"""Who asks, what they may do, and proof that their own page asked."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from central.accounts import Role
from central.desk import Actor
from central.web.rows import Site

CSRF_HEADER = "x-csrf-token"
ALL_SITES = "*"


class Right(StrEnum):
    """What not everybody may do. Everybody may look at their own stores."""

    ACT = "act on alerts"
    RESET = "announce a rebuild"
    PUSHES = "see what could not be sent"
    FLEET = "see how nodes and cameras are"
    DEAD_LETTERS = "see messages that could not be used"
    COMPARE = "compare stores"
    USERS = "manage people"


RIGHTS = {
    Role.STAFF: frozenset({Right.ACT}),
    Role.MANAGER: frozenset({Right.ACT, Right.RESET, Right.PUSHES, Right.FLEET, Right.COMPARE}),
    Role.INSTALLER: frozenset({Right.RESET, Right.FLEET}),
    Role.ADMIN: frozenset(Right),
}


@dataclass(frozen=True, slots=True)
class User:
    """A person. ``stores`` are ``tenant/site`` or ``tenant/*``; None means all.

    ``csrf`` is what their own pages send with everything that changes something;
    ``is_anybody`` is true where login is switched off.
    """

    name: str
    role: Role
    stores: frozenset[str] | None = None
    csrf: str = ""
    is_anybody: bool = False

    def may(self, right: Right) -> bool:
        """True when the role has the right."""
        return right in RIGHTS[self.role]

    def sees(self, site: Site) -> bool:
        """True when the store is theirs."""
        wanted = {f"{site.tenant}/{site.site}", f"{site.tenant}/{ALL_SITES}"}
        return self.stores is None or not wanted.isdisjoint(self.stores)

    def own(self, sites: Iterable[Site]) -> list[Site]:
        """Return those of ``sites`` that are theirs, in the same order."""
        return [site for site in sites if self.sees(site)]

    def actor(self, sites: Iterable[Site]) -> Actor:
        """Return who acts: over all of ``sites`` that are theirs."""
        if self.stores is None:
            return Actor(self.name)
        return Actor(self.name, frozenset((s.tenant, s.site) for s in self.own(sites)))


def user_of(request: Request) -> User:
    """Return who asks."""
    user: User = request.scope["user"]
    return user


def is_still_in(request: Request) -> bool:
    """Return whether who asked may still be here: a stream outlives a session. May block."""
    ask: Callable[[], bool] = request.scope.get("is_still_in", lambda: True)
    return ask()


def require(request: Request, right: Right) -> User:
    """Return who asks; raises 403 without the right, or when another page made them ask."""
    user = user_of(request)
    check_own_page(request, user)
    if not user.may(right):
        raise HTTPException(403, f"{user.name} ({user.role.value}) may not {right.value}")
    return user


def check_own_page(request: Request, user: User) -> None:
    """Raise 403 for a request that changes something and does not come from our own page.

    A page of another origin can neither read the token nor send the header.
    """
    if request.method in ("GET", "HEAD"):
        return
    check_same_origin(request)
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), user.csrf.encode()):
        raise HTTPException(403, "expected the header X-CSRF-Token as /api/me tells it")


def check_same_origin(request: Request) -> None:
    """Raise 403 for what a page of another origin made a browser ask."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_own:
        raise HTTPException(403, "only the page itself may ask this")


def csrf_of(secret: bytes, identity: str) -> str:
    """Return the token of one session or person."""
    return hmac.new(secret, identity.encode(), hashlib.sha256).hexdigest()


class OpenDoor:
    """For ``login: {required: false}``: everybody who can reach the page is one user."""

    def __init__(self, app: ASGIApp, secret: bytes) -> None:
        self._app = app
        self._user = User(
            "somebody", Role.MANAGER, csrf=csrf_of(secret, "open door"), is_anybody=True
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as that user's."""
        if scope["type"] == "http":
            scope["user"] = self._user
        await self._app(scope, receive, send)
