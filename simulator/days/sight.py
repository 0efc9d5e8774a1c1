"""How much of each slot a camera sees: what stands before it, blinds it or covers the lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shelf import Bay, SlotId
from simulator.geometry import Camera
from simulator.glass import doors
from simulator.layout import BayPlace
from simulator.obstacles import obstacle_sprite
from simulator.people import person_sprite
from simulator.seeing import BLINDING, Cover, cover_mask, glare_field
from simulator.sprite import Sprite, overlap
from simulator.store import StoreState
from simulator.truth import free_share, slot_corners_mm

DARK_LIGHT = 0.2
"""With less than this share of the usual light nothing is seen."""

_SMALL_PX = 400
"""Width of the picture on which shares are counted."""

Mask = NDArray[np.bool_]


class Sight:
    """The slots of some bays as one camera sees them, from where it looks now."""

    def __init__(
        self, camera: Camera, places: Sequence[BayPlace], bays: Sequence[int], with_doors: bool
    ) -> None:
        self._scale = camera.size_px[0] / _SMALL_PX
        width, height = (round(n / self._scale) for n in camera.size_px)
        self._small = replace(
            camera, size_px=(width, height), focal_px=camera.focal_px / self._scale
        )
        watched = [place for place in places if place.bay.number in bays]
        corners = slot_corners_mm(watched)
        self.slots: tuple[SlotId, ...] = tuple(corners)
        frame = self._frame(camera, watched if with_doors else [])
        outside = frame.astype(np.uint8)
        self._whole = np.array([free_share(outside, camera.canvas_px(c)) for c in corners.values()])
        canvas = self._small.canvas_size_px
        self._labels = np.zeros(canvas[::-1], np.int16)
        for number, corner in enumerate(corners.values(), start=1):
            px = np.round(self._small.canvas_px(corner)).astype(np.int32)
            cv2.fillConvexPoly(self._labels, px, number)
        self._labels[self._frame(self._small, watched if with_doors else [])] = 0
        self._counts = self._count(np.ones(canvas[::-1], np.bool_))
        self._things: dict[object, Sprite | None] = {}

    def shares(self, state: StoreState, cover: Cover | None) -> NDArray[np.float64]:
        """Return the share of each slot's front that is seen (0..1), in the order of ``slots``."""
        if state.ambience.light < DARK_LIGHT:
            return np.zeros(len(self.slots))
        if not (state.people or state.obstacles or state.ambience.glares or cover):
            return self._whole
        free = np.ones(self._labels.shape, np.bool_)
        for person in state.people:
            self._hide(free, person_sprite(person, self._small))
        for thing in state.obstacles:
            if thing not in self._things:
                self._things[thing] = obstacle_sprite(thing, self._small)
            self._hide(free, self._things[thing])
        if state.ambience.glares:
            free &= glare_field(self._small, state.ambience.glares, 1.0) < BLINDING
        if cover is not None:
            x, y = self._small.margin_px
            width, height = self._small.size_px
            inner = free[y : y + height, x : x + width]
            inner &= cover_mask((width, height), cover) < 0.5
        return np.asarray(self._whole * self._count(free) / np.maximum(self._counts, 1))

    def _count(self, free: Mask) -> NDArray[np.float64]:
        counted = np.bincount(self._labels[free], minlength=len(self.slots) + 1)
        return counted[1:].astype(np.float64)

    def _frame(self, camera: Camera, glazed: Sequence[BayPlace]) -> Mask:
        """Return what of the canvas is outside the picture or behind a door's frame."""
        width, height = camera.canvas_size_px
        x, y = camera.margin_px
        free = np.zeros((height, width), np.bool_)
        free[y : height - y, x : width - x] = True
        for door in doors(camera, tuple(glazed), 0):
            self._hide(free, door)
        return ~free

    @staticmethod
    def _hide(free: Mask, sprite: Sprite | None) -> None:
        area = overlap(sprite.box, (0, 0, free.shape[1], free.shape[0])) if sprite else None
        if sprite is None or area is None:
            return
        x1, y1, x2, y2 = area
        piece = sprite.bgra[y1 - sprite.y : y2 - sprite.y, x1 - sprite.x : x2 - sprite.x, 3]
        free[y1:y2, x1:x2] &= piece <= 127


def moved_px(camera: Camera, now: Camera, bays: Sequence[tuple[Bay, float]]) -> float:
    """Return how far, on average, the corners of bays lie from where they were in the picture."""
    corners = np.array(
        [
            (x + dx, y, 0.0)
            for bay, x in bays
            for dx in (0.0, bay.width_mm)
            for y in (bay.shelves[0].y_mm, bay.height_mm)
        ]
    )
    apart = now.picture_px(corners) - camera.picture_px(corners)
    return float(np.linalg.norm(apart, axis=1).mean())
