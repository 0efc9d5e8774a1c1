"""What a person changes on a proposal."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import FRONTAL, SIZE_PX

from calibration import BayCalibration, CalibrationError, Lens
from calibration.edit import (
    Side,
    bay_from_corners,
    corners_px,
    rows_of,
    snapped,
    with_board,
    with_border,
    with_corners,
)
from shelf import Bay, SlotId
from shelf.planogram_build import BoardRow, Row, build_planogram

LENS = Lens(fx=0.8, fy=0.8 * 16 / 9, k1=-0.15)


def planned() -> Bay:
    """Return a bay of two shelves with three slots each, side by side."""
    rows = [
        Row(
            where="row",
            id=SlotId(1, shelf, position),
            sku=f"{shelf}{position}",
            name="Tea",
            facings_wide=2,
            x_mm=200.0 * position - 100,
            width_mm=200.0,
            height_mm=300.0,
        )
        for shelf in (1, 2)
        for position in (1, 2, 3)
    ]
    boards = [BoardRow(1, 1, 100.0), BoardRow(1, 2, 900.0)]
    planogram = build_planogram(
        "test", rows, id="a", version="1", boards=boards, bay_sizes_mm={1: (1000.0, 2000.0)}
    )
    return planogram.bay(1)


ENTRY = BayCalibration(bay=1, bay_from_image=rows_of(FRONTAL.bay_from_image))


@pytest.mark.parametrize("lens", [None, LENS])
def test_corners_give_the_view_back(lens: Lens | None) -> None:
    """A bay dragged to its own corners does not move, through a lens too."""
    corners = corners_px(ENTRY, planned(), lens, SIZE_PX)
    again = with_corners(ENTRY, planned(), corners, lens, SIZE_PX)
    np.testing.assert_allclose(corners_px(again, planned(), lens, SIZE_PX), corners, atol=1e-6)


SQUARE = [(300.0, 100.0), (900.0, 110.0), (920.0, 650.0), (290.0, 640.0)]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((0, 1, 3, 2), "cross"),
        ((1, 0, 3, 2), "other way round"),
        ((2, 3, 0, 1), "turned"),
        ((0, 0, 2, 3), "at least 24 px"),
    ],
)
def test_corners_that_are_no_bay_are_refused(order: tuple[int, ...], words: str) -> None:
    """Crossed, mirrored, turned and doubled corners are each said in words."""
    with pytest.raises(CalibrationError, match=words):
        bay_from_corners(planned(), [SQUARE[k] for k in order], None, SIZE_PX)


def test_a_corner_inside_the_others_is_refused() -> None:
    """An arrowhead is not a bay."""
    with pytest.raises(CalibrationError, match="inside or on the line"):
        bay_from_corners(planned(), [*SQUARE[:2], (620.0, 200.0), SQUARE[3]], None, SIZE_PX)


def test_a_board_stays_between_its_neighbours() -> None:
    """Dragged past another board, it stops before it."""
    moved = with_board(ENTRY, planned(), 1, 130.0).adjusted(planned())
    assert [shelf.y_mm for shelf in moved.shelves] == [130.0, 900.0]
    stopped = with_board(ENTRY, planned(), 1, 5000.0).adjusted(planned())
    assert stopped.shelves[0].y_mm == 880.0


def test_a_border_moves_its_neighbour_along() -> None:
    """Touching slots stay touching, and neither vanishes."""
    entry = with_border(ENTRY, planned(), SlotId(1, 1, 2), Side.RIGHT, 530.0)
    xs = [(s.x_mm, s.width_mm) for s in entry.adjusted(planned()).shelves[0].slots]
    assert xs == [(100.0, 200.0), (300.0, 230.0), (530.0, 170.0)]
    far = with_border(ENTRY, planned(), SlotId(1, 1, 2), Side.LEFT, -50.0)
    xs = [(s.x_mm, s.width_mm) for s in far.adjusted(planned()).shelves[0].slots]
    assert xs == [(100.0, 20.0), (120.0, 380.0), (500.0, 200.0)]


def test_what_was_changed_by_hand_has_no_score() -> None:
    """A score belongs to what was scored."""
    scored = ENTRY.model_copy(update={"score": "green"})
    assert with_board(scored, planned(), 1, 130.0).score is None


def test_unknown_shelves_and_slots_are_named() -> None:
    """The error says what is planned."""
    with pytest.raises(CalibrationError, match="shelves 1, 2, found 7"):
        with_board(ENTRY, planned(), 7, 130.0)
    with pytest.raises(CalibrationError, match="b01/s1/p09"):
        with_border(ENTRY, planned(), SlotId(1, 1, 9), Side.LEFT, 10.0)


def test_snapping_reaches_only_so_far() -> None:
    """The nearest edge within reach wins; beyond it nothing happens."""
    assert snapped(10.0, [3.0, 12.0, 15.0], 4.0) == 12.0
    assert snapped(10.0, [3.0, 15.0], 4.0) == 10.0
    assert snapped(10.0, [], 4.0) == 10.0
