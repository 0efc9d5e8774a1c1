"""From the rows of a planogram file to a checked `Planogram`: layout and contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Bay, PlannedSlot, Planogram, Shelf, Units
from shelf.planogram_checks import boards_out_of_order, contradictions, doubts, overlaps
from shelf.planogram_rows import BoardRow, Row
from shelf.slots import SlotId

__all__ = ["BoardRow", "Row", "build_planogram", "empty_shelf", "slot_id"]

HEADROOM = 1.2
"""Shelf pitch over the tallest planned stack, where the file does not say it."""


RELATIVE_ASPECT = 1.5
"""Height of a facing over its width, where the file gives no sizes."""


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
    problems = contradictions(rows) + boards_out_of_order(where, boards)
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
        bay, its_problems = _lay_out_bay(number, its_rows, board_y, size)
        bays.append(bay)
        problems.extend(its_problems)
        if warnings is not None:
            warnings.extend(doubts(bay, its_rows, size))
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
        problems.extend(overlaps(slots, its_rows))
        shelves.append((shelf_number, slots))
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
    upper = next_free if next_free > 0 else next_free - min(y_mm)  # all boards below the bay's foot
    width, height = size_mm or (right, upper)
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
