"""Bodies drawn limb by limb, for people and what they carry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.art import Colour
from simulator.geometry import Camera
from simulator.shapes import to_pixels
from simulator.sprite import Clip, Sprite


def _shades(colour: Colour, radius_px: float) -> list[tuple[float, tuple[int, ...]]]:
    """Return (share of the radius, BGRA) from the dark rim to the light middle."""
    steps = int(np.clip(radius_px / 3, 3, 14))
    out = []
    for shrink in np.linspace(1.0, 0.12, steps):
        shade = 0.7 + 0.38 * float(np.sqrt(1 - shrink**2))
        out.append((float(shrink), (*(min(255, int(c * shade)) for c in colour), 255)))
    return out


class Figure:
    """Draws limbs given in the aisle's mm onto one picture, nearest last."""

    def __init__(self, camera: Camera, area: Clip) -> None:
        self._camera = camera
        x1, y1, x2, y2 = area
        self._corner = np.array([x1, y1])
        self.bgra = np.zeros((y2 - y1, x2 - x1, 4), np.uint8)

    def _px(self, points: Sequence[tuple[float, float, float]]) -> NDArray[np.int32]:
        """Return (n,2) sixteenths of a pixel of this picture."""
        px = self._camera.canvas_px(np.array(points, dtype=np.float64)) - self._corner
        return np.asarray(np.round(np.clip(px, -9e3, 9e3) * 16), dtype=np.int32)

    def limb(
        self, points: list[tuple[float, float, float]], radii_mm: list[float], colour: Colour
    ) -> None:
        """Draw a chain of joints, rounded, lit from above left."""
        px = self._px(points).tolist()
        radii = [r * self._camera.px_per_mm(p) for p, r in zip(points, radii_mm, strict=True)]
        for shrink, tone in _shades(colour, max(radii)):
            offset = (1 - shrink) * 0.35
            for (from_px, to_px), (ra, rb) in zip(pairwise(px), pairwise(radii), strict=True):
                a = (round(from_px[0] - ra * offset * 16), round(from_px[1] - ra * offset * 16))
                b = (round(to_px[0] - rb * offset * 16), round(to_px[1] - rb * offset * 16))
                self._cone(a, b, ra * shrink, rb * shrink, tone)

    def trunk(self, x: float, z: float, rows: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a body of half widths ``rows`` (height, half width in mm), lit from the left."""
        widest = max(half for _, half in rows)
        scale = self._camera.px_per_mm((x, rows[0][0], z))
        shades = _shades(colour, widest * scale)
        outline = []
        for shrink, _ in shades:
            middle = x - (1 - shrink) * 0.3 * widest
            outline += [(middle - half * shrink, y, z) for y, half in rows]
            outline += [(middle + half * shrink, y, z) for y, half in reversed(rows)]
        px = self._px(outline).reshape(len(shades), 2 * len(rows), 2)
        for polygon, (_, tone) in zip(px, shades, strict=True):
            cv2.fillPoly(self.bgra, [polygon], tone, cv2.LINE_AA, 4)

    def _cone(
        self, a: tuple[int, int], b: tuple[int, int], ra: float, rb: float, tone: tuple[int, ...]
    ) -> None:
        along = b[0] - a[0], b[1] - a[1]
        length = max(hypot(*along), 1.0)
        nx, ny = -along[1] / length * 16, along[0] / length * 16
        quad = np.array(
            [
                [a[0] + nx * ra, a[1] + ny * ra],
                [b[0] + nx * rb, b[1] + ny * rb],
                [b[0] - nx * rb, b[1] - ny * rb],
                [a[0] - nx * ra, a[1] - ny * ra],
            ]
        )
        cv2.fillConvexPoly(self.bgra, np.round(quad).astype(np.int32), tone, cv2.LINE_AA, 4)
        for centre, r in ((a, ra), (b, rb)):
            cv2.circle(self.bgra, centre, max(1, round(r * 16)), tone, -1, cv2.LINE_AA, 4)

    def shape(
        self, points: list[tuple[float, float, float]], colour: Colour, alpha: int = 255
    ) -> None:
        """Fill a polygon."""
        px = self._px(points)
        tone = tuple(c * alpha // 255 for c in colour)
        cv2.fillPoly(self.bgra, [px], (*tone, alpha), cv2.LINE_AA, 4)

    def sprite(self, random: np.random.Generator) -> Sprite | None:
        """Return what was drawn, cut to its box, with folds in the cloth."""
        x, y, width, height = cv2.boundingRect(np.ascontiguousarray(self.bgra[:, :, 3]))
        if width < 2 or height < 2:
            return None
        piece = np.ascontiguousarray(self.bgra[y : y + height, x : x + width])
        folds = random.normal(128, 9, (max(3, height // 28), max(3, width // 45)))
        field = cv2.resize(to_pixels(folds), (width, height), interpolation=cv2.INTER_CUBIC)
        solid = np.full_like(field, 128)
        piece = np.asarray(
            cv2.multiply(piece, cv2.merge([field, field, field, solid]), scale=1 / 128), np.uint8
        )
        left, top = (int(n) for n in self._corner)
        return Sprite(left + x, top + y, piece)
