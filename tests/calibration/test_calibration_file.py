"""Calibration files: what is read and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scenes import FRONTAL, SIZE_PX

from calibration import Calibration, CalibrationError
from shelf.errors import ConfigError


def content(**changes: Any) -> dict[str, Any]:
    """Return a good file's content with some keys replaced."""
    return {
        "camera": "c1",
        "version": "c1-1",
        "picture": {"width_px": 1280, "height_px": 720},
        "lens": {"fx": 0.8, "fy": 1.4, "cx": 0.5, "cy": 0.5, "k1": -0.1, "k2": 0.01}
        | {"p1": 0, "p2": 0, "k3": 0},
        "bays": [bay(1), bay(2)],
        **changes,
    }


def bay(number: int, rows: Any = None) -> dict[str, Any]:
    """Return one bay's entry."""
    matrix = FRONTAL.bay_from_image.tolist() if rows is None else rows
    return {"bay": number, "bay_from_image": matrix, "error_mm": 1.5, "error_px": 0.4}


def written(folder: Path, data: dict[str, Any]) -> Path:
    """Write ``data`` as YAML and return its path."""
    path = folder / "c1.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_a_file_gives_views(tmp_path: Path) -> None:
    """Every bay of a file is a view at any resolution of the same proportions."""
    calibration = Calibration.load(written(tmp_path, content()))
    assert calibration.bay_numbers == (1, 2)
    for size_px in (SIZE_PX, (640, 360), (1920, 1080)):
        centre = calibration.view(2, size_px).image_from_bay([(500, 1000)])
        np.testing.assert_allclose(centre, [(size_px[0] / 2, size_px[1] / 2)], atol=1e-6)


def test_the_lens_may_be_absent(tmp_path: Path) -> None:
    """A file without a lens is a picture without distortion."""
    data = content()
    del data["lens"]
    assert Calibration.load(written(tmp_path, data)).lens is None


MIRRORED = (FRONTAL.bay_from_image @ np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])).tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bays": [bay(1), bay(1)]}, "bay 1 comes again"),
        ({"bays": []}, "bays"),
        ({"bays": [bay(1, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])]}, "singular"),
        ({"bays": [bay(1, [[0, 0, 0], [0, 0, 0], [0, 0, 0]])]}, "singular"),
        ({"bays": [bay(1, MIRRORED)]}, "mirrored"),
        ({"bays": [bay(1, [[1, 0], [0, 1]])]}, r"bays\[0\].bay_from_image"),
        ({"bays": [bay(1, [[1, 0, 0], [0, float("nan"), 0], [0, 0, 1]])]}, "finite"),
        ({"lens": {"fx": 0.8, "fy": 1.4, "k1": -3.0}}, "fold"),
        ({"lens": {"fx": 0.0, "fy": 1.4}}, "lens.fx"),
        ({"picture": {"width_px": 0, "height_px": 720}}, "picture.width_px"),
        ({"camra": "c1"}, "did you mean 'camera'"),
    ],
)
def test_one_wrong_thing_a_file(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """A file that cannot be right is refused with the place and the reason."""
    with pytest.raises(ConfigError, match=words):
        Calibration.load(written(tmp_path, content(**changes)))


def test_a_negated_homography_is_the_same_view(tmp_path: Path) -> None:
    """The sign of a homography means nothing."""
    negated = (-FRONTAL.bay_from_image).tolist()
    calibration = Calibration.load(written(tmp_path, content(bays=[bay(1, negated)])))
    centre = calibration.view(1, SIZE_PX).image_from_bay([(500, 1000)])
    np.testing.assert_allclose(centre, [(640, 360)], atol=1e-6)


def test_a_bay_that_is_not_calibrated(tmp_path: Path) -> None:
    """The error names the bays that are."""
    calibration = Calibration.load(written(tmp_path, content()))
    with pytest.raises(CalibrationError, match="expected bay 7, found bays 1, 2"):
        calibration.view(7, SIZE_PX)


@pytest.mark.parametrize("size_px", [(640, 480), (1280, 800), (720, 1280), (0, 720)])
def test_other_proportions_are_refused(tmp_path: Path, size_px: tuple[int, int]) -> None:
    """A cropped or turned picture is not the one that was calibrated."""
    calibration = Calibration.load(written(tmp_path, content()))
    with pytest.raises(CalibrationError, match="camera c1: expected"):
        calibration.view(1, size_px)


def test_proportions_within_two_percent_pass(tmp_path: Path) -> None:
    """A height rounded for the encoder is still the same picture."""
    calibration = Calibration.load(written(tmp_path, content()))
    assert calibration.view(1, (640, 354)).size_px == (640, 354)


def test_a_missing_file(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        Calibration.load(tmp_path / "nowhere.yaml")
