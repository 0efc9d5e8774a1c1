"""From rows and planograms to what the page says: pure.

Only the order of the alerts depends on the moment of rendering (the browser counts the ages),
so a part is sent to a browser only when it says something else or in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from central.web import words
from central.web.drawing import DrawnBay, DrawnSlot, Weight, draw, without_planogram
from central.web.notices import Notice, notices_of, watched_by
from central.web.rows import AlertRow, SiteRows, SlotRow
from shelf import PlannedSlot, Planogram, SlotId, State
from shelf.wire import AlertPhase


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


@dataclass(frozen=True, slots=True)
class AlertCard:
    """One alert in words."""

    row: AlertRow
    name: str
    place: str
    headline: str
    found: str
    phase: str = ""
    open_for: str = ""

    @property
    def can_be_done(self) -> bool:
        """True until somebody has said that it is."""
        return self.row.phase is not AlertPhase.DONE


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot as drawn: ``filled`` of its facings are there; ``spoken`` is all of it in words."""

    key: str
    state: State
    drawn: DrawnSlot
    filled: int
    label: str
    spoken: str


@dataclass(frozen=True, slots=True)
class BayView:
    """One bay with its slots, in the order of `DrawnBay.slots`."""

    drawn: DrawnBay
    slots: tuple[SlotView, ...]


@dataclass(frozen=True, slots=True)
class AisleView:
    """One aisle; ``unplanned`` are reported slots that its planogram file does not hold."""

    aisle: str
    source: str
    bays: tuple[BayView, ...]
    unplanned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """All parts of the page for one site."""

    summary: Summary
    alerts: tuple[AlertCard, ...]
    closed: tuple[AlertCard, ...]
    aisles: tuple[AisleView, ...]


def build_board(
    rows: SiteRows,
    planograms: Mapping[str, Planogram],
    rank: Callable[[AlertRow], float],
    broker_fault: str | None = None,
) -> Board:
    """Return the page of one site; ``planograms`` are by aisle.

    ``rank`` says how urgent an alert is: the highest comes first. ``broker_fault`` says why no
    news can come, or is None while it can.
    """
    by_aisle = _slots_by_aisle(rows, planograms)
    names = product_names(rows, planograms)
    aisles = tuple(
        _aisle(aisle, slots, planograms.get(aisle)) for aisle, slots in sorted(by_aisle.items())
    )
    all_slots = [slot for slots in by_aisle.values() for slot in slots.values()]
    seen = [slot for slot in all_slots if slot.state is not State.UNKNOWN]
    available = sum(slot.state.is_available for slot in seen)
    cards = [_card(row, names) for row in rows.open_alerts]
    cards.sort(key=lambda card: _order(card.row, rank))
    summary = Summary(
        slots=len(all_slots),
        seen=len(seen),
        osa_percent=100 * available // len(seen) if seen else None,
        open_alerts=len(cards),
        watched_by=watched_by(rows),
        watching=_watching(aisles, len(all_slots)),
        counts=tuple((state, sum(s.state is state for s in all_slots)) for state in State),
        notices=tuple(notices_of(rows, broker_fault)),
    )
    closed = tuple(
        replace(_card(row, names), open_for=_open_for(row, row.closed_utc))
        for row in rows.closed_alerts
        if row.closed_utc is not None
    )
    return Board(summary, tuple(cards), closed, aisles)


def _open_for(row: AlertRow, closed_utc: datetime) -> str:
    ending = words.CLOSED_WORDS.get(row.closed_reason or "", "")
    return f"{words.duration(closed_utc - row.since_utc)}{ending}"


def product_names(rows: SiteRows, planograms: Mapping[str, Planogram]) -> dict[str, str]:
    """Return product names by SKU, from the planograms and what nodes have said."""
    names = {slot.sku: slot.name for slot in rows.slots if slot.name}
    for planogram in planograms.values():
        names |= planogram.names
    return names


def found_in_words(row: AlertRow | SlotRow, names: Mapping[str, str]) -> str:
    """``Lemon tea (84 %) and a product that is not known (40 %)``; each product once.

    Empty unless the slot is misplaced: else its own product stands there.
    """
    best: dict[str, float] = {}
    for item in row.found if row.state is State.MISPLACED else ():
        if item.sku == row.sku:
            continue
        name = names.get(item.sku, item.sku) if item.sku else "a product that is not known"
        best[name] = max(best.get(name, 0.0), item.confidence)
    return words.listed(
        [f"{name} ({100 * share:.0f}\N{NO-BREAK SPACE}%)" for name, share in best.items()]
    )


