"""What the pages say, in the reader's language: texts by key from ``locales/*.json``.

A text may hold ``{names}``. One that depends on a number has two keys, ``key.one`` and
``key.other``, and is asked for as ``key`` with ``count``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from starlette.requests import Request

LOCALES = Path(__file__).parent / "locales"
COOKIE = "shelfwatch_language"
FOR_SCRIPTS = "js."
"""Keys that begin so are handed to the page's scripts."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """All texts of one language; ``language`` is its code, as in ``<html lang>``."""

    language: str
    table: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text; raises ``KeyError`` for a key or a value that is missing."""
        return self.table[self._key(key, values)].format(**values)

    def html(self, key: str, **values: object) -> Markup:
        """Return a text as HTML whose values may be `Markup`; all else is escaped."""
        return Markup.escape(self.table[self._key(key, values)]).format(**values)

    def _key(self, key: str, values: Mapping[str, object]) -> str:
        if key not in self.table and "count" in values:
            return f"{key}.one" if values["count"] == 1 else f"{key}.other"
        return key

    def ordinal(self, number: int) -> str:
        """Return ``1st``, ``1.`` or ``1.º``."""
        return self(f"ordinal.{_ordinal_form(self.language, number)}", number=number)

    @property
    def for_scripts(self) -> dict[str, str]:
        """The texts that the page's scripts say, by key without ``js.``."""
        return {
            key.removeprefix(FOR_SCRIPTS): text
            for key, text in self.table.items()
            if key.startswith(FOR_SCRIPTS)
        }


def _ordinal_form(language: str, number: int) -> str:
    """The plural category of an ordinal, as the Unicode CLDR names it."""
    if language != "en" or number % 100 in (11, 12, 13):
        return "other"
    return {1: "one", 2: "two", 3: "few"}.get(number % 10, "other")


def _load(file: Path) -> Texts:
    return Texts(file.stem, json.loads(file.read_text(encoding="utf-8")))


LANGUAGES: dict[str, Texts] = {file.stem: _load(file) for file in sorted(LOCALES.glob("*.json"))}
"""The texts by the language's code: one file each."""

ENGLISH = LANGUAGES["en"]


def texts_of(request: Request) -> Texts:
    """Return the texts in the language that was chosen, else the browser's, else English."""
    chosen = request.cookies.get(COOKIE, "")
    return LANGUAGES.get(chosen) or preferred(request.headers.get("accept-language", ""))


def preferred(accept_language: str) -> Texts:
    """Return the texts in the language that the header likes best of those that there are."""
    wishes: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((float(quality or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    wishes.sort(key=lambda wish: -wish[0])
    return next((LANGUAGES[tag] for q, tag in wishes if q > 0 and tag in LANGUAGES), ENGLISH)
