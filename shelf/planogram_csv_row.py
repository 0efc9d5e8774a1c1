"""One row of the native planogram file: its columns and what its cells may hold."""

from __future__ import annotations

import math
from collections.abc import Mapping

from shelf.errors import Problem
from shelf.planogram_build import Row
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
BETWEEN_SUBSTITUTES = "|"


class Cells:
    """The cells of one row, read one by one; what is wrong collects in ``problems``."""

    def __init__(self, cells: Mapping[str, str], where: str) -> None:
        self._cells = cells
        self.where = where
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        """Return a cell, empty where the file has no such column."""
        return self._cells.get(name, "")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the parts of a cell that ``|`` separates."""
        parts = (part.strip() for part in self.text(name).split(BETWEEN_SUBSTITUTES))
        return tuple(part for part in parts if part)

    def required_text(self, name: str) -> str:
        """Return a cell that may not be empty."""
        value = self.text(name)
        if not value:
            self.problems.append(Problem(f"{self.where}: {name}", "a text", "nothing"))
        return value

    def count(self, name: str, default: int | None, maximum: int = 999) -> int | None:
        """Return a whole number from 1 on; None when it is wrong."""
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

    def size(self, name: str) -> float | None:
        """Return a length above 0, however small: relative ones may be in any unit."""
        return self.length(name, minimum=math.ulp(0.0))

    def length(self, name: str, *, minimum: float, default: float | None = None) -> float | None:
        """Return a finite number of at least ``minimum``; ``default`` when it is wrong or none."""
        value = self.text(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= minimum):
            kind = {-math.inf: "a number", 0.0: "a number of at least 0"}.get(
                minimum, "a number above 0"
            )
            self.problems.append(Problem(f"{self.where}: {name}", kind, repr(value)))
            return default
        return number


def read_row(cell: Cells) -> Row | None:
    """Return the row, or None with what is wrong in the problems of ``cell``."""
    bay, shelf, slot = (cell.count(name, None) for name in ("bay", "shelf", "slot"))
    sku, name = cell.required_text("sku"), cell.required_text("name")
    facings_wide = cell.count("facings_wide", None)
    facings_high = cell.count("facings_high", 1)
    min_facings = cell.count("min_facings", None)
    x_mm = cell.length("x_mm", minimum=-math.inf)
    y_mm = cell.length("y_mm", minimum=0.0, default=0.0)
    width_mm = cell.size("width_mm")
    height_mm = cell.size("height_mm")
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
        substitutes=cell.texts("substitutes"),
        x_mm=x_mm,
        y_mm=y_mm,
        width_mm=width_mm,
        height_mm=height_mm,
    )
