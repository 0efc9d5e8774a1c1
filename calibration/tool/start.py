"""How the work on a camera begins: its picture, and rectangles where nothing was found."""

from __future__ import annotations

from calibration.calibration_file import (
    BayCalibration,
    Calibration,
    CalibrationError,
    PictureSize,
)
from calibration.edit import bay_from_corners, rows_of
from calibration.median import median_picture
from calibration.rectify import ImageBgr
from calibration.tool.site import Camera, CameraPlace
from shelf.errors import ShelfwatchError

BY_HAND_SHARE = 0.15
"""A bay that was not found begins as a rectangle so far from the picture's edges."""

FOR_MEDIAN = 3
"""Fewer pictures have no middle that leaves out who walks by."""


class BenchError(ShelfwatchError):
    """Something that cannot be done now, in words for the installer."""

    exit_code = 1


def still(camera: Camera) -> ImageBgr:
    """Return the camera's picture without who walks by: the median of the last ones.

    Raises `BenchError` when it gives none.
    """
    sight = camera.sight()
    if sight.image_bgr is None:
        raise BenchError(f"No picture of the camera: {sight.fault or 'it is being started'}")
    if sight.fault:
        raise BenchError(f"The camera gives no new pictures: {sight.fault}")
    pictures = camera.recent() or [sight.image_bgr]
    if len(pictures) < FOR_MEDIAN:
        return pictures[-1]
    return median_picture(pictures)


def fits(calibration: Calibration, picture: ImageBgr) -> bool:
    """True when the picture can be one that was calibrated."""
    try:
        calibration.check_picture((picture.shape[1], picture.shape[0]))
    except CalibrationError:
        return False
    return True


def placed_by_hand(place: CameraPlace, picture: ImageBgr, start: Calibration | None) -> Calibration:
    """Return a rectangle for each bay, side by side, or where it was in ``start``."""
    height, width = picture.shape[:2]
    lens = start.lens if start else None
    entries = []
    for index, number in enumerate(place.bays):
        if start is not None and number in start.bay_numbers:
            entries.append(start.of_bay(number))
            continue
        corners = _rectangle(index, len(place.bays), width, height)
        matrix = bay_from_corners(place.planogram.bay(number), corners, lens, (width, height))
        entries.append(BayCalibration(bay=number, bay_from_image=rows_of(matrix)))
    return Calibration(
        camera=place.id,
        version="draft",
        picture=PictureSize(width_px=width, height_px=height),
        lens=lens,
        bays=tuple(entries),
    )


def _rectangle(index: int, count: int, width: int, height: int) -> list[tuple[float, float]]:
    """Return the corners of one of ``count`` rectangles beside each other in the picture."""
    room = 1.0 - 2 * BY_HAND_SHARE
    left = (BY_HAND_SHARE + room * index / count) * width
    right = (BY_HAND_SHARE + room * (index + 0.95) / count) * width
    top, bottom = BY_HAND_SHARE * height, (1.0 - BY_HAND_SHARE) * height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
