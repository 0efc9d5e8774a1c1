"""One bay as one camera sees it: points in the picture and on the bay's front plane.

Pixel coordinates are continuous: (0, 0) is the picture's top left corner, the centre of its
first pixel is (0.5, 0.5), and its bottom right corner is (width_px, height_px).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lens import Lens, Points
from calibration.rectify import Rectifier

RectMm = tuple[float, float, float, float]
"""Left, bottom, right, top on a bay's front plane in mm (x right, y up)."""

_GRID = 24


class BayView:
    """The map between a picture of ``size_px`` and the front plane of one bay.

    ``bay_from_image`` is a (3, 3) homography from undistorted normalised image coordinates to
    mm; ``size_px`` is (width, height).
    """

    def __init__(
        self, bay_from_image: NDArray[np.float64], lens: Lens | None, size_px: tuple[int, int]
    ) -> None:
        # Scaled so that the determinant is -1; then the third coordinate is positive exactly
        # for what lies in front of the camera.
        matrix = np.asarray(bay_from_image, dtype=np.float64)
        self._bay_from_ideal: NDArray[np.float64] = matrix / -np.cbrt(np.linalg.det(matrix))
        self._ideal_from_bay = np.linalg.inv(self._bay_from_ideal)
        self.lens = lens
        self.size_px = size_px

    @property
    def homography(self) -> NDArray[np.float64]:
        """The (3, 3) homography from undistorted normalised image coordinates to mm."""
        return self._bay_from_ideal

    def bay_from_image(self, points_px: ArrayLike) -> Points:
        """Return the mm on the bay's plane of points (n, 2) in the picture.

        NaN for a point that does not see the plane (at or above its horizon).
        """
        points_uv = _points(points_px) / self.size_px
        if self.lens is not None:
            points_uv = self.lens.undistort(points_uv)
        return _transformed(self._bay_from_ideal, points_uv)

    def image_from_bay(self, points_mm: ArrayLike) -> Points:
        """Return the pixels of points (n, 2) in mm on the bay's plane.

        They may lie outside the picture; NaN for a point behind the camera or so far outside
        that the lens model says nothing of it.
        """
        points_uv = _transformed(self._ideal_from_bay, _points(points_mm))
        if self.lens is not None:
            points_uv = self.lens.distort(points_uv)
        return points_uv * self.size_px

    def is_in_picture(self, points_px: ArrayLike) -> NDArray[np.bool_]:
        """Return which points (n, 2) lie inside the picture; false for NaN."""
        points = _points(points_px)
        inside: NDArray[np.bool_] = np.all((points >= 0) & (points <= self.size_px), axis=1)
        return inside

    def visible_share(self, rect_mm: RectMm) -> float:
        """Return the share (0..1) of a rectangle's area on the bay that is in the picture."""
        inside = self.is_in_picture(self.image_from_bay(_grid(rect_mm)))
        return float(inside.mean())

    def image_box(self, rect_mm: RectMm) -> tuple[float, float, float, float] | None:
        """Return the box x1, y1, x2, y2 in pixels around what is visible of ``rect_mm``.

        None when nothing of it is in the picture.
        """
        left, bottom, right, top = rect_mm
        along = np.linspace(0.0, 1.0, _GRID + 1)
        x = left + (right - left) * along
        y = bottom + (top - bottom) * along
        mesh = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        points = self.image_from_bay(mesh)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return None
        x1, y1 = np.maximum(points.min(axis=0), 0.0)
        x2, y2 = np.minimum(points.max(axis=0), self.size_px)
        if x2 <= x1 or y2 <= y1:
            return None
        return float(x1), float(y1), float(x2), float(y2)

    def px_per_mm(self, rect_mm: RectMm) -> float:
        """Return the median scale of the picture over the visible part of ``rect_mm``.

        It is the square root of pixels per mm^2, so foreshortening counts; 0 when nothing is
        visible.
        """
        scales = self._scales(rect_mm)
        return float(np.median(scales)) if len(scales) else 0.0

    def rectifier(
        self, width_mm: float, height_mm: float, margin_mm: float, px_per_mm: float
    ) -> Rectifier:
        """Return the warp of this view to a frontal picture of a bay of this size.

        The frontal picture shows ``margin_mm`` more on every side. Raises ``ValueError`` for
        sizes that give no picture or one of more than ``rectify.LARGEST_PX`` pixels.
        """
        return Rectifier(self, width_mm, height_mm, margin_mm, px_per_mm)

    def _scales(self, rect_mm: RectMm) -> NDArray[np.float64]:
        points_mm = _grid(rect_mm)
        at = self.image_from_bay(points_mm)
        right = self.image_from_bay(points_mm + np.array([1.0, 0.0])) - at
        up = self.image_from_bay(points_mm + np.array([0.0, 1.0])) - at
        area = np.abs(right[:, 0] * up[:, 1] - right[:, 1] * up[:, 0])
        scales: NDArray[np.float64] = np.sqrt(area[self.is_in_picture(at) & np.isfinite(area)])
        return scales


def _grid(rect_mm: RectMm) -> Points:
    """Return the centres of `_GRID` x `_GRID` cells of a rectangle, (n, 2)."""
    left, bottom, right, top = rect_mm
    centres = (np.arange(_GRID) + 0.5) / _GRID
    x = left + (right - left) * centres
    y = bottom + (top - bottom) * centres
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _points(points: ArrayLike) -> Points:
    array = np.asarray(points, dtype=np.float64)
    if array.size == 0:
        return array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"expected points of shape (n, 2), got {array.shape}")
    return array


def _transformed(matrix: NDArray[np.float64], points: Points) -> Points:
    """Apply a (3, 3) homography to (n, 2) points; NaN where the third coordinate is not > 0."""
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    depth = homogeneous[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(depth > 0, homogeneous[:, :2] / depth, np.nan)
