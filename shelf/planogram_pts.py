"""The Japanese planogram exchange format PTS (共通棚割情報), versions 1.0, 2.0 and 3.0.

CSV in Shift_JIS. The first line names the format and its version, the second the planogram.
Then come tables, each under a line of headings that begins with the bay's number: bays and
shelves with their sizes in mm (from version 2.0 on), and one row a position. Bays count from the
left, shelves from the bottom, positions from the left. The format holds no product names and no
product sizes, so the layout is ``relative`` and a product is named by its code.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from shelf.errors import PlanogramError, Problem
from shelf.gtin import GTIN_LENGTHS, gtin_fault
from shelf.planogram import Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram, empty_shelf, slot_id

FIRST_CELL = "共通棚割情報"
VERSIONS = ("V1.0", "V2.0", "V3.0")

BAY, SHELF, PLACE = ("台番号", "棚台番号"), ("棚段番号", "段番号"), ("棚位置",)
CODE, NAME = ("商品コード", "JANコード", "JAN"), ("商品名", "商品名称")
WIDE, HIGH, FACE = ("フェース数",), ("積上数",), ("フェース面",)
BAY_HEIGHT, BAY_WIDTH, SHELF_HEIGHT = ("台高さ",), ("台幅",), ("棚高さ", "段高さ")
"""Headings by what they mean; the first is the usual one."""

FACING_WIDTH = 100.0
"""The length that stands for the width of a facing where no file says one, as in CSV."""

MAX_NUMBER = 999


@dataclass(frozen=True, slots=True)
class _Cells:
    """One row under its headings."""

    where: str
    by_heading: Mapping[str, str]

    def text(self, headings: Sequence[str]) -> str:
        return next((self.by_heading[h] for h in headings if h in self.by_heading), "")

    def number(
        self, headings: Sequence[str], faults: list[Problem], *, least: int, most: int
    ) -> int | None:
        """Return a whole number; None where it is missing or, noted in ``faults``, wrong."""
        text = unicodedata.normalize("NFKC", self.text(headings))
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if least <= value <= most and value == int(value):
            return int(value)
        faults.append(
            Problem(f"{self.where}: {headings[0]}", f"a whole number {least}-{most}", repr(text))
        )
        return None


@dataclass(slots=True)
class _Tables:
    bays: list[_Cells] = field(default_factory=list)
    shelves: list[_Cells] = field(default_factory=list)
    positions: list[_Cells] = field(default_factory=list)


def parse_pts(text: str, where: str, default_id: str, warnings: list[Problem]) -> Planogram:
    """Return the planogram that ``text`` describes; ``where`` names the file in messages.

    What is left out or read otherwise than it is written is appended to ``warnings``.
    Raises `PlanogramError` with all problems of the file.
    """
    try:
        lines = [
            (number, [cell.strip() for cell in cells])
            for number, cells in enumerate(csv.reader(text.lstrip("\ufeff").splitlines()), start=1)
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
    _refuse_half_a_row(text, lines, where)
    titled = len(lines) > 1 and not (lines[1][1] and lines[1][1][0] in BAY)
    name = lines[1][1][0] if titled and lines[1][1] else ""
    problems: list[Problem] = []
    tables = _tables(lines[2 if titled else 1 :], where, problems, warnings)
    rows = _rows(tables.positions, problems, warnings)
    if problems:
        raise PlanogramError(problems)
    if not rows:
        raise PlanogramError([Problem(where, f"rows under the heading {CODE[0]}", "none")])
    widths, scale = _bay_sizes(tables.bays, rows, warnings)
    boards = _boards(tables.shelves, {bay: size[1] for bay, size in widths.items()}, warnings)
    planned = {(row.id.bay, row.id.shelf) for row in rows}
    for cells, key in _shelf_keys(tables.shelves, warnings):
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
        bay_sizes_mm={bay: (w * scale, h * scale) for bay, (w, h) in widths.items()},
    )


def _refuse_half_a_row(text: str, lines: Sequence[tuple[int, list[str]]], where: str) -> None:
    """A last line without a line end that is shorter than the one before it is cut off."""
    if text.endswith(("\n", "\r")) or len(lines) < 2:
        return
    (_, before), (number, last) = lines[-2:]
    if len(last) < len(before):
        raise PlanogramError(
            [
                Problem(
                    f"{where}: line {number}",
                    f"{len(before)} cells as in the line before",
                    f"the file's end after {len(last)}",
                    "the file is cut off; export or copy it again",
                )
            ]
        )


def _tables(
    lines: Iterable[tuple[int, list[str]]],
    where: str,
    problems: list[Problem],
    warnings: list[Problem],
) -> _Tables:
    tables = _Tables()
    headings: list[str] = []
    into: list[_Cells] | None = None
    for number, cells in lines:
        place = f"{where}: line {number}"
        if not any(cells):
            continue
        if cells[0] in BAY:
            headings = cells
            into = _table_under(headings, tables)
            if into is None:
                warnings.append(
                    Problem(
                        place,
                        "headings of bays, shelves or positions",
                        ",".join(headings),
                        "the rows below are not read",
                    )
                )
        elif not headings:
            problems.append(Problem(place, f"headings from {BAY[0]} on", ",".join(cells)[:60]))
            break
        elif into is not None:
            into.append(_Cells(place, dict(zip(headings, cells, strict=False))))
    return tables


def _table_under(headings: Sequence[str], tables: _Tables) -> list[_Cells] | None:
    def has(names: Sequence[str]) -> bool:
        return any(name in headings for name in names)

    if has(CODE):
        return tables.positions
    if has(SHELF) and has(SHELF_HEIGHT):
        return tables.shelves
    return tables.bays if has(BAY_WIDTH) else None


def _rows(
    positions: Sequence[_Cells], problems: list[Problem], warnings: list[Problem]
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


def _gtin(cells: _Cells, code: str, warnings: list[Problem]) -> str | None:
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
    bays: Sequence[_Cells], rows: Sequence[Row], warnings: list[Problem]
) -> tuple[dict[int, tuple[float, float]], float]:
    """Widths and heights in mm of the bays with slots, and the layout's length of one mm.

    The layout's unit is a facing of `FACING_WIDTH`; one mm is such that the fullest shelf just
    fits the widest bay, 1 where no bay has a width.
    """
    sizes: dict[int, tuple[float, float]] = {}
    for cells in bays:
        faults: list[Problem] = []
        bay = cells.number(BAY, faults, least=1, most=MAX_NUMBER)
        width = cells.number(BAY_WIDTH, faults, least=1, most=100_000)
        height = cells.number(BAY_HEIGHT, faults, least=1, most=100_000)
        warnings += [replace(fault, hint="the bay's size is not used") for fault in faults]
        if bay and width and height and any(row.id.bay == bay for row in rows):
            sizes[bay] = (float(width), float(height))
    facings: dict[tuple[int, int], int] = defaultdict(int)
    for row in rows:
        facings[row.id.bay, row.id.shelf] += row.facings_wide
    needed = [
        count * FACING_WIDTH / sizes[bay][0] for (bay, _), count in facings.items() if bay in sizes
    ]
    return sizes, max(needed, default=1.0)


def _shelf_keys(
    shelves: Sequence[_Cells], warnings: list[Problem]
) -> Iterator[tuple[_Cells, tuple[int, int]]]:
    for cells in shelves:
        faults: list[Problem] = []
        bay = cells.number(BAY, faults, least=1, most=MAX_NUMBER)
        shelf = cells.number(SHELF, faults, least=1, most=MAX_NUMBER)
        if bay and shelf:
            yield cells, (bay, shelf)


def _boards(
    shelves: Sequence[_Cells], bay_heights_mm: Mapping[int, float], warnings: list[Problem]
) -> dict[tuple[int, int], float]:
    """Heights of the boards above the floor, in mm, for bays where they rise from the bottom."""
    boards: dict[tuple[int, int], float] = {}
    where: dict[int, str] = {}
    for cells, key in _shelf_keys(shelves, warnings):
        faults: list[Problem] = []
        height = cells.number(SHELF_HEIGHT, faults, least=0, most=100_000)
        warnings += [replace(fault, hint="the board's height is estimated") for fault in faults]
        if height is not None:
            boards[key] = float(height)
            where.setdefault(key[0], cells.where)
    for bay, place in where.items():
        heights = [y_mm for key, y_mm in sorted(boards.items()) if key[0] == bay]
        top = bay_heights_mm.get(bay, float("inf"))
        if any(upper <= lower for lower, upper in pairwise(heights)) or heights[-1] >= top:
            warnings.append(
                Problem(
                    f"{place}: {SHELF_HEIGHT[0]}",
                    f"heights above the floor, rising from the bottom, of bay {bay}",
                    ", ".join(f"{y_mm:g}" for y_mm in heights),
                    "board heights of this bay are estimated",
                )
            )
            boards = {key: y_mm for key, y_mm in boards.items() if key[0] != bay}
    return boards
