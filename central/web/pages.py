"""Draws the parts of the page for one site, once for all browsers that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from central.config import Look
from central.database import Database
from central.desk import RulesOf, default_rules
from central.web import words
from central.web.access import Right, User
from central.web.board import (
    BayView,
    Board,
    build_board,
    found_in_words,
    headline,
    not_looked_at,
    product_names,
)
from central.web.live import BEAT_SECS, Changes, Parts
from central.web.queries import read_site, read_sites
from central.web.rows import AlertRow, Site, SlotRow
from shelf import Planogram, SlotId, State

Planograms = Mapping[Site, Mapping[str, Planogram]]
"""The planograms that are configured, by site and aisle."""


@dataclass(slots=True)
class _Drawn:
    """The newest parts of one site, and what they were drawn of."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    version: int = -1
    at_secs: float = 0.0
    parts: Parts = field(default_factory=dict)


class Pages:
    """Reads, arranges and renders. Only `parts` is asynchronous; the rest may block."""

    def __init__(
        self,
        database: Database,
        planograms: Planograms,
        changes: Changes,
        broker_fault: Callable[[], str | None],
        rules_of: RulesOf = default_rules,
    ) -> None:
        """``broker_fault`` says why no news can come, or None while it can."""
        self._rules_of = rules_of
        self._broker_fault = broker_fault
        self._database = database
        self._planograms = planograms
        self._changes = changes
        self._drawn: dict[Site, _Drawn] = {}
        self._bays: dict[tuple[Site, str, int], tuple[BayView, str]] = {}
        self._templates = Environment(
            loader=PackageLoader("central.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["n"] = _short_number
        self._templates.globals["state_words"] = words.STATE_WORDS
        self._templates.globals["unknown"] = State.UNKNOWN
        self._templates.globals["bay_part"] = bay_part

    def sites(self) -> list[Site]:
        """Return the sites that are configured or heard of, in order."""
        with self._database.read() as connection:
            return sorted({*self._planograms, *read_sites(connection)})

    async def parts(self, site: Site) -> Parts:
        """Return the parts as of now, drawn at most once for each change."""
        drawn = self._drawn.setdefault(site, _Drawn())
        async with drawn.lock:
            version = self._changes.version
            is_old = monotonic() - drawn.at_secs > BEAT_SECS * 0.8
            if drawn.version != version or is_old:
                drawn.parts = await run_in_threadpool(self.draw_parts, site)
                drawn.version = version
                drawn.at_secs = monotonic()
            return drawn.parts

    def board(self, site: Site) -> Board:
        """Return what the page says of ``site``."""
        with self._database.read() as connection:
            rows = read_site(connection, site)
        planograms = self._planograms.get(site, {})
        return build_board(rows, planograms, self.ranker(site), self._broker_fault())

    def ranker(self, site: Site) -> Callable[[AlertRow], float]:
        """Return how urgent alerts of ``site`` are now; closed ones, when they were closed."""
        weights, now = self._rules_of(site.tenant, site.site).weights, datetime.now(UTC)
        return lambda row: weights.rank(row, row.closed_utc or now)

    def draw_parts(self, site: Site) -> Parts:
        """Return each part of the page as HTML; each bay is one, after the place it goes to."""
        board = self.board(site)
        context = {
            "site": site,
            "summary": board.summary,
            "alerts": board.alerts,
            "closed": board.closed,
            "aisles": board.aisles,
        }
        parts = {
            name: self._render(f"{name}.html", context) for name in ("summary", "alerts", "shelves")
        }
        for view in board.aisles:
            for bay in view.bays:
                parts[bay_part(view.aisle, bay)] = self._draw_bay(site, view.aisle, bay)
        return parts

    def _draw_bay(self, site: Site, aisle: str, bay: BayView) -> str:
        key = site, aisle, bay.drawn.number
        known, html = self._bays.get(key, (None, ""))
        if known != bay:
            html = self._render("bay.html", {"aisle": aisle, "bay": bay})
            self._bays[key] = bay, html
        return html

    def draw_page(
        self, site: Site, sites: list[Site], parts: Parts, looks: list[Look], user: User
    ) -> str:
        """Return the whole page."""
        context = {
            "site": site,
            "sites": [{"site": other, "query": query_of(other)} for other in sites],
            "query": query_of(site),
            "parts": {name: Markup(html) for name, html in _with_bays(parts).items()},
            "looks": looks,
            "user": user,
            "may_manage": user.may(Right.USERS),
        }
        return self._render("page.html", context)

    def draw_card(self, site: Site, aisle: str, slot: SlotId) -> str | None:
        """Return the card of one slot as HTML, or None when there is no such slot."""
        with self._database.read() as connection:
            rows = read_site(connection, site)
        planograms = self._planograms.get(site, {})
        row = next((r for r in rows.slots if (r.aisle, r.slot) == (aisle, slot)), None)
        row = row or _planned_row(planograms, aisle, slot)
        if row is None:
            return None
        names = product_names(rows, planograms)
        alert = next((a for a in rows.open_alerts if (a.aisle, a.slot) == (aisle, slot)), None)
        card = {
            "state": row.state,
            "headline": headline(row.state, row.facings_seen, row.facings_expected),
            "name": row.name or names.get(row.sku, row.sku),
            "place": words.place(aisle, slot),
            "since_utc": row.since_utc,
            "facings_seen": row.facings_seen,
            "facings_expected": row.facings_expected,
            "confidence": row.confidence,
            "found": found_in_words(row, names),
            "reason": row.reason,
            "sku": row.sku,
            "picture": alert.picture if alert else None,
            "has_before": alert.has_before if alert else False,
        }
        return self._render("card.html", {"card": card})

    def _render(self, template: str, context: Mapping[str, object]) -> str:
        return self._templates.get_template(template).render(context)


def bay_part(aisle: str, bay: BayView) -> str:
    """Return the name of a bay's part."""
    return f"bay-{aisle}-{bay.drawn.number}"


def _with_bays(parts: Parts) -> Parts:
    """Put the bays into their places, as the browser does with what comes later."""
    shelves = parts["shelves"]
    for name, html in parts.items():
        place = f'data-part="{name}">'
        shelves = shelves.replace(f"{place}</figure>", f"{place}{html}</figure>")
    return {**parts, "shelves": shelves}


def query_of(site: Site) -> str:
    """Return ``site`` as the query of a URL."""
    return urlencode({"tenant": site.tenant, "site": site.site})


def _planned_row(planograms: Mapping[str, Planogram], aisle: str, slot: SlotId) -> SlotRow | None:
    try:
        return not_looked_at(aisle, planograms[aisle].slot(slot))
    except KeyError:
        return None


def _short_number(value: float) -> str:
    """Return a length for a drawing: at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
