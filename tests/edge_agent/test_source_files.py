"""Sources that read files: folder, video, usb (which a video file stands in for), simulator."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import jpeg, number_in, write_video
from pydantic import TypeAdapter

from edge_agent.sources import EndOfSource, Source, SourceError, SourceSettings, open_source

adapter: TypeAdapter[SourceSettings] = TypeAdapter(SourceSettings)


def opened(**settings: object) -> Source:
    """Return the source that plain settings describe."""
    return open_source(adapter.validate_python(settings))


def fill(folder: Path, *numbers: int) -> None:
    """Write numbered pictures whose names sort like their numbers."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f"{number:03d}.jpg").write_bytes(jpeg(number))


def a_folder(folder: Path) -> Source:
    fill(folder / "looks", 3, 4, 5)
    return opened(type="folder", path=folder / "looks")


def a_video(folder: Path) -> Source:
    return opened(
        type="video", path=write_video(folder / "v.mp4", range(3, 6), rate=1), every_secs=1
    )


def a_usb_camera(folder: Path) -> Source:
    return opened(type="usb", device=str(write_video(folder / "v.mp4", range(20))))


@pytest.mark.parametrize("make", [a_folder, a_video, a_usb_camera])
def test_every_source(tmp_path: Path, make: Callable[[Path], Source]) -> None:
    """Pictures are uint8 (h, w, 3), they go on, they end with a word, and close twice is fine."""
    source = make(tmp_path)
    first, second = source.grab().image_bgr, source.grab().image_bgr
    assert first.shape == (240, 320, 3) and first.dtype == "uint8"
    assert number_in(first) < number_in(second)
    with pytest.raises((EndOfSource, SourceError), match=r"looks|v\.mp4"):
        for _ in range(5):
            source.grab()
    source.close()
    source.close()


def test_folder_gives_pictures_in_order_of_name(tmp_path: Path) -> None:
    """Names decide, files of other kinds do not count."""
    fill(tmp_path, 7, 1, 4)
    (tmp_path / "notes.txt").write_text("no picture")
    source = opened(type="folder", path=tmp_path)
    assert [number_in(source.grab().image_bgr) for _ in range(3)] == [1, 4, 7]
    with pytest.raises(EndOfSource, match="007"):
        source.grab()


def test_folder_that_repeats_stays_on_the_last(tmp_path: Path) -> None:
    """A single picture is every look, until a newer one comes."""
    fill(tmp_path, 1)
    source = opened(type="folder", path=tmp_path, repeat=True)
    assert [number_in(source.grab().image_bgr) for _ in range(3)] == [1, 1, 1]
    fill(tmp_path, 2)
    assert [number_in(source.grab().image_bgr) for _ in range(2)] == [2, 2]


def test_folder_may_be_one_picture(tmp_path: Path) -> None:
    """The path of a picture is a folder of one."""
    fill(tmp_path, 9)
    source = opened(type="folder", path=tmp_path / "009.jpg", repeat=True)
    assert [number_in(source.grab().image_bgr) for _ in range(2)] == [9, 9]


def test_folder_skips_broken_pictures_by_name(tmp_path: Path) -> None:
    """Half a JPEG, an empty file and a text are passed over and named."""
    fill(tmp_path, 1, 5)
    (tmp_path / "002.jpg").write_bytes(jpeg(2)[:-400])
    (tmp_path / "003.png").write_bytes(b"")
    (tmp_path / "004.jpg").write_text("not a picture")
    source = opened(type="folder", path=tmp_path)
    assert [number_in(source.grab().image_bgr) for _ in range(2)] == [1, 5]
    assert source.skipped == ["002.jpg", "003.png", "004.jpg"]  # type: ignore[attr-defined]


def test_folder_takes_a_picture_once_it_is_whole(tmp_path: Path) -> None:
    """A picture that was still being written is read when it has changed."""
    fill(tmp_path, 1)
    source = opened(type="folder", path=tmp_path, repeat=True)
    source.grab()
    (tmp_path / "002.jpg").write_bytes(jpeg(2)[:500])
    assert number_in(source.grab().image_bgr) == 1
    fill(tmp_path, 2)
    assert number_in(source.grab().image_bgr) == 2


def test_empty_folder_may_fill_later(tmp_path: Path) -> None:
    """No picture yet is an error that can pass."""
    source = opened(type="folder", path=tmp_path)
    with pytest.raises(SourceError, match="found none"):
        source.grab()
    fill(tmp_path, 1)
    assert number_in(source.grab().image_bgr) == 1


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_path_that_is_not_there(tmp_path: Path, kind: str) -> None:
    """The error names the path."""
    with pytest.raises(SourceError, match="nowhere"):
        opened(type=kind, path=tmp_path / "nowhere")


def test_video_steps_by_video_time(tmp_path: Path) -> None:
    """At 5 frames a second, every 2 s is every tenth frame."""
    source = opened(
        type="video", path=write_video(tmp_path / "v.mp4", range(35), rate=5), every_secs=2
    )
    seen = [number_in(source.grab().image_bgr) for _ in range(4)]
    assert seen == [0, 10, 20, 30]
    assert source.at_secs == pytest.approx(6.0)  # type: ignore[attr-defined]
    with pytest.raises(EndOfSource):
        source.grab()


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    """A text is refused with its path."""
    (tmp_path / "v.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"v\.mp4: expected a video"):
        opened(type="video", path=tmp_path / "v.mp4")


def test_a_usb_camera_that_is_not_there() -> None:
    """A device that cannot be opened is a source error."""
    with pytest.raises(SourceError, match="usb camera 99"):
        opened(type="usb", device=99)


PLUGIN = """
import numpy as np
from shelf.errors import ConfigError, Problem
class Store:
    def __init__(self, settings):
        if settings["camera"] == "c9":
            raise ValueError("no camera c9")
        if settings["camera"] == "c8":
            raise ConfigError([Problem("source.camera", "c1 or c2", "'c8'")])
        self.left, self.grey = 2, settings["seed"]
    def grab(self):
        if not self.left:
            raise EOFError("the day is over")
        self.left -= 1
        return np.full((8, 8, 3), self.grey, np.uint8), None
    def close(self):
        pass
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings the simulator source."""
    (tmp_path / "shelf_test_store.py").write_text(PLUGIN)
    info = tmp_path / "shelf_test_store-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf-test-store\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[shelfwatch.sources]\nsimulator = shelf_test_store:Store\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


@pytest.mark.usefixtures("plugin")
def test_simulator_comes_from_an_entry_point() -> None:
    """Settings go in as a dict, pictures come out, EOFError is the end."""
    source = opened(type="simulator", seed=77)
    assert source.grab().image_bgr[0, 0, 0] == 77
    source.grab()
    with pytest.raises(EndOfSource, match="the day is over"):
        source.grab()
    source.close()


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(("camera", "words"), [("c9", "no camera c9"), ("c8", "c1 or c2")])
def test_simulator_that_refuses_its_settings(camera: str, words: str) -> None:
    """What the factory says is passed on."""
    with pytest.raises(SourceError, match=words):
        opened(type="simulator", camera=camera)


def test_opening_one_source_loads_no_other_library(tmp_path: Path) -> None:
    """A folder needs no video library."""
    import subprocess

    fill(tmp_path, 1)
    code = (
        "import sys; from edge_agent.sources import FolderSettings, open_source; "
        f"open_source(FolderSettings(type='folder', path={str(tmp_path)!r})).grab(); "
        "sys.exit('av' in sys.modules)"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})
