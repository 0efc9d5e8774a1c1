"""The rows of a ProSpace schematic file (``.psa``): escapes, columns and truncation.

A file starts with the line ``PROSPACE SCHEMATIC FILE``; lines that begin with ``;`` are remarks
(version, code page). Every other line is a row: its type, then cells separated by commas.
Cells are not quoted; a backslash escapes a comma, a quote, a backslash or a line break.
ProSpace only ever appends columns to a type, so one table of places serves all versions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shelf.errors import PlanogramError, Problem

FIRST_LINE = "PROSPACE SCHEMATIC FILE"

COLUMNS: Mapping[str, Mapping[str, int]] = {
    "Project": {"Name": 1, "Measurement": 12},
    "Product": {
        "UPC": 1,
        "ID": 2,
        "Name": 3,
        "Width": 5,
        "Height": 6,
        "Depth": 7,
        "TrayWidth": 46,
        "TrayHeight": 47,
        "TrayNumberWide": 49,
        "TrayNumberHigh": 50,
    },
    "Planogram": {"Name": 1, "Width": 3, "Height": 4, "DateEffective": 189, "DateFinished": 190},
    "Segment": {"Name": 1, "X": 3, "Width": 4, "Height": 6, "OffsetX": 10},
    "Fixture": {"Type": 1, "Name": 2, "X": 4, "Width": 5, "Y": 6, "Height": 7},
    "Position": {
        "UPC": 1,
        "ID": 2,
        "X": 4,
        "Width": 5,
        "Y": 6,
        "Height": 7,
        "MerchStyle": 13,
        "HFacings": 14,
        "VFacings": 15,
        "XCapNum": 17,
        "YCapNum": 21,
        "Orientation": 29,
        "MerchStyleWidth": 33,
        "MerchStyleHeight": 34,
        "RankZ": 46,
    },
}
"""The place of each column that is read, by the type of its row; 0 is the type itself."""

LARGEST = 1e6
"""No length, in inches or cm, and no count is larger than this."""

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_ESCAPED = {",": ",", '"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class PsaRow:
    """One row: its type, its cells by place (0 is the type) and where it stands in the file."""

    type: str
    cells: tuple[str, ...]
    where: str

    def place(self, column: str) -> str:
        """Return file, line, type and column for a message."""
        return f"{self.where}.{column}"

    def text(self, column: str) -> str:
        """Return a cell without outer spaces; empty where the row is too short for it."""
        index = COLUMNS[self.type][column]
        return self.cells[index].strip() if index < len(self.cells) else ""

    def number(self, column: str, warnings: list[Problem], default: float = 0.0) -> float:
        """Return a number; ``default``, with a warning, where the cell holds none."""
        text = self.text(column)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if abs(value) <= LARGEST:
            return value
        warnings.append(Problem(self.place(column), "a number", repr(text), f"read as {default:g}"))
        return default

    def code(self, column: str, warnings: list[Problem], default: int = 0) -> int:
        """Return a whole number that stands for a choice."""
        value = self.number(column, warnings, default)
        if value == int(value):
            return int(value)
        warnings.append(
            Problem(self.place(column), "a whole number", f"{value:g}", f"read as {default}")
        )
        return default


def read_rows(text: str, where: str) -> list[PsaRow]:
    """Return the rows of the types in `COLUMNS`, in order; ``where`` names the file.

    Raises `PlanogramError` for a file that is not a schematic or that ends within a row.
    """
    lines = _LINE_BREAK.split(text.lstrip("\ufeff"))
    if not lines[0].startswith(FIRST_LINE):
        raise PlanogramError(
            [Problem(f"{where}: line 1", f"the words {FIRST_LINE!r}", repr(lines[0][:40]))]
        )
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.startswith(";"):
            cells = split_cells(line)
            if cells[0] in COLUMNS:
                rows.append(PsaRow(cells[0], cells, f"{where}: line {number} {cells[0]}"))
    if lines[-1] and not lines[-1].startswith(";"):
        _refuse_half_a_row(rows, lines, where)
    return rows


def _refuse_half_a_row(rows: Sequence[PsaRow], lines: Sequence[str], where: str) -> None:
    """The last line has no line end: is it whole, judged by the other rows of its type?"""
    last = split_cells(lines[-1])
    others = [len(row.cells) for row in rows[:-1] if row.type == last[0]]
    if last[0] in COLUMNS and others and len(last) >= max(others):
        return
    like = f", {max(others)} cells as in other {last[0]} rows" if others else " and a line end"
    raise PlanogramError(
        [
            Problem(
                f"{where}: line {len(lines)}",
                f"a whole row{like}",
                f"the file's end after {len(last)} cells",
                "the file is cut off; export or copy it again",
            )
        ]
    )


def split_cells(line: str) -> tuple[str, ...]:
    """Return the cells of one line, unescaped. A backslash before anything else stays."""
    if "\\" not in line:
        return tuple(line.split(","))
    cells = [""]
    characters = iter(line)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            cells[-1] += _ESCAPED.get(following, "\\" + following)
        elif character == ",":
            cells.append("")
        else:
            cells[-1] += character
    return tuple(cells)
