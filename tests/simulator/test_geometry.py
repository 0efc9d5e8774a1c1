"""The camera's arithmetic against OpenCV's."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.geometry import Camera

CAMERA = Camera((300.0, 1900.0, 2300.0), (600.0, 800.0, 0.0), (1280, 720), 900.0, -0.12, 0.02, 1.5)


@given(st.floats(-100, 1380), st.floats(-80, 800))
def test_undistort_undoes_distort(x: float, y: float) -> None:
    """A point goes through the lens and back to where it was."""
    point = np.array([[x, y]])
    assert CAMERA.undistort(CAMERA.distort(point)) == pytest.approx(point, abs=0.01)


def test_projection_is_that_of_opencv() -> None:
    """Points of the aisle fall where OpenCV's pinhole with the same lens puts them."""
    points = np.array([[0.0, 0.0, 0.0], [1000.0, 1700.0, 0.0], [400.0, 900.0, -300.0]])
    turn, _ = cv2.Rodrigues(CAMERA.rotation)
    shift = -CAMERA.rotation @ np.array(CAMERA.position_mm)
    expected, _ = cv2.projectPoints(points, turn, shift, CAMERA.matrix, CAMERA.lens)
    assert CAMERA.picture_px(points) == pytest.approx(expected.reshape(-1, 2), abs=0.01)


def test_canvas_covers_the_picture() -> None:
    """What the lens pulls into the picture's corners lies on the canvas."""
    corners = np.array([[0.0, 0.0], [1279.0, 0.0], [1279.0, 719.0], [0.0, 719.0]])
    on_canvas = CAMERA.undistort(corners) + CAMERA.margin_px
    assert (on_canvas >= 0).all()
    assert (on_canvas < CAMERA.canvas_size_px).all()


def test_the_lens_table_is_that_of_undistort() -> None:
    """Also where it goes from one strip of rows to the next, and in the last row."""
    coarse, _ = CAMERA.lens_map
    assert coarse.shape == (720, 1280, 2)
    for y in (0, 63, 64, 65, 700, 719):
        points = np.array([[x, y] for x in (0.0, 500.0, 1279.0)])
        expected = np.floor(CAMERA.undistort(points) + CAMERA.margin_px)
        assert coarse[y, [0, 500, 1279]] == pytest.approx(expected, abs=1)
