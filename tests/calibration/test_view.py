"""Points between the picture and the bay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import BAY_MM, FRONTAL, SIZE_PX, Camera, cameras, lenses

from calibration import BayView, Lens

picture_points = st.lists(
    st.tuples(st.floats(0, SIZE_PX[0]), st.floats(0, SIZE_PX[1])), min_size=1, max_size=20
)
bay_points = st.lists(
    st.tuples(st.floats(0, BAY_MM[0]), st.floats(0, BAY_MM[1])), min_size=1, max_size=20
)


@given(cameras, bay_points)
def test_bay_to_picture_and_back(camera: Camera, points_mm: list[tuple[float, float]]) -> None:
    """A homography and its inverse give every point of the bay back."""
    view = BayView(camera.bay_from_image, None, SIZE_PX)
    there = view.image_from_bay(points_mm)
    seen = np.isfinite(there).all(axis=1)
    back = view.bay_from_image(there[seen])
    np.testing.assert_allclose(back, np.array(points_mm)[seen], atol=1e-4)


@given(cameras, lenses, picture_points)
def test_picture_to_bay_and_back_through_a_lens(
    camera: Camera, lens: Lens, points_px: list[tuple[float, float]]
) -> None:
    """Lens and homography together are undone to a thousandth of a pixel."""
    view = BayView(camera.bay_from_image, lens, SIZE_PX)
    there = view.bay_from_image(points_px)
    seen = np.isfinite(there).all(axis=1)
    back = view.image_from_bay(there[seen])
    np.testing.assert_allclose(back, np.array(points_px)[seen], atol=1e-3)


@given(lenses, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_a_lens_undoes_itself(lens: Lens, points_uv: list[tuple[float, float]]) -> None:
    """Every point of the picture has an ideal point, which is bent back onto it."""
    points = np.array(points_uv)
    np.testing.assert_allclose(lens.distort(lens.undistort(points)), points, atol=1e-7)


@given(cameras, lenses, bay_points)
def test_resolution_does_not_matter(
    camera: Camera, lens: Lens, points_mm: list[tuple[float, float]]
) -> None:
    """The same picture at half the size has the same points at half the pixels."""
    large = BayView(camera.bay_from_image, lens, SIZE_PX).image_from_bay(points_mm)
    small = BayView(camera.bay_from_image, lens, (SIZE_PX[0] // 2, SIZE_PX[1] // 2))
    np.testing.assert_allclose(small.image_from_bay(points_mm) * 2, large, atol=1e-6)


def test_lens_agrees_with_opencv() -> None:
    """The distortion is the one that OpenCV's calibration measures."""
    import cv2

    lens = Lens(fx=0.8, fy=1.4, cx=0.5, cy=0.5, k1=-0.2, k2=0.05, p1=0.001, p2=-0.002, k3=0.01)
    points = np.array([[0.1, 0.2], [0.9, 0.8], [0.4, 0.95]])
    rays = np.column_stack([(points - 0.5) / (0.8, 1.4), np.ones(3)])
    matrix = np.array([[0.8, 0, 0.5], [0, 1.4, 0.5], [0, 0, 1]])
    coefficients = np.array([-0.2, 0.05, 0.001, -0.002, 0.01])
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, coefficients)
    np.testing.assert_allclose(lens.distort(points), expected.reshape(-1, 2), atol=1e-9)


def test_a_frontal_camera_sees_the_bay_upright() -> None:
    """Up in the bay is up in the picture, right is right, the target is in the middle."""
    view = BayView(FRONTAL.bay_from_image, None, SIZE_PX)
    centre, right, up = view.image_from_bay([(500, 1000), (600, 1000), (500, 1100)])
    np.testing.assert_allclose(centre, (640, 360), atol=1e-6)
    assert right[0] > centre[0] and right[1] == pytest.approx(centre[1])
    assert up[1] < centre[1] and up[0] == pytest.approx(centre[0])


def test_what_is_behind_the_camera_has_no_pixel() -> None:
    """A point of the plane behind the camera is NaN, not a mirrored ghost in the picture."""
    along_the_aisle = Camera((0.0, 1000.0, 600.0), (900.0, 1000.0))
    view = BayView(along_the_aisle.bay_from_image, None, SIZE_PX)
    ahead, behind = view.image_from_bay([(900, 1000), (-2000, 1000)])
    assert np.isfinite(ahead).all()
    assert np.isnan(behind).all()


def test_above_the_horizon_there_is_no_bay() -> None:
    """A pixel whose ray never meets the bay's plane has no mm."""
    along_the_aisle = Camera((0.0, 1000.0, 600.0), (3000.0, 1000.0))
    view = BayView(along_the_aisle.bay_from_image, None, SIZE_PX)
    assert np.isnan(view.bay_from_image([(1279, 360)])).all()


def test_lens_does_not_fold_far_points_into_the_picture() -> None:
    """A barrel lens sends points far outside nowhere, not back to the middle."""
    lens = Lens(fx=0.8, fy=1.42, k1=-0.1)
    view = BayView(FRONTAL.bay_from_image, lens, SIZE_PX)
    assert np.isnan(view.image_from_bay([(9000, 1000)])).all()


def test_no_points_give_no_points() -> None:
    """The empty case keeps its shape."""
    view = BayView(FRONTAL.bay_from_image, Lens(fx=0.8, fy=1.4, k1=0.1), SIZE_PX)
    assert view.image_from_bay([]).shape == (0, 2)
    assert view.bay_from_image(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("rect_mm", "share"),
    [
        ((400, 900, 600, 1100), 1.0),
        ((-5000, 900, -4800, 1100), 0.0),
        ((500, 1000, 500 + 2 * 1562.5, 1100), 0.5),
    ],
)
def test_visible_share(rect_mm: tuple[float, float, float, float], share: float) -> None:
    """The share of a rectangle inside the picture is that of its area (right edge 1562.5 mm)."""
    view = BayView(FRONTAL.bay_from_image, None, SIZE_PX)
    assert view.visible_share(rect_mm) == pytest.approx(share, abs=0.03)


def test_image_box_is_cut_at_the_picture() -> None:
    """The box of a slot ends at the picture's edge, and is None outside of it."""
    view = BayView(FRONTAL.bay_from_image, None, SIZE_PX)
    box = view.image_box((500, 1000, 9000, 1100))
    assert box == pytest.approx((640, 360 - 0.4096 * 100, 1280, 360), abs=1e-3)
    assert view.image_box((5000, 1000, 6000, 1100)) is None


def test_px_per_mm_of_a_frontal_view() -> None:
    """Focal length in pixels over the distance."""
    view = BayView(FRONTAL.bay_from_image, None, SIZE_PX)
    assert view.px_per_mm((400, 900, 600, 1100)) == pytest.approx(0.8 * 1280 / 2500, rel=1e-3)
    assert view.px_per_mm((8000, 900, 8100, 1100)) == 0.0


def test_points_of_a_wrong_shape_are_refused() -> None:
    """A flat pair is not taken for points."""
    with pytest.raises(ValueError, match=r"shape \(n, 2\)"):
        BayView(FRONTAL.bay_from_image, None, SIZE_PX).image_from_bay([1.0, 2.0])
