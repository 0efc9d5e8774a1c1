"""The camera: a pinhole with a lens, in the aisle's frame.

Frame of reference of the aisle: x to the right along the shelves' front, y up from the floor,
z out of the shelves towards the shopper, in mm; the front plane of every bay is z = 0.
Pixels follow OpenCV: the centre of the top left pixel is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_MARGIN_SHARE = 0.25
"""The canvas before the lens is at most this much larger on each side than the picture."""

_ROWS_AT_ONCE = 64
"""Rows of a lens's tables that are worked out together, in float64."""


@dataclass(frozen=True)
class Camera:
    """A fixed camera.

    ``position_mm`` and ``target_mm`` are points in the aisle's frame, ``roll_deg`` turns the
    picture, ``focal_px`` is the focal length in pixels, ``k1`` and ``k2`` are the radial terms
    of OpenCV's lens model. The principal point lies ``shift_px`` from the picture's middle:
    none for a real camera, much for a picture that has been rectified.
    """

    position_mm: tuple[float, float, float]
    target_mm: tuple[float, float, float]
    size_px: tuple[int, int]
    focal_px: float
    k1: float = 0.0
    k2: float = 0.0
    roll_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def matrix(self) -> Floats:
        """The 3x3 camera matrix of the picture."""
        width, height = self.size_px
        return np.array(
            [
                [self.focal_px, 0.0, (width - 1) / 2 + self.shift_px[0]],
                [0.0, self.focal_px, (height - 1) / 2 + self.shift_px[1]],
                [0.0, 0.0, 1.0],
            ]
        )

    @cached_property
    def lens(self) -> Floats:
        """OpenCV's distortion coefficients: k1, k2, p1, p2, k3."""
        return np.array([self.k1, self.k2, 0.0, 0.0, 0.0])

    @cached_property
    def rotation(self) -> Floats:
        """3x3: rows are the camera's right, down and forward axes in the aisle's frame."""
        forward = np.subtract(self.target_mm, self.position_mm).astype(np.float64)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        turn = radians(self.roll_deg)
        return np.stack(
            [
                cos(turn) * right + sin(turn) * down,
                cos(turn) * down - sin(turn) * right,
                forward,
            ]
        )

    @cached_property
    def front_plane(self) -> Floats:
        """3x3: from (x, y, 1) mm on the front plane to undistorted picture pixels."""
        position = np.asarray(self.position_mm, dtype=np.float64)
        columns = np.column_stack(
            [self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ position]
        )
        return self.matrix @ columns

    @cached_property
    def margin_px(self) -> tuple[int, int]:
        """How far the canvas reaches beyond the picture on each side (x, y).

        The lens pulls what lies outside the undistorted picture into its corners.
        """
        width, height = self.size_px
        xs, ys = np.linspace(0, width - 1, 33), np.linspace(0, height - 1, 33)
        border = np.concatenate(
            [
                np.column_stack([xs, np.zeros_like(xs)]),
                np.column_stack([xs, np.full_like(xs, height - 1)]),
                np.column_stack([np.zeros_like(ys), ys]),
                np.column_stack([np.full_like(ys, width - 1), ys]),
            ]
        )
        flat = self.undistort(border)
        outside = np.max(
            [-flat.min(axis=0), flat.max(axis=0) - (width - 1, height - 1), (0.0, 0.0)], axis=0
        )
        limit = np.multiply(self.size_px, MAX_MARGIN_SHARE)
        margin = np.ceil(np.minimum(outside, limit)).astype(int) + 2
        return int(margin[0]), int(margin[1])

    @property
    def canvas_size_px(self) -> tuple[int, int]:
        """Width and height of the undistorted canvas that the picture is taken from."""
        return (
            self.size_px[0] + 2 * self.margin_px[0],
            self.size_px[1] + 2 * self.margin_px[1],
        )

    def undistort(self, points_px: Floats) -> Floats:
        """Return (n,2) picture pixels where they would lie without the lens's distortion."""
        centre = self.matrix[:2, 2]
        bent = (np.asarray(points_px, dtype=np.float64).reshape(-1, 2) - centre) / self.focal_px
        target = np.linalg.norm(bent, axis=1)
        radius = target.copy()
        for _ in range(6):
            square = radius**2
            value = radius * (1 + self.k1 * square + self.k2 * square**2) - target
            slope = 1 + 3 * self.k1 * square + 5 * self.k2 * square**2
            radius -= value / np.maximum(slope, 0.1)
        factor = np.divide(radius, target, out=np.ones_like(radius), where=target > 1e-12)
        return np.asarray(bent * factor[:, None] * self.focal_px + centre, dtype=np.float64)

    def distort(self, points_px: Floats) -> Floats:
        """Return (n,2) undistorted pixels where they lie in the picture."""
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
        centre = self.matrix[:2, 2]
        normal = (points - centre) / self.focal_px
        square = (normal**2).sum(axis=1, keepdims=True)
        factor = 1 + self.k1 * square + self.k2 * square**2
        return np.asarray(normal * factor * self.focal_px + centre, dtype=np.float64)

    def flat_px(self, points_mm: Floats) -> Floats:
        """Return (n,3) points of the aisle as (n,2) undistorted picture pixels."""
        relative = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3) - self.position_mm
        seen = relative @ self.rotation.T
        depth = np.maximum(seen[:, 2:], 1.0)
        return np.asarray(
            seen[:, :2] / depth * self.focal_px + self.matrix[:2, 2], dtype=np.float64
        )

    def canvas_px(self, points_mm: Floats) -> Floats:
        """Return (n,3) points of the aisle as (n,2) pixels of the canvas."""
        return self.flat_px(points_mm) + self.margin_px

    def picture_px(self, points_mm: Floats) -> Floats:
        """Return (n,3) points of the aisle as (n,2) pixels of the picture."""
        return self.distort(self.flat_px(points_mm))

    def px_per_mm(self, point_mm: tuple[float, float, float]) -> float:
        """Return the scale at a point, across the line of sight."""
        relative = np.subtract(point_mm, self.position_mm)
        return self.focal_px / max(float(self.rotation[2] @ relative), 1.0)

    @cached_property
    def lens_map(self) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
        """OpenCV remap tables from the picture's pixels to the canvas."""
        width, height = self.size_px
        maps = np.empty((height, width, 2), np.float32)
        for top in range(0, height, _ROWS_AT_ONCE):
            part = maps[top : top + _ROWS_AT_ONCE]
            grid = np.mgrid[top : top + len(part), 0:width][::-1].reshape(2, -1).T
            part[:] = (self.undistort(grid) + self.margin_px).reshape(part.shape)
        coarse, fine = cv2.convertMaps(maps, None, cv2.CV_16SC2)  # type: ignore[call-overload]
        return np.asarray(coarse, dtype=np.int16), np.asarray(fine, dtype=np.uint16)
