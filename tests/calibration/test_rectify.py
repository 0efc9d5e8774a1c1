"""The frontal picture of a bay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scenes import BAY_MM, SIZE_PX, Camera, cameras

from calibration import BayView, Lens, Rectifier

OBLIQUE = Camera((-300.0, 1900.0, 2600.0), (450.0, 1000.0), roll_deg=4.0, focal_widths=0.7)
BARREL = Lens(fx=0.7, fy=0.7 * 16 / 9, k1=-0.12, k2=0.02)


def draw(view: BayView, rect_mm: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Return a black picture with a white rectangle on the bay, drawn point by point."""
    width_px, height_px = view.size_px
    xs, ys = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
    mm = view.bay_from_image(np.stack([xs.ravel(), ys.ravel()], axis=1))
    x1, y1, x2, y2 = rect_mm
    with np.errstate(invalid="ignore"):
        inside = (mm[:, 0] > x1) & (mm[:, 0] < x2) & (mm[:, 1] > y1) & (mm[:, 1] < y2)
    grey = (inside.reshape(height_px, width_px) * 255).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


@pytest.mark.parametrize("lens", [None, BARREL])
@pytest.mark.parametrize("px_per_mm", [0.4, 0.12])
def test_a_rectangle_on_the_bay_comes_out_straight(lens: Lens | None, px_per_mm: float) -> None:
    """What is a rectangle in mm is that rectangle in the frontal picture, at every scale."""
    view = BayView(OBLIQUE.bay_from_image, lens, SIZE_PX)
    rect_mm = (250.0, 700.0, 650.0, 1250.0)
    rectifier = view.rectifier(*BAY_MM, margin_mm=50, px_per_mm=px_per_mm)
    seen = rectifier.apply(draw(view, rect_mm))[..., 0] > 127
    (x1, y1), (x2, y2) = rectifier.rectified_from_bay([(250, 1250), (650, 700)])
    rows, columns = np.nonzero(seen)
    np.testing.assert_allclose(
        (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), (x1, y1, x2, y2), atol=1.5
    )
    assert seen.sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.05)


@given(
    cameras,
    st.lists(st.tuples(st.floats(0, 440), st.floats(0, 840)), min_size=1, max_size=20),
)
def test_rectified_points_go_to_the_picture_and_back(
    camera: Camera, points_px: list[tuple[float, float]]
) -> None:
    """Frontal picture, bay and camera picture agree on every point."""
    view = BayView(camera.bay_from_image, BARREL, SIZE_PX)
    rectifier = small_rectifier(view)
    there = rectifier.image_from_rectified(points_px)
    seen = view.is_in_picture(there)
    back = rectifier.rectified_from_image(there[seen])
    np.testing.assert_allclose(back, np.array(points_px)[seen], atol=1e-3)
    mm = rectifier.bay_from_rectified(points_px)
    np.testing.assert_allclose(rectifier.rectified_from_bay(mm), points_px, atol=1e-9)


def small_rectifier(view: BayView) -> Rectifier:
    """Return a rectifier with a small table, whose points are as exact as any."""
    return view.rectifier(*BAY_MM, margin_mm=50, px_per_mm=0.02)


def test_corners_of_the_frontal_picture() -> None:
    """The top left corner is a margin to the left of and above the bay."""
    rectifier = small_rectifier(BayView(OBLIQUE.bay_from_image, None, SIZE_PX))
    np.testing.assert_allclose(rectifier.bay_from_rectified([(0, 0)]), [(-50, 2050)])
    np.testing.assert_allclose(rectifier.bay_from_rectified([rectifier.size_px]), [(1050, -50)])


def test_what_the_camera_does_not_see_is_grey() -> None:
    """Outside of the camera's picture the frontal picture is padding, not a smeared edge."""
    aside = Camera((3000.0, 1000.0, 1500.0), (3000.0, 1000.0))
    rectifier = BayView(aside.bay_from_image, None, SIZE_PX).rectifier(*BAY_MM, 0, 0.1)
    white = np.full((SIZE_PX[1], SIZE_PX[0], 3), 255, np.uint8)
    assert (rectifier.apply(white) == 114).all()


def test_a_much_finer_picture_is_reduced_without_aliasing() -> None:
    """A fine checkerboard becomes grey, not the moire of single samples."""
    view = BayView(OBLIQUE.bay_from_image, None, SIZE_PX)
    ys, xs = np.mgrid[: SIZE_PX[1], : SIZE_PX[0]]
    checkers = np.repeat((((xs + ys) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    rectifier = view.rectifier(*BAY_MM, margin_mm=0, px_per_mm=0.1)
    seen = rectifier.apply(checkers)[80:120, 40:60].astype(float)
    assert seen.std() < 20


def test_a_picture_of_another_size_is_refused() -> None:
    """The tables are made for one size; another would be warped wrongly."""
    rectifier = small_rectifier(BayView(OBLIQUE.bay_from_image, None, SIZE_PX))
    with pytest.raises(ValueError, match="1280x720"):
        rectifier.apply(np.zeros((360, 640, 3), np.uint8))


@pytest.mark.parametrize(
    "arguments", [(0, 2000, 0, 1), (1000, 2000, -1, 1), (1000, 2000, 0, 0), (1e6, 1e6, 0, 1)]
)
def test_sizes_that_give_no_picture_are_refused(arguments: tuple[float, ...]) -> None:
    """No width, a negative margin, no scale and a picture too large to hold."""
    with pytest.raises(ValueError, match="expected"):
        BayView(OBLIQUE.bay_from_image, None, SIZE_PX).rectifier(*arguments)


@pytest.mark.parametrize("lens", [None, BARREL])
def test_a_crop_shows_its_box_as_fine_as_the_camera_sees_it(lens: Lens | None) -> None:
    """A white rectangle on the bay fills the crop of its box, and nothing beyond it does."""
    view = BayView(OBLIQUE.bay_from_image, lens, SIZE_PX)
    rectifier = view.rectifier(*BAY_MM, margin_mm=50, px_per_mm=0.1)
    picture = draw(view, (250.0, 700.0, 650.0, 1250.0))
    (x1, y1), (x2, y2) = rectifier.rectified_from_bay([(250, 1250), (650, 700)])
    inside = rectifier.crop(picture, (x1, y1, x2, y2), 1000)
    assert inside.shape[0] > 2 * (y2 - y1)
    assert (inside[3:-3, 3:-3] > 250).all()
    wider = rectifier.crop(picture, (2 * x1 - x2, y1, 2 * x2 - x1, y2), 1000)
    third = wider.shape[1] // 3
    assert wider[:, : third - 12].max() == 0
    assert wider[:, third + 12 : 2 * third - 12].mean() > 250


def test_a_crop_has_no_more_pixels_than_asked() -> None:
    """The longer side is bounded, the shape stays."""
    rectifier = small_rectifier(BayView(OBLIQUE.bay_from_image, None, SIZE_PX))
    picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    large = rectifier.crop(picture, (100, 100, 200, 300), 4000).shape
    small = rectifier.crop(picture, (100, 100, 200, 300), 40).shape
    assert max(small) == 40
    assert small[0] / small[1] == pytest.approx(large[0] / large[1], rel=0.1)


def test_a_crop_of_what_the_camera_does_not_see_is_grey() -> None:
    """Far beside the bay there is no picture."""
    rectifier = small_rectifier(BayView(OBLIQUE.bay_from_image, None, SIZE_PX))
    picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    far = rectifier.crop(picture, (-9000, 100, -8900, 200), 100)
    assert (far == 114).all()
