"""Vectors that say what a facing looks like, comparable by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.detections import Detections
from detector.errors import PictureError


class Embedder(Protocol):
    """Turns pictures of single facings into vectors.

    ``identity`` names the method and everything that shapes its numbers; vectors of two
    identities must never be compared. ``dimension`` is the length of a vector.
    """

    @property
    def identity(self) -> str:
        """Name of the method, its version and its settings."""
        ...

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        ...

    def embed(self, crops_bgr: Sequence[NDArray[np.uint8]]) -> FloatArray:
        """One unit vector per crop, float32 (n, dimension); crops are uint8 (H, W, 3)."""
        ...


class ColourLayoutEmbedder:
    """Where which colour is, on a coarse grid in CIE Lab; no network.

    A crop is shrunk to ``columns`` x ``rows`` cells by area averaging, so a sharp packshot and a
    blurred facing meet at the same resolution. Light is taken out in two ways: the crop's mean
    lightness is removed and its spread divided out, and a part of its mean colour is removed (all
    of it would make a red box and a blue box alike). The vector joins the light layout, the
    colour layout and the mean colour, each with its weight, and has unit length.

    It tells packages apart by colour and layout; two flavours that differ in small print look
    the same to it.
    """

    def __init__(
        self,
        *,
        columns: int = 6,
        rows: int = 8,
        light_weight: float = 1.0,
        colour_weight: float = 1.6,
        mean_colour_weight: float = 0.8,
    ) -> None:
        """``columns`` x ``rows`` cells; the weights are relative lengths of the three parts."""
        if columns < 1 or rows < 1:
            raise ValueError(f"grid: expected at least 1x1 cells, got {columns}x{rows}")
        self._columns, self._rows = columns, rows
        self._weights = (light_weight, colour_weight, mean_colour_weight)

    @property
    def identity(self) -> str:
        """Name of the method, its version and its settings."""
        weights = "-".join(f"{weight:g}" for weight in self._weights)
        return f"colour-layout-1/{self._columns}x{self._rows}/{weights}"

    @property
    def dimension(self) -> int:
        """Light and two colour planes of the grid, and the two mean colours."""
        return 3 * self._columns * self._rows + 2

    def embed(self, crops_bgr: Sequence[NDArray[np.uint8]]) -> FloatArray:
        """One unit vector per crop, float32 (n, dimension)."""
        if not crops_bgr:
            return np.zeros((0, self.dimension), dtype=np.float32)
        grids = np.stack([self._grid(crop) for crop in crops_bgr])
        light, colour = grids[..., 0], grids[..., 1:]
        count = len(grids)
        mean_colour = colour.mean(axis=(1, 2))
        light = light - light.mean(axis=(1, 2), keepdims=True)
        # A flat crop has no layout; the floor keeps its noise from being blown up.
        light = light / np.maximum(light.std(axis=(1, 2), keepdims=True), 6.0)
        colour = (colour - 0.5 * mean_colour[:, None, None, :]) / 18.0
        cells = np.sqrt(self._columns * self._rows)
        light_weight, colour_weight, mean_weight = self._weights
        vectors = np.concatenate(
            [
                light_weight * light.reshape(count, -1) / cells,
                colour_weight * colour.reshape(count, -1) / cells,
                mean_weight * mean_colour / 18.0,
            ],
            axis=1,
        )
        return unit_rows(vectors)

    def _grid(self, crop_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        if crop_bgr.dtype != np.uint8 or crop_bgr.ndim != 3 or crop_bgr.shape[2] != 3:
            raise PictureError(
                f"crop: expected uint8 (H, W, 3), found {crop_bgr.dtype} {crop_bgr.shape}"
            )
        if 0 in crop_bgr.shape:
            raise PictureError(f"crop: expected at least 1x1 px, found {crop_bgr.shape}")
        size = (self._columns, self._rows)
        small = cv2.resize(crop_bgr, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), dtype=np.float32)


def embed_detections(
    image_bgr: NDArray[np.uint8], detections: Detections, embedder: Embedder, inset: float = 0.04
) -> Detections:
    """``detections`` with a vector for each box of the picture they were found in.

    ``inset``: share of each side cut away, since a box's rim shows the neighbours.
    """
    crops = crops_of(image_bgr, detections.boxes_xyxy_px, inset)
    return detections.with_embeddings(embedder.embed(crops))


def crops_of(
    image_bgr: NDArray[np.uint8], boxes_xyxy_px: FloatArray, inset: float = 0.0
) -> list[NDArray[np.uint8]]:
    """The part of the picture in each box (n, 4), at least one pixel each; views, not copies."""
    height, width = image_bgr.shape[:2]
    crops = []
    for x1, y1, x2, y2 in boxes_xyxy_px.tolist():
        margin_x, margin_y = (x2 - x1) * inset, (y2 - y1) * inset
        left = min(max(round(x1 + margin_x), 0), width - 1)
        top = min(max(round(y1 + margin_y), 0), height - 1)
        right = min(max(round(x2 - margin_x), left + 1), width)
        bottom = min(max(round(y2 - margin_y), top + 1), height)
        crops.append(image_bgr[top:bottom, left:right])
    return crops


def unit_rows(vectors: NDArray[np.floating]) -> FloatArray:
    """Each row scaled to length one, float32; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)
