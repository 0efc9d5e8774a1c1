"""Planograms as planogram matching services take them: JSON with products, fixtures, positions.

Lengths there have no stated unit and y runs down from the top: a position's ``Y`` is its upper
edge, a fixture's ``Y`` the upper face of its board. The layout is therefore ``relative``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram
from shelf.settings import problems_of
from shelf.slots import SlotId

Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Place = Annotated[float, Field(allow_inf_nan=False)]

LEVEL_SHARE = 0.25
"""A position starts a level of its own when raised by this share of its height."""


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=_pascal)


class _Product(_Item):
    id: Key
    name: str
    w: Size
    h: Size


class _Fixture(_Item):
    id: Key
    x: Place
    y: Place
    w: Size
    h: Size


class _Position(_Item):
    id: Key
    product_id: Key
    fixture_id: Key
    x: Place
    y: Place


class _File(_Item):
    products: list[_Product]
    fixtures: list[_Fixture]
    positions: list[_Position]
    width: Size | None = None
    height: Size | None = None


def parse_json(text: str, where: str, default_id: str) -> Planogram:
    """Return the planogram that ``text`` describes; ``where`` names the file in messages.

    Keys may be written in any case (``ProductId``, ``productId``). All fixtures form bay 1;
    every position is a slot of one facing. The SKU is the product's id.
    Raises `PlanogramError` with all problems of the file.
    """
    try:
        raw = json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        raise PlanogramError(
            [Problem(f"{where}: line {error.lineno} column {error.colno}", "JSON", error.msg)]
        ) from error
    if not isinstance(raw, dict):
        raise PlanogramError(
            [Problem(where, "an object with Products, Fixtures and Positions", type(raw).__name__)]
        )
    try:
        parsed = _File.model_validate(_with_pascal_keys(raw))
    except ValidationError as error:
        raise PlanogramError(problems_of(error, _File, where)) from error
    return _build(parsed, where, default_id)


def _with_pascal_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _with_pascal_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_pascal_keys(item) for item in value]
    return value


def _build(parsed: _File, where: str, default_id: str) -> Planogram:
    problems = []
    products = {product.id: product for product in parsed.products}
    fixtures = {fixture.id: fixture for fixture in parsed.fixtures}
    for kind, items in (
        ("Products", parsed.products),
        ("Fixtures", parsed.fixtures),
        ("Positions", parsed.positions),
    ):
        seen: set[str] = set()
        for item in items:
            if item.id in seen:
                problems.append(Problem(f"{where}: {kind}", "each Id once", f"{item.id!r} twice"))
            seen.add(item.id)
    for index, position in enumerate(parsed.positions):
        place = f"{where}: Positions[{index}]"
        if position.product_id not in products:
            problems.append(
                Problem(f"{place}.ProductId", "the Id of a product", repr(position.product_id))
            )
        if position.fixture_id not in fixtures:
            problems.append(
                Problem(f"{place}.FixtureId", "the Id of a fixture", repr(position.fixture_id))
            )
    if problems:
        raise PlanogramError(problems)
    bottom = parsed.height or max((f.y + f.h for f in parsed.fixtures), default=0.0)
    used = {position.fixture_id for position in parsed.positions}
    boards_up = sorted((f for f in parsed.fixtures if f.id in used), key=lambda f: -f.y)
    left = min((fixture.x for fixture in boards_up), default=0.0)
    rows: list[Row] = []
    boards: list[BoardRow] = []
    for shelf_number, fixture in enumerate(boards_up, start=1):
        boards.append(BoardRow(1, shelf_number, bottom - fixture.y))
        placed = [
            (p, products[p.product_id]) for p in parsed.positions if p.fixture_id == fixture.id
        ]
        placed.sort(key=lambda pair: (pair[0].x, -pair[0].y))
        for number, (position, product) in enumerate(placed, start=1):
            raised = fixture.y - (position.y + product.h)
            rows.append(
                Row(
                    where=f"{where}: position {position.id}",
                    id=SlotId(1, shelf_number, number),
                    sku=product.id,
                    name=product.name.strip() or product.id,
                    facings_wide=1,
                    x_mm=position.x - left,
                    width_mm=product.w,
                    height_mm=product.h,
                    y_mm=raised if raised > LEVEL_SHARE * product.h else 0.0,
                )
            )
    width = parsed.width or max((f.x + f.w for f in boards_up), default=0.0) - left
    return build_planogram(
        where,
        rows,
        id=default_id,
        units=Units.RELATIVE,
        boards=boards,
        bay_sizes_mm={1: (width, bottom)},
    )


def write_json(planogram: Planogram) -> str:
    """Return bay 1 of ``planogram`` in this form; raises `PlanogramError` for several bays."""
    if len(planogram.bays) != 1:
        raise PlanogramError(
            [
                Problem(
                    planogram.id,
                    "one bay, which is all that this form holds",
                    f"{len(planogram.bays)} bays",
                    "convert to CSV instead",
                )
            ]
        )
    bay = planogram.bays[0]
    products = {}
    positions: list[dict[str, object]] = []
    for shelf in bay.shelves:
        for slot in shelf.slots:
            products[slot.sku] = {
                "Id": slot.sku,
                "Name": slot.name,
                "W": slot.facing_width_mm,
                "H": slot.facing_height_mm,
            }
            for column in range(slot.facings_wide):
                for level in range(slot.facings_high):
                    positions.append(
                        {
                            "Id": f"{len(positions) + 1:04d}",
                            "ProductId": slot.sku,
                            "FixtureId": f"{shelf.number:04d}",
                            "X": slot.x_mm + column * slot.facing_width_mm,
                            "Y": bay.height_mm
                            - shelf.y_mm
                            - slot.y_mm
                            - (level + 1) * slot.facing_height_mm,
                        }
                    )
    fixtures = [
        {
            "Id": f"{shelf.number:04d}",
            "X": 0.0,
            "Y": bay.height_mm - shelf.y_mm,
            "W": bay.width_mm,
            "H": bay.height_mm * 0.02,
        }
        for shelf in bay.shelves
    ]
    return json.dumps(
        {
            "Positions": positions,
            "Fixtures": fixtures,
            "Products": list(products.values()),
            "Width": bay.width_mm,
            "Height": bay.height_mm,
        },
        indent=1,
    )
