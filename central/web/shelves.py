"""The shelves of a site as the page draws them, each slot in its state: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from central.web import words
from central.web.drawing import DrawnBay, DrawnSlot, Weight
from central.web.language import ENGLISH, Texts
from central.web.layouts import Layouts
from central.web.rows import SiteRows, SlotRow
from shelf import SlotId, State


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


def view_shelves(rows: SiteRows, layouts: Layouts, t: Texts = ENGLISH) -> tuple[AisleView, ...]:
    """Return every aisle of one site, by name."""
    by_aisle = layouts.slots_by_aisle(rows)
    return tuple(_aisle(t, aisle, slots, layouts) for aisle, slots in sorted(by_aisle.items()))


def _aisle(t: Texts, aisle: str, slots: Mapping[SlotId, SlotRow], layouts: Layouts) -> AisleView:
    layout = layouts.of(aisle, slots)
    planned = {slot.id for slot in layout.planogram.slots}
    unplanned = tuple(
        t(
            "shelves.unplanned.item",
            name=row.name or row.sku,
            place=words.slot_place(t, key),
            state=t(f"state.{row.state.value}"),
        )
        for key, row in sorted(slots.items())
        if key not in planned
    )
    bays = tuple(
        BayView(bay, tuple(_slot_view(t, slot, slots[slot.id]) for slot in bay.slots))
        for bay in layout.bays
    )
    is_planned = layout.is_planned
    name = layout.planogram.name
    source = t("shelves.planogram", name=name) if is_planned else t("shelves.equal")
    return AisleView(aisle, source, bays, unplanned)


def _standing(row: SlotRow) -> int:
    """How many facings stand in the slot, of whatever product."""
    if row.state is State.MISPLACED:
        return max(row.facings_seen, len(row.found))
    return row.facings_seen


def _slot_view(t: Texts, drawn: DrawnSlot, row: SlotRow) -> SlotView:
    name = row.name or drawn.planned.name
    count = f"{row.facings_seen}/{row.facings_expected}"
    is_plain = row.state in (State.STOCKED, State.UNKNOWN)
    label = {
        State.STOCKED: name,
        State.LOW: f"{count} {name}",
        State.OUT_OF_STOCK: f"{count} {name}",
        State.MISPLACED: t("shelves.wrong", name=name),
        State.UNKNOWN: name,
    }[row.state]
    return SlotView(
        key=f"{row.aisle}/{row.slot}",
        state=row.state,
        drawn=drawn,
        filled=min(_standing(row), len(drawn.facings)),
        label=drawn.label(label, Weight.PLAIN if is_plain else Weight.BOLD),
        spoken=t(
            "shelves.spoken",
            name=name,
            state=t(f"state.{row.state.value}"),
            seen=row.facings_seen,
            facings=t("count.facings", count=row.facings_expected),
            place=words.slot_place(t, row.slot),
        ),
    )
