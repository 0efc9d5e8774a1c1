"""A calibration file that somebody else wrote: the simulated store's."""

from __future__ import annotations

import numpy as np
import pytest

from calibration import Calibration
from simulator.layout import place_bays
from simulator.site import calibration_of, demo_cameras, demo_store


@pytest.mark.parametrize("name", ["c1", "c2"])
def test_both_sides_mean_the_same_by_the_file(name: str) -> None:
    """Points of a bay are where the simulator draws them, through lens and perspective."""
    camera = demo_cameras()[name]
    number = {"c1": 1, "c2": 2}[name]
    planogram = demo_store(7).planogram
    bay = planogram.bay(number)
    x_mm = {place.bay.number: place.x_mm for place in place_bays(planogram)}[number]
    xs, ys = np.meshgrid(np.linspace(0, bay.width_mm, 9), np.linspace(0, bay.height_mm, 9))
    points_mm = np.stack([xs.ravel(), ys.ravel()], axis=1)
    in_aisle_mm = np.column_stack([points_mm + np.array([x_mm, 0.0]), np.zeros(len(points_mm))])
    calibration = Calibration.model_validate(calibration_of(name, camera, [number]))
    found = calibration.view(number, camera.size_px).image_from_bay(points_mm)
    # Pixel centres are whole numbers there and halves here: up to half a pixel apart.
    np.testing.assert_allclose(found, camera.picture_px(in_aisle_mm), atol=0.6)
