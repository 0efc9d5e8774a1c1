"""Calibration files that are saved, kept and rolled back, and what they adjust."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scenes import FRONTAL

from calibration import BayCalibration, Calibration, CalibrationError, adjusted
from calibration.calibration_file import Approval, BaySize, Board, Place
from calibration.edit import rows_of
from calibration.history import VersionConflictError, history, next_version, roll_back, save
from shelf import Bay
from simulator.random_planogram import filled_bay

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BAY = filled_bay(np.random.default_rng(3), 1, (1000.0, 2000.0), [100.0, 600.0, 1100.0], 100.0)


def entry(**changes: object) -> BayCalibration:
    """Return one bay's entry with something adjusted."""
    return BayCalibration(bay=1, bay_from_image=rows_of(FRONTAL.bay_from_image), **changes)


def calibration(version: str, **changes: object) -> Calibration:
    """Return a calibration of this version."""
    picture = {"width_px": 1280, "height_px": 720}
    return Calibration(camera="c1", version=version, picture=picture, bays=(entry(**changes),))


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    """Everything in a calibration survives the file."""
    path = tmp_path / "c1.yaml"
    whole = calibration(
        next_version(path, "c1"),
        score="amber",
        reason="a reason: with a colon",
        boards=(Board(shelf=1, planned_y_mm=100.0, y_mm=112.5),),
    ).model_copy(update={"approved": Approval(by="Jo", at_utc=NOW)})
    save(whole, path, expected_version=None)
    assert Calibration.load(path) == whole
    assert whole.version == "c1-1"


def test_every_version_is_kept_and_comes_back(tmp_path: Path) -> None:
    """Rolled back, an old version is a new one with the old content."""
    path = tmp_path / "c1.yaml"
    save(calibration("c1-1", error_px=1.0), path, expected_version=None)
    save(calibration("c1-2", error_px=2.0), path, expected_version="c1-1")
    again = roll_back(path, "c1-1", by="Jo", at_utc=NOW)
    assert [kept.version for kept in history(path)] == ["c1-3", "c1-2", "c1-1"]
    assert Calibration.load(path).bays[0].error_px == 1.0
    assert again.approved is not None and again.approved.note == "as version c1-1"


def test_a_file_from_before_is_kept_too(tmp_path: Path) -> None:
    """A calibration that was written by hand is in the history after the first save."""
    path = tmp_path / "c1.yaml"
    rows = [list(row) for row in rows_of(FRONTAL.bay_from_image)]
    path.write_text(
        "camera: c1\nversion: by-hand\npicture: {width_px: 1280, height_px: 720}\n"
        f"bays:\n- bay: 1\n  bay_from_image: {rows}\n",
        encoding="utf-8",
    )
    save(calibration(next_version(path, "c1")), path, expected_version="by-hand")
    assert {kept.version for kept in history(path)} == {"by-hand", "c1-1"}


def test_somebody_else_was_faster(tmp_path: Path) -> None:
    """The second of two who began with one version is told, and nothing is overwritten."""
    path = tmp_path / "c1.yaml"
    save(calibration("c1-1"), path, expected_version=None)
    save(calibration("c1-2"), path, expected_version="c1-1")
    with pytest.raises(VersionConflictError, match="expected version c1-1, found version c1-2"):
        save(calibration("c1-9"), path, expected_version="c1-1")
    with pytest.raises(VersionConflictError, match="never used"):
        save(calibration("c1-1"), path, expected_version="c1-2")
    assert Calibration.load(path).version == "c1-2"


def test_an_unknown_version_cannot_come_back(tmp_path: Path) -> None:
    """The error names those that are there."""
    path = tmp_path / "c1.yaml"
    save(calibration("c1-1"), path, expected_version=None)
    with pytest.raises(CalibrationError, match="versions c1-1, found c1-7"):
        roll_back(path, "c1-7", by=None, at_utc=NOW)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the folder is named."""
    (tmp_path / "site").write_text("no folder", encoding="utf-8")
    with pytest.raises(CalibrationError, match="cannot be written"):
        save(calibration("c1-1"), tmp_path / "site" / "c1.yaml", expected_version=None)


def first_slots(bay: Bay) -> list[tuple[float, float]]:
    """Return left edges and widths of the first shelf's slots."""
    return [(slot.x_mm, slot.width_mm) for slot in bay.shelves[0].slots]


def test_adjustments_hold_while_the_plan_is_the_same() -> None:
    """A board planned elsewhere, and a slot for another SKU, stay as planned."""
    slot = BAY.shelves[0].slots[0]
    place = Place(
        slot=str(slot.id), sku=slot.sku, facings_wide=slot.facings_wide, x_mm=3.0, width_mm=90.0
    )
    moved = calibration(
        "c1-1", boards=(Board(shelf=1, planned_y_mm=100.0, y_mm=110.0),), places=(place,)
    )
    assert adjusted(BAY, moved).shelves[0].y_mm == 110.0
    assert first_slots(adjusted(BAY, moved))[0] == (3.0, 90.0)
    other = calibration(
        "c1-1",
        boards=(Board(shelf=1, planned_y_mm=130.0, y_mm=110.0),),
        places=(place.model_copy(update={"sku": "another"}),),
    )
    assert adjusted(BAY, other) == BAY


def test_a_bay_that_is_not_calibrated_stays() -> None:
    """Other bays are nobody's business."""
    other = filled_bay(np.random.default_rng(3), 2, (1000.0, 2000.0), [100.0], 100.0)
    assert adjusted(other, calibration("c1-1")) is other


def test_a_size_scales_what_is_not_placed() -> None:
    """A planogram in an unknown unit becomes as large as the calibration says."""
    size = BaySize(width_mm=2000.0, height_mm=1000.0)
    found = adjusted(BAY, calibration("c1-1", size_mm=size))
    assert (found.width_mm, found.height_mm) == (2000.0, 1000.0)
    assert found.shelves[1].y_mm == pytest.approx(BAY.shelves[1].y_mm / 2)
    assert first_slots(found)[0][1] == pytest.approx(2 * first_slots(BAY)[0][1])
