"""The view of a bay from the facings that stand in it: pair, fit, pair again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, CalibrationError, Lens
from calibration.calibration_file import Board
from calibration.fit import DISTORTION_SPREAD, fit_of_view, fit_view
from calibration.fit_model import Marks, ViewFit
from edge_agent.match import BayReading, Observed, read_bay
from edge_agent.match.planned import PlannedBay, PlannedFacing, levels_of
from shelf import Bay

Floats = NDArray[np.float64]

SETBACK_MM = 12.0
"""How far the fronts of facings usually stand behind the shelf's edge."""

FOOT_MM = 5.0
"""How much of a facing's foot the lip of its price rail usually hides."""

ROUNDS = 4
BOARD_ROUNDS = 2
TOUCH_WIDTHS = 0.12
"""A facing whose neighbour is nearer than this share of its width shows nothing of its side."""

FREE_SIDE_WEIGHT = 0.35
TOP_WEIGHT = 0.4
"""From above one sees the top of what has room above it."""

EDGE_PX = 3.0
"""Boxes that end so near the picture's edge are cut off there."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A bay's view with what was paired in it: ``facings[k]`` is answered by ``seen[k]``."""

    bay: Bay
    fit: ViewFit
    reading: BayReading
    facings: tuple[PlannedFacing, ...]
    seen: NDArray[np.int64]
    boards: tuple[Board, ...] = ()


def with_free_boards(
    observed: Observed, bay: Bay, start: BayView, *, lens: Lens | None = None
) -> Fitted:
    """Return `fit_bay` with the boards whose heights the planogram does not give where they are.

    They follow from the feet of the facings; where all are given it is `fit_bay`.
    """
    fitted = fit_bay(observed, bay, start, lens=lens)
    if all(shelf.y_is_given for shelf in bay.shelves):
        return fitted
    boards: dict[int, Board] = {}
    for _ in range(BOARD_ROUNDS):
        for shelf, y_mm in _heights_seen(observed, fitted).items():
            planned = next(one.y_mm for one in bay.shelves if one.number == shelf)
            boards[shelf] = Board(shelf=shelf, planned_y_mm=round(planned, 3), y_mm=round(y_mm, 2))
        moved = replace(
            bay,
            shelves=tuple(
                replace(one, y_mm=boards[one.number].y_mm) if one.number in boards else one
                for one in bay.shelves
            ),
        )
        fitted = fit_bay(observed, moved, fitted.fit.view(), lens=lens)
    return replace(fitted, boards=tuple(boards[number] for number in sorted(boards)))


def fitted_at(observed: Observed, bay: Bay, view: BayView) -> Fitted:
    """Return what is paired in a view that is given; its errors are those of all that is paired.

    Raises `CalibrationError` when next to nothing is.
    """
    reading = read_view(observed, bay, view)
    planned = [facing for level in levels_of(bay) for facing in level.facings]
    facings = tuple(planned[k] for k in reading.paired[:, 0])
    seen = reading.paired[:, 1]
    marks = marks_of(observed, facings, seen)
    return Fitted(bay, fit_of_view(marks, view), reading, facings, seen)


def _heights_seen(observed: Observed, fitted: Fitted) -> dict[int, float]:
    """Where the feet of each shelf's facings stand on the bay, by shelf, in mm."""
    boxes = observed.facings_xyxy_px[fitted.seen]
    feet = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]])
    heights = fitted.fit.view().bay_from_image(feet)[:, 1] - FOOT_MM
    planned = {shelf.number: shelf.y_mm for shelf in fitted.bay.shelves}
    off: dict[int, list[float]] = {}
    for facing, height in zip(fitted.facings, heights, strict=True):
        if np.isfinite(height):
            off.setdefault(facing.slot.shelf, []).append(float(height) - facing.bottom)
    return {shelf: planned[shelf] + float(np.median(each)) for shelf, each in off.items()}


def fit_bay(
    observed: Observed,
    bay: Bay,
    start: BayView,
    *,
    lens: Lens | None = None,
    distortion: tuple[float, float] = (0.0, DISTORTION_SPREAD),
    rounds: int = ROUNDS,
    hold_out: bool = True,
) -> Fitted:
    """Return the view that fits the facings, from one that is roughly right.

    Raises `CalibrationError` when too few facings answer planned ones.
    """
    planned = [facing for level in levels_of(bay) for facing in level.facings]
    view, before = start, -1
    for turn in range(rounds):
        reading = read_view(observed, bay, view)
        facings = tuple(planned[k] for k in reading.paired[:, 0])
        seen = reading.paired[:, 1]
        last = turn == rounds - 1 or len(seen) == before
        fit = fit_view(
            marks_of(observed, facings, seen),
            observed.size_px,
            view,
            lens=lens,
            distortion=distortion,
            hold_out=last and hold_out,
        )
        view = fit.view()
        if last:
            break
        before = len(seen)
    return Fitted(bay, fit, reading, facings, seen)


def read_view(observed: Observed, bay: Bay, view: BayView) -> BayReading:
    """Return the reading of ``bay`` as ``view`` sees it, straight from the camera's picture."""

    def bay_points(points: Floats) -> Floats:
        return np.nan_to_num(view.bay_from_image(points), nan=-1e6)

    def image_points(points: Floats) -> Floats:
        return np.nan_to_num(view.image_from_bay(points), nan=-1e6)

    return read_bay(observed, PlannedBay(bay), bay_points, image_points, lambda _box: 1.0)


def marks_of(
    observed: Observed, facings: tuple[PlannedFacing, ...], seen: NDArray[np.int64]
) -> Marks:
    """Return planned facings and the boxes that answer them as marks, slot by slot a group."""
    if not len(seen):
        raise CalibrationError("no facing in the picture answers a planned one")
    left = np.array([facing.left for facing in facings])
    bottom = np.array([facing.bottom for facing in facings])
    right = left + np.array([facing.width for facing in facings])
    top = bottom + np.array([facing.height for facing in facings])
    boxes = observed.facings_xyxy_px[seen]
    numbers: dict[object, int] = {}
    groups = np.array([numbers.setdefault(facing.slot, len(numbers)) for facing in facings])
    return Marks(
        np.column_stack([left, bottom + FOOT_MM, right, top]),
        boxes,
        _weights(boxes, observed.facings_xyxy_px, observed.size_px),
        groups,
        SETBACK_MM,
    )


def _weights(boxes: Floats, others: Floats, size_px: tuple[int, int]) -> Floats:
    """How much each side (n,4) says: less where a package's own side or top may show."""
    weights = np.ones((len(boxes), 4))
    width = boxes[:, 2] - boxes[:, 0]
    overlap = np.minimum(boxes[:, None, 3], others[None, :, 3]) - np.maximum(
        boxes[:, None, 1], others[None, :, 1]
    )
    beside = overlap > 0.4 * (boxes[:, 3] - boxes[:, 1])[:, None]
    reach = (TOUCH_WIDTHS * width)[:, None]
    touches_left = (np.abs(boxes[:, None, 0] - others[None, :, 2]) < reach) & beside
    touches_right = (np.abs(boxes[:, None, 2] - others[None, :, 0]) < reach) & beside
    weights[~touches_left.any(axis=1), 0] = FREE_SIDE_WEIGHT
    weights[~touches_right.any(axis=1), 2] = FREE_SIDE_WEIGHT
    weights[:, 1] = TOP_WEIGHT
    cut = np.column_stack([boxes[:, :2] < EDGE_PX, boxes[:, 2:] > np.array(size_px) - EDGE_PX])
    weights[cut] = 0.0
    return weights
