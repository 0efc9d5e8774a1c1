"""A camera's picture with its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

ImageBgr = NDArray[np.uint8]
"""A picture: uint8, shape (height, width, 3), channels blue, green, red."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One look of one camera. It never leaves the process.

    ``captured_at_utc`` is aware UTC, for records; ``monotonic_secs`` is for durations.
    """

    camera: str
    sequence: int
    captured_at_utc: datetime
    monotonic_secs: float
    image_bgr: ImageBgr
