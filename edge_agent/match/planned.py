"""A planned bay as levels of single facings, the form in which it is aligned.

A shelf whose slots stand on each other, or whose facings are stacked high, has several levels.
Frame of reference: the bay's (x right, y up, from its bottom left), planogram lengths.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shelf import Bay, SlotId

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL_MERGE_SHARE = 0.3
"""Facings whose bottoms differ by less than this share of their height are one level."""


@dataclass(frozen=True, slots=True)
class PlannedFacing:
    """One front unit that should stand somewhere; lengths as in the planogram."""

    slot: SlotId
    sku: str
    left: float
    bottom: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Level:
    """One row of planned facings from left to right; arrays are float64 (n,)."""

    shelf: int
    facings: tuple[PlannedFacing, ...]

    @cached_property
    def lefts(self) -> Floats:
        """The left edge of each facing."""
        return np.array([facing.left for facing in self.facings])

    @cached_property
    def bottoms(self) -> Floats:
        """The lower edge of each facing."""
        return np.array([facing.bottom for facing in self.facings])

    @cached_property
    def widths(self) -> Floats:
        """The width of each facing."""
        return np.array([facing.width for facing in self.facings])

    @cached_property
    def heights(self) -> Floats:
        """The height of each facing."""
        return np.array([facing.height for facing in self.facings])

    @property
    def rects(self) -> Floats:
        """Left, bottom, right and top of each facing (n,4)."""
        right, top = self.lefts + self.widths, self.bottoms + self.heights
        return np.column_stack((self.lefts, self.bottoms, right, top))

    @cached_property
    def shapes(self) -> tuple[Floats, Ints]:
        """The different shapes (k,3) as width, height and bottom, and that of each facing (n,)."""
        each = np.column_stack((self.widths, self.heights, self.bottoms))
        shapes, shape_of = np.unique(each, axis=0, return_inverse=True)
        return shapes, shape_of.reshape(-1)

    @cached_property
    def centers(self) -> Floats:
        """The middle of each facing along the shelf."""
        return self.lefts + self.widths / 2

    @cached_property
    def skus(self) -> tuple[str, ...]:
        """The planned SKU of each facing."""
        return tuple(facing.sku for facing in self.facings)

    @cached_property
    def bottom(self) -> float:
        """The height of the row above the bay's bottom."""
        return float(np.median(self.bottoms))

    @cached_property
    def width(self) -> float:
        """The usual width of a facing."""
        return float(np.median(self.widths))

    @cached_property
    def height(self) -> float:
        """The usual height of a facing."""
        return float(np.median(self.heights))


class PlannedBay:
    """A bay and what follows from its plan alone, to be made once for many looks.

    ``levels`` run from the bottom up. Facings are counted over all levels, 0 to n - 1:
    ``facings`` (n,4) are their left, bottom, right and top, ``wanted`` their SKUs and ``slot_of``
    the index of their slot in planogram order; ``members`` gives the facings of each slot.
    ``by_slot`` (n,) are the facings slot by slot, those of each slot beginning at ``first``.
    """

    def __init__(self, bay: Bay) -> None:
        self.bay = bay
        self.slots = tuple(bay.slots)
        self.levels = levels_of(bay)
        self.facings = np.concatenate([level.rects for level in self.levels])
        place = {slot.id: index for index, slot in enumerate(self.slots)}
        self.slot_of = [place[facing.slot] for lv in self.levels for facing in lv.facings]
        members: list[list[int]] = [[] for _ in self.slots]
        for facing, slot in enumerate(self.slot_of):
            members[slot].append(facing)
        self.members = tuple(map(tuple, members))
        self.by_slot = np.array([facing for each in members for facing in each], dtype=np.int64)
        self.first = np.cumsum([0, *(len(each) for each in members[:-1])])
        self.wanted = tuple(sku for lv in self.levels for sku in lv.skus)
        self.skus = frozenset(slot.sku for slot in self.slots)
        self.accepted = tuple(frozenset((slot.sku, *slot.substitutes)) for slot in self.slots)


def levels_of(bay: Bay) -> tuple[Level, ...]:
    """Return the rows of planned facings of ``bay`` from the bottom up."""
    levels: list[Level] = []
    for shelf in bay.shelves:
        facings: list[PlannedFacing] = []
        for slot in shelf.slots:
            for column in range(slot.facings_wide):
                for storey in range(slot.facings_high):
                    facings.append(
                        PlannedFacing(
                            slot=slot.id,
                            sku=slot.sku,
                            left=slot.x_mm + column * slot.facing_width_mm,
                            bottom=shelf.y_mm + slot.y_mm + storey * slot.facing_height_mm,
                            width=slot.facing_width_mm,
                            height=slot.facing_height_mm,
                        )
                    )
        levels.extend(_level(shelf.number, group) for group in _by_height(facings))
    return tuple(levels)


def _by_height(facings: list[PlannedFacing]) -> list[list[PlannedFacing]]:
    groups: dict[int, list[PlannedFacing]] = defaultdict(list)
    index = 0
    for facing in sorted(facings, key=lambda facing: facing.bottom):
        # Against the group's first: a staircase of stacks is no single level.
        first = groups[index][0] if groups[index] else facing
        if facing.bottom - first.bottom > LEVEL_MERGE_SHARE * facing.height:
            index += 1
        groups[index].append(facing)
    return list(groups.values())


def _level(shelf: int, facings: list[PlannedFacing]) -> Level:
    return Level(shelf, tuple(sorted(facings, key=lambda facing: facing.left)))
