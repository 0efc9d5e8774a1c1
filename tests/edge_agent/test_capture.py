"""Capture: looks at a pace, and the camera's state told once for each change."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from edge_agent.backoff import Backoff
from edge_agent.camera_watch import ALLOWED, WatchLimits
from edge_agent.capture import CameraReport, Capture
from edge_agent.frames import Frame
from edge_agent.sources import EndOfSource, Grab, HttpSettings, Source, SourceError, VideoSettings
from shelf.states import CameraState

OK, STALE, OFFLINE = CameraState.OK, CameraState.STALE, CameraState.OFFLINE
LIVE = HttpSettings(type="http", url="http://cam/snap.jpg")
FILE = VideoSettings(type="video", path="v.mp4")
LIMITS = WatchLimits(stale_secs=30, offline_secs=100, frozen_secs=50)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

Step = int | Exception


class Scripted:
    """A source that plays a script: a number is a picture of that grey, an error is raised."""

    def __init__(self, script: Iterator[Step]) -> None:
        self.script = script
        self.closed = 0

    def grab(self) -> Grab:
        step = next(self.script)
        if isinstance(step, Exception):
            raise step
        return Grab(np.full((4, 4, 3), step, np.uint8))

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A capture whose clock stands still unless it is told to go on."""

    def __init__(self, *script: Step, settings: HttpSettings | VideoSettings = LIVE) -> None:
        self.now_secs = 1000.0
        self.frames: list[Frame] = []
        self.reports: list[CameraReport] = []
        self.sources: list[Scripted] = []
        self._script = iter(script)
        self.capture = Capture(
            "c1",
            settings,
            look_every_secs=10,
            put=self.frames.append,
            report=self.reports.append,
            limits=LIMITS,
            opener=self._open,
            rng=random.Random(7),
            monotonic=lambda: self.now_secs,
            utc_now=lambda: NOON + timedelta(seconds=self.now_secs - 1000),
        )

    def _open(self, _: object) -> Source:
        self.sources.append(Scripted(self._script))
        return self.sources[-1]

    def look(self, times: int = 1, every_secs: float = 10) -> float | None:
        """Take looks at a pace of the bench's own; returns the last pause asked for."""
        pause_secs: float | None = None
        for _ in range(times):
            pause_secs = self.capture.look()
            self.now_secs += every_secs
        return pause_secs

    @property
    def states(self) -> list[CameraState]:
        return [report.state for report in self.reports]


def test_a_good_camera_is_reported_once() -> None:
    """Three looks are three frames in order and one report."""
    bench = Bench(1, 2, 3)
    assert bench.look(3) == 10
    assert [frame.sequence for frame in bench.frames] == [1, 2, 3]
    assert [frame.monotonic_secs for frame in bench.frames] == [1000, 1010, 1020]
    assert bench.frames[1].captured_at_utc == NOON + timedelta(seconds=10)
    assert bench.reports == [CameraReport("c1", OK, "", NOON)]


def test_a_camera_that_never_answers_is_offline_at_once() -> None:
    """The installer sees a wrong address in seconds, with the reason, once."""
    bench = Bench(*[SourceError("cam: HTTP 401")] * 3)
    bench.look(3)
    assert bench.states == [OFFLINE]
    assert bench.reports[0].detail == "cam: HTTP 401"
    assert bench.capture.counts.failures == 3


def test_a_lost_camera_goes_stale_then_offline_then_ok() -> None:
    """One failed look is no news; 30 s without a picture is stale, 100 s offline."""
    bench = Bench(1, *[SourceError("no answer")] * 11, 2)
    bench.look(2)
    assert bench.states == [OK]
    bench.look(3)
    assert bench.states == [OK, STALE]
    assert bench.reports[-1].detail == "no fresh picture for 30 s: no answer"
    bench.look(7)
    assert bench.states == [OK, STALE, OFFLINE]
    bench.look()
    assert bench.states == [OK, STALE, OFFLINE, OK]


def test_a_grab_that_hangs_is_noticed_from_outside() -> None:
    """The capture thread is stuck, so `check` tells."""
    bench = Bench(1)
    bench.look()
    bench.now_secs += 25
    bench.capture.check()
    bench.now_secs += 100
    bench.capture.check()
    bench.capture.check()
    assert bench.states == [OK, STALE, OFFLINE]
    assert bench.reports[1].detail == "no fresh picture for 35 s: the camera does not answer"


def test_an_opening_that_hangs_is_noticed_too() -> None:
    """Before the first picture there is no OK to fall from."""
    bench = Bench()
    bench.now_secs += 31
    bench.capture.check()
    assert bench.states == [OFFLINE]
    assert "no answer yet" in bench.reports[0].detail


