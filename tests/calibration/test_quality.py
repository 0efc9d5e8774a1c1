"""The quality gate says in words what is wrong with a picture or a view."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import FRONTAL, SIZE_PX, Camera

from calibration import BayView, Verdict
from calibration.quality import angle_deg, edge_width_px, picture_findings, view_findings
from shelf import Bay
from simulator.random_planogram import filled_bay
from simulator.site import demo_store, demo_view

BAY = filled_bay(np.random.default_rng(3), 1, (1000.0, 2000.0), [100.0, 600.0, 1100.0], 100.0)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Return a well-lit, sharp picture of a bay."""
    store = demo_store(7)
    return demo_view(store, "c1").picture(store.at(0.0))


def verdicts(image: np.ndarray) -> dict[str, Verdict]:
    """Return the verdict of each finding by its name."""
    return {finding.name: finding.verdict for finding in picture_findings(image)}


def test_a_good_picture_is_green(picture: np.ndarray) -> None:
    """Nothing is wrong with it, and nothing is advised."""
    findings = picture_findings(picture)
    assert {finding.verdict for finding in findings} == {Verdict.GREEN}
    assert not any(finding.advice for finding in findings)


def test_blur_is_told_and_grows(picture: np.ndarray) -> None:
    """Slight blur is amber, strong blur red."""
    soft = cv2.GaussianBlur(picture, (0, 0), 2.0)
    blurred = cv2.GaussianBlur(picture, (0, 0), 5.0)
    assert verdicts(soft)["focus"] is Verdict.AMBER
    assert verdicts(blurred)["focus"] is Verdict.RED
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (picture, soft, blurred)]
    widths = [edge_width_px(image) for image in grey]
    assert widths == sorted(widths)


def test_darkness_and_black(picture: np.ndarray) -> None:
    """A dim picture is amber, a black one red for light and focus."""
    assert verdicts((picture * 0.22).astype(np.uint8))["exposure"] is Verdict.AMBER
    black = verdicts(np.zeros_like(picture))
    assert black["exposure"] is Verdict.RED
    assert black["focus"] is Verdict.RED


def test_too_much_light(picture: np.ndarray) -> None:
    """A burnt-out picture is not well exposed."""
    burnt = np.clip(picture * 2.5, 0, 255).astype(np.uint8)
    assert verdicts(burnt)["exposure"] is not Verdict.GREEN


def test_a_reflection_is_glare(picture: np.ndarray) -> None:
    """A white spot of a tenth of the picture's width is told, a small one is not."""
    small, large = picture.copy(), picture.copy()
    cv2.circle(small, (500, 500), 20, (255, 255, 255), -1)
    cv2.circle(large, (500, 500), 160, (255, 255, 255), -1)
    assert verdicts(small)["glare"] is Verdict.GREEN
    assert verdicts(large)["glare"] is not Verdict.GREEN


@pytest.mark.parametrize("aside_mm", [0.0, 1000.0, 2500.0])
def test_the_angle_is_that_to_the_camera(aside_mm: float) -> None:
    """Foreshortening in the bay's middle gives the camera's angle."""
    camera = Camera((500.0 + aside_mm, 1000.0, 2500.0), (500.0, 1000.0))
    view = BayView(camera.bay_from_image, None, SIZE_PX)
    expected = np.degrees(np.arctan2(aside_mm, 2500.0))
    assert angle_deg(BAY, view) == pytest.approx(expected, abs=1.0)


def named(bay: Bay, camera: Camera, wanted_px: float) -> dict[str, Verdict]:
    """Return the verdict of each finding on a view by its name."""
    view = BayView(camera.bay_from_image, None, SIZE_PX)
    return {finding.name: finding.verdict for finding in view_findings(bay, view, wanted_px)}


def test_facings_that_are_too_small() -> None:
    """The same view is green for a detector that wants less."""
    assert named(BAY, FRONTAL, 10)["facing_px"] is Verdict.GREEN
    assert named(BAY, FRONTAL, 20)["facing_px"] is Verdict.AMBER
    assert named(BAY, FRONTAL, 200)["facing_px"] is Verdict.RED


def test_slots_beside_the_picture() -> None:
    """A camera that looks past the bay sees half of it at most."""
    aside = Camera((1500.0, 1000.0, 1200.0), (1500.0, 1000.0))
    assert named(BAY, aside, 20)["visible"] is Verdict.RED
    far = Camera((500.0, 1000.0, 4500.0), (500.0, 1000.0))
    assert named(BAY, far, 10)["visible"] is Verdict.GREEN
