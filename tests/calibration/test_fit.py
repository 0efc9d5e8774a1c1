"""The view of a bay from marks on it."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import FRONTAL, SIZE_PX, Camera

from calibration import BayView, CalibrationError, Lens
from calibration.fit import fit_view, joint_distortion
from calibration.fit_model import Marks

CAMERA = Camera((-300.0, 1900.0, 2600.0), (450.0, 1000.0), roll_deg=2.0, focal_widths=0.7)
LENS = Lens(fx=0.7, fy=0.7 * 16 / 9, k1=-0.1)
TRUE = BayView(CAMERA.bay_from_image, LENS, SIZE_PX)
ROUGH = BayView(
    Camera((-100.0, 1700.0, 2600.0), (450.0, 1000.0), focal_widths=0.8).bay_from_image,
    None,
    SIZE_PX,
)
CORNERS = np.array([[0.0, 2000.0], [1000.0, 2000.0], [1000.0, 0.0], [0.0, 0.0]])


def marks(noise_px: float, wrong: int = 0, seed: int = 1) -> Marks:
    """Return points all over the bay as the camera sees them; the first ``wrong`` are off."""
    random = np.random.default_rng(seed)
    points = random.uniform((0, 100), (1000, 1900), (60, 2))
    seen = TRUE.image_from_bay(points) + random.normal(0, noise_px, (60, 2))
    seen[:wrong] += 80
    return Marks.points(points, seen)


def off_px(view: BayView) -> float:
    """Return how far the worst corner of the bay is off."""
    return float(
        np.linalg.norm(view.image_from_bay(CORNERS) - TRUE.image_from_bay(CORNERS), axis=1).max()
    )


def test_a_tenth_of_wrong_marks_does_no_harm() -> None:
    """Turn, place, focal length and distortion come out together, without a lens given."""
    found = fit_view(marks(1.0, wrong=6), SIZE_PX, ROUGH)
    assert off_px(found.view()) < 4.0
    assert found.error_px == pytest.approx(1.3, abs=0.6)


def test_a_measured_lens_is_kept() -> None:
    """With the lens given, the fit has fewer unknowns and its lens is the given one."""
    found = fit_view(marks(1.0), SIZE_PX, ROUGH, lens=LENS)
    assert found.fitted_lens is LENS
    assert off_px(found.view()) < 2.0


def test_the_uncertainty_is_that_of_repeated_fits() -> None:
    """The corners scatter by no more than is said, and by no less than a fifth of it."""
    said, scatter = [], []
    for seed in range(8):
        found = fit_view(marks(1.5, seed=seed), SIZE_PX, ROUGH, lens=LENS, hold_out=False)
        said.append(found.uncertainty_px(CORNERS))
        scatter.append(found.view().image_from_bay(CORNERS) - TRUE.image_from_bay(CORNERS))
    usual = np.sqrt(np.mean(np.square(np.linalg.norm(scatter, axis=2)), axis=0))
    assert (usual < 2.0 * np.mean(said, axis=0)).all()
    assert (usual > 0.2 * np.mean(said, axis=0)).all()


def test_marks_behind_the_plane_give_the_plane() -> None:
    """Products 30 mm behind the edge are no reason to shift the bay."""
    points = np.random.default_rng(2).uniform((0, 100), (1000, 1900), (60, 2))
    world = np.column_stack([points, np.full(60, -30.0)])
    seen = _pinhole(world)
    flat = Marks.points(points, seen)
    behind = Marks(flat.rects_mm, flat.boxes_px, flat.weights, flat.groups, depth_mm=30.0)
    assert off_px(fit_view(behind, SIZE_PX, ROUGH, lens=LENS).view()) < 0.5
    assert off_px(fit_view(flat, SIZE_PX, ROUGH, lens=LENS).view()) > 4.0


def _pinhole(points_mm: np.ndarray) -> np.ndarray:
    """Return the px of points (n,3) in front of or behind the bay's plane, by similar triangles."""
    eye = np.array(CAMERA.at_mm)
    along = eye[2] / (eye[2] - points_mm[:, 2])
    return TRUE.image_from_bay((eye + (points_mm - eye) * along[:, None])[:, :2])


def test_too_few_marks_and_marks_on_a_line() -> None:
    """What cannot give a plane is refused in words."""
    few = Marks.points(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(CalibrationError, match="at least 4 marks"):
        fit_view(few, SIZE_PX, ROUGH)
    line = np.column_stack([np.linspace(0, 1000, 20), np.full(20, 300.0)])
    with pytest.raises(CalibrationError, match="one line"):
        fit_view(Marks.points(line, TRUE.image_from_bay(line)), SIZE_PX, ROUGH)


def test_bays_of_one_picture_agree_on_the_distortion() -> None:
    """The surer fit counts more, and together they are surer than either."""
    sure = fit_view(marks(0.5), SIZE_PX, ROUGH)
    unsure = fit_view(marks(4.0, seed=5), SIZE_PX, ROUGH)
    mean, spread = joint_distortion([sure, unsure])
    assert abs(mean - sure.params[7]) < abs(mean - unsure.params[7])
    assert spread < np.sqrt(min(sure.covariance[7, 7], unsure.covariance[7, 7]))


def test_a_frontal_bay_has_no_angle() -> None:
    """The angle is that between the bay's normal and the camera."""
    view = BayView(FRONTAL.bay_from_image, None, SIZE_PX)
    points = np.random.default_rng(2).uniform((0, 100), (1000, 1900), (40, 2))
    found = fit_view(Marks.points(points, view.image_from_bay(points)), SIZE_PX, view)
    assert found.angle_deg < 1.0
