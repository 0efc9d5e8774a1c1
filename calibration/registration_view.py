"""The picture of a turned camera as it was before the turn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens
from calibration.registration_tiles import Turn, rays_of, seen_at, turn_matrix

ImageBgr = NDArray[np.uint8]

_STEPS = 33
"""The lens is worked out on a grid of so many points a side; between them it is smooth."""


class TurnedBack:
    """Shows pictures of ``size_px`` (width, height) as the camera took them before ``turn``."""

    def __init__(self, lens: Lens, turn: Turn, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._lens = lens
        self._turn = turn
        width, height = size_px
        steps = np.linspace(0.0, 1.0, _STEPS)
        grid_uv = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        now = seen_at(lens, rays_of(lens, grid_uv), turn) * size_px - 0.5
        coarse = np.nan_to_num(now, nan=-9.0).astype(np.float32).reshape(_STEPS, _STEPS, 2)
        across = ((np.arange(width) + 0.5) / width * (_STEPS - 1)).astype(np.float32)
        down = ((np.arange(height) + 0.5) / height * (_STEPS - 1)).astype(np.float32)
        x, y = np.meshgrid(across, down)
        fine = cv2.remap(coarse, x, y, cv2.INTER_LINEAR)
        self._whole, self._fraction = cv2.convertMaps(fine[..., 0], fine[..., 1], cv2.CV_16SC2)

    def picture(self, image_bgr: ImageBgr) -> ImageBgr:
        """Return the picture before the turn; what it does not show is continued from its edge."""
        back = cv2.remap(
            image_bgr,
            self._whole,
            self._fraction,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(back, dtype=np.uint8)

    def cells(self, before: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a grid over the picture before the turn as one over the picture now.

        True where the picture before shows nothing of what is seen now.
        """
        rows, columns = before.shape
        x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
        centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        rays = rays_of(self._lens, centres)
        turned = np.column_stack([rays, np.ones(len(rays))])
        turned = turned @ np.linalg.inv(turn_matrix(self._turn)).T
        lens = self._lens
        ideal = turned[:, :2] / turned[:, 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
        at = np.floor(np.nan_to_num(lens.distort(ideal), nan=-1.0) * (columns, rows)).astype(int)
        inside = ((at >= 0) & (at < (columns, rows))).all(axis=1)
        now = np.ones(len(at), np.bool_)
        now[inside] = before[at[inside, 1], at[inside, 0]]
        return now.reshape(rows, columns)
