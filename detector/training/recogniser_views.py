"""What a camera makes of a product's picture: the augmentations that the recogniser learns from.

Every function takes and returns BGR uint8 (H, W, 3) and a random generator; none changes its
input.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How far a view may be from the picture. Shares are 0..1."""

    min_width_px: float = 20.0
    max_width_px: float = 112.0
    corner_jitter: float = 0.05
    box_jitter: float = 0.09
    turn_degrees: float = 5.0
    hidden_share: float = 0.3
    max_hidden: float = 0.35
    neighbour_share: float = 0.5
    glare_share: float = 0.15
    blur_share: float = 0.3
    compression_share: float = 0.5
    gain_spread: float = 0.25
    cast_spread: float = 0.06


def camera_view(
    picture: Picture,
    size_px: int,
    settings: ViewSettings,
    rng: np.random.Generator,
    neighbour: Picture | None = None,
) -> Picture:
    """The picture as a detector's crop of it would look, ``size_px`` square.

    ``neighbour``: another product's picture, which then stands beside or before this one.
    """
    image = cv2.resize(picture, (160, 160), interpolation=_interpolation(picture, 160))
    image = _reframed(np.asarray(image, np.uint8), settings, rng, neighbour)
    if rng.random() < settings.hidden_share:
        image = _partly_hidden(image, settings, rng, neighbour)
    if rng.random() < settings.glare_share:
        image = _glare(image, rng)
    image = _light(image, settings, rng)
    low, high = np.log(settings.min_width_px), np.log(settings.max_width_px)
    width = round(float(np.exp(rng.uniform(low, high))))
    small = np.asarray(cv2.resize(image, (width, width), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < settings.blur_share:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 1.3)), np.uint8)
    noise = rng.normal(0, rng.uniform(0, 8), small.shape)
    small = np.clip(small + noise, 0, 255).astype(np.uint8)
    if rng.random() < settings.compression_share:
        quality = int(rng.integers(30, 92))
        _, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        small = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return as_input(small, size_px)


def as_input(picture: Picture, size_px: int) -> Picture:
    """The picture stretched to ``size_px`` square, as the runtime does it."""
    how = _interpolation(picture, size_px)
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=how), np.uint8)


