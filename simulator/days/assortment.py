"""What an aisle sells: departments, brand families with their flavours, and how they are laid out.

A SKU is ``family.flavour`` (``40217.2``): members of a family stand side by side, have one size
and one brand, and some of them are near twins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shelf import Planogram, SlotId
from shelf.planogram_build import BoardRow, Row, build_planogram

Random = np.random.Generator

BOARD_MM = 70.0
"""From the clear height of a shelf to the next board, its rail and price labels."""

_DEPARTMENTS = """
breakfast | flakes 165-195 250-300 1; granola 140-165 220-260 1; oats 140-160 220-260 1;
            cocoa 95-120 150-190 1; tea 100-135 120-150 1; honey 78-92 110-140 1;
            jam 74-86 105-125 1; bars 140-180 38-50 3
pantry    | penne 115-140 200-230 1; rice 120-140 190-230 1; beans 74-84 105-118 2;
            soup 74-84 105-118 2; oil 72-90 260-300 1; ketchup 66-80 180-220 1;
            mustard 66-80 100-125 1; sauce 72-84 220-260 1; tuna 84-96 60-70 3
snacks    | chips 140-190 200-270 1; crisps 130-165 190-230 1; nuts 95-120 140-175 1;
            cookies 75-110 160-220 1; crackers 120-150 150-200 1; wafers 60-85 130-170 1;
            biscuits 170-210 48-62 3; bars 150-175 38-50 3
cooler    | juice 76-92 210-270 1; milk 78-92 220-260 1; cola 66-84 200-260 1;
            water 66-82 210-250 1; lemonade 62-70 112-125 2; pesto 66-78 85-110 1;
            pickles 74-84 105-130 1
household | shampoo 66-90 190-240 1; cleaner 78-98 240-290 1; tissues 105-125 110-130 2;
            syrup 70-84 220-260 1; wafers 110-140 170-220 1; cocoa 125-160 170-220 1
"""
"""By department: what is sold, width and height of a package in mm, how many are stacked."""

_FLAVOURS = """
Classic Original Vanilla Chocolate Strawberry Lemon Caramel Paprika Salted Spicy Mild Herbs Cherry
Orange Mint Natural Light Organic Extra Family Hazelnut Raspberry Garlic Onion Fresh Coconut
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of package: its noun, the range of its sizes in mm, and units stacked."""

    noun: str
    width_mm: tuple[float, float]
    height_mm: tuple[float, float]
    stacked: int

    @property
    def tallest_mm(self) -> float:
        """The height of its tallest stack."""
        return self.height_mm[1] * self.stacked


def departments() -> dict[str, tuple[Product, ...]]:
    """Return the departments and what each sells."""
    out: dict[str, tuple[Product, ...]] = {}
    for entry in _DEPARTMENTS.strip().replace(";\n", ";").splitlines():
        name, _, goods = entry.partition("|")
        out[name.strip()] = tuple(_product(text) for text in goods.split(";"))
    return out


def _product(text: str) -> Product:
    noun, width, height, stacked = text.split()
    return Product(noun, _range(width), _range(height), int(stacked))


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    return float(low), float(high)


def draw_planogram(
    random: Random, id: str, department: str, bays: int, size_mm: tuple[float, float]
) -> Planogram:
    """Return full bays of a department, each of ``size_mm`` (width, height at most)."""
    goods = departments()[department]
    rows: list[Row] = []
    boards: list[BoardRow] = []
    heights = _shelf_heights(random, goods, size_mm[1])
    families = iter(random.permutation(np.arange(10_000, 100_000))[:600].tolist())
    foot_mm = float(random.uniform(105, 150))
    for bay in range(1, bays + 1):
        y_mm = foot_mm
        for shelf, clear_mm in enumerate(heights, start=1):
            boards.append(BoardRow(bay, shelf, round(y_mm, 1)))
            rows += _fill(random, goods, (bay, shelf), size_mm[0], clear_mm, families)
            y_mm += clear_mm + BOARD_MM
    top_mm = foot_mm + sum(heights) + BOARD_MM * (len(heights) - 1) + 30
    sizes = dict.fromkeys(range(1, bays + 1), (size_mm[0], round(top_mm, 1)))
    return build_planogram(id, rows, id=id, version="v1", boards=boards, bay_sizes_mm=sizes)


def _shelf_heights(random: Random, goods: tuple[Product, ...], height_mm: float) -> list[float]:
    """Return the clear heights of the shelves from the bottom: the tall goods stand low."""
    drawn: list[float] = []
    left = height_mm - 180
    while wanted := [g for g in goods if g.tallest_mm + 50 + BOARD_MM <= left]:
        tallest = random.choice([g.tallest_mm for g in wanted], p=_chances(wanted))
        clear = float(tallest) + float(random.uniform(30, 75))
        drawn.append(round(min(clear, left - BOARD_MM), 1))
        left -= drawn[-1] + BOARD_MM
    return sorted(drawn, reverse=True)


def _chances(goods: Sequence[Product]) -> list[float]:
    """Return how often each is chosen: what is stacked, less often."""
    weights = [0.25 if good.stacked > 1 else 1.0 for good in goods]
    return [weight / sum(weights) for weight in weights]


def _fill(
    random: Random,
    goods: tuple[Product, ...],
    place: tuple[int, int],
    width_mm: float,
    clear_mm: float,
    families: Iterator[int],
) -> list[Row]:
    """Return the slots of one shelf: family by family, flavour by flavour."""
    fitting = [g for g in goods if 0.5 * clear_mm <= g.tallest_mm <= clear_mm - 20]
    fitting = fitting or [min(goods, key=lambda g: g.tallest_mm)]
    rows: list[Row] = []
    x_mm = float(random.uniform(4, 20))
    chances = _chances(fitting)
    while True:
        good = fitting[int(random.choice(len(fitting), p=chances))]
        unit = round(float(random.uniform(*good.width_mm)), 1)
        tall = round(float(random.uniform(*good.height_mm)), 1)
        family = next(families)
        flavours = random.permutation(_FLAVOURS.split())
        amount = int(random.integers(2, 21)) * 50
        for number in range(int(random.choice([1, 2, 3, 4], p=[0.3, 0.35, 0.2, 0.15]))):
            air = float(random.uniform(2, 10))
            wide = int(random.choice([1, 2, 3, 4], p=[0.12, 0.42, 0.33, 0.13]))
            wide = min(wide, int((width_mm - 4 - x_mm) // (unit + 2)))
            if wide < 1:
                return rows
            facings = wide * good.stacked
            rows.append(
                Row(
                    where=f"bay {place[0]} shelf {place[1]}",
                    id=SlotId(*place, len(rows) + 1),
                    sku=f"{family}.{number + 1}",
                    name=f"{flavours[number]} {good.noun.capitalize()} {amount} g",
                    facings_wide=wide,
                    facings_high=good.stacked,
                    min_facings=max(1, round(facings * 0.5)),
                    x_mm=round(x_mm, 1),
                    width_mm=round(wide * (unit + 2), 1),
                    height_mm=tall * good.stacked,
                )
            )
            x_mm += wide * (unit + 2) + air
