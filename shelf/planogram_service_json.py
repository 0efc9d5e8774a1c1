"""Planograms as planogram matching services take them: JSON with products, fixtures, positions.

Lengths there have no stated unit and y runs down from the top: a position's ``Y`` is its upper
edge, a fixture's ``Y`` the upper face of its board. The layout is therefore ``relative``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram, empty_shelf, slot_id
from shelf.settings import problems_of

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


def parse_service_json(
    raw: Mapping[str, Any], where: str, default_id: str, warnings: list[Problem] | None = None
) -> Planogram:
    """Return the planogram that the JSON object ``raw`` describes.

    ``where`` names the file in messages. Keys may be written in any case (``ProductId``,
    ``productId``). All fixtures form bay 1; every position is a slot of one facing. The SKU is
    the product's id. A fixture without positions keeps its number; it is told in ``warnings``.
    Raises `PlanogramError` with all problems of the file.
    """
    try:
        parsed = _File.model_validate(_with_pascal_keys(raw))
    except ValidationError as error:
        raise PlanogramError(problems_of(error, _File, where)) from error
    return _build(parsed, where, default_id, [] if warnings is None else warnings)


def _with_pascal_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key[:1].upper() + key[1:]: _with_pascal_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_pascal_keys(item) for item in value]
    return value


def _build(parsed: _File, where: str, default_id: str, warnings: list[Problem]) -> Planogram:
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
    placed_on: dict[str, list[tuple[_Position, _Product]]] = defaultdict(list)
    for position in parsed.positions:
        placed_on[position.fixture_id].append((position, products[position.product_id]))
    boards_up = sorted(parsed.fixtures, key=lambda fixture: -fixture.y)
    left = min((fixture.x for fixture in boards_up), default=0.0)
    rows: list[Row] = []
    boards: list[BoardRow] = []
    for shelf_number, fixture in enumerate(boards_up, start=1):
        boards.append(BoardRow(1, shelf_number, bottom - fixture.y))
        placed = placed_on[fixture.id]
        if not placed:
            warnings.append(empty_shelf(f"{where}: fixture {fixture.id}", shelf_number))
        placed.sort(key=lambda pair: (pair[0].x, -pair[0].y))
        for number, (position, product) in enumerate(placed, start=1):
            raised = fixture.y - (position.y + product.h)
            rows.append(
                Row(
                    where=f"{where}: position {position.id}",
                    id=slot_id(where, 1, shelf_number, number),
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
        warnings=warnings,
    )
