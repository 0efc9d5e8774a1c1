"""A camera that looks at a living shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.glass import doors
from simulator.items import Item, Tidiness
from simulator.layout import BayPlace, FacingId, all_facings
from simulator.obstacles import Obstacle, obstacle_sprite
from simulator.package import seed_of
from simulator.people import Person, person_shadow, person_sprite
from simulator.photo import Film, develop
from simulator.seeing import Seeing, Turn, covered, lit, turned
from simulator.sprite import Pixels, Sprite, merge, paint
from simulator.stage import Stage
from simulator.store import StoreState

_CLEAR = Seeing()


class Shop(Protocol):
    """What a view needs to know of the shop beside its state."""

    seed: int
    places: tuple[BayPlace, ...]


class View:
    """What one camera sees of a shop; for one thread at a time.

    ``beside`` are bays that are not in the planogram, always full: the aisle goes on.
    """

    def __init__(
        self,
        shop: Shop,
        name: str,
        camera: Camera,
        furniture: Furniture,
        film: Film,
        beside: tuple[BayPlace, ...] = (),
    ) -> None:
        self.camera = camera
        self._name = name
        self._seed = shop.seed
        self._furniture = furniture
        self._film = film
        self._beside = _filled(beside)
        self._places = (*shop.places, *beside)
        self._turn: Turn | None = None
        self._set_up(camera)

    def picture(self, state: StoreState) -> Pixels:
        """Return the camera's picture (H,W,3) BGR uint8 of the shop at a moment."""
        seeing = state.seeing.get(self._name, _CLEAR)
        if seeing.turn != self._turn:
            self._set_up(turned(self.camera, seeing.turn))
            self._turn = seeing.turn
        camera = self.stage.camera
        canvas = self.stage.show({**state.contents, **self._beside})
        if state.people or state.obstacles or self._doors:
            canvas = canvas.copy()
        self._paint(canvas, self._doors)
        for person in state.people:
            self._paint(canvas, person_shadow(person, camera))
        things: list[Person | Obstacle] = [*state.obstacles, *state.people]
        for thing in sorted(things, key=lambda thing: thing.z_mm):
            self._paint(canvas, self._sprite(thing))
        shift = state.shifts_px.get(self._name)
        if shift is not None:
            canvas = _moved(canvas, shift)
        return self._developed(lit(canvas, camera, state.ambience), state, seeing)

    def _set_up(self, camera: Camera) -> None:
        """Look from ``camera`` from now on; draws all anew."""
        self.stage = Stage(camera, self._places, self._furniture, self._seed, Tidiness())
        glass = doors(camera, self._places, self._seed) if self._furniture.doors else []
        self._doors = merge(glass, -1) if glass else None
        self._obstacles: dict[Obstacle, Sprite | None] = {}

    def _sprite(self, thing: Person | Obstacle) -> Sprite | None:
        if isinstance(thing, Person):
            return person_sprite(thing, self.stage.camera)
        if thing not in self._obstacles:
            if len(self._obstacles) > 8:
                self._obstacles.clear()
            self._obstacles[thing] = obstacle_sprite(thing, self.stage.camera)
        return self._obstacles[thing]

    def _paint(self, canvas: Pixels, sprite: Sprite | None) -> None:
        if sprite is not None:
            paint(canvas, sprite, (0, 0, canvas.shape[1], canvas.shape[0]))

    def _developed(self, canvas: Pixels, state: StoreState, seeing: Seeing) -> Pixels:
        film, ambience = self._film, state.ambience
        grain = 1 + 1.5 * max(0.0, 1 - ambience.light)
        blue, green, red = (a * b for a, b in zip(film.gains, ambience.gains, strict=True))
        film = replace(
            film,
            exposure=film.exposure * ambience.light,
            gains=(blue, green, red),
            noise=film.noise * round(grain, 1),
        )
        moment = seed_of("noise", self._seed, self._name, round(state.seconds * 1000))
        if seeing.cover is None:
            return develop(canvas, self.camera, film, moment)
        picture = develop(canvas, self.camera, replace(film, noise=0.0, jpeg=0), moment)
        return covered(picture, seeing.cover)


def _moved(canvas: Pixels, shift_px: tuple[float, float]) -> Pixels:
    height, width = canvas.shape[:2]
    move = np.array([[1.0, 0.0, shift_px[0]], [0.0, 1.0, shift_px[1]]])
    moved = cv2.warpAffine(canvas, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _filled(places: tuple[BayPlace, ...]) -> Mapping[FacingId, tuple[Item, ...]]:
    out = {}
    for facing in all_facings(places):
        planned = facing.planned
        rows = int(np.random.default_rng(seed_of("beside", planned.id)).integers(1, 3))
        out[facing.id] = tuple(
            Item(planned.sku, planned.name, facing.width_mm, facing.height_mm, row)
            for row in range(rows)
        )
    return out
