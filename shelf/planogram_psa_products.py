"""The products of a ProSpace file, and what one position shows of its product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shelf.errors import Problem
from shelf.gtin import GTIN_LENGTHS, gtin_fault
from shelf.planogram_psa_rows import PsaRow

UNIT, TRAY = 0, 1
STYLES = ("unit", "tray", "case", "display", "alternate", "loose", "log stack")
"""Position.MerchStyle by code."""

ORIENTATIONS = 24
"""Position.Orientation: six faces (front, side, top, back, right, base) by four turns; 0-11 are
each face upright and turned by 90 degrees, 12-23 each face turned by 180 and 270."""

NEAR = (0.6, 1.6)
"""A position's own width counts when it is within this of its facings side by side."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a position shows: facings, and the whole slot's size (None where nothing says it)."""

    facings_wide: int
    facings_high: int
    width_mm: float | None
    height_mm: float | None


@dataclass(frozen=True, slots=True)
class Product:
    """One product; ``row`` is None for one that a position names and no Product row has."""

    sku: str
    name: str
    gtin: str | None
    row: PsaRow | None

    def face(
        self, position: PsaRow, wide: int, high: int, mm: float, warnings: list[Problem]
    ) -> Face:
        """Return what ``position`` shows: ``wide`` x ``high`` units, or trays of them.

        ``mm`` is the length of the file's unit.
        """
        style = position.code("MerchStyle", warnings)
        if style not in (UNIT, TRAY):
            name = STYLES[style] if 0 <= style < len(STYLES) else "unknown"
            warnings.append(
                Problem(
                    position.place("MerchStyle"),
                    "0 (unit) or 1 (tray)",
                    f"{style} ({name})",
                    f"{wide} x {high} facings are watched as they are written",
                )
            )
        for column in ("XCapNum", "YCapNum"):
            caps = position.number(column, warnings)
            if caps:
                warnings.append(
                    Problem(
                        position.place(column),
                        "0",
                        f"{caps:g}",
                        "units laid on or beside the facings are not counted",
                    )
                )
        units = (1, 1)
        if style == TRAY and self.row is not None:
            units = (
                max(self.row.code("TrayNumberWide", warnings, 1), 1),
                max(self.row.code("TrayNumberHigh", warnings, 1), 1),
            )
        one_wide, one_high = self._one_mm(position, style, units, mm, warnings)
        width = _extent(position, "Width", wide, one_wide, mm, warnings)
        height = _extent(position, "Height", high, one_high, mm, warnings)
        return Face(wide * units[0], high * units[1], width, height)

    def _one_mm(
        self,
        position: PsaRow,
        style: int,
        units: tuple[int, int],
        mm: float,
        warnings: list[Problem],
    ) -> tuple[float, float]:
        """Width and height of one unit, or of a tray of ``units``; 0 where the file is silent."""
        wide = position.number("MerchStyleWidth", warnings)
        high = position.number("MerchStyleHeight", warnings)
        if self.row is not None and style == TRAY and not (wide > 0 and high > 0):
            wide = self.row.number("TrayWidth", warnings)
            high = self.row.number("TrayHeight", warnings)
        if self.row is not None and not (wide > 0 and high > 0):
            unit = self._unit(position.code("Orientation", warnings), position, warnings)
            wide, high = unit[0] * units[0], unit[1] * units[1]
        return max(wide, 0.0) * mm, max(high, 0.0) * mm

    def _unit(
        self, orientation: int, position: PsaRow, warnings: list[Problem]
    ) -> tuple[float, float]:
        assert self.row is not None
        width, height, depth = (
            self.row.number(column, warnings) for column in ("Width", "Height", "Depth")
        )
        if not 0 <= orientation < ORIENTATIONS:
            warnings.append(
                Problem(
                    position.place("Orientation"),
                    f"0-{ORIENTATIONS - 1}",
                    str(orientation),
                    "read as 0 (front)",
                )
            )
            orientation = 0
        front, side, top = (width, height), (depth, height), (width, depth)
        shown = (front, side, top, front, side, top)[orientation % 12 // 2]
        return (shown[1], shown[0]) if orientation % 2 else shown


def _extent(
    position: PsaRow, column: str, count: int, one_mm: float, mm: float, warnings: list[Problem]
) -> float | None:
    """The whole slot's width or height: the position's own, unless its facings belie it."""
    given = position.number(column, warnings) * mm
    facings = count * one_mm
    if facings <= 0:
        return given if given > 0 else None
    if given <= 0 or abs(given - one_mm) < 0.1 * one_mm:
        return facings
    if NEAR[0] * facings <= given <= NEAR[1] * facings:
        return given
    warnings.append(
        Problem(
            position.place(column),
            f"about {facings:g} mm for {count} facings of {one_mm:g} mm",
            f"{given:g} mm",
            "the facings' size is used",
        )
    )
    return facings


class Products:
    """Finds the product of a position by UPC and ID, by UPC or by ID, in this order."""

    def __init__(self, rows: Sequence[PsaRow], warnings: list[Problem]) -> None:
        ids = Counter(row.text("ID") for row in rows)
        self._found: dict[tuple[str, str], Product] = {}
        owners: dict[str, Product] = {}
        for row in rows:
            upc, own_id = row.text("UPC"), row.text("ID")
            sku = own_id if own_id and (ids[own_id] == 1 or not upc) else upc
            if not sku:
                warnings.append(
                    Problem(row.place("ID"), "an ID or a UPC", "neither", "the product is left out")
                )
                continue
            if (upc, own_id) in self._found:
                warnings.append(
                    Problem(
                        row.place("UPC"), "each product once", f"{sku!r} again", "the first counts"
                    )
                )
                continue
            product = Product(sku, row.text("Name") or sku, _gtin(row, sku, owners, warnings), row)
            if product.gtin:
                owners[product.gtin] = product
            self._found[upc, own_id] = product
            if upc:
                self._found.setdefault((upc, ""), product)
            if own_id:
                self._found.setdefault(("", own_id), product)

    def of(self, position: PsaRow, warnings: list[Problem]) -> Product | None:
        """Return the product of ``position``, made up from its number where no row has it.

        None, with a warning, for a position without a number.
        """
        upc, own_id = position.text("UPC"), position.text("ID")
        for key in ((upc, own_id), (upc, ""), ("", own_id)):
            if key != ("", "") and key in self._found:
                return self._found[key]
        sku = own_id or upc
        if not sku:
            warnings.append(
                Problem(
                    position.place("UPC"),
                    "the UPC or ID of a product",
                    "neither",
                    "the position is left out, not watched",
                )
            )
            return None
        warnings.append(
            Problem(
                position.place("UPC" if upc else "ID"),
                "a product that has a Product row",
                repr(upc or own_id),
                f"watched under the name {sku!r}",
            )
        )
        made_up = Product(sku, sku, None, None)
        self._found[upc, own_id] = made_up
        return made_up


def _gtin(row: PsaRow, sku: str, owners: dict[str, Product], warnings: list[Problem]) -> str | None:
    """The UPC where it is a whole GTIN; many files leave the check digit out."""
    upc = row.text("UPC")
    if len(upc) not in GTIN_LENGTHS or not upc.isdecimal():
        return None
    if fault := gtin_fault(upc):
        warnings.append(
            Problem(row.place("UPC"), "a valid GTIN", f"{upc!r} ({fault})", "not used as a GTIN")
        )
        return None
    if upc in owners:
        warnings.append(
            Problem(
                row.place("UPC"),
                "one product for each GTIN",
                f"{upc} for {sku!r} here and {owners[upc].sku!r} before",
                "not used as the GTIN here",
            )
        )
        return None
    return upc