def test_a_frozen_stream_is_stale_and_its_looks_are_not_used() -> None:
    """The same bytes for 50 s are no fresh look; the source is opened anew; it stays stale."""
    bench = Bench(*[7] * 20, 8)
    bench.look(5)
    assert bench.states == [OK] and len(bench.frames) == 5
    bench.look(15)
    bench.capture.check()
    assert bench.states == [OK, STALE]
    assert bench.reports[-1].detail == "the same picture for 50 s"
    assert len(bench.frames) == 5
    assert len(bench.sources) > 1 and bench.sources[0].closed == 1
    bench.look()
    assert bench.states == [OK, STALE, OK]


def test_a_file_may_repeat_its_picture() -> None:
    """A still picture from a file is not a frozen camera."""
    bench = Bench(*[7] * 20, settings=FILE)
    bench.look(20)
    assert bench.states == [OK]
    assert len(bench.frames) == 20


def test_the_end_of_a_file_ends_the_capture() -> None:
    """The last picture is followed by offline with the reason, and no more looks."""
    bench = Bench(1, EndOfSource("the video has ended"), settings=FILE)
    assert bench.look(2) is None
    assert bench.capture.is_ended.is_set()
    assert [(report.state, report.detail) for report in bench.reports] == [
        (OK, ""),
        (OFFLINE, "the video has ended"),
    ]


def test_a_live_source_is_reopened_and_a_file_keeps_its_place() -> None:
    """Only what is live starts anew after a failure."""
    for settings, opened in ((LIVE, 2), (FILE, 1)):
        bench = Bench(1, SourceError("broken"), 2, settings=settings)
        bench.look(3)
        assert bench.capture.counts.opened == len(bench.sources) == opened


def test_a_driver_that_breaks_is_a_failure_not_the_end() -> None:
    """An unexpected error is named by its kind; its text may hold anything."""
    bench = Bench(1, *[RuntimeError("rtsp://me:secret@cam")] * 4, 2)
    bench.look(6)
    assert bench.states == [OK, STALE, OK]
    assert "RuntimeError" in bench.reports[1].detail
    assert "secret" not in bench.reports[1].detail


def test_the_pause_after_failures_grows_and_a_look_resets_it() -> None:
    """Half to whole of 1, 2, 4 ... 60 s."""
    backoff = Backoff(rng=random.Random(3))
    for whole_secs in (1, 2, 4, 8, 16, 32, 60, 60):
        assert whole_secs / 2 <= backoff.next_secs() <= whole_secs
    backoff.succeeded()
    assert backoff.next_secs() <= 1
    bench = Bench(*[SourceError("no")] * 4, 1, SourceError("no"))
    pauses = [bench.look() for _ in range(6)]
    assert 4 <= (pauses[3] or 0) <= 8
    assert (pauses[5] or 0) <= 1


def test_every_state_can_be_left_and_none_leads_to_itself() -> None:
    """The table of transitions has no dead end."""
    for state, following in ALLOWED.items():
        assert following and state not in following
        assert following <= {OK, STALE, OFFLINE}


@pytest.mark.parametrize("limits", [(0, 1, 1), (2, 1, 1), (1, 2, 0)])
def test_limits_that_make_no_sense(limits: tuple[float, float, float]) -> None:
    """Offline cannot come before stale."""
    with pytest.raises(ValueError, match="stale_secs"):
        WatchLimits(*limits)


class Blocking:
    """A source whose grab waits until it is closed, as a stream does."""

    def __init__(self) -> None:
        self.grabbing = threading.Event()
        self.closed = threading.Event()

    def grab(self) -> Grab:
        self.grabbing.set()
        self.closed.wait(60)
        raise SourceError("closed")

    def close(self) -> None:
        self.closed.set()


def test_stop_interrupts_a_grab_and_reports_nothing() -> None:
    """Stopping closes the source under the waiting grab; that is no failure of the camera."""
    source = Blocking()
    reports: list[CameraReport] = []
    capture = started(lambda _: source, reports)
    assert source.grabbing.wait(10)
    assert capture.stop(10)
    assert reports == []


def test_stop_interrupts_the_pause() -> None:
    """A capture that waits for its next look stops at once."""
    seen = threading.Event()
    capture = started(lambda _: Scripted(iter([1])), [], put=lambda _: seen.set())
    assert seen.wait(10)
    assert capture.stop(10)


def started(
    opener: Callable[[object], Source],
    reports: list[CameraReport],
    put: Callable[[Frame], None] = lambda _: None,
) -> Capture:
    """Return a running capture with a look an hour."""
    capture = Capture(
        "c1", LIVE, look_every_secs=3600, put=put, report=reports.append, opener=opener
    )
    capture.start()
    return capture
