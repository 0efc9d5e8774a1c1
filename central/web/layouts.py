"""The shelves of a site as they are drawn: by the planograms, or by what nodes have reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from central.web.drawing import Box, DrawnBay, DrawnSlot, draw, without_planogram
from central.web.rows import SiteRows, SlotRow
from shelf import PlannedSlot, Planogram, SlotId, State

STRIP_AIR = 8.0
"""User units above and below a shelf that is drawn alone."""


@dataclass(frozen=True)
class Layout:
    """One aisle: what is planned there, and the drawing of it.

    ``is_planned`` is False where no planogram file names the aisle: then all widths are equal.
    """

    aisle: str
    planogram: Planogram
    is_planned: bool = True

    @cached_property
    def bays(self) -> list[DrawnBay]:
        """The bays from the left."""
        return draw(self.planogram)

    @cached_property
    def _slots(self) -> dict[SlotId, tuple[DrawnBay, DrawnSlot]]:
        return {slot.id: (bay, slot) for bay in self.bays for slot in bay.slots}

    def strip(self, slot: SlotId) -> Strip | None:
        """Return the shelf of ``slot`` with its place on it, or None for one not planned."""
        if slot not in self._slots:
            return None
        bay, drawn = self._slots[slot]
        shelf = [other for other in bay.slots if other.id.shelf == slot.shelf]
        top = min(other.area.y for other in shelf) - STRIP_AIR
        bottom = max(other.area.y + other.area.height for other in shelf) + STRIP_AIR
        return Strip(bay.number, Box(0, top, bay.width, bottom - top), drawn.area)

    def neighbours(self, slot: SlotId) -> tuple[PlannedSlot | None, PlannedSlot | None]:
        """Return what is planned left and right of ``slot`` on the same shelf."""
        if slot not in self._slots:
            return None, None
        shelf = [other.planned for _, other in self._slots.values() if _is_beside(other.id, slot)]
        shelf.sort(key=lambda planned: planned.x_mm)
        index = next(i for i, planned in enumerate(shelf) if planned.id == slot)
        left = shelf[index - 1] if index else None
        return left, shelf[index + 1] if index + 1 < len(shelf) else None


def _is_beside(other: SlotId, slot: SlotId) -> bool:
    return (other.bay, other.shelf) == (slot.bay, slot.shelf)


@dataclass(frozen=True, slots=True)
class Strip:
    """A shelf of bay number ``bay`` cut out of the drawing (``view``), one slot marked."""

    bay: int
    view: Box
    mark: Box


class Layouts:
    """The layouts of one site; those of planograms are drawn once."""

    def __init__(self, planograms: Mapping[str, Planogram]) -> None:
        """``planograms`` are by aisle."""
        self._planned = {aisle: Layout(aisle, planogram) for aisle, planogram in planograms.items()}

    def planned_slots(self) -> Iterator[SlotRow]:
        """Yield a row for each planned slot, as it is before any node has reported it."""
        for aisle, layout in self._planned.items():
            for planned in layout.planogram.slots:
                yield not_looked_at(aisle, planned)

    def planned_slot(self, aisle: str, slot: SlotId) -> SlotRow | None:
        """Return the row of a planned slot that nobody has reported; None for another."""
        try:
            return not_looked_at(aisle, self._planned[aisle].planogram.slot(slot))
        except KeyError:
            return None

    def of(self, aisle: str, slots: Mapping[SlotId, SlotRow]) -> Layout:
        """Return the layout of an aisle; ``slots`` are all that is known of it."""
        return self._planned.get(aisle) or Layout(
            aisle,
            without_planogram(
                list(slots),
                {key: (row.sku, row.name or row.sku) for key, row in slots.items()},
                {key: row.facings_expected for key, row in slots.items()},
            ),
            is_planned=False,
        )

    def names(self, rows: SiteRows) -> dict[str, str]:
        """Return product names by SKU, from the planograms and what nodes have said."""
        names = {slot.sku: slot.name for slot in rows.slots if slot.name}
        for layout in self._planned.values():
            names |= layout.planogram.names
        return names

    def slots_by_aisle(self, rows: SiteRows) -> dict[str, dict[SlotId, SlotRow]]:
        """Return every planned or reported slot; a planned one nobody reported is unknown."""
        slots: dict[str, dict[SlotId, SlotRow]] = {aisle: {} for aisle in self._planned}
        for row in (*self.planned_slots(), *rows.slots):
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
    )
