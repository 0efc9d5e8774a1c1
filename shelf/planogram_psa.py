"""ProSpace schematic files (``.psa``): several planograms with their products and fixtures.

Lengths are in inches or in cm, as the project's ``Measurement`` says; x runs to the right from
the planogram's left edge, y up from its floor. Segments are the bays, boards the shelves. A
position belongs to the fixture row before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram, Units
from shelf.planogram_build import Row, build_planogram, slot_id
from shelf.planogram_psa_fixtures import Board, read_frame
from shelf.planogram_psa_products import Products
from shelf.planogram_psa_rows import PsaRow, read_rows
from shelf.slots import SlotId

MM_BY_MEASUREMENT = {"0": 25.4, "1": 10.0}
"""Project.Measurement: imperial (inches) or metric (cm)."""

LEVEL_SHARE = 0.25
"""A position stands on another when raised above its board by this share of its height."""

MAX_FACINGS = 999


@dataclass(slots=True)
class _Section:
    """One planogram's rows: each fixture with the positions after it."""

    planogram: PsaRow
    segments: list[PsaRow] = field(default_factory=list)
    fixtures: list[tuple[PsaRow, list[PsaRow]]] = field(default_factory=list)


def parse_psa(text: str, where: str, default_id: str, warnings: list[Problem]) -> list[Planogram]:
    """Return the planograms that ``text`` describes; ``where`` names the file in messages.

    A planogram's id is its name, told apart by a number where a file has two of one name, else
    ``default_id``. What is left out or read otherwise than it is written is appended to
    ``warnings`` with row and field. Of several planograms those that cannot be used are left
    out, with a warning for everything that is wrong with them.
    Raises `PlanogramError` when none can be used.
    """
    rows = read_rows(text, where)
    project = next((row for row in rows if row.type == "Project"), None)
    products = Products([row for row in rows if row.type == "Product"], warnings)
    measurement = project.text("Measurement") if project else ""
    if measurement not in MM_BY_MEASUREMENT:
        warnings.append(
            Problem(
                project.place("Measurement") if project else f"{where}: Project.Measurement",
                "0 (inches) or 1 (cm)",
                repr(measurement) if measurement else "nothing",
                "lengths are used as proportions only",
            )
        )
    sections = _sections(rows, warnings)
    names = Counter[str]()
    planograms: list[Planogram] = []
    problems: list[Problem] = []
    for section in sections:
        name = section.planogram.text("Name") or default_id
        names[name] += 1
        own_id = name if names[name] == 1 else f"{name} ({names[name]})"
        found: list[Problem] = []
        reader = _Reader(products, MM_BY_MEASUREMENT.get(measurement), found)
        try:
            planograms.append(reader.read(section, own_id))
        except PlanogramError as error:
            problems.extend(error.problems)
        warnings.extend(found)
    if not sections:
        problems.append(Problem(where, "at least one Planogram row", "none"))
    if not planograms:
        raise PlanogramError(problems)
    warnings.extend(problems)
    return planograms


def _sections(rows: Sequence[PsaRow], warnings: list[Problem]) -> list[_Section]:
    sections: list[_Section] = []
    for row in rows:
        if row.type == "Planogram":
            sections.append(_Section(row))
        elif row.type in ("Segment", "Fixture", "Position") and not sections:
            warnings.append(Problem(row.where, "a Planogram row before it", "none", "left out"))
        elif row.type == "Segment":
            sections[-1].segments.append(row)
        elif row.type == "Fixture":
            sections[-1].fixtures.append((row, []))
        elif row.type == "Position" and not sections[-1].fixtures:
            warnings.append(Problem(row.where, "a Fixture row before it", "none", "left out"))
        elif row.type == "Position":
            sections[-1].fixtures[-1][1].append(row)
    return sections


