"""Sprites: pieces of a picture with a place and an alpha, and the few ways to make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Owners = NDArray[np.int16]
"""(H,W) marks of what is seen at each pixel."""

MAX_SIDE_PX = 8000
"""A sprite that would be larger (a plane seen nearly edge on) is not drawn."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """``bgra`` uint8 (H,W,4) with colours premultiplied by alpha, its corner at (x, y) px.

    ``owner`` marks what it belongs to in an owner map: -1 for nothing in particular.
    """

    x: int
    y: int
    bgra: Pixels
    owner: int = -1

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2, the ends excluded."""
        height, width = self.bgra.shape[:2]
        return self.x, self.y, self.x + width, self.y + height


Clip = tuple[int, int, int, int]


def overlap(first: Clip, second: Clip) -> Clip | None:
    """Return where two boxes overlap, or None."""
    x1, y1 = max(first[0], second[0]), max(first[1], second[1])
    x2, y2 = min(first[2], second[2]), min(first[3], second[3])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def cut(sprite: Sprite, area: Clip) -> Sprite | None:
    """Return the part of ``sprite`` inside ``area``, or None; what lies outside can be freed."""
    inside = overlap(sprite.box, area)
    if inside is None or inside == sprite.box:
        return sprite if inside else None
    x1, y1, x2, y2 = inside
    piece = sprite.bgra[y1 - sprite.y : y2 - sprite.y, x1 - sprite.x : x2 - sprite.x]
    return Sprite(x1, y1, piece.copy(), sprite.owner)


def paint(canvas_bgr: Pixels, sprite: Sprite, clip: Clip, owners: Owners | None = None) -> None:
    """Paint ``sprite`` into ``canvas_bgr`` in place, only inside ``clip``.

    Pixels that it covers by more than half take its owner in ``owners`` when that is given.
    """
    height, width = canvas_bgr.shape[:2]
    inside = overlap(clip, (0, 0, width, height))
    area = overlap(sprite.box, inside) if inside else None
    if area is None:
        return
    x1, y1, x2, y2 = area
    piece = sprite.bgra[y1 - sprite.y : y2 - sprite.y, x1 - sprite.x : x2 - sprite.x]
    below = canvas_bgr[y1:y2, x1:x2]
    alpha = piece[:, :, 3]
    keep = cv2.merge([cv2.bitwise_not(alpha)] * 3)
    canvas_bgr[y1:y2, x1:x2] = cv2.add(
        cv2.multiply(below, keep, scale=1 / 255), np.ascontiguousarray(piece[:, :, :3])
    )
    if owners is not None:
        owners[y1:y2, x1:x2][alpha > 127] = sprite.owner


def premultiply(bgra: Pixels) -> Pixels:
    """Return straight colours with alpha as premultiplied ones."""
    out = bgra.copy()
    alpha = cv2.merge([bgra[:, :, 3]] * 3)
    out[:, :, :3] = cv2.multiply(np.ascontiguousarray(bgra[:, :, :3]), alpha, scale=1 / 255)
    return out


