"""What most pictures of one camera show: without who walks by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.rectify import ImageBgr
from shelf import PictureError

MEDIAN_OF = 9
"""More pictures than this add nothing to their median."""


def median_picture(pictures_bgr: Sequence[ImageBgr]) -> ImageBgr:
    """Return what most of the pictures of one camera show at each pixel.

    Raises `shelf.PictureError` for no picture, or pictures of several sizes.
    """
    if not len(pictures_bgr):
        raise PictureError("expected a picture, found none")
    if len(pictures_bgr) == 1:
        return pictures_bgr[0]
    sizes = {picture.shape for picture in pictures_bgr}
    if len(sizes) > 1:
        found = ", ".join(f"{width}x{height}" for height, width, _ in sorted(sizes))
        raise PictureError(f"expected pictures of one size, found {found} px")
    chosen = np.linspace(0, len(pictures_bgr) - 1, min(MEDIAN_OF, len(pictures_bgr))).round()
    stack = np.stack([pictures_bgr[int(k)] for k in chosen])
    # Of an even number the lower middle one: a mean of two is what no picture shows.
    middle = (len(stack) - 1) // 2
    return np.asarray(np.partition(stack, middle, axis=0)[middle])
