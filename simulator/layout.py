"""Where bays and facings stand in the aisle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shelf import Bay, PlannedSlot, Planogram, Shelf, SlotId


@dataclass(frozen=True, slots=True)
class BayPlace:
    """A bay whose left edge lies at ``x_mm`` in the aisle; its bottom is the floor."""

    bay: Bay
    x_mm: float


@dataclass(frozen=True, slots=True)
class FacingId:
    """One facing of a slot: columns count from the left, levels from below, both from 0."""

    slot: SlotId
    column: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Facing:
    """The place planned for one front unit; ``x_mm`` (left) and ``y_mm`` are in the aisle."""

    id: FacingId
    planned: PlannedSlot
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    @property
    def centre_x_mm(self) -> float:
        """The middle of the facing."""
        return self.x_mm + self.width_mm / 2


def place_bays(planogram: Planogram, gap_mm: float = 30.0) -> tuple[BayPlace, ...]:
    """Return the bays side by side from x = 0, ``gap_mm`` for the upright between two."""
    places, x_mm = [], 0.0
    for bay in planogram.bays:
        places.append(BayPlace(bay, x_mm))
        x_mm += bay.width_mm + gap_mm
    return tuple(places)


def facings_of_slot(slot: PlannedSlot, shelf: Shelf, bay_x_mm: float) -> Iterator[Facing]:
    """Yield the facings of one slot, level by level, left to right."""
    for level in range(slot.facings_high):
        for column in range(slot.facings_wide):
            yield Facing(
                id=FacingId(slot.id, column, level),
                planned=slot,
                x_mm=bay_x_mm + slot.x_mm + column * slot.facing_width_mm,
                y_mm=shelf.y_mm + slot.y_mm + level * slot.facing_height_mm,
                width_mm=slot.facing_width_mm,
                height_mm=slot.facing_height_mm,
            )


def facings_of_shelf(shelf: Shelf, bay_x_mm: float) -> list[Facing]:
    """Return all facings of a shelf, slot by slot."""
    return [f for slot in shelf.slots for f in facings_of_slot(slot, shelf, bay_x_mm)]


def tops_of_shelf(shelf: Shelf, bay_x_mm: float) -> list[Facing]:
    """Return the places on top of what is planned: one a column, at level ``facings_high``."""
    return [
        Facing(
            id=FacingId(slot.id, column, slot.facings_high),
            planned=slot,
            x_mm=bay_x_mm + slot.x_mm + column * slot.facing_width_mm,
            y_mm=shelf.y_mm + slot.y_mm + slot.height_mm,
            width_mm=slot.facing_width_mm,
            height_mm=slot.facing_height_mm,
        )
        for slot in shelf.slots
        for column in range(slot.facings_wide)
    ]


def all_facings(places: Sequence[BayPlace]) -> list[Facing]:
    """Return all facings, bay by bay, shelf by shelf."""
    return [f for p in places for s in p.bay.shelves for f in facings_of_shelf(s, p.x_mm)]
