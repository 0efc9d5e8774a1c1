"""The native planogram as JSON: bays of shelves of slots, with all that the CSV form holds.

``null`` for a slot's ``width_mm`` or a shelf's ``y_mm`` means that no file gave it; it is
estimated when the file is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Bay, PlannedSlot, Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram, empty_shelf
from shelf.settings import Settings, problems_of
from shelf.slots import SlotId

Number = Annotated[int, Field(ge=1, le=999)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Place = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Slot(Settings):
    slot: Number
    sku: Text
    name: Text
    facings_wide: Number
    facings_high: Number = 1
    min_facings: Number | None = None
    gtin: Text | None = None
    priority: Amount = 1.0
    substitutes: tuple[Text, ...] = ()
    x_mm: Place | None = None
    y_mm: Amount = 0.0
    width_mm: Size | None = None
    height_mm: Size | None = None


class _Shelf(Settings):
    shelf: Number
    y_mm: Place | None = None
    slots: tuple[_Slot, ...]


class _Bay(Settings):
    bay: Number
    width_mm: Size | None = None
    height_mm: Size | None = None
    shelves: tuple[_Shelf, ...]


class _File(Settings):
    id: str = ""
    version: str = ""
    units: Units | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    bays: tuple[_Bay, ...]


def parse_json(
    raw: Mapping[str, Any], where: str, default_id: str, warnings: list[Problem] | None = None
) -> Planogram:
    """Return the planogram that the JSON object ``raw`` describes.

    ``where`` names the file in messages. A shelf without slots is told in ``warnings``.
    Raises `PlanogramError` with all problems of the file.
    """
    try:
        parsed = _File.model_validate(raw)
    except ValidationError as error:
        raise PlanogramError(problems_of(error, _File, where)) from error
    problems = list(_numbered_twice(parsed, where))
    if problems:
        raise PlanogramError(problems)
    warnings = [] if warnings is None else warnings
    rows: list[Row] = []
    boards: list[BoardRow] = []
    sizes_mm: dict[int, tuple[float, float]] = {}
    for bay_index, bay in enumerate(parsed.bays):
        if bay.width_mm is not None and bay.height_mm is not None:
            sizes_mm[bay.bay] = (bay.width_mm, bay.height_mm)
        for shelf_index, shelf in enumerate(bay.shelves):
            place = f"{where}: bays[{bay_index}].shelves[{shelf_index}]"
            if not shelf.slots:
                warnings.append(empty_shelf(place, shelf.shelf))
                continue
            if shelf.y_mm is not None:
                boards.append(BoardRow(bay.bay, shelf.shelf, shelf.y_mm))
            for index, slot in enumerate(shelf.slots):
                values = slot.model_dump(exclude={"slot"})
                slot_id = SlotId(bay.bay, shelf.shelf, slot.slot)
                rows.append(Row(where=f"{place}.slots[{index}]", id=slot_id, **values))
    return build_planogram(
        where,
        rows,
        id=parsed.id.strip() or default_id,
        version=parsed.version,
        units=parsed.units,
        boards=boards,
        bay_sizes_mm=sizes_mm,
        valid_from=parsed.valid_from,
        valid_until=parsed.valid_until,
        warnings=warnings,
    )


def _numbered_twice(parsed: _File, where: str) -> Iterator[Problem]:
    bays: set[int] = set()
    for bay_index, bay in enumerate(parsed.bays):
        place = f"{where}: bays[{bay_index}]"
        if bay.bay in bays:
            yield Problem(f"{place}.bay", "each bay once", f"bay {bay.bay} twice")
        bays.add(bay.bay)
        shelves: set[int] = set()
        for shelf_index, shelf in enumerate(bay.shelves):
            if shelf.shelf in shelves:
                yield Problem(
                    f"{place}.shelves[{shelf_index}].shelf",
                    "each shelf of a bay once",
                    f"shelf {shelf.shelf} twice",
                )
            shelves.add(shelf.shelf)


def write_json(planogram: Planogram) -> str:
    """Return ``planogram`` as a native JSON file; `parse_json` reads the same planogram back.

    Board heights and widths that no file gave are ``null``, and are estimated again.
    """
    document = {
        "id": planogram.id,
        "version": planogram.version,
        "units": planogram.units.value,
        "valid_from": None if planogram.valid_from is None else str(planogram.valid_from),
        "valid_until": None if planogram.valid_until is None else str(planogram.valid_until),
        "bays": [_bay(bay) for bay in planogram.bays],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _bay(bay: Bay) -> dict[str, object]:
    return {
        "bay": bay.number,
        "width_mm": bay.width_mm,
        "height_mm": bay.height_mm,
        "shelves": [
            {
                "shelf": shelf.number,
                "y_mm": shelf.y_mm if shelf.y_is_given else None,
                "slots": [_slot(slot) for slot in shelf.slots],
            }
            for shelf in bay.shelves
        ],
    }


def _slot(slot: PlannedSlot) -> dict[str, object]:
    return {
        "slot": slot.id.position,
        "sku": slot.sku,
        "name": slot.name,
        "facings_wide": slot.facings_wide,
        "facings_high": slot.facings_high,
        "min_facings": slot.min_facings,
        "gtin": slot.gtin,
        "priority": slot.priority,
        "substitutes": list(slot.substitutes),
        "x_mm": slot.x_mm,
        "y_mm": slot.y_mm,
        "width_mm": slot.width_mm if slot.width_is_given else None,
        "height_mm": slot.height_mm,
    }
