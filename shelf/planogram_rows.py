"""What a planogram file says, row by row, before it is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from shelf.slots import SlotId


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
