"""The view of a bay from correspondences: a pinhole with one term of distortion, fitted robustly.

Frames of reference: the bay's, x right, y up, from its bottom left, in mm; what stands a little
behind its front plane has a depth in mm. The picture's, px, (0, 0) its top left corner.

A view has eight parameters: the camera's turn (3) and place (3), its focal length, and the
distortion. The picture's middle is the principal point and pixels are square, as in cameras that
nobody has cropped; with a measured lens, focal length and distortion are its own. Eight are
fewer than the nine of a free homography with distortion, and three have a usual size (`_prior`), so
that half a bay behind a shopper is not bent to fit the noise of the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import CalibrationError
from calibration.lens import Lens, Points
from calibration.view import BayView

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

USUAL_FOCAL = 0.75
"""The usual focal length, in units of the picture's longer side (67 degrees across): lenses of
4 to 6 mm before a sensor of 1/2.8 inch, and the main camera of a telephone."""

FOCAL_SPREAD = 0.35
"""Standard deviation of the logarithm of the focal length."""

DISTORTION_SPREAD = 0.05
"""Standard deviation of the distortion, as radial displacement at the picture's corner."""

ROLL_SPREAD_DEG = 4.0

TUNING = 1.5
"""Residuals beyond so many standard deviations count as one so large (Huber)."""

LEAST_SIGMA_PX = 0.3
SHARED = 2.0
"""How many times larger a variance is than if groups erred independently; measured on simulated
views, where errors at the corners were 1.45 times what independence says."""

STEPS = 25
FOLDS = 5
MIN_MARKS = 4
_STEP = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Places on the bay and where they are seen.

    ``rects_mm`` (n,4) are left, bottom, right, top on the bay, ``boxes_px`` (n,4) the boxes x1,
    y1, x2, y2 around them in the picture; a point is a rectangle without size. ``weights`` (n,4)
    are for the boxes' sides, 1 for a usual one, 0 for one that was not seen. ``depth_mm`` is how
    far they stand behind the front plane. Marks of one ``group`` (n,) err together.
    """

    rects_mm: Floats
    boxes_px: Floats
    weights: Floats
    groups: Ints
    depth_mm: float = 0.0

    @classmethod
    def points(cls, points_mm: Points, points_px: Points) -> Marks:
        """Return marks that are points (n,2)."""
        mm, px = np.asarray(points_mm, float), np.asarray(points_px, float)
        weights = np.full((len(mm), 4), np.sqrt(0.5))
        return cls(np.hstack([mm, mm]), np.hstack([px, px]), weights, np.arange(len(mm)))

    def only(self, chosen: NDArray[np.bool_]) -> Marks:
        """Return the chosen marks (n,)."""
        return replace(
            self,
            rects_mm=self.rects_mm[chosen],
            boxes_px=self.boxes_px[chosen],
            weights=self.weights[chosen],
            groups=self.groups[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class ViewFit:
    """A fitted view.

    ``params`` (8,) are turn (Rodrigues), place (units of `scale_mm`), logarithm of the focal
    length (longer sides) and distortion at the corner; ``covariance`` (8,8) is theirs.
    ``sigma_px`` is the usual residual of a box's side, ``error_px`` and ``error_mm`` the median
    distance of marks from where a fit without their group puts them (held out).
    """

    params: Floats
    covariance: Floats
    size_px: tuple[int, int]
    origin_mm: tuple[float, float]
    scale_mm: float
    lens: Lens | None
    sigma_px: float
    error_px: float = float("nan")
    error_mm: float = float("nan")

    def view(self) -> BayView:
        """Return the fitted view."""
        return BayView(self.bay_from_image, self.fitted_lens, self.size_px)

    @property
    def fitted_lens(self) -> Lens:
        """The lens that was given, or one with the fitted focal length and distortion."""
        return _lens(self.params, self.size_px) if self.lens is None else self.lens

    @property
    def bay_from_image(self) -> Floats:
        """The homography of `BayView` (3,3), normalised image to mm."""
        lens = self.fitted_lens
        turn, _ = cv2.Rodrigues(self.params[:3])
        columns = np.column_stack([turn[:, 0], turn[:, 1], self.params[3:6]])
        camera = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
        scaled = np.array(
            [
                [1 / self.scale_mm, 0, -self.origin_mm[0] / self.scale_mm],
                [0, 1 / self.scale_mm, -self.origin_mm[1] / self.scale_mm],
                [0, 0, 1],
            ]
        )
        return np.asarray(np.linalg.inv(camera @ columns @ scaled), dtype=np.float64)

    @property
    def angle_deg(self) -> float:
        """The angle between the bay's normal and the line from its middle to the camera."""
        turn, _ = cv2.Rodrigues(self.params[:3])
        camera = -turn.T @ self.params[3:6]
        return float(np.degrees(np.arccos(abs(camera[2]) / np.linalg.norm(camera))))

    def uncertainty_px(self, points_mm: Points) -> Floats:
        """Return one standard deviation (n,) of where points on the bay are seen, in px."""
        points = np.asarray(points_mm, dtype=np.float64)
        seen = _project(self, self.params, points, 0.0)
        slopes = np.stack(
            [
                (_project(self, self.params + step, points, 0.0) - seen) / _STEP
                for step in np.eye(len(self.params)) * _STEP
            ],
            axis=-1,
        )
        spread = np.einsum("nij,jk,nik->n", slopes, self.covariance, slopes)
        return np.asarray(np.sqrt(np.maximum(spread, 0.0)))

    def uncertainty_mm(self, points_mm: Points) -> Floats:
        """Return one standard deviation (n,) of points on the bay, in mm."""
        points = np.asarray(points_mm, dtype=np.float64)
        return np.asarray(self.uncertainty_px(points) / _px_per_mm(self, points, 0.0))


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
    params, sigma, covariance = _solve(frame, marks, first, distortion)
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
    mm = px / _px_per_mm(fitted, feet, marks.depth_mm)
    good = np.isfinite(px)
    if not good.any():
        raise CalibrationError("no mark lies in the view")
    return replace(fitted, error_px=float(np.median(px[good])), error_mm=float(np.median(mm[good])))


