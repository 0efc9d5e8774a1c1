"""Pictures for training: only where the site file asks for them, and only for so long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from edge_agent.config import KeepFrames
from edge_agent.keeping import FrameKeeper
from edge_agent.settled import STEADY_LOOKS, Settled
from edge_agent.station import Looked
from shelf import CameraState, PlanogramInForce

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(settled: Settled, state: CameraState = CameraState.OK, looks: int = STEADY_LOOKS) -> None:
    """Let camera c1 look at a grey wall in which one part always moves after the first looks."""
    for number in range(looks):
        cells = np.zeros((6, 8), bool)
        settled.take(
            Looked(
                "c1",
                START + timedelta(seconds=number),
                float(number),
                np.full((120, 160, 3), 100, np.uint8),
                state,
                "",
                (),
                inferred=True,
                unsettled=lambda box: 0.0,
                model="m",
                in_force=PlanogramInForce(None, reset=False),
                unsettled_cells=cells,
            ),
            {},
        )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    """Not even a folder is made."""
    settled = Settled()
    seen(settled)
    FrameKeeper(tmp_path / "frames", ["c1"], settled, None).tick(START)
    assert not (tmp_path / "frames").exists()


def test_a_picture_at_each_pace(tmp_path: Path) -> None:
    """Named by its time; nothing before something was seen still, nothing of a dark camera."""
    settled = Settled()
    keeper = FrameKeeper(tmp_path, ["c1", "c2"], settled, KeepFrames(days=1, every_secs=3600))
    keeper.tick(START)
    seen(settled, looks=STEADY_LOOKS - 1)
    keeper.tick(START)
    assert names(tmp_path) == []
    seen(settled)
    for minutes in (0, 30, 60, 90, 120):
        keeper.tick(START + timedelta(minutes=minutes))
    assert names(tmp_path) == [f"20260101T1{hour}0000Z.jpg" for hour in (2, 3, 4)]
    picture = cv2.imread(str(tmp_path / "c1" / "20260101T120000Z.jpg"))
    assert picture.shape == (120, 160, 3)
    seen(settled, CameraState.DARK, looks=1)
    keeper.tick(START + 5 * HOUR)
    assert len(names(tmp_path)) == 3


def test_old_pictures_are_deleted(tmp_path: Path) -> None:
    """After the days that are stated, also those of an earlier run; other files stay."""
    settled = Settled()
    seen(settled)
    keep = KeepFrames(days=2, every_secs=3600)
    FrameKeeper(tmp_path, ["c1"], settled, keep).tick(START)
    (tmp_path / "c1" / "notes.txt").write_text("mine")
    (tmp_path / "c1" / "holiday.jpg").write_text("mine too")
    later = FrameKeeper(tmp_path, [], settled, keep)
    later.tick(START + timedelta(days=2))
    assert "20260101T120000Z.jpg" in names(tmp_path)
    later.tick(START + timedelta(days=2, minutes=11))
    assert names(tmp_path) == ["holiday.jpg", "notes.txt"]


def test_taking_the_setting_out_deletes_what_was_kept(tmp_path: Path) -> None:
    """At the next start, not when the days are over."""
    settled = Settled()
    seen(settled)
    FrameKeeper(tmp_path, ["c1"], settled, KeepFrames(days=300)).tick(START)
    assert len(names(tmp_path)) == 1
    FrameKeeper(tmp_path, ["c1"], settled, None).tick(START + HOUR)
    assert names(tmp_path) == []


def test_a_clock_that_was_wrong_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """A picture that was dated years ahead is deleted too."""
    settled = Settled()
    seen(settled)
    keep = KeepFrames(days=2, every_secs=3600)
    FrameKeeper(tmp_path, ["c1"], settled, keep).tick(START + timedelta(days=4000))
    FrameKeeper(tmp_path, [], settled, keep).tick(START)
    assert names(tmp_path) == []


def test_there_is_a_limit_in_bytes(tmp_path: Path) -> None:
    """The oldest go first."""
    settled = Settled()
    keep = KeepFrames(days=30, every_secs=3600, max_bytes=1_000_000)
    (tmp_path / "c1").mkdir()
    for hour in range(3):
        (tmp_path / "c1" / f"20260101T0{hour}0000Z.jpg").write_bytes(bytes(400_000))
    FrameKeeper(tmp_path, ["c1"], settled, keep).tick(START)
    assert names(tmp_path) == ["20260101T010000Z.jpg", "20260101T020000Z.jpg"]


def test_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    """What cannot be written is not written; the agent goes on."""
    settled = Settled()
    seen(settled)
    (tmp_path / "frames").write_text("a file where the folder should be")
    FrameKeeper(tmp_path / "frames", ["c1"], settled, KeepFrames(days=1)).tick(START)
