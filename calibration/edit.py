"""What a person changes on a proposal: corners, boards and borders. Pure functions.

Each takes a bay's entry and the bay as planned, and returns a new entry. Corners run from the
top left clockwise and belong to the rectangle that `outline_mm` gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.calibration_file import BayCalibration
from calibration.lens import Lens, Points
from shelf import Bay, SlotId


class Side(StrEnum):
    """A slot's border."""

    LEFT = "left"
    RIGHT = "right"


def outline_mm(bay: Bay) -> Points:
    """Return the corners (4,2) of a bay in mm, from the top left clockwise."""
    width, height = bay.width_mm, bay.height_mm
    return np.array([[0.0, height], [width, height], [width, 0.0], [0.0, 0.0]])


def corners_px(
    entry: BayCalibration, bay: Bay, lens: Lens | None, size_px: tuple[int, int]
) -> Points:
    """Return the bay's corners (4,2) in the picture; they may lie outside of it."""
    raise NotImplementedError


def bay_from_corners(
    bay: Bay, corners: ArrayLike, lens: Lens | None, size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Return ``bay_from_image`` (3,3) for corners (4,2) in px, from the top left clockwise.

    Raises `CalibrationError` in words when they cross, lie on a line, are turned over, or are
    too close.
    """
    raise NotImplementedError


def with_corners(
    entry: BayCalibration,
    bay: Bay,
    corners: ArrayLike,
    lens: Lens | None,
    size_px: tuple[int, int],
) -> BayCalibration:
    """Return ``entry`` with the bay's corners at ``corners`` (4,2) px; see `bay_from_corners`."""
    raise NotImplementedError


def with_board(entry: BayCalibration, bay: Bay, shelf: int, y_mm: float) -> BayCalibration:
    """Return ``entry`` with a shelf's board at ``y_mm``; it stays between its neighbours.

    Raises `CalibrationError` for a shelf that is not planned.
    """
    raise NotImplementedError


def with_border(
    entry: BayCalibration, bay: Bay, slot: SlotId, side: Side, x_mm: float
) -> BayCalibration:
    """Return ``entry`` with one border of a slot at ``x_mm``.

    A neighbour that touches this border, or that it would run into, moves its own along; a slot
    keeps at least `MIN_SLOT_MM` per facing. Raises `CalibrationError` for an unknown slot.
    """
    raise NotImplementedError


def snapped(value: float, edges: Iterable[float], reach: float) -> float:
    """Return the nearest of ``edges`` within ``reach`` of ``value``, or ``value`` itself."""
    near = min(edges, key=lambda edge: abs(edge - value), default=value)
    return near if abs(near - value) <= reach else value


MIN_SLOT_MM = 10.0
