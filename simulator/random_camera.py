"""Cameras that look at shelves from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import radians, tan

import numpy as np

from simulator.geometry import Camera
from simulator.layout import BayPlace

RECTIFIED_SHARE = 0.4
"""This share of the scenes is seen as behind a calibration, the rest as cameras see."""


def random_camera(
    random: np.random.Generator,
    places: Sequence[BayPlace],
    size_px: tuple[int, int],
    scale: float,
    view_mm: tuple[float, float],
) -> Camera:
    """Return a camera that sees about ``view_mm`` (width, height) of the shelves.

    ``scale`` is px per mm in the middle of the picture.
    """
    left, right = places[0].x_mm, places[-1].x_mm + places[-1].bay.width_mm
    top = places[0].bay.height_mm
    loose = float(random.choice([0.1, 0.5], p=[0.8, 0.2]))
    x = _within(random, left, right, view_mm[0], loose)
    y = _within(random, 0, top, view_mm[1], loose)
    nearest = max(700.0, max(view_mm) / 2 / tan(radians(42)))
    distance = float(random.uniform(nearest, max(nearest * 1.2, 3500)))
    yaw = float(np.clip(random.normal(0, 12), -32, 32))
    pitch = float(np.clip(random.normal(8, 12), -22, 34))
    height = float(np.clip(y + distance * tan(radians(pitch)), 500, 2700))
    if random.random() < RECTIFIED_SHARE:
        return _rectified((x, y), yaw, height, distance, size_px, scale)
    return Camera(
        position_mm=(x + distance * tan(radians(yaw)), height, distance),
        target_mm=(x, y, 0.0),
        size_px=size_px,
        focal_px=scale * float(np.hypot(distance, height - y)),
        k1=float(random.uniform(-0.16, 0.04)),
        k2=float(random.uniform(0, 0.03)),
        roll_deg=float(random.normal(0, 1.5)),
    )


def _rectified(
    middle_mm: tuple[float, float],
    yaw_deg: float,
    height_mm: float,
    distance_mm: float,
    size_px: tuple[int, int],
    scale: float,
) -> Camera:
    """Return a camera whose picture is as if warped to the shelves' front plane.

    The front plane is seen frontally at ``scale`` px per mm, while depth leans away from where
    the camera is: what a detector sees behind a calibration.
    """
    x, y = middle_mm
    aside = distance_mm * tan(radians(yaw_deg))
    return Camera(
        position_mm=(x + aside, height_mm, distance_mm),
        target_mm=(x + aside, height_mm, 0.0),
        size_px=size_px,
        focal_px=scale * distance_mm,
        shift_px=(scale * aside, -scale * (height_mm - y)),
    )


def _within(
    random: np.random.Generator, low: float, high: float, view: float, loose: float
) -> float:
    """Return a place to look at such that at most ``loose`` of half the view is beside."""
    margin = view / 2 * (1 - loose)
    if high - low <= 2 * margin:
        return (low + high) / 2
    return float(random.uniform(low + margin, high - margin))
