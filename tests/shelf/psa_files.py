"""Writes small ProSpace files for the tests, row by row."""

from __future__ import annotations

from collections.abc import Mapping

from shelf.planogram_psa_rows import COLUMNS

WIDTHS = {
    "Project": 200,
    "Product": 260,
    "Planogram": 240,
    "Segment": 40,
    "Fixture": 160,
    "Position": 160,
}
HEAD = "PROSPACE SCHEMATIC FILE\r\n; Version 2019.1.0\r\n; Codepage=1252\r\n"


def psa_row(kind: str, cells: Mapping[str, object], width: int | None = None) -> str:
    """One row of a type, with the named cells filled and escaped; ``width`` cells in all."""
    row = [""] * (width or WIDTHS[kind])
    row[0] = kind
    for column, value in cells.items():
        text = str(value).replace("\\", "\\\\").replace(",", "\\,").replace('"', '\\"')
        row[COLUMNS[kind][column]] = text
    return ",".join(row) + "\r\n"


def project(measurement: object = 1) -> str:
    return psa_row("Project", {"Name": "Test", "Measurement": measurement})


def product(
    upc: str, own_id: str, name: str, size: tuple[float, float, float], **more: object
) -> str:
    width, height, depth = size
    cells = {"UPC": upc, "ID": own_id, "Name": name, "Width": width, "Height": height}
    return psa_row("Product", {**cells, "Depth": depth, **more})


def planogram(name: str, width: float, height: float, **more: object) -> str:
    return psa_row("Planogram", {"Name": name, "Width": width, "Height": height, **more})


def segment(offset_x: float, width: float, height: float, **more: object) -> str:
    return psa_row("Segment", {"OffsetX": offset_x, "Width": width, "Height": height, **more})


def fixture(x: float, width: float, y: float, **more: object) -> str:
    """A board 2 units thick, its upper face 2 units above ``y``."""
    return psa_row("Fixture", {"Type": 0, "X": x, "Width": width, "Y": y, "Height": 2, **more})


def position(upc: str, own_id: str, x: float, y: float, wide: int, **more: object) -> str:
    return psa_row("Position", {"UPC": upc, "ID": own_id, "X": x, "Y": y, "HFacings": wide, **more})


PRODUCTS = product("4006381333931", "100", "Apple juice, cloudy", (8, 20, 8)) + product(
    "", "200", "Crème brûlée", (5, 10, 12)
)

TWO_BAYS = (
    planogram("Juice 2 m", 200, 180, DateEffective="20261116", DateFinished="20261231")
    + segment(0, 100, 180)
    + segment(100, 100, 180)
    + fixture(0, 200, 48)
    + position("4006381333931", "100", 0, 50, 3)
    + position("", "200", 24, 50, 2, VFacings=2)
    + position("4006381333931", "100", 110, 50, 4)
    + fixture(100, 100, 10)
    + position("", "200", 100, 12, 6)
    + fixture(0, 100, 10)
    + position("", "200", 5, 12, 4, Orientation=2)
)
"""An upper board over both bays, a lower board in each."""
