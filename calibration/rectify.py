"""The warp of a camera's picture to a frontal picture of a bay, at a known scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lens import Points

if TYPE_CHECKING:
    from calibration.view import BayView

ImageBgr = NDArray[np.uint8]

LARGEST_PX = 64_000_000
"""The most pixels that a rectified picture may have."""

BORDER_GREY = 114
"""What shows where the camera sees nothing; the grey that detectors are padded with."""

_SHRINK_FROM = 1.5


class Rectifier:
    """Warps pictures of one camera to the front plane of one bay.

    The rectified picture has ``px_per_mm`` everywhere; its pixel (0, 0) corner is the point
    ``(-margin_mm, height_mm + margin_mm)`` of the bay, its x axis points right and its y axis
    down. Lens and homography are one table, made once: each look costs a single ``cv2.remap``
    (after an area reduction where the camera is much finer than asked, against aliasing).
    """

    def __init__(
        self,
        view: BayView,
        width_mm: float,
        height_mm: float,
        margin_mm: float,
        px_per_mm: float,
    ) -> None:
        if not (width_mm > 0 and height_mm > 0 and margin_mm >= 0 and px_per_mm > 0):
            raise ValueError(
                "expected width, height and px_per_mm above 0 and a margin of 0 or more, got "
                f"{width_mm} x {height_mm} mm, margin {margin_mm} mm, {px_per_mm} px/mm"
            )
        width_px = round((width_mm + 2 * margin_mm) * px_per_mm)
        height_px = round((height_mm + 2 * margin_mm) * px_per_mm)
        if not 0 < width_px * height_px <= LARGEST_PX:
            raise ValueError(
                f"expected a rectified picture of 1 to {LARGEST_PX} px, "
                f"got {width_px}x{height_px} px"
            )
        self.view = view
        self.size_px = (width_px, height_px)
        self.px_per_mm = px_per_mm
        self.margin_mm = margin_mm
        self._top_mm = height_mm + margin_mm
        self._reduced_px = self._reduced_size((0.0, 0.0, width_mm, height_mm))
        self._map_whole, self._map_fraction = self._tables()

    def apply(self, image_bgr: ImageBgr) -> ImageBgr:
        """Return the bay in ``image_bgr``, which must have the view's size, seen frontally.

        Raises ``ValueError`` for a picture of another size.
        """
        height_px, width_px = image_bgr.shape[:2]
        if (width_px, height_px) != self.view.size_px:
            raise ValueError(
                f"expected a picture of {self.view.size_px[0]}x{self.view.size_px[1]} px, "
                f"got {width_px}x{height_px} px"
            )
        source: cv2.typing.MatLike = image_bgr
        if self._reduced_px != self.view.size_px:
            source = cv2.resize(image_bgr, self._reduced_px, interpolation=cv2.INTER_AREA)
        warped = cv2.remap(
            source,
            self._map_whole,
            self._map_fraction,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(BORDER_GREY, BORDER_GREY, BORDER_GREY),
        )
        return np.asarray(warped, dtype=np.uint8)

    def crop(
        self, image_bgr: ImageBgr, box_xyxy_px: tuple[float, float, float, float], largest_px: int
    ) -> ImageBgr:
        """Return the part of ``image_bgr`` in a box of the rectified picture, seen frontally.

        As fine as the camera sees it, at most ``largest_px`` on the longer side and at least 1 px
        on each; grey where the camera sees nothing. The lens counts at the box's corners only.
        """
        left, top, right, bottom = box_xyxy_px
        corners = self.image_from_rectified(
            [(left, top), (right, top), (right, bottom), (left, bottom)]
        )
        if not np.isfinite(corners).all():
            return np.full((1, 1, 3), BORDER_GREY, dtype=np.uint8)
        sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
        size = np.array([max(sides[0], sides[2]), max(sides[1], sides[3])])
        width, height = np.maximum(np.round(size * min(1.0, largest_px / size.max())), 1).astype(
            int
        )
        target = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
        # warpPerspective counts from the centre of the first pixel, not from its corner.
        warp = cv2.getPerspectiveTransform((corners - 0.5).astype(np.float32), target - 0.5)
        part = cv2.warpPerspective(
            image_bgr,
            warp,
            (int(width), int(height)),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(BORDER_GREY, BORDER_GREY, BORDER_GREY),
        )
        return np.asarray(part, dtype=np.uint8)

    def bay_from_rectified(self, points_px: ArrayLike) -> Points:
        """Return the mm on the bay of points (n, 2) in the rectified picture."""
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2) / self.px_per_mm
        return points * (1.0, -1.0) + (-self.margin_mm, self._top_mm)

    def rectified_from_bay(self, points_mm: ArrayLike) -> Points:
        """Return the pixels in the rectified picture of points (n, 2) on the bay in mm."""
        points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 2)
        return (points - (-self.margin_mm, self._top_mm)) * (self.px_per_mm, -self.px_per_mm)

    def image_from_rectified(self, points_px: ArrayLike) -> Points:
        """Return where points (n, 2) of the rectified picture lie in the camera's picture."""
        return self.view.image_from_bay(self.bay_from_rectified(points_px))

    def rectified_from_image(self, points_px: ArrayLike) -> Points:
        """Return where points (n, 2) of the camera's picture lie in the rectified picture."""
        return self.rectified_from_bay(self.view.bay_from_image(points_px))

    def _reduced_size(self, rect_mm: tuple[float, float, float, float]) -> tuple[int, int]:
        width_px, height_px = self.view.size_px
        finer = self.view.px_per_mm(rect_mm) / self.px_per_mm
        if finer < _SHRINK_FROM:
            return width_px, height_px
        return max(1, round(width_px / finer)), max(1, round(height_px / finer))

    def _tables(self) -> tuple[cv2.typing.MatLike, cv2.typing.MatLike]:
        width_px, height_px = self.size_px
        tables = np.empty((height_px, width_px, 2), dtype=np.float32)
        x = np.arange(width_px) + 0.5
        scale = np.array(self._reduced_px) / self.view.size_px
        for row in range(height_px):
            points = np.stack([x, np.full(width_px, row + 0.5)], axis=1)
            # cv2.remap counts from the centre of the first pixel, not from its corner.
            seen = self.image_from_rectified(points) * scale - 0.5
            tables[row] = np.where(np.isfinite(seen), np.clip(seen, -9, self._far), -9)
        whole, fraction = cv2.convertMaps(tables[..., 0], tables[..., 1], cv2.CV_16SC2)
        return whole, fraction

    @property
    def _far(self) -> tuple[int, int]:
        return self._reduced_px[0] + 9, self._reduced_px[1] + 9
