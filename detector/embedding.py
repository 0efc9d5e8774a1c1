"""Vectors that say what a facing looks like, comparable by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.detections import Detections
from detector.errors import PictureError


@dataclass(frozen=True, slots=True)
class KnownRule:
    """When a likeness counts as an answer.

    ``min_similarity``: the cosine, -1..1, from which a product counts as found. ``min_margin``:
    by how much it must lead the one it is compared with.
    """

    min_similarity: float
    min_margin: float


class Embedder(Protocol):
    """Turns pictures of single facings into vectors, and knows what their cosines mean.

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

    @property
    def reference_widths_px(self) -> tuple[int, ...]:
        """Widths that a catalogue's picture is shrunk to, one view each; empty: as it is."""
        ...

    @property
    def known(self) -> KnownRule:
        """When the best product of a catalogue is the answer; its lead is over the second."""
        ...

    @property
    def stranger(self) -> KnownRule:
        """When a facing is another product than planned; the lead is over the planned one."""
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

    Its rules were chosen on crops of 60 products as seen on shelves, three pictures each. By
    ``known`` it answers for 88 % of the facings, 96 % of the answers are right, and of facings
    whose product the catalogue lacks 11 % are taken for another. By ``stranger`` 1.5 % of the
    right products are taken for strangers and 91 % of the wrong ones are found.
    """

    #: Area averaging brings every picture to the same resolution, whatever its size.
    reference_widths_px: tuple[int, ...] = ()
    known = KnownRule(min_similarity=0.7, min_margin=0.05)
    stranger = KnownRule(min_similarity=0.6, min_margin=0.2)

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
        check_crop(crop_bgr)
        size = (self._columns, self._rows)
        small = cv2.resize(crop_bgr, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), dtype=np.float32)


def check_crop(crop_bgr: NDArray[np.uint8]) -> None:
    """Raise :class:`~detector.errors.PictureError` unless it is uint8 (H, W, 3), not empty."""
    if crop_bgr.dtype != np.uint8 or crop_bgr.ndim != 3 or crop_bgr.shape[2] != 3:
        raise PictureError(
            f"crop: expected uint8 (H, W, 3), found {crop_bgr.dtype} {crop_bgr.shape}"
        )
    if 0 in crop_bgr.shape:
        raise PictureError(f"crop: expected at least 1x1 px, found {crop_bgr.shape}")


def reference_views(
    picture_bgr: NDArray[np.uint8], widths_px: Sequence[int]
) -> list[NDArray[np.uint8]]:
    """The picture as a camera would see it at each width, by area averaging; never enlarged.

    A packshot of 1,000 px and a facing of 40 px embed far apart; shrunk first, they do not.
    Without ``widths_px``, or when all are wider than the picture, the picture itself.
    """
    height, width = picture_bgr.shape[:2]
    views = []
    for target in sorted(set(widths_px)):
        if target < width:
            size = (target, max(1, round(height * target / width)))
            shrunk = cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)
            views.append(np.asarray(shrunk, dtype=np.uint8))
    return views if views and max(widths_px) < width else [*views, picture_bgr]


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
