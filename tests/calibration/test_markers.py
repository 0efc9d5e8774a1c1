"""Printed strips and boards: what is printed is what is found."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from planes import GREY, seen_flat
from scenes import Camera

from calibration import BayView, CalibrationError, Lens
from calibration.edit import outline_mm
from calibration.markers import TAGS, HungStrip, Strip, find_tags, view_from_strips
from shelf import Bay

SIZE_PX = (1280, 720)
BAY = Bay(1, 1000.0, 1000.0, ())
SCALE = 2.0
LENS = Lens(fx=0.8, fy=0.8 * 16 / 9, k1=-0.08)
HUNG = (
    HungStrip(Strip(1), 40.0, 60.0),
    HungStrip(Strip(2), 700.0, 480.0),
    HungStrip(Strip(3), 120.0, 880.0),
)


def picture(view: BayView, hung: tuple[HungStrip, ...] = HUNG) -> np.ndarray:
    """Return the strips on a bay as ``view`` sees them."""
    flat = np.full((int(1000 * SCALE), int(1000 * SCALE)), GREY, np.uint8)
    for one in hung:
        drawn = one.strip.picture(dpi=300)
        size = (round(one.strip.width_mm * SCALE), round(one.strip.height_mm * SCALE))
        small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
        top = round((1000 - one.y_mm - one.strip.height_mm) * SCALE)
        left = round(one.x_mm * SCALE)
        flat[top : top + size[1], left : left + size[0]] = small
    return seen_flat(flat, SCALE, 1000.0, view)


def view_of(lens: Lens | None) -> BayView:
    """Return a bay seen from 25 degrees aside and a little above."""
    camera = Camera((1050.0, 900.0, 1150.0), (500.0, 500.0), roll_deg=1.0)
    return BayView(camera.bay_from_image, lens, SIZE_PX)


def test_strips_give_the_bay_to_a_pixel() -> None:
    """Corners of the bay, far beyond the strips, come out within 2 px through a bent lens."""
    view = view_of(LENS)
    found = view_from_strips(picture(view), HUNG, LENS)
    off = found.view().image_from_bay(outline_mm(BAY)) - view.image_from_bay(outline_mm(BAY))
    assert np.linalg.norm(off, axis=1).max() < 2.0
    assert found.error_px < 0.7


def test_strips_on_one_board_are_not_enough() -> None:
    """Tags on one line give no plane, and the error says what to hang where."""
    view = view_of(None)
    with pytest.raises(CalibrationError, match="another board"):
        view_from_strips(picture(view, HUNG[:1]), HUNG[:1])


def test_a_picture_without_strips() -> None:
    """Nothing found is said with a number."""
    blank = np.full((720, 1280, 3), 90, np.uint8)
    with pytest.raises(CalibrationError, match="found 0"):
        view_from_strips(blank, HUNG)


def test_the_svg_is_the_strip() -> None:
    """Drawn from its rectangles, the SVG shows the same tags as the picture."""
    strip = Strip(7)
    found = find_tags(cv2.cvtColor(strip.picture(dpi=150), cv2.COLOR_GRAY2BGR))
    assert sorted(found) == list(strip.tags)
    assert strip.svg().count("<rect") > TAGS * 20
    assert f'width="{strip.width_mm}mm"' in strip.svg()


def test_there_are_so_many_strips() -> None:
    """A number beyond is refused, not printed as another."""
    with pytest.raises(CalibrationError, match="1-40"):
        Strip(41)