def _lens(params: Floats, size_px: tuple[int, int]) -> Lens:
    width, height = size_px
    focal_px = float(np.exp(params[6])) * max(size_px)
    corner = np.hypot(width, height) / 2 / focal_px
    return Lens(
        fx=focal_px / width, fy=focal_px / height, k1=round(float(params[7] / corner**2), 9)
    )


def _project(frame: ViewFit, params: Floats, points_mm: Floats, depth_mm: float) -> Floats:
    """Return the px (n,2) of points ``depth_mm`` behind the bay's plane."""
    width, height = frame.size_px
    turn, _ = cv2.Rodrigues(params[:3])
    places = (points_mm - frame.origin_mm) / frame.scale_mm
    seen = places @ turn[:, :2].T + params[3:6] - turn[:, 2] * (depth_mm / frame.scale_mm)
    rays = seen[:, :2] / np.maximum(seen[:, 2:], 1e-6)
    if frame.lens is not None:
        lens = frame.lens
        ideal = rays * (lens.fx, lens.fy) + (lens.cx, lens.cy)
        return np.nan_to_num(lens.distort(ideal) * frame.size_px, nan=1e5)
    focal_px = np.exp(params[6]) * max(frame.size_px)
    corner_squared = (width**2 + height**2) / 4 / focal_px**2
    radial = 1 + params[7] * np.square(rays).sum(axis=1, keepdims=True) / corner_squared
    return np.asarray(rays * radial * focal_px + (width / 2, height / 2))


def _sides(frame: ViewFit, params: Floats, marks: Marks) -> Floats:
    """Return the boxes (n,4) in px that the marks should have."""
    left, bottom, right, top = marks.rects_mm.T
    corners = np.concatenate(
        [
            np.column_stack(pair)
            for pair in ((left, bottom), (right, bottom), (right, top), (left, top))
        ]
    )
    seen = _project(frame, params, corners, marks.depth_mm).reshape(4, -1, 2)
    return np.column_stack([seen.min(axis=0), seen.max(axis=0)])


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


def _residuals(frame: ViewFit, params: Floats, marks: Marks) -> Floats:
    return np.asarray(((_sides(frame, params, marks) - marks.boxes_px) * marks.weights).ravel())


def _prior(params: Floats, distortion: tuple[float, float]) -> Floats:
    """What is known before any mark, in standard deviations: focal length, distortion, roll."""
    turn, _ = cv2.Rodrigues(params[:3])
    roll = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return np.array(
        [
            (params[6] - np.log(USUAL_FOCAL)) / FOCAL_SPREAD,
            (params[7] - distortion[0]) / distortion[1],
            roll / ROLL_SPREAD_DEG,
        ]
    )