def held_view(photo: Picture, rng: np.random.Generator, turn_degrees: float = 25.0) -> Picture:
    """A cut around the middle of a photograph of a product held up to the camera."""
    height, width = photo.shape[:2]
    turn = float(rng.normal(0, turn_degrees / 2)) if rng.random() < 0.6 else 0.0
    share_x, share_y = rng.uniform(0.42, 0.95), rng.uniform(0.6, 1.0)
    centre = (width * rng.normal(0.5, 0.05), height * rng.normal(0.5, 0.04))
    matrix = cv2.getRotationMatrix2D(centre, turn, 1.0)
    target = (max(8, round(width * share_x)), max(8, round(height * share_y)))
    matrix[:, 2] += np.array([target[0] / 2 - centre[0], target[1] / 2 - centre[1]])
    turned = cv2.warpAffine(
        photo, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


def on_background(packshot: Picture, rng: np.random.Generator) -> Picture:
    """A packshot whose white surroundings became a shelf's colour: dark, grey or tinted."""
    height, width = packshot.shape[:2]
    mask = np.zeros((height + 2, width + 2), np.uint8)
    for corner in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        if packshot[corner[1], corner[0]].min() > 235 and not mask[corner[1] + 1, corner[0] + 1]:
            flags = 4 | cv2.FLOODFILL_MASK_ONLY | (255 << 8)
            cv2.floodFill(packshot.copy(), mask, corner, (0, 0, 0), (8,) * 3, (8,) * 3, flags)
    outside = mask[1:-1, 1:-1] > 0
    if not outside.any():
        return packshot
    shade = rng.uniform(15, 190) + rng.normal(0, 12, 3)
    image = packshot.copy()
    image[outside] = np.clip(shade + rng.normal(0, 10, (int(outside.sum()), 1)), 0, 255)
    return image


def near_twin(picture: Picture, other: Picture, rng: np.random.Generator) -> Picture:
    """Another flavour of the product: a part of its design in another colour or print."""
    image = picture.copy()
    height, width = image.shape[:2]
    high, wide = round(height * rng.uniform(0.25, 0.7)), round(width * rng.uniform(0.5, 1.0))
    top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    part = image[top : top + high, left : left + wide]
    if rng.random() < 0.65:
        shifted = cv2.cvtColor(part, cv2.COLOR_BGR2HSV).astype(np.int16)
        shifted[..., 0] = (shifted[..., 0] + int(rng.integers(20, 160))) % 180
        shifted[..., 1] = np.clip(shifted[..., 1] * rng.uniform(0.8, 1.3) + 15, 0, 255)
        replaced = cv2.cvtColor(shifted.astype(np.uint8), cv2.COLOR_HSV2BGR)
    else:
        replaced = cv2.resize(other, (wide, high), interpolation=cv2.INTER_AREA)
    image[top : top + high, left : left + wide] = replaced
    return image


def _interpolation(picture: Picture, size_px: int) -> int:
    return cv2.INTER_AREA if min(picture.shape[:2]) > size_px else cv2.INTER_LINEAR


def _reframed(
    image: Picture, settings: ViewSettings, rng: np.random.Generator, neighbour: Picture | None
) -> Picture:
    """A wrong box around a package that is seen a little from the side."""
    side = image.shape[0]
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    source = corners + rng.normal(0, settings.corner_jitter / 2, (4, 2)) * side
    grow = rng.normal(0, settings.box_jitter / 2, 4) * side
    source += np.array(
        [[grow[0], grow[1]], [grow[2], grow[1]], [grow[2], grow[3]], [grow[0], grow[3]]]
    )
    turn = np.deg2rad(rng.normal(0, settings.turn_degrees / 2))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    source = (source - side / 2) @ rotation.T + side / 2
    canvas = cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    if neighbour is not None and rng.random() < settings.neighbour_share:
        beside = cv2.resize(neighbour, (side, side), interpolation=cv2.INTER_AREA)
        canvas[40 : 40 + side, :40] = beside[:, -40:]
        canvas[40 : 40 + side, 40 + side :] = beside[:, :40]
    matrix = cv2.getPerspectiveTransform((source + 40).astype(np.float32), corners)
    seen = cv2.warpPerspective(canvas, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def _partly_hidden(
    image: Picture, settings: ViewSettings, rng: np.random.Generator, neighbour: Picture | None
) -> Picture:
    image = image.copy()
    side = image.shape[0]
    depth = max(2, round(side * rng.uniform(0.08, settings.max_hidden)))
    if neighbour is not None and rng.random() < 0.5:
        cover = np.asarray(cv2.resize(neighbour, (side, side)), np.uint8)
    else:
        cover = np.full((side, side, 3), rng.uniform(10, 245, 3), np.uint8)
    where = rng.integers(0, 4)
    if where == 0:
        image[:, :depth] = cover[:, :depth]
    elif where == 1:
        image[:, -depth:] = cover[:, -depth:]
    elif where == 2:
        image[-depth:] = cover[:depth]
    else:
        top, left = rng.integers(0, side - depth, 2)
        image[top : top + depth, left : left + depth] = cover[:depth, :depth]
    return image


def _glare(image: Picture, rng: np.random.Generator) -> Picture:
    side = image.shape[0]
    streak = np.zeros((side, side), np.float32)
    x, slant = rng.uniform(0, side), rng.normal(0, side / 4)
    thickness = int(rng.integers(4, side // 4))
    cv2.line(streak, (int(x - slant), 0), (int(x + slant), side), 1.0, thickness)
    streak = cv2.GaussianBlur(streak, (0, 0), side / 18) * float(rng.uniform(40, 150))
    return np.asarray(np.clip(image + streak[..., None], 0, 255), np.uint8)


def _light(image: Picture, settings: ViewSettings, rng: np.random.Generator) -> Picture:
    gain = np.exp(rng.normal(0, settings.gain_spread))
    cast = np.exp(rng.normal(0, settings.cast_spread, 3))
    gamma = np.exp(rng.normal(0, 0.18))
    lift = rng.normal(0, 8)
    levels = (np.arange(256)[:, None] / 255.0) ** gamma * 255
    table = np.clip(levels * gain * cast + lift, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table.reshape(256, 1, 3)), np.uint8)
    saturation = float(rng.uniform(0.6, 1.25))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(image, saturation, grey, 1 - saturation, 0), np.uint8)
