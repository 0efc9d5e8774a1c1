"""A lens from a printed board and from straight edges."""

from __future__ import annotations

import numpy as np
import pytest
from planes import seen_flat
from scenes import Camera

from calibration import BayView, CalibrationError, Lens
from calibration.lens_fit import lens_from_board, lens_from_edges
from calibration.markers import BoardSpec

SIZE_PX = (640, 360)
LENS = Lens(fx=0.8, fy=0.8 * 16 / 9, k1=-0.15)
BOARD = BoardSpec()
PLACES = (
    ((108.0, 83.0, 250.0), (125.0, 100.0), 0.0),
    ((300.0, 100.0, 250.0), (200.0, 100.0), 8.0),
    ((-50.0, 133.0, 250.0), (50.0, 100.0), -6.0),
    ((125.0, 250.0, 233.0), (125.0, 158.0), 3.0),
    ((142.0, -33.0, 233.0), (125.0, 42.0), 15.0),
)


def pictures() -> list[np.ndarray]:
    """Return the board held at several angles before the lens."""
    flat = BOARD.picture(dpi=100)
    px_per_mm = 100 / 25.4
    height_mm = flat.shape[0] / px_per_mm
    return [
        seen_flat(
            flat,
            px_per_mm,
            height_mm,
            BayView(Camera(at, target, roll).bay_from_image, LENS, SIZE_PX),
        )
        for at, target, roll in PLACES
    ]


def test_the_board_gives_the_lens() -> None:
    """Focal length within 2 %, and points near the corners within 4 px for it."""
    found = lens_from_board(pictures(), BOARD)
    assert found.lens.fx == pytest.approx(LENS.fx, rel=0.02)
    assert found.error_px < 0.5
    inside = np.array([(0.05, 0.05), (0.95, 0.1), (0.5, 0.9), (0.1, 0.9)])
    rays = (LENS.undistort(inside) - 0.5) / (LENS.fx, LENS.fy)
    again = found.lens.distort(rays * (found.lens.fx, found.lens.fy) + 0.5)
    assert np.abs((again - inside) * SIZE_PX).max() < 4.0


def test_too_few_pictures_of_the_board() -> None:
    """Each picture without the board is named with what it lacks."""
    blank = np.full((360, 640, 3), 90, np.uint8)
    with pytest.raises(CalibrationError, match=r"found 1; picture 2: 0 corners"):
        lens_from_board([pictures()[0], blank], BOARD)


@pytest.mark.parametrize("k1", [-0.19, -0.08, 0.0, 0.05])
def test_straight_edges_give_the_distortion(k1: float) -> None:
    """Boards that bow in the picture are straightened to half a pixel."""
    size_px = (1920, 1080)
    true = Lens(fx=0.75, fy=0.75 * 16 / 9, k1=k1)
    random = np.random.default_rng(3)
    lines = []
    for height in (120, 400, 700, 980):
        flat = np.column_stack([np.linspace(60, 1860, 40), np.full(40, height)])
        bent = true.distort(flat / size_px) * size_px
        lines.append(bent + random.normal(0, 0.4, bent.shape))
    found = lens_from_edges(lines, size_px).lens
    assert found.k1 == pytest.approx(k1, abs=0.012)


def test_edges_that_say_nothing() -> None:
    """A single edge, and edges through the middle, are refused with the reason."""
    through = np.column_stack([np.linspace(60, 1860, 40), np.full(40, 540.0)])
    with pytest.raises(CalibrationError, match="found 1"):
        lens_from_edges([through], (1920, 1080))
    with pytest.raises(CalibrationError, match="away from the picture's middle"):
        lens_from_edges([through, through], (1920, 1080))