def headline(state: State, seen: int, expected: int) -> str:
    """The state in words, with what is left where that matters."""
    if state is State.LOW:
        return f"Low: {seen} of {expected} left"
    return words.STATE_WORDS[state]


def _order(row: AlertRow, rank: Callable[[AlertRow], float]) -> tuple[bool, float, datetime, str]:
    """What waits for somebody comes before what waits for the camera or the delivery."""
    is_answered = row.phase in (AlertPhase.DONE, AlertPhase.NO_STOCK)
    return is_answered, -rank(row), row.opened_utc, row.id


def _card(row: AlertRow, names: Mapping[str, str]) -> AlertCard:
    return AlertCard(
        row=row,
        name=row.name or names.get(row.sku, row.sku),
        place=words.place(row.aisle, row.slot),
        headline=headline(row.state, row.facings_seen, row.facings_expected),
        found=found_in_words(row, names),
        phase=words.phase(row.phase, row.by, row.held_by),
    )


def _slots_by_aisle(
    rows: SiteRows, planograms: Mapping[str, Planogram]
) -> dict[str, dict[SlotId, SlotRow]]:
    """Return every planned or reported slot; a planned one that nobody reported is unknown."""
    slots: dict[str, dict[SlotId, SlotRow]] = {}
    for aisle, planogram in planograms.items():
        slots[aisle] = {planned.id: not_looked_at(aisle, planned) for planned in planogram.slots}
    for row in rows.slots:
        slots.setdefault(row.aisle, {})[row.slot] = row
    return slots


def not_looked_at(aisle: str, planned: PlannedSlot) -> SlotRow:
    """Return the row of a slot that no node has reported yet."""
    return SlotRow(
        aisle=aisle,
        slot=planned.id,
        state=State.UNKNOWN,
        since_utc=None,
        sku=planned.sku,
        name=planned.name,
        facings_expected=planned.facings,
        facings_seen=0,
        confidence=0.0,
        reason="not looked at yet",
    )


def _aisle(aisle: str, slots: Mapping[SlotId, SlotRow], planogram: Planogram | None) -> AisleView:
    unplanned: tuple[str, ...] = ()
    if planogram is None:
        layout = without_planogram(
            list(slots),
            {key: (row.sku, row.name or row.sku) for key, row in slots.items()},
            {key: row.facings_expected for key, row in slots.items()},
        )
        source = "no planogram file: equal widths"
    else:
        layout = planogram
        source = f"planogram {planogram.name}"
        planned = {slot.id for slot in planogram.slots}
        unplanned = tuple(
            f"{row.name or row.sku}, {key.in_words}: {words.STATE_WORDS[row.state]}"
            for key, row in sorted(slots.items())
            if key not in planned
        )
    bays = tuple(
        BayView(bay, tuple(_slot_view(slot, slots[slot.id]) for slot in bay.slots))
        for bay in draw(layout)
    )
    return AisleView(aisle, source, bays, unplanned)


def _standing(row: SlotRow) -> int:
    """How many facings stand in the slot, of whatever product."""
    if row.state is State.MISPLACED:
        return max(row.facings_seen, len(row.found))
    return row.facings_seen


def _slot_view(drawn: DrawnSlot, row: SlotRow) -> SlotView:
    name = row.name or drawn.planned.name
    count = f"{row.facings_seen}/{row.facings_expected}"
    is_plain = row.state in (State.STOCKED, State.UNKNOWN)
    label = {
        State.STOCKED: name,
        State.LOW: f"{count} {name}",
        State.OUT_OF_STOCK: f"{count} {name}",
        State.MISPLACED: f"wrong {name}",
        State.UNKNOWN: name,
    }[row.state]
    seen = f"{row.facings_seen} of {words.counted(row.facings_expected, 'facing')} seen"
    return SlotView(
        key=f"{row.aisle}/{row.slot}",
        state=row.state,
        drawn=drawn,
        filled=min(_standing(row), len(drawn.facings)),
        label=drawn.label(label, Weight.PLAIN if is_plain else Weight.BOLD),
        spoken=f"{name}: {words.STATE_WORDS[row.state]}, {seen}, {row.slot.in_words}",
    )


def _watching(aisles: Iterable[AisleView], slots: int) -> str:
    parts = [
        f"{words.counted(len(view.bays), 'bay')} of aisle {view.aisle}"
        for view in aisles
        if view.bays
    ]
    if not parts:
        return "nothing yet: no node has reported a slot"
    return f"{words.counted(slots, 'slot')} in {words.listed(parts)}"
