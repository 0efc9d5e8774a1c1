"""Pictures of flat things as a camera sees them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import BayView

GREY = 128


def seen_flat(
    flat: NDArray[np.uint8], px_per_mm: float, height_mm: float, view: BayView
) -> NDArray[np.uint8]:
    """Return what ``view`` sees of a grey picture (H,W) that lies on the plane of a bay.

    The picture's top left is the point (0, ``height_mm``) of the bay.
    """
    width, height = view.size_px
    xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    mm = view.bay_from_image(np.column_stack([xs.ravel(), ys.ravel()]))
    at = np.column_stack([mm[:, 0], height_mm - mm[:, 1]]) * px_per_mm - 0.5
    at = np.nan_to_num(at, nan=-1e4).clip(-1e4, 1e4).reshape(height, width, 2)
    smooth = cv2.GaussianBlur(flat, (0, 0), 0.8)
    grey = cv2.remap(smooth, at.astype(np.float32), None, cv2.INTER_LINEAR, borderValue=GREY)
    return cv2.cvtColor(np.asarray(grey, np.uint8), cv2.COLOR_GRAY2BGR)