class _Reader:
    """Reads one planogram; ``mm`` is the length of the file's unit, None when it has no name."""

    def __init__(self, products: Products, mm: float | None, warnings: list[Problem]) -> None:
        self._products = products
        self._units = Units.MM if mm else Units.RELATIVE
        self._mm = mm or 1.0
        self._warnings = warnings

    def read(self, section: _Section, own_id: str) -> Planogram:
        planogram = section.planogram
        frame = read_frame(planogram, section.segments, section.fixtures, self._mm, self._warnings)
        rows = []
        for bay, shelf, boards in frame.shelves:
            placed = sorted(
                (
                    (x_mm - frame.bays[bay - 1].left_mm, y_mm, board, row)
                    for board in boards
                    for row, x_mm, y_mm in board.positions_in(bay)
                ),
                key=lambda item: item[:2],
            )
            slots = [
                slot
                for x_mm, y_mm, board, row in placed
                if (slot := self._slot(row, board, x_mm, y_mm)) is not None
            ]
            rows += [
                replace(slot, id=slot_id(slot.where, bay, shelf, number))
                for number, slot in enumerate(slots, start=1)
            ]
        if not rows:
            raise PlanogramError(
                [Problem(f"{planogram.where} {own_id!r}", "at least one slot", "none")]
            )
        for row in rows:
            if row.width_mm is None:
                self._warnings.append(
                    Problem(f"{row.where}.Width", "a width", "none", "widths become proportions")
                )
        begins, ends = (self._day(planogram, c) for c in ("DateEffective", "DateFinished"))
        if begins and ends and ends < begins:
            self._warnings.append(
                Problem(
                    planogram.place("DateFinished"),
                    f"a day from {begins} on",
                    str(ends),
                    "the planogram's validity is left open there",
                )
            )
            ends = None
        return build_planogram(
            planogram.where,
            rows,
            id=own_id,
            units=self._units if all(row.width_mm for row in rows) else Units.RELATIVE,
            boards=frame.board_rows({(row.id.bay, row.id.shelf) for row in rows}),
            bay_sizes_mm={
                number: (bay.width_mm, bay.height_mm)
                for number, bay in enumerate(frame.bays, start=1)
                if bay.width_mm > 0 and bay.height_mm > 0
            },
            valid_from=begins,
            valid_until=ends,
            warnings=self._warnings,
        )

    def _slot(self, row: PsaRow, board: Board, x_mm: float, y_mm: float) -> Row | None:
        """Return the slot of a position, not yet numbered; None, with a warning, for none."""
        if row.code("RankZ", self._warnings, 1) > 1:
            self._leave_out(row, "RankZ", "1 (the front)", row.text("RankZ"))
            return None
        wide = row.number("HFacings", self._warnings, 1.0)
        high = row.number("VFacings", self._warnings, 1.0)
        for column, count in (("HFacings", wide), ("VFacings", high)):
            if not (1 <= count <= MAX_FACINGS and count == int(count)):
                self._leave_out(
                    row, column, f"a whole number 1-{MAX_FACINGS}", row.text(column) or "0"
                )
                return None
        product = self._products.of(row, self._warnings)
        if product is None:
            return None
        face = product.face(row, int(wide), int(high), self._mm, self._warnings)
        raised = y_mm - board.top_mm
        stands_on_another = raised > LEVEL_SHARE * (face.height_mm or 0.0) and raised > 0.0
        return Row(
            where=row.where,
            id=SlotId(1, 1, 1),
            sku=product.sku,
            name=product.name,
            gtin=product.gtin,
            facings_wide=face.facings_wide,
            facings_high=face.facings_high,
            x_mm=x_mm,
            y_mm=raised if stands_on_another else 0.0,
            width_mm=face.width_mm,
            height_mm=face.height_mm,
        )

    def _leave_out(self, row: PsaRow, column: str, expected: str, found: str) -> None:
        self._warnings.append(
            Problem(row.place(column), expected, found, "the position is left out, not watched")
        )

    def _day(self, row: PsaRow, column: str) -> date | None:
        text = row.text(column).removesuffix(".0")
        if text in ("", "0", "-1"):
            return None
        try:
            return datetime.strptime(text, "%Y%m%d").date()
        except ValueError:
            self._warnings.append(
                Problem(
                    row.place(column),
                    "a day like 20261121",
                    repr(text),
                    "the planogram's validity is left open there",
                )
            )
            return None