def _solve(
    frame: ViewFit, marks: Marks, params: Floats, distortion: tuple[float, float]
) -> tuple[Floats, float, Floats]:
    """Levenberg-Marquardt on Huber's loss; the scale is estimated anew at each step."""
    count = max(1, int((marks.weights > 0).sum()))
    damping = 1e-3
    used = marks.weights.ravel() > 0

    def cost(params: Floats, sigma: float) -> float:
        off = np.abs(_residuals(frame, params, marks)) / sigma
        loss = np.where(off < TUNING, off**2, 2 * TUNING * off - TUNING**2)
        return float(loss.sum() + np.square(_prior(params, distortion)).sum())

    sigma = LEAST_SIGMA_PX
    inverse: Floats = np.eye(8)
    for _ in range(STEPS):
        off = _residuals(frame, params, marks)
        sigma = max(LEAST_SIGMA_PX, 1.4826 * float(np.median(np.abs(off[used]))))
        slopes = np.stack(
            [(_residuals(frame, params + step, marks) - off) / _STEP for step in np.eye(8) * _STEP],
            axis=1,
        )
        prior = _prior(params, distortion)
        prior_slopes = np.stack(
            [(_prior(params + step, distortion) - prior) / _STEP for step in np.eye(8) * _STEP],
            axis=1,
        )
        trust = np.minimum(1.0, TUNING * sigma / np.maximum(np.abs(off), 1e-12)) / sigma**2
        normal = slopes.T @ (slopes * trust[:, None]) + prior_slopes.T @ prior_slopes
        pull = slopes.T @ (trust * off) + prior_slopes.T @ prior
        before = cost(params, sigma)
        moved = False
        for _ in range(8):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -pull)
            after = cost(params + step, sigma)
            if after < before:
                params, moved = params + step, True
                damping = max(damping / 5, 1e-9)
                break
            damping *= 6
        inverse = np.asarray(np.linalg.inv(normal + 1e-12 * np.eye(8)), dtype=np.float64)
        if not moved or before - after < 1e-4 * before:
            break
    # The sides of one group err together, and groups of a shelf do: so many fewer are independent.
    together = SHARED * count / max(1.0, 2.0 * len(np.unique(marks.groups)))
    return params, sigma, np.asarray(inverse * max(1.0, together))


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
        params, _, _ = _solve(fitted, kept, fitted.params, distortion)
        px, mm = _errors(replace(fitted, params=params), left)
        errors_px.append(px)
        errors_mm.append(mm)
    if not errors_px:
        return float("nan"), float("nan")
    return float(np.median(np.concatenate(errors_px))), float(np.median(np.concatenate(errors_mm)))


def _errors(fitted: ViewFit, marks: Marks) -> tuple[Floats, Floats]:
    """How far the middles of the marks' feet are from where they should be (n,), px and mm."""
    boxes = _sides(fitted, fitted.params, marks)
    seen, wanted = (
        np.column_stack([(b[:, 0] + b[:, 2]) / 2, b[:, 3]]) for b in (marks.boxes_px, boxes)
    )
    px = np.linalg.norm(seen - wanted, axis=1)
    middles = np.column_stack(
        [(marks.rects_mm[:, 0] + marks.rects_mm[:, 2]) / 2, marks.rects_mm[:, 1]]
    )
    return px, px / _px_per_mm(fitted, middles, marks.depth_mm)


def _px_per_mm(frame: ViewFit, points_mm: Floats, depth_mm: float) -> Floats:
    """The scale (n,) at points: the square root of pixels per mm^2."""
    at = _project(frame, frame.params, points_mm, depth_mm)
    right = _project(frame, frame.params, points_mm + np.array([1.0, 0.0]), depth_mm) - at
    up = _project(frame, frame.params, points_mm + np.array([0.0, 1.0]), depth_mm) - at
    area = np.abs(right[:, 0] * up[:, 1] - right[:, 1] * up[:, 0])
    return np.asarray(np.sqrt(np.maximum(area, 1e-12)))


def joint_distortion(fits: Sequence[ViewFit]) -> tuple[float, float]:
    """Return the distortion that several bays of one picture agree on, with its deviation."""
    precision = np.array([1 / max(fit.covariance[7, 7], 1e-12) for fit in fits])
    values = np.array([fit.params[7] for fit in fits])
    return float((values * precision).sum() / precision.sum()), float(precision.sum() ** -0.5)
