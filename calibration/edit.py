"""What a person changes on a proposal: corners, boards and borders. Pure functions.

Each takes a bay's entry and the bay as planned, and returns a new entry. Corners run from the
top left clockwise and belong to the rectangle that `outline_mm` gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.calibration_file import (
    BayCalibration,
    Board,
    CalibrationError,
    Place,
    homography_fault,
)
from calibration.lens import Lens, Points
from calibration.view import BayView
from shelf import Bay, PlannedSlot, Shelf, SlotId

MIN_SLOT_MM = 10.0
"""The least width of a facing."""

MIN_CLEAR_MM = 20.0
"""The least height between two boards."""

MIN_SIDE_PX = 24.0
"""Corners closer than this say nothing."""

TOUCH_MM = 3.0
"""Borders of two slots that are closer than this are one border."""

CORNERS = ("top left", "top right", "bottom right", "bottom left")
"""The order of a bay's corners, in words."""


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
    """Return the bay's corners (4,2) in the picture; they may lie outside of it.

    NaN for one that lies behind the camera or where the lens says nothing.
    """
    view = BayView(np.array(entry.bay_from_image), lens, size_px)
    return view.image_from_bay(outline_mm(entry.adjusted(bay)))


def bay_from_corners(
    bay: Bay, corners: ArrayLike, lens: Lens | None, size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Return ``bay_from_image`` (3,3) for corners (4,2) in px, from the top left clockwise.

    Raises `CalibrationError` in words when they cross, lie on a line, are turned over, or are
    too close.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise CalibrationError(f"corners: expected four points, found {points.tolist()}")
    _check_corners(points)
    points_uv = points / size_px
    if lens is not None:
        points_uv = lens.undistort(points_uv)
        if not np.isfinite(points_uv).all():
            raise CalibrationError(
                "corners: expected four points that the lens can see, found one too far outside "
                "the picture"
            )
    found = cv2.getPerspectiveTransform(
        points_uv.astype(np.float32), outline_mm(bay).astype(np.float32)
    )
    refined = _exact(points_uv, outline_mm(bay), np.asarray(found, dtype=np.float64))
    if fault := homography_fault(refined):
        raise CalibrationError(f"corners: expected a bay seen from its front, found one {fault}")
    return refined


def with_corners(
    entry: BayCalibration,
    bay: Bay,
    corners: ArrayLike,
    lens: Lens | None,
    size_px: tuple[int, int],
) -> BayCalibration:
    """Return ``entry`` with the bay's corners at ``corners`` (4,2) px; see `bay_from_corners`."""
    matrix = bay_from_corners(entry.adjusted(bay), corners, lens, size_px)
    return entry.model_copy(update={"bay_from_image": rows_of(matrix), **_UNSCORED})


def with_board(entry: BayCalibration, bay: Bay, shelf: int, y_mm: float) -> BayCalibration:
    """Return ``entry`` with a shelf's board at ``y_mm``; it stays between its neighbours.

    Raises `CalibrationError` for a shelf that is not planned.
    """
    now = entry.adjusted(bay)
    index = _index(now, shelf)
    low = now.shelves[index - 1].y_mm + MIN_CLEAR_MM if index else 0.0
    above = index + 1 < len(now.shelves)
    high = now.shelves[index + 1].y_mm - MIN_CLEAR_MM if above else now.height_mm - MIN_CLEAR_MM
    planned = entry.model_copy(update={"boards": (), "places": ()}).adjusted(bay)
    moved = Board(
        shelf=shelf,
        planned_y_mm=round(planned.shelves[index].y_mm, 3),
        y_mm=round(float(np.clip(y_mm, low, max(low, high))), 2),
    )
    others = tuple(board for board in entry.boards if board.shelf != shelf)
    boards = tuple(sorted((*others, moved), key=lambda board: board.shelf))
    return entry.model_copy(update={"boards": boards, **_UNSCORED})


def with_border(
    entry: BayCalibration, bay: Bay, slot: SlotId, side: Side, x_mm: float
) -> BayCalibration:
    """Return ``entry`` with one border of a slot at ``x_mm``.

    A neighbour that touches this border, or that it would run into, moves its own along; a slot
    keeps at least `MIN_SLOT_MM` per facing. Raises `CalibrationError` for an unknown slot.
    """
    now = entry.adjusted(bay)
    row = _row_of(now.shelves[_index(now, slot.shelf)], slot)
    index = next(k for k, one in enumerate(row) if one.id == slot)
    edges = {one.id: [one.x_mm, one.x_mm + one.width_mm] for one in row}
    this, width = row[index], _least_mm(row[index])
    left, right = edges[slot]
    if side is Side.RIGHT:
        after = row[index + 1] if index + 1 < len(row) else None
        high = now.width_mm if after is None else edges[after.id][1] - _least_mm(after)
        new = float(np.clip(x_mm, left + width, max(left + width, high)))
        edges[this.id][1] = new
        if after is not None and (edges[after.id][0] < new + TOUCH_MM or _touch(this, after)):
            edges[after.id][0] = new
    else:
        before = row[index - 1] if index else None
        low = 0.0 if before is None else edges[before.id][0] + _least_mm(before)
        new = float(np.clip(x_mm, min(low, right - width), right - width))
        edges[this.id][0] = new
        if before is not None and (edges[before.id][1] > new - TOUCH_MM or _touch(before, this)):
            edges[before.id][1] = new
    changed = [one for one in row if edges[one.id] != [one.x_mm, one.x_mm + one.width_mm]]
    return _with_places(entry, changed, edges)


def snapped(value: float, edges: Iterable[float], reach: float) -> float:
    """Return the nearest of ``edges`` within ``reach`` of ``value``, or ``value`` itself."""
    near = min(edges, key=lambda edge: abs(edge - value), default=value)
    return near if abs(near - value) <= reach else value


def rows_of(
    matrix: NDArray[np.float64],
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]:
    """Return a (3,3) homography as the calibration file has it."""
    a, b, c = (
        (float(row[0]), float(row[1]), float(row[2])) for row in np.asarray(matrix, np.float64)
    )
    return a, b, c


_UNSCORED = {"score": None, "reason": "changed by hand"}


def _check_corners(points: Points) -> None:
    turns = []
    for k in range(4):
        one, two = points[(k + 1) % 4] - points[k], points[(k + 2) % 4] - points[(k + 1) % 4]
        if np.linalg.norm(one) < MIN_SIDE_PX:
            raise CalibrationError(
                f"corners: expected at least {MIN_SIDE_PX:.0f} px between them, found "
                f"{np.linalg.norm(one):.0f} px from {CORNERS[k]} to {CORNERS[(k + 1) % 4]}"
            )
        turns.append(float(one[0] * two[1] - one[1] * two[0]))
    if all(turn < 0 for turn in turns):
        raise CalibrationError(
            "corners: expected them in order from the top left clockwise, found them the other "
            "way round: left and right, or top and bottom, are swapped"
        )
    if not all(turn > 0 for turn in turns):
        crossing = min(turns) < 0 and sum(turn > 0 for turn in turns) == 2
        found = "lines that cross" if crossing else "one that lies inside or on the line of others"
        raise CalibrationError(
            f"corners: expected the four corners of a bay, found {found}; drag each to its own "
            "corner of the bay"
        )
    left, right = points[[0, 3], 0].mean(), points[[1, 2], 0].mean()
    top, bottom = points[[0, 1], 1].mean(), points[[2, 3], 1].mean()
    if left >= right or top >= bottom:
        raise CalibrationError(
            "corners: expected the top left corner first and the bay upright, found it turned"
        )


def _exact(points_uv: Points, points_mm: Points, near: NDArray[np.float64]) -> NDArray[np.float64]:
    """The homography through four pairs in float64; ``near`` fixes its sign and scale."""
    rows = []
    for (u, v), (x, y) in zip(points_uv, points_mm, strict=True):
        rows.append([u, v, 1, 0, 0, 0, -x * u, -x * v, -x])
        rows.append([0, 0, 0, u, v, 1, -y * u, -y * v, -y])
    matrix = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    scale = near[2, 2] / matrix[2, 2] if abs(matrix[2, 2]) > 1e-12 else 1.0
    return np.asarray(matrix * scale, dtype=np.float64)


def _index(bay: Bay, shelf: int) -> int:
    for index, one in enumerate(bay.shelves):
        if one.number == shelf:
            return index
    planned = ", ".join(str(one.number) for one in bay.shelves)
    raise CalibrationError(
        f"bay {bay.number}: expected one of its shelves {planned}, found {shelf}"
    )


def _row_of(shelf: Shelf, slot: SlotId) -> list[PlannedSlot]:
    """The slots that stand beside a slot, with it, from the left."""
    own = next((one for one in shelf.slots if one.id == slot), None)
    if own is None:
        raise CalibrationError(
            f"shelf {shelf.number}: expected one of its {len(shelf.slots)} slots, found {slot}"
        )
    beside = [
        one
        for one in shelf.slots
        if one.y_mm < own.y_mm + own.height_mm and own.y_mm < one.y_mm + one.height_mm
    ]
    return sorted(beside, key=lambda one: one.x_mm)


def _least_mm(slot: PlannedSlot) -> float:
    return MIN_SLOT_MM * slot.facings_wide


def _touch(left: PlannedSlot, right: PlannedSlot) -> bool:
    return abs(left.x_mm + left.width_mm - right.x_mm) < TOUCH_MM


def _with_places(
    entry: BayCalibration, slots: Iterable[PlannedSlot], edges: dict[SlotId, list[float]]
) -> BayCalibration:
    places = {place.slot: place for place in entry.places}
    for slot in slots:
        left, right = edges[slot.id]
        old = places.get(str(slot.id))
        places[str(slot.id)] = Place(
            slot=str(slot.id),
            sku=slot.sku,
            facings_wide=slot.facings_wide,
            x_mm=round(left, 2),
            width_mm=round(right - left, 2),
            y_mm=None if old is None else old.y_mm,
            height_mm=None if old is None else old.height_mm,
        )
    ordered = tuple(places[name] for name in sorted(places))
    return entry.model_copy(update={"places": ordered, **_UNSCORED})
