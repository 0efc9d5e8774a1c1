"""What a digest says, as HTML of which every channel makes the text that it can show.

Lists, no tables: as plain text they read as well.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from central.digest_reading import Digest, SlotLine
from central.metrics.rolling_rows import SiteKey
from central.web import words
from central.web.language import LANGUAGES, Texts
from central.web.rendering import Templates
from shelf.slots import SlotId

_TEMPLATES = Templates()


def render_digest(
    digest: Digest, language: str, title: str, name_of: Callable[[SiteKey], str], url: str
) -> tuple[str, str]:
    """Return subject and HTML. ``title`` is what the digest is about, ``url`` of the pages."""
    t = LANGUAGES[language]
    days = digest.days
    when = _day(t, days.first)
    if days.last != days.first:
        when = t("digest.days", first=when, last=_day(t, days.last))
    total = digest.total
    subject = t("digest.subject", title=title, when=when, share=share(t, total.availability))
    tenants = {site: tenant for tenant, site in _sites(digest)}

    def place(slot: SlotLine) -> str:
        aisle, _, where = slot.slot.partition("/")
        store = name_of((tenants.get(slot.site, ""), slot.site))
        return f"{store}, {words.place(t, aisle, SlotId.parse(where))}"

    html = _TEMPLATES.html(
        "digest/mail.html",
        t,
        title=title,
        when=when,
        digest=digest,
        share=lambda value: share(t, value),
        points=lambda value: points(t, value),
        span=lambda secs: words.duration(t, timedelta(seconds=secs)),
        place=place,
        name_of=name_of,
        url=url,
    )
    return subject, html


def share(t: Texts, value: float | None) -> str:
    """Return a share as a person reads it; what is not known is said so."""
    if value is None:
        return t("digest.unknown")
    return t("digest.percent", percent=_decimal(t, value * 100))


def points(t: Texts, value: float | None) -> str:
    """Return a change of a share in percentage points, with its sign; empty where unknown."""
    if value is None:
        return ""
    return t("digest.points", points=_decimal(t, value * 100, "+"))


def _decimal(t: Texts, value: float, sign: str = "") -> str:
    return f"{value:{sign}.1f}".replace("-", "\N{MINUS SIGN}").replace(".", t("digest.decimal"))


def _day(t: Texts, day: date) -> str:
    return t("digest.day", day=day.day, month=f"{day.month:02d}", year=day.year)


def _sites(digest: Digest) -> list[SiteKey]:
    return [line.site for line in (*digest.stores, *digest.hidden)] + [
        (node.tenant, node.site) for node in digest.fleet.nodes
    ]
