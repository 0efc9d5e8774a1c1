"""A bay's view as a pinhole with one term of distortion, and where it sees marks.

Frames of reference: the bay's, x right, y up, from its bottom left, in mm; what stands a little
behind its front plane has a depth in mm. The picture's, px, (0, 0) its top left corner.

A view has eight parameters: the camera's turn (3) and place (3), its focal length, and the
distortion. The picture's middle is the principal point and pixels are square, as in cameras that
nobody has cropped; with a measured lens, focal length and distortion are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens, Points
from calibration.view import BayView

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP = 1e-5
"""Step of a parameter for numerical slopes."""


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
        seen = project(self, self.params, points, 0.0)
        slopes = np.stack(
            [
                (project(self, self.params + step, points, 0.0) - seen) / STEP
                for step in np.eye(len(self.params)) * STEP
            ],
            axis=-1,
        )
        spread = np.einsum("nij,jk,nik->n", slopes, self.covariance, slopes)
        return np.asarray(np.sqrt(np.maximum(spread, 0.0)))

    def uncertainty_mm(self, points_mm: Points) -> Floats:
        """Return one standard deviation (n,) of points on the bay, in mm."""
        points = np.asarray(points_mm, dtype=np.float64)
        return np.asarray(self.uncertainty_px(points) / px_per_mm(self, points, 0.0))


def _lens(params: Floats, size_px: tuple[int, int]) -> Lens:
    width, height = size_px
    focal_px = float(np.exp(params[6])) * max(size_px)
    corner = np.hypot(width, height) / 2 / focal_px
    return Lens(
        fx=focal_px / width, fy=focal_px / height, k1=round(float(params[7] / corner**2), 9)
    )


def project(frame: ViewFit, params: Floats, points_mm: Floats, depth_mm: float) -> Floats:
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


def sides(frame: ViewFit, params: Floats, marks: Marks) -> Floats:
    """Return the boxes (n,4) in px that the marks should have."""
    left, bottom, right, top = marks.rects_mm.T
    corners = np.concatenate(
        [
            np.column_stack(pair)
            for pair in ((left, bottom), (right, bottom), (right, top), (left, top))
        ]
    )
    seen = project(frame, params, corners, marks.depth_mm).reshape(4, -1, 2)
    return np.column_stack([seen.min(axis=0), seen.max(axis=0)])


def px_per_mm(frame: ViewFit, points_mm: Floats, depth_mm: float) -> Floats:
    """The scale (n,) at points: the square root of pixels per mm^2."""
    at = project(frame, frame.params, points_mm, depth_mm)
    right = project(frame, frame.params, points_mm + np.array([1.0, 0.0]), depth_mm) - at
    up = project(frame, frame.params, points_mm + np.array([0.0, 1.0]), depth_mm) - at
    area = np.abs(right[:, 0] * up[:, 1] - right[:, 1] * up[:, 0])
    return np.asarray(np.sqrt(np.maximum(area, 1e-12)))
