"""Simulated pictures for which a calibration is to be proposed, with where every slot is.

A view is a function of its number. Numbers below `JUDGED` are for development, those from there
on are only for judging.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians, tan

import numpy as np
from numpy.typing import NDArray

from shelf import Planogram, SlotId
from simulator.days.stock import unit_of
from simulator.days.stores import StoreDesign, design_of
from simulator.geometry import Camera
from simulator.layout import BayPlace, FacingId, all_facings
from simulator.obstacles import Obstacle, ObstacleKind, obstacle_sprite
from simulator.package import seed_of
from simulator.people import person_sprite, random_person
from simulator.sprite import overlap
from simulator.store import StoreState
from simulator.truth import free_share, slot_corners_mm
from simulator.view import View

JUDGED = 1000
SIZE_PX = (1920, 1080)
MAX_ANGLE_DEG = 35.0
MAX_DISTORTION = 0.10
"""Radial displacement at the picture's corner, as a share of its distance from the middle."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedView:
    """A picture with its truth.

    ``planogram`` has the bays that the camera watches. Points are px with (0, 0) the picture's
    corner; ``slots_px`` (4,2) run from the top left clockwise, ``corners_px`` are the bays'.
    ``visible`` is the share of each slot in the picture that nothing stands before, ``covered``
    the mean share of the slots that somebody or something hides.
    """

    number: int
    image_bgr: NDArray[np.uint8]
    planogram: Planogram
    slots_px: dict[SlotId, Floats]
    corners_px: dict[int, Floats]
    visible: dict[SlotId, float]
    angle_deg: float
    distortion: float
    stocked: float
    covered: float


def simulated_view(number: int) -> SimulatedView:
    """Return the view of this number, always the same."""
    random = np.random.default_rng(seed_of("calibration view", number))
    store = design_of(number)
    watched = _watched(random, store)
    camera, angle = _camera(random, watched)
    film = next(iter(store.films.values()))
    shop = _Shop(number, store.places)
    view = View(shop, "c1", camera, store.furniture, film, store.beside)
    stocked = float(random.uniform(0.6, 1.0))
    state = _state(random, store.places, stocked, watched)
    picture = view.picture(state)
    seen, free = _visible(camera, state, watched)
    shown = [1 - free[slot] / seen[slot] for slot in seen if seen[slot] > 0.3]
    return SimulatedView(
        number=number,
        image_bgr=picture,
        planogram=_planogram(store, watched),
        slots_px={
            slot: camera.picture_px(corners) + 0.5
            for slot, corners in slot_corners_mm(watched).items()
        },
        corners_px={
            place.bay.number: camera.picture_px(_outline(place)) + 0.5 for place in watched
        },
        visible=free,
        angle_deg=angle,
        distortion=_distortion(camera),
        stocked=stocked,
        covered=float(np.mean(shown)) if shown else 0.0,
    )


def watched_planogram(number: int) -> Planogram:
    """Return the planogram of the view of this number, without drawing it."""
    store = design_of(number)
    random = np.random.default_rng(seed_of("calibration view", number))
    return _planogram(store, _watched(random, store))


def _watched(random: np.random.Generator, store: StoreDesign) -> tuple[BayPlace, ...]:
    count = len(store.planogram.bays)
    first = int(random.integers(0, count))
    last = min(count, first + int(random.choice([1, 2], p=[0.65, 0.35])))
    return store.places[first:last]


def _planogram(store: StoreDesign, watched: tuple[BayPlace, ...]) -> Planogram:
    bays = tuple(place.bay for place in watched)
    return Planogram(store.planogram.id, store.planogram.version, bays)


@dataclass(frozen=True, slots=True)
class _Shop:
    seed: int
    places: tuple[BayPlace, ...]


