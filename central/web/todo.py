"""The alerts as staff walk them: what is wrong, where, what to fetch, and why first. Pure.

Nothing here depends on the moment of rendering: the browser counts ages and, from ``rate``,
how urgent an alert has become. So an alert is sent again only when it says something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from central.alerts import Weights
from central.alerts.ranking import DEFAULT_UNITS_PER_DAY
from central.web import words
from central.web.board import found_in_words, headline
from central.web.drawing import DrawnBay
from central.web.language import ENGLISH, Texts
from central.web.layouts import Layout, Layouts, Strip
from central.web.rows import AlertRow, SiteRows
from shelf import SlotId, State
from shelf.wire import AlertPhase

WAITING = "1"
"""The walk of what waits for the camera or the delivery: it comes after all else."""

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class AlertCard:
    """One alert in words; ``on_shelf`` is its place without the aisle.

    ``walk`` sorts alerts by where they are, ``rate`` x minutes by urgency. ``units`` is what the
    product sells a day, empty where nobody says; ``strip`` is its place on the shelf, None where
    it is not planned.
    """

    row: AlertRow
    name: str
    place: str
    on_shelf: str
    headline: str
    found: str
    phase: str
    walk: str = ""
    rate: float = 0.0
    fetch: str = ""
    between: str = ""
    units: str = ""
    priority: str = ""
    strip: Strip | None = None
    open_for: str = ""

    @property
    def plan(self) -> str:
        """The part that holds the drawing of its bay."""
        return f"plan-{self.row.aisle}-{self.row.slot.bay}"


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the alerts of an aisle, or above those that wait."""

    key: str
    text: str
    walk: str
    aisle: str
    count: int


@dataclass(frozen=True, slots=True)
class Todo:
    """All alerts of one site in the order of the walk; ``plans`` are the bays they are in."""

    cards: tuple[AlertCard, ...]
    headings: tuple[Heading, ...]
    plans: Mapping[str, DrawnBay]
    closed: tuple[AlertCard, ...]


def build_todo(
    rows: SiteRows,
    layouts: Layouts,
    weights: Weights,
    aisles: Sequence[str] = (),
    t: Texts = ENGLISH,
) -> Todo:
    """Return the alerts of one site; ``aisles`` come first, in this order, then all by name."""
    names, by_aisle = layouts.names(rows), layouts.slots_by_aisle(rows)
    drawn: dict[str, Layout] = {}
    cards, plans = [], {}
    for row in rows.open_alerts:
        if row.aisle not in drawn:
            drawn[row.aisle] = layouts.of(row.aisle, by_aisle.get(row.aisle, {}))
        layout = drawn[row.aisle]
        card = _open_card(t, row, layout, names, weights)
        walk = f"{_walk_of(row, aisles)}.{_within_aisle(row.slot)}.{row.id}"
        cards.append(replace(card, walk=walk))
        if card.strip:
            plans[card.plan] = next(b for b in layout.bays if b.number == card.strip.bay)
    cards.sort(key=lambda card: card.walk)
    closed = tuple(
        replace(_card(t, row, names), open_for=_open_for(t, row, row.closed_utc))
        for row in rows.closed_alerts
        if row.closed_utc is not None
    )
    return Todo(tuple(cards), tuple(_headings(t, cards, aisles)), plans, closed)


def is_answered(row: AlertRow) -> bool:
    """True when nobody can do anything about it for now."""
    return row.phase in (AlertPhase.DONE, AlertPhase.NO_STOCK)


def _headings(t: Texts, cards: Sequence[AlertCard], aisles: Sequence[str]) -> list[Heading]:
    by_walk: dict[str, list[AlertCard]] = {}
    for card in cards:
        by_walk.setdefault(_walk_of(card.row, aisles), []).append(card)
    headings = []
    for walk, under in by_walk.items():
        aisle = under[0].row.aisle
        if walk == WAITING:
            headings.append(Heading("waiting", t("alerts.waiting"), walk, "", len(under)))
        else:
            text = t("place.aisle", aisle=aisle)
            headings.append(Heading(f"aisle-{aisle}", text, walk, aisle, len(under)))
    return headings


def _walk_of(row: AlertRow, aisles: Sequence[str]) -> str:
    """Return what all alerts of an aisle share; it sorts aisles as people count: a2, a10."""
    if is_answered(row):
        return WAITING
    if row.aisle in aisles:
        return f"0.{list(aisles).index(row.aisle):04d}"
    return "0.~" + _DIGITS.sub(lambda number: number[0].zfill(8), row.aisle)


def _within_aisle(slot: SlotId) -> str:
    """Bay after bay, each from its top shelf down, from the left."""
    return f"{slot.bay:03d}.{999 - slot.shelf:03d}.{slot.position:03d}"


def _card(t: Texts, row: AlertRow, names: Mapping[str, str]) -> AlertCard:
    return AlertCard(
        row=row,
        name=row.name or names.get(row.sku, row.sku),
        place=words.place(t, row.aisle, row.slot),
        on_shelf=words.slot_place(t, row.slot),
        headline=headline(t, row.state, row.facings_seen, row.facings_expected),
        found=found_in_words(t, row, names),
        phase=_phase(t, row),
    )


def _open_card(
    t: Texts, row: AlertRow, layout: Layout, names: Mapping[str, str], weights: Weights
) -> AlertCard:
    card = _card(t, row, names)
    units = weights.units_per_day(row.sku)
    priority = weights.priority(row.aisle, str(row.slot))
    return replace(
        card,
        rate=weights.rank(row, row.since_utc),
        fetch=_fetch(t, row, card.found),
        between=_between(t, layout, row.slot),
        units="" if units == DEFAULT_UNITS_PER_DAY else t("count.units", count=f"{units:g}"),
        priority=f"{priority:g}",
        strip=layout.strip(row.slot),
    )


def _fetch(t: Texts, row: AlertRow, found: str) -> str:
    missing = max(1, row.facings_expected - row.facings_seen)
    if row.state is State.MISPLACED:
        facings = t("count.facings", count=missing)
        return t("alert.move", found=found or t("alert.found.unknown"), count=facings)
    if missing < row.facings_expected:
        return t("alert.fetch.of", count=missing, expected=row.facings_expected)
    return t("alert.fetch", count=missing)


def _between(t: Texts, layout: Layout, slot: SlotId) -> str:
    left, right = layout.neighbours(slot)
    if left and right:
        return t("place.between", left=left.name, right=right.name)
    if left:
        return t("place.right_of", left=left.name)
    return t("place.left_of", right=right.name) if right else ""


def _phase(t: Texts, row: AlertRow) -> str:
    """What stands between an alert and its end: ``Claimed by anna``; empty while it is open."""
    key, said = f"phase.{row.phase.value}", []
    if key in t.table:
        said.append(t(key, by=row.by or t("phase.somebody")))
    if row.held_by and f"held.{row.held_by}" in t.table:
        said.append(t(f"held.{row.held_by}"))
    return ". ".join(said)


def _open_for(t: Texts, row: AlertRow, closed_utc: datetime) -> str:
    key = f"closed.{row.closed_reason}"
    duration = words.duration(t, closed_utc - row.since_utc)
    return t(key if key in t.table else "closed.open_for", duration=duration)
