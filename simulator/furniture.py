"""The look of bays: walls, boards, rails, prices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulator.art import Colour, hsv, mix


class Wall(StrEnum):
    """Back walls."""

    PEGBOARD = "pegboard"
    METAL = "metal"
    DARK = "dark"
    SLATS = "slats"


class Tags(StrEnum):
    """How prices are shown."""

    RAIL = "rail"
    HANGING = "hanging"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Furniture:
    """The look of the bays; colours are BGR. With ``doors`` they are coolers behind glass."""

    wall: Wall = Wall.PEGBOARD
    wall_colour: Colour = (150, 156, 158)
    board: Colour = (205, 210, 212)
    rail: Colour = (225, 228, 230)
    tag: Colour = (235, 245, 250)
    tags: Tags = Tags.RAIL
    floor: Colour = (165, 172, 180)
    around: Colour = (120, 125, 130)
    depth_mm: float = 430.0
    board_mm: float = 28.0
    rail_mm: float = 40.0
    lip_mm: float = 6.0
    side_panels: bool = True
    doors: bool = False


def random_furniture(random: np.random.Generator) -> Furniture:
    """Return furniture such as one shop or another has."""
    tint = hsv(random.random(), random.uniform(0, 0.12), random.uniform(0.55, 0.95))
    strong = hsv(random.random(), random.uniform(0.5, 1), random.uniform(0.35, 0.9))
    wall = Wall(str(random.choice(list(Wall))))
    value = random.uniform(0.06, 0.25) if wall is Wall.DARK else random.uniform(0.35, 0.95)
    wall_colour = hsv(random.random(), random.uniform(0, 0.15), value)
    board = mix(tint, (30, 60, 90), 0.5) if random.random() < 0.15 else tint
    return Furniture(
        wall=wall,
        wall_colour=wall_colour,
        board=board,
        rail=strong if random.random() < 0.35 else mix(board, (255, 255, 255), 0.3),
        tag=hsv(0.15, 0.75, 0.95) if random.random() < 0.35 else (245, 248, 250),
        tags=Tags(str(random.choice(list(Tags), p=[0.6, 0.25, 0.15]))),
        floor=hsv(random.uniform(0.04, 0.16), random.uniform(0, 0.4), random.uniform(0.3, 0.8)),
        around=hsv(random.random(), random.uniform(0, 0.3), random.uniform(0.1, 0.8)),
        depth_mm=float(random.uniform(300, 560)),
        board_mm=float(random.uniform(18, 40)),
        rail_mm=float(random.uniform(26, 55)),
        lip_mm=float(random.uniform(0, 14)),
        side_panels=bool(random.random() < 0.7),
    )
