"""The picture that a camera is compared with, cut into tiles, and how pictures are made ready."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lens import Lens
from calibration.registration_tiles import Ballot, Grey, Known, Tiles, contrast

ImageBgr = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WIDTH_PX = 640
"""Pictures are compared at this width, and at a half and a quarter of it for votes."""

_TILE_PX = 48
_VOTE_TILE_PX = 32
_NEAR_PX = 32
_FAR_TILE_PX = 20
_FAR_PX = 64
"""Reach of the votes, on pictures a half and a quarter of `WIDTH_PX`: 0.1 and 0.4 of the width."""

_FAR_ROLLS_DEG = (-2.0, -1.0, 0.0, 1.0, 2.0)
_FOCALS = (0.9, 0.5, 0.6, 0.75, 1.1, 1.4, 1.8)
"""Focal lengths in picture widths that are tried for a camera whose lens is not known."""

_WHOLE_PICTURE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


class Reference:
    """What a camera saw when its calibration was approved, as registration needs it.

    ``grey`` is that picture, `WIDTH_PX` wide; ``known`` (same shape) is false where nothing is
    known of it. ``marks_uv`` (n,2) are the points, in shares of the picture, at which shifts are
    told: the corners of the bays.
    """

    def __init__(
        self,
        grey: Grey,
        known: Known,
        lens: Lens | None = None,
        marks_uv: ArrayLike = _WHOLE_PICTURE,
    ) -> None:
        height, width = grey.shape
        self.grey, self.known = grey, known
        self.marks_uv = np.asarray(marks_uv, np.float64).reshape(-1, 2)
        self.lenses = (lens,) if lens else tuple(_guess(f, width / height) for f in _FOCALS)
        self.tiles = Tiles.of(contrast(grey, 8), known, _TILE_PX)
        half = halved(grey)
        size = (half.shape[1], half.shape[0])
        known_half = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        tiles = Tiles.of(contrast(half, 5), known_half >= 1, _VOTE_TILE_PX)
        self.near = Ballot(tiles, self.lenses[0], _NEAR_PX)
        quarter = halved(half)
        known_quarter = cv2.resize(known_half, quarter.shape[::-1], interpolation=cv2.INTER_AREA)
        tiles = Tiles.of(contrast(quarter, 4), known_quarter >= 1, _FAR_TILE_PX)
        self.far = Ballot(tiles, self.lenses[0], _FAR_PX, _FAR_ROLLS_DEG, (1.0,))

    @classmethod
    def of(
        cls,
        image_bgr: ImageBgr,
        lens: Lens | None = None,
        marks_uv: ArrayLike = _WHOLE_PICTURE,
        ignore_mask: Mask | None = None,
    ) -> Reference:
        """Return the reference that a picture gives; ``ignore_mask`` (H,W) is true under masks."""
        grey = small_grey(image_bgr)
        return cls(grey, known_in(ignore_mask, grey.shape), lens, marks_uv)


def small_grey(image_bgr: ImageBgr) -> Grey:
    """Return a picture in grey, `WIDTH_PX` wide."""
    height, width = image_bgr.shape[:2]
    size = (WIDTH_PX, max(2 * _TILE_PX, round(height * WIDTH_PX / width)))
    how = cv2.INTER_AREA if width > WIDTH_PX else cv2.INTER_LINEAR
    small = cv2.resize(image_bgr, size, interpolation=how)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def halved(grey: Grey) -> Grey:
    """Return a picture half as wide and high."""
    size = (grey.shape[1] // 2, grey.shape[0] // 2)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def known_in(ignore_mask: Mask | None, shape: tuple[int, ...]) -> Known:
    """Return where nothing of a mask falls on a smaller picture, with a margin."""
    if ignore_mask is None or not ignore_mask.any():
        return np.ones(shape, np.bool_)
    size = (shape[1], shape[0])
    ignored = cv2.resize(ignore_mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    wide = cv2.dilate(ignored.astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(wide == 0)


def _guess(focal: float, aspect: float) -> Lens:
    return Lens(fx=focal, fy=focal * aspect)
