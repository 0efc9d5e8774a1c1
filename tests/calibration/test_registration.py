"""A bumped camera is put right from its reference picture, or nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from turned_shelf import LENS, MARKS_UV, SIZE_PX, shelf, shift_px, taken, turn_px

from calibration import Calibration
from calibration.registration import (
    Reference,
    Registration,
    RegistrationKind,
    corrected,
    register,
)
from calibration.registration_view import TurnedBack
from simulator.seeing import Turn, turned
from simulator.site import calibration_of, demo_cameras, demo_store, demo_view

STILL, CORRECTED = RegistrationKind.STILL, RegistrationKind.CORRECTED
MOVED, UNKNOWN = RegistrationKind.MOVED, RegistrationKind.UNKNOWN


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.of(taken(shelf()), LENS, MARKS_UV)


def error_px(found: Registration, turn: np.ndarray) -> float:
    return float(np.linalg.norm(found.shift_px - shift_px(turn), axis=1).max())


@pytest.mark.parametrize("light", [0.6, 1.0, 1.3])
def test_a_camera_that_was_not_touched_is_still(reference: Reference, light: float) -> None:
    """Noise and light are no movement."""
    found = register(reference, taken(shelf(), light=light, seed=6))
    assert found.kind is STILL
    assert found.largest_shift_px < 0.5


@pytest.mark.parametrize(
    "turn",
    [
        turn_px(5, 0),
        turn_px(-12, 9),
        turn_px(0, 40),
        turn_px(20, -20, roll_deg=2),
        turn_px(8, 3, roll_deg=-1, zoom=1.03),
        turn_px(-6, 0, zoom=0.97),
    ],
    ids=str,
)
def test_a_bump_is_measured(reference: Reference, turn: np.ndarray) -> None:
    """Shifts up to 40 px, rolls up to 2 degrees and zooms up to 3 % to within 2 px."""
    found = register(reference, taken(shelf(), turn, seed=6))
    assert found.kind is CORRECTED
    assert error_px(found, turn) < 1.0
    assert register(reference, taken(shelf(), turn, seed=7), guess=found.turn).kind is CORRECTED


def test_a_tremble_is_still(reference: Reference) -> None:
    """Less than 2 px at the farthest corner is measured, but no movement."""
    found = register(reference, taken(shelf(), turn_px(1.2, 0.5)))
    assert found.kind is STILL
    assert error_px(found, turn_px(1.2, 0.5)) < 0.5


@pytest.mark.parametrize("far_px", [90, 150, 250])
def test_a_camera_that_looks_elsewhere_has_moved(reference: Reference, far_px: float) -> None:
    """So far is known, but not corrected."""
    found = register(reference, taken(shelf(), turn_px(far_px, 0)))
    assert found.kind is MOVED
    assert "moved by" in found.reason


@pytest.mark.parametrize("turn", [turn_px(), turn_px(17, 6)], ids=["still", "bumped"])
def test_other_products_and_somebody_before_the_shelf_do_no_harm(
    reference: Reference, turn: np.ndarray
) -> None:
    """Boards and labels stay; a person hides a third of them."""
    scene = shelf(seed=2).copy()
    scene[:, 500:850] = shelf(seed=3)[:, 100:450] // 2
    found = register(reference, taken(scene, turn))
    assert found.kind is UNKNOWN or error_px(found, turn) < 2.0


def test_one_product_everywhere_is_not_taken_for_a_shift_by_one_facing() -> None:
    """Equal facings, and nothing else to go by but where the shelf ends: nobody knows."""
    same = shelf(same=True, labels=False)
    reference = Reference.of(taken(same), LENS, MARKS_UV)
    for right in (0, 13, 20, 40):
        turn = turn_px(right, 0)
        found = register(reference, taken(same, turn))
        assert found.kind is UNKNOWN or error_px(found, turn) < 2.0


def test_labels_on_the_boards_tell_equal_facings_apart() -> None:
    """The fixed structure decides."""
    same = shelf(same=True)
    reference = Reference.of(taken(same), LENS, MARKS_UV)
    turn = turn_px(40, 0)
    found = register(reference, taken(same, turn))
    assert found.kind is CORRECTED
    assert error_px(found, turn) < 1.0


def test_another_place_is_unknown(reference: Reference) -> None:
    """Nothing fits: neither a correction nor a move."""
    other = np.roll(shelf(seed=8, labels=False)[::-1], 53, axis=0).copy()
    found = register(reference, taken(other))
    assert found.kind is UNKNOWN
    assert found.reason
    assert np.array_equal(found.reference_from_now, np.eye(3))


def test_a_flat_picture_is_unknown(reference: Reference) -> None:
    """As a reference and as a look."""
    flat = np.full((SIZE_PX[1], SIZE_PX[0], 3), 120, np.uint8)
    assert register(reference, flat).kind is UNKNOWN
    assert register(Reference.of(flat, LENS, MARKS_UV), flat).kind is UNKNOWN


def test_another_shape_of_picture_is_unknown(reference: Reference) -> None:
    """Cropped, or another mode of the sensor."""
    found = register(reference, taken(shelf())[:400])
    assert found.kind is UNKNOWN
    assert "proportions" in found.reason


def test_the_edges_of_masks_do_not_hold_the_picture() -> None:
    """They stay where they are when the camera turns, and must not count."""
    mask = np.zeros((SIZE_PX[1], SIZE_PX[0]), np.bool_)
    for left in range(0, 900, 110):
        mask[40:180, left : left + 40] = True
    plain, bumped = taken(shelf()), taken(shelf(), turn_px(15, 0))
    plain[mask], bumped[mask] = 0, 0
    reference = Reference.of(plain, LENS, MARKS_UV, mask)
    found = register(reference, bumped, mask)
    assert found.kind is CORRECTED
    assert error_px(found, turn_px(15, 0)) < 1.0


def test_a_lens_that_is_not_known_is_tried_out() -> None:
    """Without one, a focal length is found that explains the turn, or nothing is said."""
    reference = Reference.of(taken(shelf()), None, MARKS_UV)
    turn = turn_px(12, 8, roll_deg=0.5)
    found = register(reference, taken(shelf(), turn))
    assert found.kind is UNKNOWN or error_px(found, turn) < 2.0


def test_a_corrected_calibration_fits_the_bumped_picture() -> None:
    """A point of the bay is where the simulator draws it after a bump, through the lens."""
    camera = demo_cameras()["c1"]
    store = demo_store(7)
    calibration = Calibration.model_validate(calibration_of("c1", camera, [1]))
    view = demo_view(store, "c1")
    before = view.picture(store.at(0.0))
    marks = calibration.view(1, camera.size_px).image_from_bay([(0, 0), (1000, 0), (0, 1800)])
    reference = Reference.of(before, calibration.lens, marks / camera.size_px)
    bump = Turn(pan_deg=1.0, tilt_deg=-0.6, roll_deg=0.8)
    moment = store.at(0.0)
    view._set_up(turned(camera, bump))
    found = register(reference, view.picture(moment))
    assert found.kind is CORRECTED
    now = corrected(calibration, found.reference_from_now).view(1, camera.size_px)
    bay_mm = np.array([(0.0, 0.0), (900.0, 100.0), (100.0, 1700.0), (900.0, 1700.0)])
    in_aisle = np.column_stack([bay_mm + _left_of_bay_1(store), np.zeros(4)])
    drawn = turned(camera, bump).picture_px(in_aisle) + 0.5
    assert np.linalg.norm(now.image_from_bay(bay_mm) - drawn, axis=1).max() < 1.5


def _left_of_bay_1(store: object) -> np.ndarray:
    (place,) = [place for place in store.places if place.bay.number == 1]  # type: ignore[attr-defined]
    return np.array([place.x_mm, 0.0])


def test_a_picture_is_turned_back() -> None:
    """What was taken after a turn looks as it did before, and cells go the other way."""
    turn = turn_px(30, 10, roll_deg=1)
    before, now = taken(shelf()), taken(shelf(), turn)
    view = TurnedBack(LENS, turn, SIZE_PX)
    inner = np.s_[60:-60, 60:-60]
    apart = np.abs(view.picture(now)[inner].astype(int) - before[inner]).mean()
    assert apart < 0.4 * np.abs(now[inner].astype(int) - before[inner]).mean()
    cells = np.zeros((27, 48), np.bool_)
    cells[13, 24] = True
    rows, columns = np.nonzero(view.cells(cells)[5:-5, 5:-5])
    assert abs(columns.mean() + 5 - 24 - 30 / 20) <= 1
    assert abs(rows.mean() + 5 - 13 - 10 / 20) <= 1
