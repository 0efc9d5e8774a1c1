"""The native planogram file: CSV, one row a slot.

Lines ``# id: NAME``, ``# version: NAME``, ``# valid_from: DATE``, ``# valid_until: DATE`` and
``# units: mm|relative`` may stand before the header.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram, contradictions
from shelf.slots import SlotId

REQUIRED = ("bay", "shelf", "slot", "sku", "name", "facings_wide")
OPTIONAL = (
    "gtin",
    "facings_high",
    "x_mm",
    "y_mm",
    "width_mm",
    "height_mm",
    "min_facings",
    "priority",
    "substitutes",
    "shelf_y_mm",
)
_META = ("id", "version", "valid_from", "valid_until", "units")


def parse_csv(text: str, where: str, default_id: str) -> Planogram:
    """Return the planogram that ``text`` describes; ``where`` names the file in messages.

    Raises `PlanogramError` with all problems of the file.
    """
    lines = text.lstrip("\ufeff").splitlines()
    meta, problems = _read_meta(lines, where)
    numbered = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not numbered:
        raise PlanogramError([Problem(where, "a header line and one row a slot", "an empty file")])
    delimiter = max(",;\t", key=numbered[0][1].count)
    table = list(
        csv.reader(io.StringIO("\n".join(line for _, line in numbered)), delimiter=delimiter)
    )
    header = [cell.strip().lower() for cell in table[0]]
    problems += _header_problems(header, where)
    if problems:
        raise PlanogramError(problems)
    rows: list[Row] = []
    boards: dict[tuple[int, int], BoardRow] = {}
    for (number, _), cells in zip(numbered[1:], table[1:], strict=False):
        place = f"{where}: row {number}"
        if len(cells) != len(header):
            problems.append(
                Problem(place, f"{len(header)} cells as in the header", str(len(cells)))
            )
            continue
        cell = _Cells(dict(zip(header, (c.strip() for c in cells), strict=True)), place)
        row = _read_row(cell)
        board_y = cell.length("shelf_y_mm", minimum=-math.inf)
        problems += cell.problems
        if row is None:
            continue
        rows.append(row)
        if board_y is not None:
            board = BoardRow(row.id.bay, row.id.shelf, board_y)
            known = boards.setdefault((board.bay, board.shelf), board)
            if known != board:
                problems.append(
                    Problem(
                        f"{place}: shelf_y_mm",
                        f"{known.y_mm:g} as on the shelf's other rows",
                        f"{board.y_mm:g}",
                    )
                )
    if problems:
        raise PlanogramError(problems + contradictions(rows))
    return build_planogram(
        where,
        rows,
        id=meta.get("id", default_id),
        version=meta.get("version", ""),
        units=Units(meta["units"]) if "units" in meta else None,
        boards=list(boards.values()),
        valid_from=date.fromisoformat(meta["valid_from"]) if "valid_from" in meta else None,
        valid_until=date.fromisoformat(meta["valid_until"]) if "valid_until" in meta else None,
    )


def write_csv(planogram: Planogram) -> str:
    """Return ``planogram`` as a native CSV file; `parse_csv` reads the same planogram back."""
    out = io.StringIO()
    for key in _META:
        value = getattr(planogram, key)
        if value is not None:
            out.write(f"# {key}: {value}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*REQUIRED, *OPTIONAL])
    for bay in planogram.bays:
        for shelf in bay.shelves:
            for slot in shelf.slots:
                writer.writerow(
                    [
                        slot.id.bay,
                        slot.id.shelf,
                        slot.id.position,
                        slot.sku,
                        slot.name,
                        slot.facings_wide,
                        slot.gtin or "",
                        slot.facings_high,
                        f"{slot.x_mm:g}",
                        f"{slot.y_mm:g}",
                        f"{slot.width_mm:g}" if slot.width_is_given else "",
                        f"{slot.height_mm:g}",
                        slot.min_facings,
                        f"{slot.priority:g}",
                        " ".join(slot.substitutes),
                        f"{shelf.y_mm:g}" if shelf.y_is_given else "",
                    ]
                )
    return out.getvalue()


def _read_meta(lines: list[str], where: str) -> tuple[dict[str, str], list[Problem]]:
    meta: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if not line.lstrip().startswith("#"):
            break
        key, colon, value = line.lstrip("# \t").partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon or key not in _META:
            continue
        meta[key] = value
        if key.startswith("valid_") and _date_fault(value):
            problems.append(
                Problem(f"{where}: line {number}: {key}", "a date like 2026-11-21", repr(value))
            )
        if key == "units" and value not in tuple(Units):
            problems.append(
                Problem(f"{where}: line {number}: units", "mm or relative", repr(value))
            )
    return meta, problems


def _date_fault(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return True
    return False


def _header_problems(header: list[str], where: str) -> list[Problem]:
    problems = []
    known = (*REQUIRED, *OPTIONAL)
    for name in REQUIRED:
        if name not in header:
            problems.append(
                Problem(f"{where}: header", f"a column {name!r}", ",".join(header) or "nothing")
            )
    for name in header:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"columns are {', '.join(known)}"
            problems.append(Problem(f"{where}: header", "a known column", repr(name), hint))
        elif header.count(name) > 1:
            problems.append(Problem(f"{where}: header", f"{name!r} once", "it twice"))
    return problems


class _Cells:
    """The cells of one row, read one by one; what is wrong collects in ``problems``."""

    def __init__(self, cells: Mapping[str, str], where: str) -> None:
        self._cells = cells
        self.where = where
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        return self._cells.get(name, "")

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            self.problems.append(Problem(f"{self.where}: {name}", "a text", "nothing"))
        return value

    def count(self, name: str, default: int | None, maximum: int = 999) -> int | None:
        value = self.text(name)
        if not value and (default is not None or name not in REQUIRED):
            return default
        try:
            number = int(value)
        except ValueError:
            number = 0
        if not 1 <= number <= maximum:
            self.problems.append(
                Problem(f"{self.where}: {name}", f"a whole number 1-{maximum}", repr(value))
            )
            return None
        return number

    def length(self, name: str, *, minimum: float, default: float | None = None) -> float | None:
        value = self.text(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= minimum):
            kind = "a number" if minimum == -math.inf else f"a number of at least {minimum:g}"
            self.problems.append(Problem(f"{self.where}: {name}", kind, repr(value)))
            return default
        return number


def _read_row(cell: _Cells) -> Row | None:
    bay, shelf, slot = (cell.count(name, None) for name in ("bay", "shelf", "slot"))
    sku, name = cell.required_text("sku"), cell.required_text("name")
    facings_wide = cell.count("facings_wide", None)
    facings_high = cell.count("facings_high", 1)
    min_facings = cell.count("min_facings", None)
    x_mm = cell.length("x_mm", minimum=-math.inf)
    y_mm = cell.length("y_mm", minimum=0.0, default=0.0)
    width_mm = cell.length("width_mm", minimum=0.1)
    height_mm = cell.length("height_mm", minimum=0.1)
    priority = cell.length("priority", minimum=0.0, default=1.0)
    if cell.problems or None in (bay, shelf, slot, facings_wide, facings_high):
        return None
    assert bay and shelf and slot and facings_wide and facings_high
    assert y_mm is not None and priority is not None
    return Row(
        where=cell.where,
        id=SlotId(bay, shelf, slot),
        sku=sku,
        name=name,
        facings_wide=facings_wide,
        facings_high=facings_high,
        min_facings=min_facings,
        gtin=cell.text("gtin") or None,
        priority=priority,
        substitutes=tuple(cell.text("substitutes").replace("|", " ").split()),
        x_mm=x_mm,
        y_mm=y_mm,
        width_mm=width_mm,
        height_mm=height_mm,
    )
