"""Read picture files, and cut what is no picture of a product."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import PictureError

#: File names that OpenCV reads and that stores send.
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

#: JPEG has no transparency; its content need not be decoded twice.
JPEG_MAGIC = b"\xff\xd8"


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture file as BGR uint8 (H, W, 3); transparent parts become white.

    Raises :class:`~detector.errors.PictureError` when it is missing or not a picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: expected a picture, found {error.strerror}") from error
    try:
        return decode_picture(content)
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


def decode_picture(content: bytes) -> NDArray[np.uint8]:
    """A picture file's content as :func:`read_picture` gives it."""
    encoded = np.frombuffer(content, dtype=np.uint8)
    # Orientation tags are honoured for three channels only; a fourth needs the other flag.
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    if image is None:
        raise PictureError("expected a picture (JPEG, PNG, WebP...), found something else")
    if not content.startswith(JPEG_MAGIC):
        raw = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        if raw is not None and raw.ndim == 3 and raw.shape[2] == 4 and raw.dtype == np.uint8:
            opacity = raw[..., 3:].astype(np.float32) / 255
            image = (raw[..., :3] * opacity + 255 * (1 - opacity)).round().astype(np.uint8)
    return np.asarray(image, dtype=np.uint8)


def trim_uniform_border(
    image_bgr: NDArray[np.uint8], tolerance: int = 12, min_left: float = 0.1
) -> NDArray[np.uint8]:
    """The picture without margins of one colour (packshots on white); a view.

    ``tolerance``: largest difference per channel from the corners' colour. Nothing is cut when
    the corners differ from one another or when less than ``min_left`` of a side would be left.
    """
    corners = image_bgr[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int16)
    if np.ptp(corners, axis=0).max() > tolerance:
        return image_bgr
    colour = np.median(corners, axis=0)
    inside = (np.abs(image_bgr.astype(np.int16) - colour) > tolerance).any(axis=2)
    # A few stray pixels (compression rings) must not keep a margin.
    rows = np.flatnonzero(inside.mean(axis=1) > 0.01)
    columns = np.flatnonzero(inside.mean(axis=0) > 0.01)
    height, width = inside.shape
    if len(rows) == 0 or len(columns) == 0:
        return image_bgr
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if bottom - top < min_left * height or right - left < min_left * width:
        return image_bgr
    return image_bgr[top:bottom, left:right]
