"""Fit a picture into the square that a model wants, and map boxes back exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray

#: Grey that Ultralytics pads with; models trained there have learnt that it is not a shelf.
PAD_VALUE = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture of ``(width, height)`` px lies inside a model's input.

    ``scale_x`` and ``scale_y`` (input px per picture px) differ by less than a pixel over the
    whole picture, because the resized size is rounded to whole pixels; keeping both makes the
    inverse exact. ``pad_left_px`` and ``pad_top_px`` are whole pixels.
    """

    input_width_px: int
    input_height_px: int
    resized_width_px: int
    resized_height_px: int
    pad_left_px: int
    pad_top_px: int
    scale_x: float
    scale_y: float

    @classmethod
    def fit(
        cls,
        picture_size_px: tuple[int, int],
        input_size_px: tuple[int, int],
        *,
        max_scale: float = math.inf,
    ) -> Letterbox:
        """The centred letterbox; both sizes are ``(width, height)`` and at least 1 px.

        ``max_scale``: enlarge no further than this, and pad the rest.
        """
        width, height = picture_size_px
        input_width, input_height = input_size_px
        if min(width, height, input_width, input_height) < 1:
            raise ValueError(
                f"letterbox: sizes must be at least 1x1 px, got picture {width}x{height}, "
                f"input {input_width}x{input_height}"
            )
        scale = min(input_width / width, input_height / height, max_scale)
        resized_width = min(input_width, max(1, round(width * scale)))
        resized_height = min(input_height, max(1, round(height * scale)))
        return cls(
            input_width_px=input_width,
            input_height_px=input_height,
            resized_width_px=resized_width,
            resized_height_px=resized_height,
            pad_left_px=(input_width - resized_width) // 2,
            pad_top_px=(input_height - resized_height) // 2,
            scale_x=resized_width / width,
            scale_y=resized_height / height,
        )

    def apply(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture resized and padded: uint8 (input height, input width, 3), still BGR."""
        shrinking = self.scale_x < 1.0 or self.scale_y < 1.0
        size = (self.resized_width_px, self.resized_height_px)
        if (image_bgr.shape[1], image_bgr.shape[0]) == size:
            resized = image_bgr
        else:
            # Bilinear drops pixels when it shrinks by more than two; area averaging does not.
            strong = shrinking and min(self.scale_x, self.scale_y) < 0.5
            how = cv2.INTER_AREA if strong else cv2.INTER_LINEAR
            resized = np.asarray(cv2.resize(image_bgr, size, interpolation=how), dtype=np.uint8)
        if size == (self.input_width_px, self.input_height_px):
            return resized
        padded = np.full((self.input_height_px, self.input_width_px, 3), PAD_VALUE, dtype=np.uint8)
        bottom = self.pad_top_px + self.resized_height_px
        right = self.pad_left_px + self.resized_width_px
        padded[self.pad_top_px : bottom, self.pad_left_px : right] = resized
        return padded

    def input_from_picture(self, boxes_px: FloatArray) -> FloatArray:
        """Boxes (n, 4) in the picture's pixels to boxes in the input's pixels."""
        return np.asarray(boxes_px * self._scales() + self._offsets(), dtype=np.float32)

    def picture_from_input(self, boxes_px: FloatArray) -> FloatArray:
        """Boxes (n, 4) in the input's pixels to boxes in the picture's pixels, not clipped."""
        return np.asarray((boxes_px - self._offsets()) / self._scales(), dtype=np.float32)

    def _scales(self) -> NDArray[np.float64]:
        return np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])

    def _offsets(self) -> NDArray[np.float64]:
        return np.array([self.pad_left_px, self.pad_top_px] * 2, dtype=np.float64)
