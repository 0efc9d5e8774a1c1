"""The Japanese planogram exchange format PTS (共通棚割情報), versions 1.0, 2.0 and 3.0.

CSV in Shift_JIS. The first line names the format and its version, the second the planogram.
Then come tables, each under a line of headings that begins with the bay's number: bays and
shelves with their sizes in mm (from version 2.0 on), and one row a position. Bays count from the
left, shelves from the bottom, positions from the left. The format holds no product names and no
product sizes, so the layout is ``relative`` and a product is named by its code.
"""

from __future__ import annotations

import csv
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from shelf.errors import PlanogramError, Problem
from shelf.gtin import GTIN_LENGTHS, gtin_fault
from shelf.planogram import Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram, empty_shelf, slot_id
from shelf.planogram_pts_tables import (
    BAY,
    BAY_HEIGHT,
    BAY_WIDTH,
    CODE,
    HIGH,
    MAX_NUMBER,
    NAME,
    PLACE,
    SHELF,
    SHELF_HEIGHT,
    WIDE,
    Cells,
    read_tables,
    refuse_half_a_row,
)

FIRST_CELL = "共通棚割情報"
VERSIONS = ("V1.0", "V2.0", "V3.0")

FACING_WIDTH = 100.0
"""The length that stands for the width of a facing where no file says one, as in CSV."""

MAX_MM = 100_000


def parse_pts(text: str, where: str, default_id: str, warnings: list[Problem]) -> Planogram:
    """Return the planogram that ``text`` describes; ``where`` names the file in messages.

    What is left out or read otherwise than it is written is appended to ``warnings``.
    Raises `PlanogramError` with all problems of the file.
    """
    try:
        lines = [
            (number, [cell.strip() for cell in cells])
            for number, cells in enumerate(csv.reader(text.splitlines() or [""]), start=1)
        ]
    except csv.Error as error:
        raise PlanogramError([Problem(where, "CSV", str(error))]) from error
    head = [*lines[0][1], "", ""]
    version = unicodedata.normalize("NFKC", head[1]).upper()
    if version not in VERSIONS:
        warnings.append(
            Problem(
                f"{where}: line 1",
                f"a version of {', '.join(VERSIONS)}",
                repr(head[1]),
                "read by its headings",
            )
        )
    refuse_half_a_row(text, lines, where)
    titled = len(lines) > 1 and not (lines[1][1] and lines[1][1][0] in BAY)
    name = lines[1][1][0] if titled and lines[1][1] else ""
    problems: list[Problem] = []
    tables = read_tables(lines[2 if titled else 1 :], where, problems, warnings)
    rows = _rows(tables.positions, problems, warnings)
    if problems:
        raise PlanogramError(problems)
    if not rows:
        raise PlanogramError([Problem(where, f"rows under the heading {CODE[0]}", "none")])
    sizes_mm, scale = _bay_sizes(tables.bays, rows, warnings)
    shelves = _shelves(tables.shelves, warnings)
    boards = _board_heights(shelves, sizes_mm, warnings)
    planned = {(row.id.bay, row.id.shelf) for row in rows}
    for key, (cells, _) in shelves.items():
        if key not in planned:
            warnings.append(empty_shelf(cells.where, key[1]))
    return build_planogram(
        where,
        rows,
        id=name or default_id,
        units=Units.RELATIVE,
        boards=[
            BoardRow(bay, shelf, y_mm * scale)
            for (bay, shelf), y_mm in boards.items()
            if (bay, shelf) in planned
        ],
        bay_sizes_mm={bay: (w * scale, h * scale) for bay, (w, h) in sizes_mm.items()},
    )


def _rows(
    positions: Sequence[Cells], problems: list[Problem], warnings: list[Problem]
) -> list[Row]:
    """Slots numbered from the left by their places, whatever numbers the file gives these."""
    placed = []
    for cells in positions:
        faults: list[Problem] = []
        bay, shelf, place = (
            cells.number(headings, faults, least=1, most=MAX_NUMBER)
            for headings in (BAY, SHELF, PLACE)
        )
        wide = cells.number(WIDE, faults, least=0, most=MAX_NUMBER)
        high = cells.number(HIGH, faults, least=0, most=MAX_NUMBER)
        code = unicodedata.normalize("NFKC", cells.text(CODE))
        for headings, value in ((BAY, bay), (SHELF, shelf), (PLACE, place), (CODE, code)):
            if not value and not any(headings[0] in fault.where for fault in faults):
                faults.append(Problem(f"{cells.where}: {headings[0]}", "a value", "nothing"))
        problems += faults
        if faults or not (bay and shelf and place):
            continue
        if wide == 0:
            warnings.append(
                Problem(
                    f"{cells.where}: {WIDE[0]}",
                    "1 or more",
                    "0",
                    "the position is left out, not watched",
                )
            )
            continue
        row = Row(
            where=cells.where,
            id=slot_id(cells.where, bay, shelf, place),
            sku=code,
            name=cells.text(NAME) or code,
            facings_wide=wide or 1,
            facings_high=high or 1,
            gtin=_gtin(cells, code, warnings),
        )
        placed.append(row)
    placed.sort(key=lambda row: row.id)
    rows = []
    for (bay, shelf), group in groupby(placed, key=lambda row: (row.id.bay, row.id.shelf)):
        for number, row in enumerate(_in_front(list(group), warnings), start=1):
            rows.append(replace(row, id=slot_id(row.where, bay, shelf, number)))
    return rows


