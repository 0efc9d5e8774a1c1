"""A folder of pictures as a recording: their order and their times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.replay import ReplayError, frames_of, pictures_in


def folder_of(path: Path, *names: str) -> Path:
    """Small pictures of these names, and a file that is none."""
    for name in names:
        cv2.imwrite(str(path / name), np.zeros((4, 4, 3), np.uint8))
    (path / "notes.txt").write_text("not a picture")
    (path / ".9.png").write_text("hidden")
    return path


def test_numbers_in_names_are_times(tmp_path: Path) -> None:
    """They count as numbers, not as text; other files do not matter and nothing is told."""
    told: list[str] = []
    folder = folder_of(tmp_path, "10.png", "5.png", "000007.5.png")
    pictures = pictures_in(folder, 30.0, told.append)
    assert [(p.path.name, p.secs) for p in pictures] == [
        ("5.png", 5.0),
        ("000007.5.png", 7.5),
        ("10.png", 10.0),
    ]
    assert told == []


@pytest.mark.parametrize("odd", ["cover", "nan", "inf", "-3", "1e5", "1_0", "20261121123000"])
def test_another_name_makes_all_count_alike(tmp_path: Path, odd: str) -> None:
    """Then pictures follow by name, evenly, and it is told once which name is the reason."""
    told: list[str] = []
    folder = folder_of(tmp_path, "5.png", "10.png", f"{odd}.png")
    pictures = pictures_in(folder, 30.0, told.append)
    assert [p.secs for p in pictures] == [0.0, 30.0, 60.0]
    assert [p.path.name for p in pictures] == sorted(["5.png", "10.png", f"{odd}.png"])
    (words,) = told
    assert f"{odd}.png does not name a number of seconds" in words
    assert "30 s apart" in words


def test_a_broken_picture_does_not_shift_the_others(tmp_path: Path) -> None:
    """It is told and left out; those after it keep their times."""
    told: list[str] = []
    folder = folder_of(tmp_path, "0.png", "10.png")
    (folder / "5.png").write_text("no picture")
    frames = list(frames_of(pictures_in(folder, 1.0), "c1", told.append))
    assert [frame.monotonic_secs for frame in frames] == [0.0, 10.0]
    (words,) = told
    assert "5.png: left out" in words


def test_a_folder_without_a_picture_is_refused(tmp_path: Path) -> None:
    """What counts as a picture is said."""
    with pytest.raises(ReplayError, match=r"expected pictures \(.*\.jpg.*\), found none"):
        pictures_in(folder_of(tmp_path), 1.0)
