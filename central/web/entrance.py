"""The way in: the door that every request passes, and the pages about people."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.middleware import Middleware
from starlette.routing import Route

from central.accounts import Accounts
from central.config import Http, Login
from central.web.login import Door, LoginPages
from central.web.people import PeoplePages
from central.web.people_api import PeopleApi
from central.web.rendering import Templates


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who may come in, and how; where the pages are https, no cookie goes over plain http."""

    accounts: Accounts
    login: Login
    http: Http = field(default_factory=Http)

    def door(self, secret: bytes) -> Middleware:
        """Return what every request has to pass; ``secret`` makes its tokens."""
        return Middleware(Door, accounts=self.accounts, login=self.login, secret=secret)

    def routes(self) -> list[Route]:
        """Return the pages to log in, and the interface to manage people."""
        templates = Templates()
        pages = LoginPages(self.accounts, self.login, templates, is_https=self.http.is_https)
        people = PeoplePages(self.accounts, templates, self.http.public_url or "")
        return [*pages.routes(), *people.routes(), *PeopleApi(self.accounts).routes()]
