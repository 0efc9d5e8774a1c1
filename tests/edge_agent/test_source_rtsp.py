"""The RTSP source against a real server, and against servers that are broken."""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pictures import number_in, write_video

from edge_agent.camera_watch import WatchLimits
from edge_agent.capture import CameraReport, Capture
from edge_agent.frames import Frame
from edge_agent.sources import RtspSettings, Source, SourceError, open_source
from shelf.states import CameraState

SYSTEM_PYTHON = "/usr/bin/python3"
BINDINGS = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert all(map(Gst.ElementFactory.find, ('qtdemux', 'rtph264pay')))"
)
RATE, KEYFRAME_EVERY = 10, 10


def bindings_are_missing() -> bool:
    """Return whether the system's Python cannot serve RTSP."""
    if not Path(SYSTEM_PYTHON).exists():
        return True
    return subprocess.run([SYSTEM_PYTHON, "-c", BINDINGS], capture_output=True).returncode != 0


needs_server = pytest.mark.skipif(
    bindings_are_missing(),
    reason="needs python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good",
)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of numbered pictures, a keyframe a second."""
    path = tmp_path_factory.mktemp("rtsp") / "shelf.mp4"
    return write_video(path, range(600), rate=RATE, keyframe_every=KEYFRAME_EVERY)


@contextmanager
def serving(
    video: Path, port: int = 0, *credentials: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server; gives the process and its port."""
    script = Path(__file__).with_name("rtsp_server.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script), str(video), str(port), *credentials],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:1] == ["ready"], words
        yield process, int(words[1])
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def stream(port: int, user: str = "", **more: object) -> RtspSettings:
    """Return settings for the server on ``port``."""
    url = f"rtsp://{user}127.0.0.1:{port}/shelf"
    return RtspSettings.model_validate({"type": "rtsp", "url": url, "timeout_secs": 8, **more})


@contextmanager
def opened(settings: RtspSettings) -> Iterator[Source]:
    """Open and close a source."""
    source = open_source(settings)
    try:
        yield source
    finally:
        source.close()


@needs_server
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_keyframes_and_nothing_else(video: Path, transport: str) -> None:
    """What comes are keyframes, in order, with the content that the server sends."""
    with serving(video) as (_, port), opened(stream(port, transport=transport)) as source:
        numbers = [number_in(source.grab().image_bgr) for _ in range(3)]
    assert all(number % KEYFRAME_EVERY == 0 for number in numbers)
    assert numbers == sorted(set(numbers))


@needs_server
def test_b_frames_make_no_look_late(tmp_path: Path) -> None:
    """Keyframes come as soon as they arrive, not when later ones have put them in order.

    The only keyframes of this video are 100 s apart, so a picture that waits for the next one
    would not come at all.
    """
    video = write_video(tmp_path / "b.mp4", range(1000), rate=10, keyframe_every=1000, b_frames=2)
    with serving(video) as (_, port), opened(stream(port)) as source:
        assert number_in(source.grab().image_bgr) == 0


@needs_server
def test_credentials(video: Path) -> None:
    """The right password opens the stream; a wrong one is refused and not repeated."""
    with serving(video, 0, "me", "p@ss") as (_, port):
        with opened(stream(port, "me:p%40ss@")) as source:
            assert source.grab().image_bgr.shape == (240, 320, 3)
        with (
            opened(stream(port, "me:hunter2@")) as source,
            pytest.raises(SourceError, match=f"rtsp://127.0.0.1:{port}/shelf") as caught,
        ):
            source.grab()
    assert "hunter2" not in str(caught.value)


@needs_server
def test_a_camera_that_dies_and_comes_back(video: Path) -> None:
    """The whole path: ok, the server is killed, stale or offline, it is back, ok."""
    frames: queue.Queue[Frame] = queue.Queue()
    reports: queue.Queue[CameraReport] = queue.Queue()
    with serving(video) as (process, port):
        capture = Capture(
            "c1",
            stream(port),
            look_every_secs=0.2,
            put=frames.put,
            report=reports.put,
            limits=WatchLimits(stale_secs=0.5, offline_secs=1.5, frozen_secs=60),
        )
        capture.start()
        first = frames.get(timeout=15)
        settle(reports, capture, CameraState.OK)
        process.kill()
        process.wait(10)
        lost = settle(reports, capture, CameraState.OFFLINE)
        assert f"127.0.0.1:{port}" in lost.detail
    while not frames.empty():
        frames.get()
    with serving(video, port):
        settle(reports, capture, CameraState.OK)
        again = frames.get(timeout=15)
        assert again.sequence > first.sequence
        assert number_in(again.image_bgr) % KEYFRAME_EVERY == 0
        assert capture.stop(10)


def settle(
    reports: queue.Queue[CameraReport], capture: Capture, wanted: CameraState
) -> CameraReport:
    """Wait until the camera is reported in ``wanted``, checking as the agent does."""
    for _ in range(200):
        capture.check()
        try:
            report = reports.get(timeout=0.1)
        except queue.Empty:
            continue
        if report.state is wanted:
            return report
    raise AssertionError(f"camera is {capture.state}, expected {wanted}")


@needs_server
def test_a_stream_that_stalls(video: Path) -> None:
    """A camera that stops sending without hanging up is an error within the time limit."""
    with (
        serving(video) as (process, port),
        opened(stream(port, timeout_secs=3)) as source,
    ):
        source.grab()
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(SourceError, match=r"no keyframe within 3 s|the stream broke"):
            for _ in range(5):
                source.grab()


def test_a_port_that_answers_nothing() -> None:
    """Opening is bounded: a connection that is accepted and never answered ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with (
            opened(stream(port, timeout_secs=1)) as source,
            pytest.raises(SourceError, match=f"127.0.0.1:{port}/shelf"),
        ):
            source.grab()


def test_a_port_that_is_not_there() -> None:
    """A refused connection is told at once, not at the time limit."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        opened(stream(port)) as source,
        pytest.raises(SourceError, match="the stream broke: Connection refused"),
    ):
        source.grab()


def test_closing_ends_a_waiting_grab() -> None:
    """Another thread that closes the source does not wait for the time limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = open_source(stream(silent.getsockname()[1], timeout_secs=60))
        ended = threading.Event()

        def grab() -> None:
            with pytest.raises(SourceError):
                source.grab()
            ended.set()

        waiting = threading.Thread(target=grab)
        waiting.start()
        source.close()
        assert ended.wait(20)
        waiting.join()
