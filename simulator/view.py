"""A camera that looks at a living shop."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.items import Item, Tidiness
from simulator.layout import BayPlace, FacingId, all_facings
from simulator.package import seed_of
from simulator.people import person_shadow, person_sprite
from simulator.photo import Film, develop
from simulator.sprite import Pixels, paint
from simulator.stage import Stage
from simulator.store import Store, StoreState


class View:
    """What one camera sees of a shop; for one thread at a time.

    ``beside`` are bays that are not in the planogram, always full: the aisle goes on.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        camera: Camera,
        furniture: Furniture,
        film: Film,
        beside: tuple[BayPlace, ...] = (),
    ) -> None:
        self.camera = camera
        self._name = name
        self._seed = store.seed
        self._film = film
        self._beside = _filled(beside)
        places = (*store.places, *beside)
        self.stage = Stage(camera, places, furniture, store.seed, Tidiness())

    def picture(self, state: StoreState) -> Pixels:
        """Return the camera's picture (H,W,3) BGR uint8 of the shop at a moment."""
        canvas = self.stage.show({**state.contents, **self._beside})
        if state.people:
            canvas = canvas.copy()
        whole = (0, 0, canvas.shape[1], canvas.shape[0])
        for person in state.people:
            shadow = person_shadow(person, self.camera)
            if shadow is not None:
                paint(canvas, shadow, whole)
        for person in state.people:
            sprite = person_sprite(person, self.camera)
            if sprite is not None:
                paint(canvas, sprite, whole)
        shift = state.shifts_px.get(self._name)
        if shift is not None:
            canvas = _moved(canvas, shift)
        film = replace(self._film, exposure=self._film.exposure * state.light)
        moment = seed_of("noise", self._seed, self._name, round(state.seconds * 1000))
        return develop(canvas, self.camera, film, moment)


def _moved(canvas: Pixels, shift_px: tuple[float, float]) -> Pixels:
    height, width = canvas.shape[:2]
    move = np.array([[1.0, 0.0, shift_px[0]], [0.0, 1.0, shift_px[1]]])
    moved = cv2.warpAffine(canvas, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _filled(places: tuple[BayPlace, ...]) -> dict[FacingId, tuple[Item, ...]]:
    out = {}
    for facing in all_facings(places):
        planned = facing.planned
        rows = int(np.random.default_rng(seed_of("beside", planned.id)).integers(1, 3))
        out[facing.id] = tuple(
            Item(planned.sku, planned.name, facing.width_mm, facing.height_mm, row)
            for row in range(rows)
        )
    return out
