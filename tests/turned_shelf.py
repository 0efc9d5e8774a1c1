"""A drawn shelf and what a camera with a known lens takes of it after a turn."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import Lens
from calibration.registration_tiles import Turn, rays_of, seen_at, turn_matrix

Image = NDArray[np.uint8]
SIZE_PX = (960, 540)
FOCAL_PX = 800.0
LENS = Lens(fx=FOCAL_PX / 960, fy=FOCAL_PX / 540, k1=-0.08)
MARKS_UV = np.array([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)])
FACING_PX = 40


def turn_px(
    right: float = 0.0, down: float = 0.0, roll_deg: float = 0.0, zoom: float = 1.0
) -> Turn:
    """A turn that moves the middle of the picture by so many px."""
    return np.array([right / FOCAL_PX, down / FOCAL_PX, np.deg2rad(roll_deg), np.log(zoom)])


@lru_cache(maxsize=8)
def shelf(seed: int = 1, *, labels: bool = True, same: bool = False) -> Image:
    """Five boards with products; ``same``: one product everywhere, ``labels``: on the boards."""
    random = np.random.default_rng(seed)
    picture = np.full((SIZE_PX[1] + 400, SIZE_PX[0] + 400, 3), 150, np.uint8)
    tags = np.random.default_rng(99)  # the boards and their labels do not depend on the seed
    one = random.integers(20, 235, (8, 4, 3), dtype=np.uint8)
    for top in range(0, picture.shape[0], 120):
        for left in range(0, picture.shape[1], FACING_PX):
            art = one if same else random.integers(20, 235, (8, 4, 3), dtype=np.uint8)
            product = cv2.resize(art, (FACING_PX - 4, 100), interpolation=cv2.INTER_CUBIC)
            place = picture[top : top + 100, left + 2 : left + FACING_PX - 2]
            place[:] = product[: place.shape[0], : place.shape[1]]
        picture[top + 100 : top + 120] = 205
        if labels:
            for left in range(int(tags.integers(10, 60)), picture.shape[1], 97):
                grey = int(tags.integers(0, 120))
                cv2.rectangle(picture, (left, top + 104), (left + 24, top + 116), [grey] * 3, -1)
    return picture


def taken(scene: Image, turn: Turn | None = None, light: float = 1.0, seed: int = 5) -> Image:
    """What the camera takes of a scene 200 px larger than its picture on each side."""
    width, height = SIZE_PX
    rays = _rays()
    if turn is not None:
        before = np.column_stack([rays, np.ones(len(rays))]) @ np.linalg.inv(turn_matrix(turn)).T
        rays = before[:, :2] / before[:, 2:]
    at = (rays * FOCAL_PX + (width / 2 + 200, height / 2 + 200) - 0.5).astype(np.float32)
    maps = at.reshape(height, width, 2)
    picture = cv2.remap(scene, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    noise = np.random.default_rng(seed).integers(-5, 6, (height, width, 1), dtype=np.int16)
    return np.clip(picture * light + noise, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _rays() -> NDArray[np.float64]:
    """The rays of all pixels."""
    width, height = SIZE_PX
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return rays_of(LENS, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))


def shift_px(turn: Turn) -> NDArray[np.float64]:
    """How far the marks move, in px."""
    return (seen_at(LENS, rays_of(LENS, MARKS_UV), turn) - MARKS_UV) * SIZE_PX