def _in_front(group: Sequence[Row], warnings: list[Problem]) -> Iterator[Row]:
    """The first of several products at one place: version 3.0 puts others on or before it."""
    first = group[0]
    yield first
    for earlier, row in pairwise(group):
        if row.id != earlier.id:
            first = row
            yield row
            continue
        warnings.append(
            Problem(
                f"{row.where}: {PLACE[0]}",
                "one product at each place",
                f"{row.sku!r} at {row.id.position} where {first.where} has {first.sku!r}",
                "the second is left out, not watched",
            )
        )


def _gtin(cells: Cells, code: str, warnings: list[Problem]) -> str | None:
    if len(code) not in GTIN_LENGTHS or not code.isdecimal():
        return None
    fault = gtin_fault(code)
    if not fault:
        return code
    warnings.append(
        Problem(
            f"{cells.where}: {CODE[0]}",
            "a valid JAN code",
            f"{code!r} ({fault})",
            "used as the SKU, not as a GTIN",
        )
    )
    return None


def _bay_sizes(
    bays: Sequence[Cells], rows: Sequence[Row], warnings: list[Problem]
) -> tuple[dict[int, tuple[float, float]], float]:
    """Widths and heights in mm of the bays with slots, and the layout's length of one mm.

    The layout's unit is a facing of `FACING_WIDTH`; one mm is such that the fullest shelf just
    fits its bay, 1 where no bay has a width.
    """
    sizes: dict[int, tuple[float, float]] = {}
    planned = {row.id.bay for row in rows}
    for cells in bays:
        faults: list[Problem] = []
        bay = cells.number(BAY, faults, least=1, most=MAX_NUMBER)
        width = cells.number(BAY_WIDTH, faults, least=1, most=MAX_MM)
        height = cells.number(BAY_HEIGHT, faults, least=1, most=MAX_MM)
        warnings += [replace(fault, hint="the bay's size is not used") for fault in faults]
        if bay in planned and width and height:
            sizes[bay] = (float(width), float(height))
    facings: dict[tuple[int, int], int] = defaultdict(int)
    for row in rows:
        facings[row.id.bay, row.id.shelf] += row.facings_wide
    needed = [
        count * FACING_WIDTH / sizes[bay][0] for (bay, _), count in facings.items() if bay in sizes
    ]
    return sizes, max(needed, default=1.0)


def _shelves(
    shelves: Sequence[Cells], warnings: list[Problem]
) -> dict[tuple[int, int], tuple[Cells, int | None]]:
    """The shelves' rows by bay and shelf, with the heights that they give in mm."""
    found: dict[tuple[int, int], tuple[Cells, int | None]] = {}
    for cells in shelves:
        faults: list[Problem] = []
        bay = cells.number(BAY, faults, least=1, most=MAX_NUMBER)
        shelf = cells.number(SHELF, faults, least=1, most=MAX_NUMBER)
        height = cells.number(SHELF_HEIGHT, faults, least=0, most=MAX_MM)
        warnings += [replace(fault, hint="the board's height is estimated") for fault in faults]
        if bay and shelf:
            found[bay, shelf] = (cells, height)
    return found


def _board_heights(
    shelves: Mapping[tuple[int, int], tuple[Cells, int | None]],
    sizes_mm: Mapping[int, tuple[float, float]],
    warnings: list[Problem],
) -> dict[tuple[int, int], float]:
    """Heights of the boards above the floor, in mm, for bays where they rise from the bottom."""
    boards: dict[tuple[int, int], float] = {}
    for bay, group in groupby(sorted(shelves), key=lambda key: key[0]):
        keys = [key for key in group if shelves[key][1] is not None]
        heights = [float(shelves[key][1] or 0) for key in keys]
        top = sizes_mm[bay][1] if bay in sizes_mm else math.inf
        if all(lower < upper for lower, upper in pairwise([*heights, top])):
            boards.update(zip(keys, heights, strict=True))
            continue
        warnings.append(
            Problem(
                f"{shelves[keys[0]][0].where}: {SHELF_HEIGHT[0]}",
                f"heights above the floor, rising from the bottom of bay {bay} to below its top",
                ", ".join(f"{y_mm:g}" for y_mm in heights),
                "board heights of this bay are estimated",
            )
        )
    return boards
