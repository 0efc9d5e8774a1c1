"""The file of a reference picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.registration_file import (
    ReferencePictureError,
    load_reference,
    reference_path,
    save_reference,
)

GREY = np.random.default_rng(1).integers(0, 256, (360, 640), dtype=np.uint8)
KNOWN = np.ones(GREY.shape, np.bool_)
KNOWN[:40, :100] = False


def test_a_reference_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With the camera and the version that it belongs to, whatever they are called."""
    path = tmp_path / "c1.png"
    save_reference(path, GREY, KNOWN, "Käse 1", "c1-3 (neu)")
    grey, known, camera, version = load_reference(path)
    assert (camera, version) == ("Käse 1", "c1-3 (neu)")
    assert np.array_equal(known, KNOWN)
    assert np.array_equal(grey[KNOWN], np.maximum(GREY, 1)[KNOWN])
    assert (grey[~KNOWN] == 0).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["c1.png"]


def test_any_viewer_shows_it(tmp_path: Path) -> None:
    """It is an ordinary PNG."""
    path = tmp_path / "c1.png"
    save_reference(path, GREY, KNOWN, "c1", "v")
    shown = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == GREY.shape


def test_it_lies_beside_the_calibration() -> None:
    """Named after its file."""
    assert reference_path(Path("cal/c1.yaml")) == Path("cal/c1.reference.png")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a picture", "expected a PNG picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "broken"),
        (cv2.imencode(".png", GREY)[1].tobytes(), "expected the PNG text 'camera'"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """With its name, and what was expected."""
    path = tmp_path / "c1.png"
    path.write_bytes(content)
    with pytest.raises(ReferencePictureError, match=words) as caught:
        load_reference(path)
    assert str(path) in str(caught.value)


def test_a_picture_of_another_width_is_refused(tmp_path: Path) -> None:
    """It was not written for this."""
    path = tmp_path / "c1.png"
    save_reference(path, GREY[:, :320], KNOWN[:, :320], "c1", "v")
    with pytest.raises(ReferencePictureError, match="640 px wide, found 320"):
        load_reference(path)
