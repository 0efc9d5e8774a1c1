"""Draws the parts of the page for one site, once for all browsers that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from central.alert_settings import Store
from central.config import Look
from central.database import Database
from central.desk import RulesOf, default_rules
from central.web import words
from central.web.access import Right, user_of
from central.web.board import Summary, found_in_words, headline, summarise
from central.web.language import Texts, texts_of
from central.web.layouts import Layouts
from central.web.live import BEAT_SECS, Changes, History, Parts, Snapshot
from central.web.queries import read_site, read_sites
from central.web.rendering import Templates
from central.web.rows import NO_SITE, AlertRow, Site, SiteRows
from central.web.shelves import BayView, view_shelves
from central.web.todo import AlertCard, build_todo
from shelf import Planogram, SlotId

Planograms = Mapping[Site, Mapping[str, Planogram]]
"""The planograms that are configured, by site and aisle."""

UNDO_AIR_SECS = 5
"""An action can be taken back on the page for this much less than at the server."""


class View(StrEnum):
    """How much of a site is wanted: the alerts, or the drawn shelves as well."""

    TODO = "todo"
    ALL = "all"


@dataclass(slots=True)
class _Drawn:
    """The newest parts of one site, and what they were drawn of."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    version: int = -1
    at_secs: float = 0.0
    snapshot: Snapshot | None = None


@dataclass(slots=True)
class _Known:
    """What a site's pieces were last rendered of: equal pieces are not rendered again."""

    cards: dict[str, tuple[AlertCard, str]] = field(default_factory=dict)
    bays: dict[str, tuple[BayView, str]] = field(default_factory=dict)


