"""What rows of a planogram say against each other, and what is doubtful about them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest

from shelf.errors import Problem
from shelf.gtin import gtin_fault
from shelf.planogram import Bay, PlannedSlot
from shelf.planogram_rows import BoardRow, Row
from shelf.slots import SlotId

OVERLAP_SHARE = 0.2
"""Two slots may overlap by this share of the narrower: planners let boxes touch and round."""

TOO_TALL = 1.2
"""A slot may be taller than the room above it by this: stacks lean, and heights are rounded."""


def contradictions(rows: Sequence[Row]) -> list[Problem]:
    """Return what rows say against each other or against themselves."""
    problems = []
    first_by_id: dict[SlotId, Row] = {}
    gtins: dict[str, Row] = {}
    names: dict[str, Row] = {}
    for row in rows:
        earlier = first_by_id.setdefault(row.id, row)
        if earlier is not row:
            problems.append(
                Problem(f"{row.where}: slot {row.id}", "each slot once", f"also {earlier.where}")
            )
        if row.gtin is not None and (fault := gtin_fault(row.gtin)):
            problems.append(
                Problem(
                    f"{row.where}: gtin",
                    "a valid GTIN of 8, 12, 13 or 14 digits",
                    f"{row.gtin!r} ({fault})",
                )
            )
        elif row.gtin is not None:
            other = gtins.setdefault(row.gtin, row)
            if other.sku != row.sku:
                problems.append(
                    Problem(
                        f"{row.where}: gtin",
                        "one SKU for each GTIN",
                        f"{row.gtin} for {row.sku!r} here and {other.sku!r} in {other.where}",
                    )
                )
        other = names.setdefault(row.sku, row)
        if other.name != row.name:
            problems.append(
                Problem(
                    f"{row.where}: name",
                    "one name for each SKU",
                    f"{row.name!r} here and {other.name!r} in {other.where} for {row.sku!r}",
                )
            )
        facings = row.facings_wide * row.facings_high
        if row.min_facings is not None and row.min_facings > facings:
            problems.append(
                Problem(
                    f"{row.where}: min_facings",
                    f"at most the {facings} planned facings",
                    str(row.min_facings),
                )
            )
    return problems


def boards_out_of_order(where: str, boards: Iterable[BoardRow]) -> list[Problem]:
    """Return the boards that are not above the next lower one of their bay."""
    in_order = sorted(boards, key=lambda board: (board.bay, board.shelf))
    return [
        Problem(
            f"{where}: shelf_y_mm of bay {upper.bay}, shelf {upper.shelf}",
            f"more than the {lower.y_mm:g} of shelf {lower.shelf} below it",
            f"{upper.y_mm:g}",
            "shelves count from the bottom",
        )
        for lower, upper in pairwise(in_order)
        if lower.bay == upper.bay and upper.y_mm <= lower.y_mm
    ]


def doubts(bay: Bay, rows: Sequence[Row], size_mm: tuple[float, float] | None) -> Iterator[Problem]:
    """Slots that the bay, as far as the file says its sizes, has no room for."""
    given = {row.id: row for row in rows}
    for shelf, above in zip_longest(bay.shelves, bay.shelves[1:]):
        headroom = math.inf
        if shelf.y_is_given and above is not None and above.y_is_given:
            headroom = above.y_mm - shelf.y_mm
        for slot in shelf.slots:
            row = given[slot.id]
            right = slot.x_mm + slot.width_mm
            over = OVERLAP_SHARE * slot.facing_width_mm
            if size_mm and slot.width_is_given and (slot.x_mm < -over or right > size_mm[0] + over):
                yield Problem(
                    f"{row.where}: x_mm and width_mm of slot {slot.id}",
                    f"a slot within the bay's 0 to {size_mm[0]:g}",
                    f"{slot.x_mm:g} to {right:g}",
                )
            top = slot.y_mm + slot.height_mm
            if row.height_mm is not None and top > headroom * TOO_TALL:
                yield Problem(
                    f"{row.where}: height_mm of slot {slot.id}",
                    f"at most the {headroom:g} up to shelf {above.number}",
                    f"{top:g}",
                )


def overlaps(slots: Sequence[PlannedSlot], rows: Sequence[Row]) -> list[Problem]:
    """Return the slots of one shelf, planned in ``rows``, that overlap or count against x."""
    where = {row.id: row.where for row in rows}
    levels: dict[float, list[PlannedSlot]] = defaultdict(list)
    for slot in slots:
        levels[round(slot.y_mm, 3)].append(slot)
    problems = []
    for level in levels.values():
        for left, right in pairwise(sorted(level, key=lambda slot: (slot.x_mm, slot.id))):
            overlap = left.x_mm + left.width_mm - right.x_mm
            if left.id != right.id and overlap > OVERLAP_SHARE * min(left.width_mm, right.width_mm):
                problems.append(
                    Problem(
                        f"{where[right.id]}: x_mm",
                        f"{left.x_mm + left.width_mm:g} or more, right of slot {left.id} "
                        f"({where[left.id]})",
                        f"{right.x_mm:g}",
                        "width_mm is the width of the whole slot, all its facings together",
                    )
                )
        for left, right in pairwise(sorted(level, key=lambda slot: slot.id)):
            if right.x_mm < left.x_mm:
                problems.append(
                    Problem(
                        f"{where[right.id]}: x_mm",
                        f"slots numbered from the left, {left.id} being at {left.x_mm:g}",
                        f"{right.x_mm:g}",
                    )
                )
    return problems
