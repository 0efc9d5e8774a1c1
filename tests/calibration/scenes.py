"""Pinhole cameras in front of a bay, made from where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from calibration import Lens

BAY_MM = (1000.0, 2000.0)
SIZE_PX = (1280, 720)


@dataclass(frozen=True)
class Camera:
    """A camera at ``at_mm`` (x right, y up, z out of the bay) that looks at ``target_mm``."""

    at_mm: tuple[float, float, float]
    target_mm: tuple[float, float]
    roll_deg: float = 0.0
    focal_widths: float = 0.8

    @property
    def bay_from_image(self) -> NDArray[np.float64]:
        forward = np.array([*self.target_mm, 0.0]) - np.array(self.at_mm)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        turn = np.deg2rad(self.roll_deg)
        right, down = (
            np.cos(turn) * right + np.sin(turn) * down,
            np.cos(turn) * down - np.sin(turn) * right,
        )
        world = np.stack([right, down, forward])
        aspect = SIZE_PX[0] / SIZE_PX[1]
        matrix = np.array(
            [[self.focal_widths, 0, 0.5], [0, self.focal_widths * aspect, 0.5], [0, 0, 1]]
        )
        image_from_bay = matrix @ np.column_stack(
            [world[:, 0], world[:, 1], -world @ np.array(self.at_mm)]
        )
        return np.linalg.inv(image_from_bay)


FRONTAL = Camera((500.0, 1000.0, 2500.0), (500.0, 1000.0))

cameras = st.builds(
    Camera,
    st.tuples(st.floats(-800, 1800), st.floats(600, 2600), st.floats(900, 4000)),
    st.tuples(st.floats(200, 800), st.floats(500, 1500)),
    st.floats(-20, 20),
    st.floats(0.5, 1.5),
)


def _lens(camera: Camera, **distortion: float) -> Lens:
    """A lens of that focal length; one that folds its picture over is none, and not drawn."""
    width, height = SIZE_PX
    focal = camera.focal_widths
    try:
        return Lens(fx=focal, fy=focal * width / height, cx=0.51, cy=0.48, **distortion)
    except ValidationError:
        reject()


lenses = st.builds(
    _lens,
    cameras,
    k1=st.floats(-0.12, 0.15),
    k2=st.floats(-0.01, 0.05),
    p1=st.floats(-0.002, 0.002),
    p2=st.floats(-0.002, 0.002),
)
