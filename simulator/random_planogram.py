"""Planograms of shops that do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shelf import Bay, Planogram, SlotId
from shelf.planogram_build import BoardRow, Row, build_planogram
from simulator.art import WORDS
from simulator.package import seed_of

POOL = 4000
"""SKUs to draw from: few enough that a detector meets some again, too many to learn by heart."""


@dataclass(frozen=True, slots=True)
class Assortment:
    """What is wanted: the usual facing's width and the wall of shelves to fill, in mm."""

    usual_width_mm: float
    width_mm: float
    height_mm: float


def random_planogram(random: np.random.Generator, wanted: Assortment) -> Planogram:
    """Return bays that fill the wanted wall, shelf by shelf with similar packages."""
    count = int(np.clip(np.ceil(wanted.width_mm / random.uniform(700, 1300)), 1, 5))
    width = max(float(np.clip(wanted.width_mm / count, 450, 1400)), wanted.usual_width_mm * 3)
    rows: list[Row] = []
    boards: list[BoardRow] = []
    sizes: dict[int, tuple[float, float]] = {}
    shared = bool(random.random() < 0.6)
    plan = _shelf_heights(random, wanted)
    for bay in range(1, count + 1):
        heights = plan if shared else _shelf_heights(random, wanted)
        y = float(random.uniform(90, 220))
        for shelf, clear in enumerate(heights, start=1):
            boards.append(BoardRow(bay, shelf, y))
            rows += _fill(random, bay, shelf, width, clear, wanted.usual_width_mm)
            y += clear + float(random.uniform(45, 120))
        sizes[bay] = (width, y)
    return build_planogram(
        "random", rows, id="random", version="1", boards=boards, bay_sizes_mm=sizes
    )


def filled_bay(
    random: np.random.Generator,
    number: int,
    size_mm: tuple[float, float],
    boards_mm: Sequence[float],
    usual_width_mm: float,
) -> Bay:
    """Return a bay of this size with its boards at these heights, full of what fits."""
    rows: list[Row] = []
    boards = [BoardRow(number, shelf, y) for shelf, y in enumerate(boards_mm, start=1)]
    for board, above in zip(boards, [*boards_mm[1:], size_mm[1]], strict=True):
        clear = above - board.y_mm - 60
        rows += _fill(random, number, board.shelf, size_mm[0], clear, usual_width_mm)
    planogram = build_planogram(
        "random", rows, id="random", version="1", boards=boards, bay_sizes_mm={number: size_mm}
    )
    return planogram.bay(number)


def _shelf_heights(random: np.random.Generator, wanted: Assortment) -> list[float]:
    heights: list[float] = []
    usual = wanted.usual_width_mm * float(random.uniform(0.9, 2.2))
    while sum(heights) + 85 * len(heights) < wanted.height_mm and len(heights) < 14:
        heights.append(float(np.clip(usual * random.uniform(0.75, 1.35), 55, 420)))
    return heights


def _fill(
    random: np.random.Generator,
    bay: int,
    shelf: int,
    width_mm: float,
    clear_mm: float,
    usual_mm: float,
) -> list[Row]:
    rows: list[Row] = []
    x = float(random.uniform(0, 15))
    air = float(random.choice([0.0, 2.0, 6.0, 15.0]))
    sparse = float(random.choice([0.0, 0.0, 0.1]))
    position = 1
    family = float(np.exp(random.normal(0, 0.25)))
    same = random.random() < 0.4
    size = 0.0, 0.0
    while True:
        if position == 1 or not same or random.random() < 0.12:
            wide = float(np.clip(usual_mm * family * np.exp(random.normal(0, 0.3)), 22, 420))
            tall = float(np.clip(wide * np.exp(random.normal(0.35, 0.4)), 35, clear_mm))
            if random.random() < 0.6:
                tall = max(tall, clear_mm * float(random.uniform(0.75, 1.0)))
            size = wide, min(tall, wide * 4.2)
        wide, tall = size
        facings = int(random.choice([1, 1, 2, 2, 3, 4, 6]))
        high = 1
        if tall * 2 < clear_mm and random.random() < 0.7:
            high = int(np.clip(clear_mm // tall, 1, 4))
        slot_width = facings * wide * (1 + 0.01) + air
        if x + slot_width > width_mm:
            facings = int((width_mm - x - air) // (wide * 1.01))
            if facings < 1:
                left = width_mm - x - air
                if left < max(22.0, usual_mm * 0.45):
                    return rows
                wide, facings = left / 1.011, 1
                tall = min(tall, wide * 4.2)
                high = 1
            slot_width = facings * wide * 1.01 + air
        sku = f"t{int(random.integers(0, POOL))}-{round(wide)}x{round(tall)}"
        rows.append(
            Row(
                where="random",
                id=SlotId(bay, shelf, position),
                sku=sku,
                name=_name(sku),
                facings_wide=facings,
                facings_high=high,
                x_mm=x,
                width_mm=slot_width,
                height_mm=tall * high,
            )
        )
        x += slot_width + (
            usual_mm * float(random.uniform(0.1, 0.4)) if random.random() < sparse else 0
        )
        position += 1


def _name(sku: str) -> str:
    """Return what is printed on a package: a function of its SKU alone."""
    random = np.random.default_rng(seed_of("name", sku))
    words = [str(word) for word in random.choice(WORDS, int(random.integers(1, 3)), replace=False)]
    return f"{' '.join(words)} {int(random.integers(1, 40)) * 25} g"
