"""Cooler doors: frames, handles, and panes that reflect a little."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulator.geometry import Camera
from simulator.layout import BayPlace
from simulator.package import seed_of
from simulator.sprite import Sprite, cut, on_quad, opaque

DOOR_Z_MM = 55.0
FRAME_MM = 26.0
_WIDEST_MM = 1000.0


def door_edges(place: BayPlace) -> list[float]:
    """Return where the doors of a bay begin and end, in mm of the aisle."""
    count = max(1, int(np.ceil(place.bay.width_mm / _WIDEST_MM)))
    return [place.x_mm + place.bay.width_mm * i / count for i in range(count + 1)]


def doors(camera: Camera, places: tuple[BayPlace, ...], seed: int) -> list[Sprite]:
    """Return the doors before the bays, far things first."""
    out: list[Sprite | None] = []
    for place in places:
        random = np.random.default_rng(seed_of(seed, "doors", place.bay.number))
        top = place.bay.height_mm + 20
        edges = door_edges(place)
        for left, right in pairwise(edges):
            out.append(_quad(camera, _pane(random), left, right, 40.0, top))
            for x1, x2 in ((left, left + FRAME_MM), (right - FRAME_MM, right)):
                out.append(_quad(camera, _metal(random), x1, x2, 40.0, top))
            for y in (40.0, top - FRAME_MM):
                out.append(_quad(camera, _metal(random), left, right, y, y + FRAME_MM))
            grip = right - FRAME_MM * 1.9
            out.append(_quad(camera, _metal(random) // 2, grip, grip + 16, 850.0, 1250.0, 80.0))
    whole = (0, 0, *camera.canvas_size_px)
    seen = [cut(sprite, whole) for sprite in out if sprite is not None]
    return [sprite for sprite in seen if sprite is not None]


def _quad(
    camera: Camera,
    texture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    x1: float,
    x2: float,
    y1: float,
    y2: float,
    z: float = DOOR_Z_MM,
) -> Sprite | None:
    corners = np.array([[x1, y2, z], [x2, y2, z], [x2, y1, z], [x1, y1, z]])
    return on_quad(texture, camera.canvas_px(corners))


def _metal(random: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    tone = 165 + float(random.uniform(-15, 15))
    strip = tone * np.interp(np.linspace(0, 1, 24), [0, 0.2, 0.5, 1], [0.7, 1.1, 0.95, 0.6])
    picture = np.repeat(np.repeat(strip[None, :, None], 40, 0), 3, 2)
    return opaque(np.clip(picture * random.normal(1, 0.01, (40, 1, 1)), 0, 255).astype(np.uint8))


def _pane(random: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a pane: a faint veil with slanting streaks and a lamp's reflection."""
    height, width = 240, 120
    x = np.linspace(0, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    veil = np.full((height, width), 9.0)
    for _ in range(int(random.integers(2, 5))):
        at, thick = float(random.uniform(-0.3, 1.2)), float(random.uniform(0.02, 0.09))
        veil += float(random.uniform(8, 26)) * np.exp(-(((x + 0.35 * y - at) / thick) ** 2))
    at = float(random.uniform(0.15, 0.85))
    veil += float(random.uniform(15, 45)) * np.exp(-(((x - at) / 0.03) ** 2)) * (y < 0.6)
    alpha = np.clip(veil, 0, 90).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(alpha[:, :, None], 4, 2))