def opaque(bgr: Pixels) -> Pixels:
    """Return a BGR picture with a full alpha."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA), dtype=np.uint8)


def dim(bgra: Pixels, factor: float) -> Pixels:
    """Return premultiplied colours times ``factor``; alpha stays and bounds them."""
    out = bgra.copy()
    colours = cv2.convertScaleAbs(np.ascontiguousarray(bgra[:, :, :3]), alpha=factor)
    out[:, :, :3] = np.minimum(colours, bgra[:, :, 3:])
    return out


def shrink(bgra: Pixels, width_px: float, height_px: float) -> Pixels:
    """Return a texture made smaller, averaging, when it is larger than it will be drawn."""
    height, width = bgra.shape[:2]
    to_width = min(width, max(2, round(width_px)))
    to_height = min(height, max(2, round(height_px)))
    if to_width == width and to_height == height:
        return bgra
    return np.asarray(
        cv2.resize(bgra, (to_width, to_height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def on_quad(texture: Pixels, corners_px: Floats, factor: float = 1.0) -> Sprite | None:
    """Return ``texture`` (premultiplied) drawn on a quadrilateral.

    ``corners_px`` (4,2): where the texture's top left, top right, bottom right and bottom left
    corners lie. None when there is nothing to see.
    """
    low = np.floor(corners_px.min(axis=0)).astype(int) - 1
    high = np.ceil(corners_px.max(axis=0)).astype(int) + 2
    width, height = (int(n) for n in high - low)
    if max(width, height) > MAX_SIDE_PX:
        return None
    across = max(
        float(np.linalg.norm(corners_px[1] - corners_px[0])),
        float(np.linalg.norm(corners_px[2] - corners_px[3])),
    )
    down = max(
        float(np.linalg.norm(corners_px[3] - corners_px[0])),
        float(np.linalg.norm(corners_px[2] - corners_px[1])),
    )
    if across < 0.5 or down < 0.5:
        return None
    small = shrink(texture, across, down)
    rows, columns = small.shape[:2]
    source = np.array(
        [[-0.5, -0.5], [columns - 0.5, -0.5], [columns - 0.5, rows - 0.5], [-0.5, rows - 0.5]],
        dtype=np.float32,
    )
    target = (corners_px - low).astype(np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    drawn = cv2.warpPerspective(
        small, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    bgra = np.asarray(drawn, dtype=np.uint8)
    return Sprite(int(low[0]), int(low[1]), bgra if factor == 1.0 else dim(bgra, factor))


def merge(sprites: Sequence[Sprite], owner: int) -> Sprite:
    """Return several sprites, the first one lowest, as one that belongs to ``owner``."""
    x1 = min(s.box[0] for s in sprites)
    y1 = min(s.box[1] for s in sprites)
    x2 = max(s.box[2] for s in sprites)
    y2 = max(s.box[3] for s in sprites)
    out = np.zeros((y2 - y1, x2 - x1, 4), np.uint8)
    for sprite in sprites:
        sx1, sy1, sx2, sy2 = sprite.box
        area = out[sy1 - y1 : sy2 - y1, sx1 - x1 : sx2 - x1]
        keep = cv2.merge([cv2.bitwise_not(np.ascontiguousarray(sprite.bgra[:, :, 3]))] * 4)
        out[sy1 - y1 : sy2 - y1, sx1 - x1 : sx2 - x1] = cv2.add(
            cv2.multiply(np.ascontiguousarray(area), keep, scale=1 / 255), sprite.bgra
        )
    return Sprite(x1, y1, out, owner)


def shadow_on_quad(corners_px: Floats, strength: float, soft_px: float) -> Sprite | None:
    """Return a soft dark patch over a quadrilateral; ``strength`` 0..1 is its darkest."""
    pad = int(3 * soft_px) + 2
    low = np.floor(corners_px.min(axis=0)).astype(int) - pad
    high = np.ceil(corners_px.max(axis=0)).astype(int) + pad
    width, height = (int(n) for n in high - low)
    if max(width, height) > MAX_SIDE_PX:
        return None
    coarse = max(1.0, soft_px / 3)
    small = max(2, round(width / coarse)), max(2, round(height / coarse))
    mask = np.zeros(small[::-1], np.uint8)
    points = np.round((corners_px - low) / coarse * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, points, int(255 * strength), cv2.LINE_AA, 4)
    if soft_px >= 0.5:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft_px / coarse), dtype=np.uint8)
    if coarse > 1:
        mask = np.asarray(cv2.resize(mask, (width, height)), dtype=np.uint8)
    bgra = np.zeros((height, width, 4), np.uint8)
    bgra[:, :, 3] = mask
    return Sprite(int(low[0]), int(low[1]), bgra)