class Pages:
    """Reads, arranges and renders. Only `parts` is asynchronous; the rest may block."""

    def __init__(
        self,
        database: Database,
        planograms: Planograms,
        changes: Changes,
        broker_fault: Callable[[], str | None],
        rules_of: RulesOf = default_rules,
        stores: Iterable[Store] = (),
    ) -> None:
        """``broker_fault`` says why no news can come, or None while it can."""
        self.templates = Templates()
        self.history = History()
        self._rules_of = rules_of
        self._broker_fault = broker_fault
        self._database = database
        self._stores = {Site(store.tenant, store.site): store for store in stores}
        self._layouts = {site: Layouts(by_aisle) for site, by_aisle in planograms.items()}
        self._changes = changes
        self._drawn: dict[tuple[Site, str, View], _Drawn] = {}
        self._known: dict[tuple[Site, str], _Known] = {}

    def sites(self) -> list[Site]:
        """Return the sites that are configured or heard of, in order."""
        with self._database.read() as connection:
            return sorted({*self._layouts, *read_sites(connection)})

    def name_of(self, t: Texts, site: Site) -> str:
        """Return what people call a store."""
        if site == NO_SITE:
            return t("store.none")
        store = self._stores.get(site)
        return store.name if store and store.name else t("store.name", site=site.site)

    def layouts(self, site: Site) -> Layouts:
        """Return the planned shelves of a site."""
        return self._layouts.get(site) or Layouts({})

    async def parts(self, site: Site, t: Texts, view: View = View.TODO) -> Snapshot:
        """Return the parts as of now, drawn at most once for each change."""
        drawn = self._drawn.setdefault((site, t.language, view), _Drawn())
        async with drawn.lock:
            version = self._changes.version
            is_old = monotonic() - drawn.at_secs > BEAT_SECS * 0.8
            if drawn.snapshot is None or drawn.version != version or is_old:
                parts = await run_in_threadpool(self.draw_parts, site, t, view)
                if drawn.snapshot is None or drawn.snapshot.parts != parts:
                    drawn.snapshot = self.history.keep(parts)
                drawn.version = version
                drawn.at_secs = monotonic()
            return drawn.snapshot

    def ranker(self, site: Site) -> Callable[[AlertRow], float]:
        """Return how urgent alerts of ``site`` are now; closed ones, when they were closed."""
        weights, now = self._rules_of(site.tenant, site.site).weights, datetime.now(UTC)
        return lambda row: weights.rank(row, row.closed_utc or now)

    def draw_parts(self, site: Site, t: Texts, view: View = View.TODO) -> Parts:
        """Return each part of the page as HTML, by the place it goes to.

        Each alert, heading, planned bay and drawn bay is a part of its own.
        """
        with self._database.read() as connection:
            rows = read_site(connection, site)
        layouts = self.layouts(site)
        summary = summarise(rows, layouts, self._broker_fault(), t)
        weights = self._rules_of(site.tenant, site.site).weights
        store = self._stores.get(site)
        todo = build_todo(rows, layouts, weights, store.walk if store else (), t)
        known = self._known.setdefault((site, t.language), _Known())
        context = {"summary": summary, "alerts": todo.cards, "closed": todo.closed}
        context["store"] = self.name_of(t, site)
        parts = {
            "summary": self.templates.html("summary.html", t, **context),
            "quiet": self.templates.html("quiet.html", t, **context),
            "closed": self.templates.html("closed.html", t, **context),
        }
        for heading in todo.headings:
            html = self.templates.html("heading.html", t, heading=heading)
            parts[f"heading-{heading.key}"] = html
        cards: dict[str, tuple[AlertCard, str]] = {}
        for card in todo.cards:
            cards[card.row.id] = self._card(t, card, known)
            parts[f"alert-{card.row.id}"] = cards[card.row.id][1]
        known.cards = cards
        for name, bay in todo.plans.items():
            parts[name] = self.templates.html("plan.html", t, name=name, bay=bay)
        if view is View.ALL:
            parts |= self._draw_shelves(t, rows, layouts, known, summary)
        return parts

    def _card(self, t: Texts, card: AlertCard, known: _Known) -> tuple[AlertCard, str]:
        before = known.cards.get(card.row.id)
        if before is not None and before[0] == card:
            return before
        return card, self.templates.html("alert.html", t, card=card)

    def _draw_shelves(
        self, t: Texts, rows: SiteRows, layouts: Layouts, known: _Known, summary: Summary
    ) -> Parts:
        aisles = view_shelves(rows, layouts, t)
        parts = {"shelves": self.templates.html("shelves.html", t, aisles=aisles, summary=summary)}
        for view in aisles:
            for bay in view.bays:
                name = f"bay-{view.aisle}-{bay.drawn.number}"
                before = known.bays.get(name)
                if before is None or before[0] != bay:
                    html = self.templates.html("bay.html", t, aisle=view.aisle, bay=bay)
                    known.bays[name] = bay, html
                parts[name] = known.bays[name][1]
        return parts

    def page(
        self,
        request: Request,
        site: Site,
        sites: Sequence[Site],
        snapshot: Snapshot,
        looks: Sequence[Look],
    ) -> Response:
        """Return the whole page of one site."""
        t = texts_of(request)
        parts = {name: Markup(html) for name, html in _with_bays(snapshot.parts).items()}
        items = [html for name, html in parts.items() if name.startswith(("alert-", "heading-"))]
        undo = self._rules_of(site.tenant, site.site).times.undo
        return self.templates.page(
            request,
            "todo.html",
            tab="todo",
            store=self.name_of(t, site),
            sites=sites,
            query=query_of(site),
            snapshot=snapshot,
            at=datetime.now(UTC),
            parts=parts,
            items=sorted(items, key=_walk_in),
            plans=[html for name, html in parts.items() if name.startswith("plan-")],
            looks=looks,
            may_act=user_of(request).may(Right.ACT),
            undo_secs=max(0, int(undo.total_seconds()) - UNDO_AIR_SECS),
        )

    def more(self, request: Request, site: Site, sites: Sequence[Site]) -> Response:
        """Return the page with all that is seldom needed."""
        t = texts_of(request)
        stores = [(query_of(other), self.name_of(t, other), other == site) for other in sites]
        return self.templates.page(
            request,
            "more.html",
            tab="more",
            store=self.name_of(t, site),
            query=query_of(site),
            stores=sorted(stores, key=lambda store: store[1]),
        )

    def draw_card(self, site: Site, aisle: str, slot: SlotId, t: Texts) -> str | None:
        """Return the card of one slot as HTML, or None when there is no such slot."""
        with self._database.read() as connection:
            rows = read_site(connection, site)
        layouts = self.layouts(site)
        row = next((r for r in rows.slots if (r.aisle, r.slot) == (aisle, slot)), None)
        row = row or layouts.planned_slot(aisle, slot)
        if row is None:
            return None
        names = layouts.names(rows)
        alert = next((a for a in rows.open_alerts if (a.aisle, a.slot) == (aisle, slot)), None)
        card = {
            "query": query_of(site),
            "key": f"{aisle}/{slot}",
            "state": row.state,
            "headline": headline(t, row.state, row.facings_seen, row.facings_expected),
            "name": row.name or names.get(row.sku, row.sku),
            "place": words.place(t, aisle, slot),
            "since_utc": row.since_utc,
            "facings_seen": row.facings_seen,
            "facings_expected": row.facings_expected,
            "confidence": row.confidence,
            "found": found_in_words(t, row, names),
            "reason": row.reason,
            "sku": row.sku,
            "picture": alert.picture if alert else None,
            "has_before": alert.has_before if alert else False,
        }
        return self.templates.html("card.html", t, card=card)


def _walk_in(html: str) -> str:
    return html.partition('data-walk="')[2].partition('"')[0]


def _with_bays(parts: Parts) -> Parts:
    """Put the bays into their places, as the browser does with what comes later."""
    if "shelves" not in parts:
        return {**parts, "shelves": ""}
    shelves = parts["shelves"]
    for name, html in parts.items():
        place = f'data-part="{name}">'
        shelves = shelves.replace(f"{place}</figure>", f"{place}{html}</figure>")
    return {**parts, "shelves": shelves}


def query_of(site: Site) -> str:
    """Return ``site`` as the query of a URL."""
    return urlencode({"tenant": site.tenant, "site": site.site})
