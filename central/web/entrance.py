"""The way in: the door that every request passes, and the pages about people."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.routing import Route

from central.accounts import Accounts
from central.config import Login
from central.web.login import Door, LoginPages
from central.web.people import PeoplePages
from central.web.people_api import PeopleApi
from central.web.rendering import Templates


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who may come in, and how; an https ``public_url`` keeps the cookie from plain http."""

    accounts: Accounts
    login: Login
    public_url: str = ""

    def door(self, secret: bytes) -> Middleware:
        """Return what every request has to pass; ``secret`` makes its tokens."""
        return Middleware(Door, accounts=self.accounts, login=self.login, secret=secret)

    def routes(self) -> list[Route]:
        """Return the pages to log in, and the interface to manage people."""
        is_https = self.public_url.startswith("https://")
        templates = Templates()
        pages = LoginPages(self.accounts, self.login, templates, is_https=is_https)
        people = PeoplePages(self.accounts, templates, self.public_url)
        return [*pages.routes(), *people.routes(), *PeopleApi(self.accounts).routes()]
