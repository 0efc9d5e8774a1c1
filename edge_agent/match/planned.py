"""A planned bay as levels of single facings, the form in which it is aligned.

A shelf whose slots stand on each other, or whose facings are stacked high, has several levels.
Frame of reference: the bay's (x right, y up, from its bottom left), planogram lengths.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelf import Bay, SlotId

Floats = NDArray[np.float64]

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

    @property
    def center(self) -> float:
        """The middle along the shelf."""
        return self.left + self.width / 2


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One row of planned facings from left to right; arrays are float64 (n,)."""

    shelf: int
    facings: tuple[PlannedFacing, ...]
    centers: Floats
    widths: Floats

    @property
    def bottom(self) -> float:
        """The height of the row above the bay's bottom."""
        return float(np.median([facing.bottom for facing in self.facings]))

    @property
    def skus(self) -> tuple[str, ...]:
        """The planned SKU of each facing."""
        return tuple(facing.sku for facing in self.facings)


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
    ordered = tuple(sorted(facings, key=lambda facing: facing.left))
    return Level(
        shelf=shelf,
        facings=ordered,
        centers=np.array([facing.center for facing in ordered]),
        widths=np.array([facing.width for facing in ordered]),
    )
