"""Stores drawn from a number: what they sell, how they look, where their cameras hang."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import radians, tan

import numpy as np

from shelf import Planogram
from simulator.days.assortment import departments, draw_planogram
from simulator.furniture import Furniture, random_furniture
from simulator.geometry import Camera
from simulator.layout import BayPlace, place_bays
from simulator.package import seed_of
from simulator.photo import Film
from simulator.random_planogram import filled_bay

AISLE = "a01"
GAP_MM = 30.0
Random = np.random.Generator

_SIZES_PX = ((1280, 720), (1280, 960), (1920, 1080), (1600, 1200))


@dataclass(frozen=True)
class StoreDesign:
    """A store: one aisle with one department, a camera for every bay or two.

    ``bays_of`` says which bays each camera watches. ``window`` is the share of the usual light
    that daylight adds by noon, ``window_side`` -1 when it comes from the left, 1 from the right.
    """

    number: int
    department: str
    planogram: Planogram
    furniture: Furniture
    cameras: dict[str, Camera]
    bays_of: dict[str, tuple[int, ...]]
    films: dict[str, Film]
    beside: tuple[BayPlace, ...]
    window: float
    window_side: int
    places: tuple[BayPlace, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", place_bays(self.planogram, GAP_MM))

    @property
    def id(self) -> str:
        """Its name in topics and files."""
        return f"s{self.number:04d}"


def design_of(number: int) -> StoreDesign:
    """Return the store of this number: always the same; raises ``ValueError`` below 0."""
    if number < 0:
        raise ValueError(f"a store's number must be 0 or more, got {number}")
    random = np.random.default_rng(seed_of("store", number))
    names = list(departments())
    department = names[number % len(names)]
    bays = int(random.choice([1, 2, 3], p=[0.3, 0.5, 0.2]))
    size_mm = (float(random.choice([900.0, 1000.0, 1250.0])), float(random.uniform(1600, 1950)))
    planogram = draw_planogram(random, f"{AISLE}-{number}", department, bays, size_mm)
    places = place_bays(planogram, GAP_MM)
    size_px = _SIZES_PX[int(random.integers(0, len(_SIZES_PX)))]
    per_camera = 2 if bays == 2 and size_px[0] >= 1600 and random.random() < 0.5 else 1
    cameras: dict[str, Camera] = {}
    bays_of: dict[str, tuple[int, ...]] = {}
    films: dict[str, Film] = {}
    for first in range(0, bays, per_camera):
        name = f"c{len(cameras) + 1}"
        watched = places[first : first + per_camera]
        cameras[name] = _camera(random, watched, size_px)
        bays_of[name] = tuple(place.bay.number for place in watched)
        films[name] = _film(random)
    return StoreDesign(
        number=number,
        department=department,
        planogram=planogram,
        furniture=_furniture(random, department == "cooler"),
        cameras=cameras,
        bays_of=bays_of,
        films=films,
        beside=_beside(random, planogram),
        window=float(random.choice([0.0, 0.12, 0.3], p=[0.4, 0.3, 0.3])),
        window_side=int(random.choice([-1, 1])),
    )


def _camera(random: Random, watched: tuple[BayPlace, ...], size_px: tuple[int, int]) -> Camera:
    """Return a camera under the ceiling of the other side that sees all of its bays."""
    left, right = watched[0].x_mm, watched[-1].x_mm + watched[-1].bay.width_mm
    top = max(place.bay.height_mm for place in watched)
    middle = np.array([(left + right) / 2, top / 2 + 20, 0.0])
    distance = float(random.uniform(1900, 2700))
    yaw, pitch = float(random.normal(0, 9)), float(random.uniform(12, 27))
    position = (
        float(middle[0] + distance * tan(radians(float(np.clip(yaw, -18, 18))))),
        float(min(middle[1] + distance * tan(radians(pitch)), 2500.0)),
        distance,
    )
    k1 = float(random.uniform(-0.12, -0.02))
    roll = float(random.normal(0, 0.8))
    target = (float(middle[0]), float(middle[1]), 0.0)
    probe = Camera(position, target, size_px, 1000.0, 0.0, 0.0, roll)
    corners = np.array(
        [(x, y, 0.0) for x in (left - 15, right + 15) for y in (20.0, top + 20)], dtype=np.float64
    )
    reach = np.abs(probe.flat_px(corners) - probe.matrix[:2, 2])
    share = float((reach / (np.array(size_px) / 2)).max())
    return Camera(position, target, size_px, 1000.0 * 0.93 / share, k1, 0.006, roll)


def _film(random: Random) -> Film:
    warm = float(random.normal(0, 0.03))
    return Film(
        exposure=float(random.uniform(0.9, 1.12)),
        gains=(1 - warm, 1.0, 1 + warm),
        contrast=float(random.uniform(0.1, 0.35)),
        saturation=float(random.uniform(0.75, 1.0)),
        vignette=float(random.uniform(0.1, 0.32)),
        noise=float(random.choice([2.0, 2.5, 3.5])),
        blur_px=float(random.choice([0.45, 0.6, 0.8])),
        jpeg=int(random.choice([75, 85, 92])),
    )


def _furniture(random: Random, cooled: bool) -> Furniture:
    style = random_furniture(random)
    return Furniture(
        wall=style.wall,
        wall_colour=style.wall_colour,
        board=style.board,
        rail=style.rail,
        tag=style.tag,
        tags=style.tags,
        floor=style.floor,
        around=style.around,
        depth_mm=430.0,
        board_mm=26.0,
        rail_mm=float(random.uniform(30, 42)),
        lip_mm=float(random.uniform(2, 8)),
        side_panels=style.side_panels,
        doors=cooled,
    )


def _beside(random: Random, planogram: Planogram) -> tuple[BayPlace, ...]:
    """Return the bays left and right of those that are watched."""
    size_mm = planogram.bays[0].width_mm, planogram.bays[0].height_mm
    heights = [shelf.y_mm for shelf in planogram.bays[0].shelves]
    left, right = (filled_bay(random, number, size_mm, heights, 105.0) for number in (98, 99))
    end = len(planogram.bays) * (size_mm[0] + GAP_MM)
    return BayPlace(left, -left.width_mm - GAP_MM), BayPlace(right, end)
