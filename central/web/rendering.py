"""One environment for all templates of the pages."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from central.web.access import Right
from central.web.language import LANGUAGES, Texts, texts_of
from shelf import State


class Templates:
    """Renders ``templates/*``. Every template may use ``t``, the reader's `Texts`."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("central.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["n"] = short_number
        self._environment.globals["unknown"] = State.UNKNOWN

    def html(self, template: str, t: Texts, **context: Any) -> str:
        """Return a template as text."""
        return self._environment.get_template(template).render(context, t=t)

    def page(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """Return a whole page that extends ``base.html``.

        Besides ``t`` it may use ``user`` (None before the login), ``may_manage``, ``languages``
        (code and own name), ``here``: its own path and query, and which other pages are theirs
        (``may_compare``, ``may_fleet``, ``may_letters``).
        """
        user = request.scope.get("user")
        query = f"?{request.url.query}" if request.url.query else ""
        common = {
            "user": user,
            "may_manage": user is not None and not user.is_anybody and user.may(Right.USERS),
            "may_compare": user is not None and user.may(Right.COMPARE),
            "may_fleet": user is not None and user.may(Right.FLEET),
            "may_letters": user is not None and user.may(Right.DEAD_LETTERS),
            "languages": [(code, texts("language.name")) for code, texts in LANGUAGES.items()],
            "here": request.url.path + query,
        }
        html = self.html(template, texts_of(request), **(common | context))
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}
        return HTMLResponse(html, status, headers=headers)


def short_number(value: float) -> str:
    """Return a length for a drawing: at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