def _camera(random: np.random.Generator, watched: tuple[BayPlace, ...]) -> tuple[Camera, float]:
    """Return a camera that sees nearly all of the bays, and the angle it sees them under."""
    left, right = watched[0].x_mm, watched[-1].x_mm + watched[-1].bay.width_mm
    top = max(place.bay.height_mm for place in watched)
    middle = np.array([(left + right) / 2, top / 2, 0.0])
    angle = float(random.uniform(0, MAX_ANGLE_DEG))
    turn = float(random.uniform(-0.15 * np.pi, 1.15 * np.pi))
    distance = float(random.uniform(1600, 2800))
    aside, above = distance * tan(radians(angle)) * np.array([np.cos(turn), np.sin(turn)])
    height = float(np.clip(middle[1] + above, 400.0, 2700.0))
    position = (float(middle[0] + aside), height, distance)
    away = middle - position
    angle = float(np.degrees(np.arccos(-away[2] / np.linalg.norm(away))))
    target = (float(middle[0]), float(middle[1]), 0.0)
    roll = float(random.normal(0, 1.2))
    probe = Camera(position, target, SIZE_PX, 1000.0, 0.0, 0.0, roll)
    corners = np.concatenate([_outline(place) for place in watched])
    reach = np.abs(probe.flat_px(corners) - probe.matrix[:2, 2]) / (np.array(SIZE_PX) / 2)
    # Up to a tenth of the bays' reach may be cut off.
    focal = 1000.0 * float(random.uniform(0.85, 1.06)) / float(reach.max())
    share = float(random.uniform(-MAX_DISTORTION, 0.25 * MAX_DISTORTION))
    corner = float(np.hypot(*SIZE_PX) / 2) / focal
    return Camera(position, target, SIZE_PX, focal, share / corner**2, 0.0, roll), angle


def _distortion(camera: Camera) -> float:
    return abs(camera.k1) * (float(np.hypot(*SIZE_PX) / 2) / camera.focal_px) ** 2


def _outline(place: BayPlace) -> Floats:
    x1, x2, top = place.x_mm, place.x_mm + place.bay.width_mm, place.bay.height_mm
    return np.array([[x1, top, 0.0], [x2, top, 0.0], [x2, 0.0, 0.0], [x1, 0.0, 0.0]])


def _state(
    random: np.random.Generator,
    places: tuple[BayPlace, ...],
    stocked: float,
    watched: tuple[BayPlace, ...],
) -> StoreState:
    """Whole slots are empty, and single facings, so that ``stocked`` of all facings stand."""
    contents: dict[FacingId, tuple[object, ...]] = {}
    slots = {slot.id: slot for place in places for slot in place.bay.slots}
    empty = {slot for slot in slots if random.random() < 0.6 * (1 - stocked)}
    single = 1 - stocked / max(1e-9, 1 - 0.6 * (1 - stocked))
    for facing in all_facings(places):
        taken = facing.id.slot in empty or random.random() < single
        depth = int(random.integers(1, 4))
        contents[facing.id] = (
            () if taken else tuple(unit_of(facing.planned, k) for k in range(depth))
        )
    # What stands on a facing that is empty falls down.
    for facing in all_facings(places):
        level = facing.id.level
        if level and not contents[FacingId(facing.id.slot, facing.id.column, level - 1)]:
            contents[facing.id] = ()
    left, right = watched[0].x_mm, watched[-1].x_mm + watched[-1].bay.width_mm
    people = tuple(
        random_person(random, float(random.uniform(left, right)), float(random.uniform(150, 500)))
        for _ in range(int(random.choice([0, 1, 2], p=[0.65, 0.3, 0.05])))
    )
    obstacles = ()
    if random.random() < 0.12:
        kind = ObstacleKind(str(random.choice([ObstacleKind.CAGE, ObstacleKind.CARTONS])))
        at = float(random.uniform(left, right))
        obstacles = (Obstacle(kind, at, 0.0, 250.0, int(random.integers(0, 24))),)
    return StoreState(0.0, contents, people, obstacles=obstacles)


def _visible(
    camera: Camera, state: StoreState, watched: tuple[BayPlace, ...]
) -> tuple[dict[SlotId, float], dict[SlotId, float]]:
    """Return the share of each slot in the picture, and the share that nothing hides."""
    width, height = camera.canvas_size_px
    margin_x, margin_y = camera.margin_px
    outside = np.full((height, width), 1, np.uint8)
    outside[margin_y : height - margin_y, margin_x : width - margin_x] = 0
    hidden = outside.copy()
    sprites = [person_sprite(person, camera) for person in state.people]
    sprites += [obstacle_sprite(obstacle, camera) for obstacle in state.obstacles]
    for sprite in sprites:
        area = overlap(sprite.box, (0, 0, width, height)) if sprite else None
        if sprite is None or area is None:
            continue
        x1, y1, x2, y2 = area
        cover = sprite.bgra[y1 - sprite.y : y2 - sprite.y, x1 - sprite.x : x2 - sprite.x, 3] > 127
        hidden[y1:y2, x1:x2][cover] = 1
    corners = {s: camera.canvas_px(at) for s, at in slot_corners_mm(watched).items()}
    return (
        {slot: free_share(outside, at) for slot, at in corners.items()},
        {slot: free_share(hidden, at) for slot, at in corners.items()},
    )
