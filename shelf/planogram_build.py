"""From the rows of a planogram file to a checked `Planogram`: layout and contradictions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, pairwise, zip_longest

from shelf.errors import PlanogramError, Problem
from shelf.gtin import gtin_fault
from shelf.planogram import Bay, PlannedSlot, Planogram, Shelf, Units
from shelf.slots import SlotId

OVERLAP_SHARE = 0.2
"""Two slots may overlap by this share of the narrower: planners let boxes touch and round."""

HEADROOM = 1.2
"""Shelf pitch over the tallest planned stack, where the file does not say it."""

RELATIVE_ASPECT = 1.5
"""Height of a facing over its width, where the file gives no sizes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One slot as a file says it; lengths are None where the file is silent.

    ``where`` names file and row for messages.
    """

    where: str
    id: SlotId
    sku: str
    name: str
    facings_wide: int
    facings_high: int = 1
    min_facings: int | None = None
    gtin: str | None = None
    priority: float = 1.0
    substitutes: tuple[str, ...] = ()
    x_mm: float | None = None
    y_mm: float = 0.0
    width_mm: float | None = None
    height_mm: float | None = None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """Where a file says one shelf board's upper face is, above the bay's bottom."""

    bay: int
    shelf: int
    y_mm: float


def build_planogram(
    where: str,
    rows: Sequence[Row],
    *,
    id: str,
    version: str = "",
    units: Units | None = None,
    boards: Sequence[BoardRow] = (),
    bay_sizes_mm: Mapping[int, tuple[float, float]] | None = None,
    valid_from: date | None = None,
    valid_until: date | None = None,
    warnings: list[Problem] | None = None,
) -> Planogram:
    """Lay the slots out and check them against each other.

    ``where`` names the file. ``units`` None means mm when every row has a width, else relative.
    An empty ``version`` becomes the first 8 digits of the content hash. Texts lose line breaks
    and outer spaces. What is doubtful but no contradiction is appended to ``warnings``: slots
    that reach out of their bay or into the board above.
    Raises `PlanogramError` with every contradiction found.
    """
    if not rows:
        raise PlanogramError([Problem(where, "at least one slot", "none")])
    rows = [_with_clean_texts(row) for row in rows]
    version = _on_one_line(version)
    problems = contradictions(rows)
    if valid_from and valid_until and valid_until < valid_from:
        problems.append(
            Problem(f"{where}: valid_until", f"a day from {valid_from} on", str(valid_until))
        )
    sized = all(row.width_mm is not None for row in rows)
    unit = units or (Units.MM if sized else Units.RELATIVE)
    board_y = {(board.bay, board.shelf): board.y_mm for board in boards}
    bays = []
    ordered = sorted(rows, key=lambda row: row.id)
    for number, bay_rows in groupby(ordered, key=lambda row: row.id.bay):
        size = (bay_sizes_mm or {}).get(number)
        its_rows = list(bay_rows)
        bay, overlaps = _lay_out_bay(where, number, its_rows, board_y, size)
        bays.append(bay)
        problems.extend(overlaps)
        if warnings is not None:
            warnings.extend(_doubts(bay, its_rows, size))
    if problems:
        raise PlanogramError(problems)
    planogram = Planogram(_on_one_line(id), version, tuple(bays), unit, valid_from, valid_until)
    if version:
        return planogram
    return replace(planogram, version=planogram.content_hash.removeprefix("sha256:")[:8])


def _on_one_line(text: str) -> str:
    return " ".join(text.splitlines()).strip()


def _with_clean_texts(row: Row) -> Row:
    return replace(
        row,
        sku=_on_one_line(row.sku),
        name=_on_one_line(row.name),
        substitutes=tuple(_on_one_line(sku) for sku in row.substitutes),
    )


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


def slot_id(where: str, bay: int, shelf: int, position: int) -> SlotId:
    """Return the id of a slot that a file numbers by its order only.

    Raises `PlanogramError` naming ``where`` for a number above 999.
    """
    try:
        return SlotId(bay, shelf, position)
    except ValueError as error:
        raise PlanogramError(
            [
                Problem(
                    where,
                    "at most 999 bays, shelves in a bay and slots on a shelf",
                    f"bay {bay}, shelf {shelf}, slot {position}",
                )
            ]
        ) from error


def empty_shelf(where: str, shelf: int) -> Problem:
    """Return the warning for a board that nothing is planned on; ``where`` names its row."""
    return Problem(
        where,
        "at least one position",
        "none",
        f"the board counts as shelf {shelf}, which has no slots and is not watched",
    )


def _lay_out_bay(
    where: str,
    number: int,
    rows: list[Row],
    board_y: Mapping[tuple[int, int], float],
    size_mm: tuple[float, float] | None,
) -> tuple[Bay, list[Problem]]:
    problems: list[Problem] = []
    widths = [row.width_mm / row.facings_wide for row in rows if row.width_mm is not None]
    usual_width = sorted(widths)[len(widths) // 2] if widths else 100.0
    shelves: list[tuple[int, tuple[PlannedSlot, ...]]] = []
    for shelf_number, group in groupby(rows, key=lambda row: row.id.shelf):
        its_rows = list(group)
        slots = _lay_out_shelf(its_rows, usual_width)
        problems.extend(_overlaps(slots, its_rows))
        shelves.append((shelf_number, slots))
    problems.extend(_boards_out_of_order(where, number, board_y))
    left = min(slot.x_mm for _, slots in shelves for slot in slots)
    right = max(slot.x_mm + slot.width_mm for _, slots in shelves for slot in slots)
    right = right if right > 0 else right - left
    tops = [max(slot.y_mm + slot.height_mm for slot in slots) for _, slots in shelves]
    y_mm: list[float] = []
    next_free = 0.0
    for (shelf_number, _), top in zip(shelves, tops, strict=True):
        known = board_y.get((number, shelf_number))
        y_mm.append(next_free if known is None else known)
        next_free = y_mm[-1] + top * HEADROOM
    width, height = size_mm or (right, next_free)
    ceilings = [*y_mm[1:], max(height, y_mm[-1] + tops[-1])]
    built = tuple(
        Shelf(shelf_number, y, max(ceiling - y, 0.0), slots, (number, shelf_number) in board_y)
        for (shelf_number, slots), y, ceiling in zip(shelves, y_mm, ceilings, strict=True)
    )
    return Bay(number, max(width, right), max(height, ceilings[-1]), built), problems


def _lay_out_shelf(rows: list[Row], usual_width_mm: float) -> tuple[PlannedSlot, ...]:
    slots = []
    next_x = 0.0
    for row in rows:
        width = row.width_mm if row.width_mm is not None else usual_width_mm * row.facings_wide
        height = row.height_mm
        if height is None:
            height = RELATIVE_ASPECT * usual_width_mm * row.facings_high
        x = row.x_mm if row.x_mm is not None else next_x
        next_x = max(next_x, x + width)
        facings = row.facings_wide * row.facings_high
        slots.append(
            PlannedSlot(
                id=row.id,
                sku=row.sku,
                name=row.name,
                facings_wide=row.facings_wide,
                x_mm=x,
                width_mm=width,
                height_mm=height,
                y_mm=row.y_mm,
                facings_high=row.facings_high,
                min_facings=row.min_facings or min(1, facings),
                gtin=row.gtin,
                priority=row.priority,
                substitutes=row.substitutes,
                width_is_given=row.width_mm is not None,
            )
        )
    return tuple(slots)


def _boards_out_of_order(
    where: str, bay: int, board_y: Mapping[tuple[int, int], float]
) -> list[Problem]:
    boards = sorted((shelf, y) for (its_bay, shelf), y in board_y.items() if its_bay == bay)
    return [
        Problem(
            f"{where}: shelf_y_mm of bay {bay}, shelf {upper}",
            f"more than the {lower_y:g} of shelf {lower} below it",
            f"{upper_y:g}",
            "shelves count from the bottom",
        )
        for (lower, lower_y), (upper, upper_y) in pairwise(boards)
        if upper_y <= lower_y
    ]


def _doubts(
    bay: Bay, rows: Sequence[Row], size_mm: tuple[float, float] | None
) -> Iterator[Problem]:
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
            if row.height_mm is not None and top > headroom * HEADROOM:
                yield Problem(
                    f"{row.where}: height_mm of slot {slot.id}",
                    f"at most the {headroom:g} up to shelf {above.number}",
                    f"{top:g}",
                )


def _overlaps(slots: Sequence[PlannedSlot], rows: Sequence[Row]) -> list[Problem]:
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
