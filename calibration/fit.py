"""The view of a bay from correspondences, fitted robustly; see `fit_model` and `fit_solve`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from calibration.calibration_file import CalibrationError
from calibration.fit_model import Floats, Marks, ViewFit, px_per_mm, sides
from calibration.fit_solve import USUAL_FOCAL, solve
from calibration.lens import Lens
from calibration.view import BayView

DISTORTION_SPREAD = 0.05
"""Standard deviation of the distortion, as radial displacement at the picture's corner."""

FOLDS = 5
MIN_MARKS = 4


def fit_view(
    marks: Marks,
    size_px: tuple[int, int],
    start: BayView,
    *,
    lens: Lens | None = None,
    distortion: tuple[float, float] = (0.0, DISTORTION_SPREAD),
    hold_out: bool = True,
) -> ViewFit:
    """Return the view that fits ``marks`` best, from a view that is roughly right.

    ``lens`` is a measured one; else ``distortion`` is what is known of it: mean and standard
    deviation at the corner. Raises `CalibrationError` for too few marks or a fit that fails.
    """
    if len(marks.rects_mm) < MIN_MARKS:
        raise CalibrationError(
            f"expected at least {MIN_MARKS} marks on the bay, found {len(marks.rects_mm)}"
        )
    low, high = marks.rects_mm[:, :2].min(axis=0), marks.rects_mm[:, 2:].max(axis=0)
    middle, extent = (low + high) / 2, float(np.max(high - low))
    if extent <= 0 or np.min(high - low) <= 0.02 * extent:
        raise CalibrationError("expected marks spread over the bay, found them on one line")
    frame = ViewFit(
        np.zeros(8),
        np.eye(8),
        size_px,
        (float(middle[0]), float(middle[1])),
        extent / 2,
        lens,
        0.0,
    )
    first = _start(frame, marks, start)
    params, sigma, covariance = solve(frame, marks, first, distortion)
    fitted = replace(frame, params=params, covariance=covariance, sigma_px=sigma)
    if not np.isfinite(params).all() or params[5] <= 0:
        raise CalibrationError("no view of the bay fits its marks")
    try:
        fitted.view()
    except ValueError as error:  # a lens that folds the picture over
        raise CalibrationError("no view of the bay fits its marks") from error
    if not hold_out:
        return fitted
    error_px, error_mm = _held_out(fitted, marks, distortion)
    return replace(fitted, error_px=error_px, error_mm=error_mm)


def fit_of_view(marks: Marks, view: BayView) -> ViewFit:
    """Return a view that is given as if it had been fitted: its errors at ``marks``.

    Raises `CalibrationError` as `fit_view` does. Its parameters are the nearest pinhole's, for
    the uncertainty only; its lens is the view's, or next to none.
    """
    lens = view.lens
    if lens is None:
        width, height = view.size_px
        longer = max(view.size_px)
        lens = Lens(fx=USUAL_FOCAL * longer / width, fy=USUAL_FOCAL * longer / height)
    fitted = fit_view(marks, view.size_px, view, lens=lens, hold_out=False)
    seen = np.column_stack(
        [(marks.boxes_px[:, 0] + marks.boxes_px[:, 2]) / 2, marks.boxes_px[:, 3]]
    )
    feet = np.column_stack(
        [(marks.rects_mm[:, 0] + marks.rects_mm[:, 2]) / 2, marks.rects_mm[:, 1]]
    )
    px = np.linalg.norm(view.image_from_bay(feet) - seen, axis=1)
    mm = px / px_per_mm(fitted, feet, marks.depth_mm)
    good = np.isfinite(px)
    if not good.any():
        raise CalibrationError("no mark lies in the view")
    return replace(fitted, error_px=float(np.median(px[good])), error_mm=float(np.median(mm[good])))


def _start(frame: ViewFit, marks: Marks, start: BayView) -> Floats:
    """Parameters near ``start``: its homography taken apart with the usual focal length."""
    width, height = frame.size_px
    focal = USUAL_FOCAL * max(frame.size_px)
    lens = frame.lens
    fx, fy = (focal / width, focal / height) if lens is None else (lens.fx, lens.fy)
    cx, cy = (0.5, 0.5) if lens is None else (lens.cx, lens.cy)
    low, high = marks.rects_mm[:, :2].min(axis=0), marks.rects_mm[:, 2:].max(axis=0)
    grid = np.stack(
        np.meshgrid(np.linspace(low[0], high[0], 5), np.linspace(low[1], high[1], 5)), axis=-1
    ).reshape(-1, 2)
    seen = start.image_from_bay(grid)
    good = np.isfinite(seen).all(axis=1)
    if good.sum() < 4:
        raise CalibrationError("the bay is not in the picture")
    rays = (seen[good] / frame.size_px - (cx, cy)) / (fx, fy)
    flat = (grid[good] - frame.origin_mm) / frame.scale_mm
    # The bay's y is up and its z towards the camera: solvePnP wants a right-handed frame.
    objects = np.column_stack([flat, np.zeros(len(flat))])
    done, turn, place = cv2.solvePnP(
        objects, rays, np.eye(3), np.zeros(5), flags=cv2.SOLVEPNP_ITERATIVE
    )
    if not done or not np.isfinite(place).all():
        raise CalibrationError("no view of the bay fits its marks")
    return np.concatenate([turn.ravel(), place.ravel(), [np.log(USUAL_FOCAL), 0.0]])


def _held_out(
    fitted: ViewFit, marks: Marks, distortion: tuple[float, float]
) -> tuple[float, float]:
    """Return the median error in px and mm of marks that the fit has not seen, fold by fold."""
    names = np.unique(marks.groups)
    folds = min(FOLDS, len(names))
    if folds < 2:
        return float("nan"), float("nan")
    fold_of = {name: k % folds for k, name in enumerate(names)}
    fold = np.array([fold_of[group] for group in marks.groups])
    errors_px: list[Floats] = []
    errors_mm: list[Floats] = []
    for k in range(folds):
        kept, left = marks.only(fold != k), marks.only(fold == k)
        if len(kept.rects_mm) < MIN_MARKS:
            continue
        params, _, _ = solve(fitted, kept, fitted.params, distortion)
        px, mm = _errors(replace(fitted, params=params), left)
        errors_px.append(px)
        errors_mm.append(mm)
    if not errors_px:
        return float("nan"), float("nan")
    return float(np.median(np.concatenate(errors_px))), float(np.median(np.concatenate(errors_mm)))


def _errors(fitted: ViewFit, marks: Marks) -> tuple[Floats, Floats]:
    """How far the middles of the marks' feet are from where they should be (n,), px and mm."""
    boxes = sides(fitted, fitted.params, marks)
    seen, wanted = (
        np.column_stack([(b[:, 0] + b[:, 2]) / 2, b[:, 3]]) for b in (marks.boxes_px, boxes)
    )
    px = np.linalg.norm(seen - wanted, axis=1)
    middles = np.column_stack(
        [(marks.rects_mm[:, 0] + marks.rects_mm[:, 2]) / 2, marks.rects_mm[:, 1]]
    )
    return px, px / px_per_mm(fitted, middles, marks.depth_mm)


def joint_distortion(fits: Sequence[ViewFit]) -> tuple[float, float]:
    """Return the distortion that several bays of one picture agree on, with its deviation."""
    precision = np.array([1 / max(fit.covariance[7, 7], 1e-12) for fit in fits])
    values = np.array([fit.params[7] for fit in fits])
    return float((values * precision).sum() / precision.sum()), float(precision.sum() ** -0.5)
