"""What comes between a shelf and its picture: lamps, daylight, glare, a hand, a bump."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.geometry import Camera
from simulator.sprite import Pixels

COARSE = 8
"""Fields of light are worked out on pictures this many times smaller."""

BLINDING = 90.0
"""A glare that adds so many grey levels hides what is behind it."""


@dataclass(frozen=True, slots=True)
class Tube:
    """A failing lamp: around ``x_mm`` of the aisle the light falls to ``share``."""

    x_mm: float
    reach_mm: float
    share: float


@dataclass(frozen=True, slots=True)
class Glare:
    """A reflection on the front plane, an ellipse in mm of the aisle; soft at its edge.

    ``strength`` is what it adds in its middle, in grey levels.
    """

    x_mm: float
    y_mm: float
    rx_mm: float
    ry_mm: float
    strength: float


@dataclass(frozen=True, slots=True)
class Ambience:
    """The light in the aisle.

    ``light`` is the share of the usual light, ``gains`` its colour (B,G,R). ``slope`` makes one
    side brighter than the other: 0.3 is from 0.7 at the left to 1.3 at the right of the picture.
    """

    light: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    slope: float = 0.0
    tubes: tuple[Tube, ...] = ()
    glares: tuple[Glare, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """How far a bumped camera looks aside, in degrees: to the right, up, and clockwise."""

    pan_deg: float
    tilt_deg: float
    roll_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Cover:
    """Something close before the lens: a disc at (``x``, ``y``) of ``radius``.

    In shares of the picture's width and height, the radius of its width; ``grey`` is its tone.
    """

    x: float
    y: float
    radius: float
    grey: float


@dataclass(frozen=True, slots=True)
class Seeing:
    """What hinders one camera."""

    turn: Turn | None = None
    cover: Cover | None = None


def turned(camera: Camera, turn: Turn | None) -> Camera:
    """Return the camera after a bump; where it stands does not change."""
    if turn is None:
        return camera
    right, down, forward = camera.rotation
    distance = float(np.linalg.norm(np.subtract(camera.target_mm, camera.position_mm)))
    pan, tilt = radians(turn.pan_deg), radians(turn.tilt_deg)
    ahead = forward * cos(pan) * cos(tilt) + right * sin(pan) - down * sin(tilt)
    ahead /= np.linalg.norm(ahead)
    x, y, z = (float(v) for v in np.asarray(camera.position_mm) + ahead * distance)
    return replace(camera, target_mm=(x, y, z), roll_deg=camera.roll_deg + turn.roll_deg)


def glare_field(camera: Camera, glares: tuple[Glare, ...], scale: float) -> NDArray[np.float32]:
    """Return (H,W) grey levels that glares add to a canvas made ``scale`` times smaller."""
    width, height = (max(1, round(n / scale)) for n in camera.canvas_size_px)
    field = np.zeros((height, width), np.float32)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32) * scale
    for glare in glares:
        middle = [glare.x_mm, glare.y_mm, 0.0]
        ends = np.array([middle, middle, middle])
        ends[1, 0] += glare.rx_mm
        ends[2, 1] += glare.ry_mm
        px = camera.canvas_px(ends)
        rx, ry = abs(px[1, 0] - px[0, 0]) + 1, abs(px[2, 1] - px[0, 1]) + 1
        far = ((xs - px[0, 0]) / rx) ** 2 + ((ys - px[0, 1]) / ry) ** 2
        field += glare.strength * np.exp(-(far**1.5))
    return field


def lit(canvas_bgr: Pixels, camera: Camera, ambience: Ambience) -> Pixels:
    """Return the canvas in a light that is not the same everywhere; itself where it is."""
    height, width = canvas_bgr.shape[:2]
    out = canvas_bgr
    if ambience.tubes or ambience.slope:
        across = np.linspace(-1, 1, max(2, width // COARSE), dtype=np.float32)
        field = 1 + ambience.slope * across
        at_px = np.linspace(0, width, across.size)
        for tube in ambience.tubes:
            px = camera.canvas_px(np.array([[tube.x_mm, 900.0, 0.0]]))[0, 0]
            reach = tube.reach_mm * camera.px_per_mm((tube.x_mm, 900.0, 0.0))
            field *= 1 - (1 - tube.share) * np.exp(-(((at_px - px) / max(reach, 1)) ** 2))
        row = np.clip(field * 128, 0, 255).astype(np.uint8)[None, :]
        row = np.asarray(cv2.resize(row, (width, 1)), np.uint8)
        out = np.asarray(
            cv2.multiply(out, np.repeat(np.repeat(row, height, 0)[:, :, None], 3, 2), scale=1 / 128)
        )
    if ambience.glares:
        field2 = np.clip(glare_field(camera, ambience.glares, COARSE), 0, 255).astype(np.uint8)
        wide = cv2.resize(field2, (width, height), interpolation=cv2.INTER_LINEAR)
        out = np.asarray(cv2.add(out, cv2.merge([wide] * 3)), dtype=np.uint8)
    return out


def cover_mask(size_px: tuple[int, int], cover: Cover) -> NDArray[np.float32]:
    """Return (H,W) 0..1: how much of each pixel of a picture of ``size_px`` is covered."""
    width, height = size_px
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :] - cover.x
    y = (np.linspace(0, 1, height, dtype=np.float32)[:, None] - cover.y) * height / width
    far = np.sqrt(x**2 + y**2) / cover.radius
    return np.asarray(np.clip((1.15 - far) / 0.3, 0, 1), dtype=np.float32)


def covered(picture: Pixels, cover: Cover) -> Pixels:
    """Return the picture with something dim and out of focus before the lens."""
    height, width = picture.shape[:2]
    small = max(1, width // COARSE), max(1, height // COARSE)
    mask = cv2.resize(cover_mask(small, cover), (width, height))[:, :, None]
    grain = np.linspace(0.85, 1.1, width, dtype=np.float32)[None, :, None]
    tone = np.array([0.9, 1.0, 1.15], np.float32) * cover.grey * grain
    return np.asarray(picture * (1 - mask) + tone * mask, dtype=np.uint8)
