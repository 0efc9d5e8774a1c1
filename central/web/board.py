"""What the page says of a whole site: the summary, and all its slots. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from central.web import words
from central.web.language import ENGLISH, Texts
from central.web.layouts import Layouts
from central.web.notices import Notice, notices_of, watched_by
from central.web.rows import AlertRow, SiteRows, SlotRow
from shelf import SlotId, State

Slots = Mapping[str, Mapping[SlotId, SlotRow]]
"""Every planned or reported slot, by aisle."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The header in numbers and words. ``osa_percent`` is None when no slot can be seen.

    ``watched_by`` is a sentence that names cameras that work, ``notices`` says what does not;
    ``counts`` are slots by state.
    """

    slots: int
    seen: int
    osa_percent: int | None
    open_alerts: int
    watched_by: str
    watching: str
    counts: tuple[tuple[State, int], ...]
    notices: tuple[Notice, ...]

    @property
    def unseen(self) -> int:
        """How many slots could not be seen."""
        return self.slots - self.seen

    @property
    def is_blind(self) -> bool:
        """True when no slot could be seen: then no alert does not mean that all is well."""
        return self.seen == 0


def summarise(
    rows: SiteRows, layouts: Layouts, broker_fault: str | None = None, t: Texts = ENGLISH
) -> Summary:
    """Return the summary of one site.

    ``broker_fault`` says why no news can come, or is None while it can.
    """
    by_aisle = layouts.slots_by_aisle(rows)
    slots = [slot for by_id in by_aisle.values() for slot in by_id.values()]
    seen = [slot for slot in slots if slot.state is not State.UNKNOWN]
    available = sum(slot.state.is_available for slot in seen)
    return Summary(
        slots=len(slots),
        seen=len(seen),
        osa_percent=100 * available // len(seen) if seen else None,
        open_alerts=len(rows.open_alerts),
        watched_by=watched_by(t, rows),
        watching=_watching(t, by_aisle),
        counts=tuple((state, sum(s.state is state for s in slots)) for state in State),
        notices=tuple(notices_of(t, rows, broker_fault)),
    )


def found_in_words(t: Texts, row: AlertRow | SlotRow, names: Mapping[str, str]) -> str:
    """``Lemon tea (84 %) and a product that is not known (40 %)``; each product once.

    Empty unless the slot is misplaced: else its own product stands there.
    """
    best: dict[str, float] = {}
    for item in row.found if row.state is State.MISPLACED else ():
        if item.sku == row.sku:
            continue
        name = names.get(item.sku, item.sku) if item.sku else t("alert.found.unknown")
        best[name] = max(best.get(name, 0.0), item.confidence)
    said = [
        t("alert.found.item", name=name, percent=f"{100 * share:.0f}")
        for name, share in best.items()
    ]
    return words.listed(t, said)


def headline(t: Texts, state: State, seen: int, expected: int) -> str:
    """The state in words, with what is left where that matters."""
    if state is State.LOW:
        return t("headline.low", seen=seen, expected=expected)
    return t(f"state.{state.value}")


def _watching(t: Texts, by_aisle: Slots) -> str:
    parts = [
        t(
            "watching.bays",
            bays=t("count.bays", count=len({slot.bay for slot in slots})),
            aisle=aisle,
        )
        for aisle, slots in sorted(by_aisle.items())
        if slots
    ]
    if not parts:
        return t("watching.none")
    slots = t("count.slots", count=sum(len(by_id) for by_id in by_aisle.values()))
    return t("watching.some", slots=slots, bays=words.listed(t, parts))
