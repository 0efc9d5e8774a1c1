"""Cover a large picture with overlapping tiles, and know which boxes a tile cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.boxes import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the picture, in its pixels; ``x2`` and ``y2`` are exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int


def tiles_for(picture_size_px: tuple[int, int], tile_px: int, overlap_px: int) -> list[Tile]:
    """The fewest equal tiles of at most ``tile_px`` that cover ``(width, height)``.

    Neighbours share at least ``overlap_px``, or half a tile where that is less.
    """
    width, height = picture_size_px
    overlap = min(overlap_px, tile_px // 2)
    return [
        Tile(x1, y1, x2, y2)
        for y1, y2 in _spans(height, tile_px, overlap)
        for x1, x2 in _spans(width, tile_px, overlap)
    ]


def cut_at_inner_border(
    boxes_px: FloatArray, tile: Tile, picture_size_px: tuple[int, int], border_px: float
) -> BoolArray:
    """Which boxes (n, 4), in the tile's pixels, touch a border that is not the picture's."""
    width, height = picture_size_px
    return np.asarray(
        ((boxes_px[:, 0] < border_px) & (tile.x1 > 0))
        | ((boxes_px[:, 1] < border_px) & (tile.y1 > 0))
        | ((boxes_px[:, 2] > tile.x2 - tile.x1 - border_px) & (tile.x2 < width))
        | ((boxes_px[:, 3] > tile.y2 - tile.y1 - border_px) & (tile.y2 < height)),
        dtype=np.bool_,
    )


def _spans(side: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    if side <= tile:
        return [(0, side)]
    step = max(1, tile - overlap)
    count = 1 + -(-(side - tile) // step)
    starts = np.linspace(0, side - tile, count).round().astype(int)
    return [(int(start), int(start) + tile) for start in starts]
