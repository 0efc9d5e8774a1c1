"""A photographed bay, watched by the programs that a store runs, each killed on the way."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import pytest
import yaml
from parts import Broker, Link, committed, count_committed, wait_until

from central.broker import free_port
from central.broker_settings import Program

EMPTY = ["a1/b01/s1/p03", "a1/b01/s4/p01", "a1/b01/s6/p06"]
"""Where a person sees an empty place in the photograph."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(params=[Link(Program.MOSQUITTO, "5"), Link(Program.NATS, "3.1.1")], ids=str)
def link(request: pytest.FixtureRequest) -> Link:
    """One link for each broker: a run takes a minute."""
    link: Link = request.param
    return link


def write_site(
    folder: Path, crackers: Path, link: Link, url: str, source: dict[str, object]
) -> Path:
    site = folder / "site.yaml"
    site.write_text(
        yaml.safe_dump(
            {
                "tenant": "acme",
                "site": "s1",
                "node": "n1",
                "broker": {"url": url, "protocol": link.protocol},
                "planograms": [{"file": str(crackers / "planogram.json"), "aisle": "a1"}],
                "catalog": str(crackers / "catalog"),
                "cameras": [
                    {
                        "id": "c1",
                        "aisle": "a1",
                        "bays": [1],
                        "look_every_secs": 0.5,
                        "source": source,
                    }
                ],
                "decide": {"confirm_secs": 4, "clear_secs": 2},
            }
        )
    )
    return site


def write_central(folder: Path, link: Link, url: str) -> Path:
    central = folder / "central.yaml"
    central.write_text(
        yaml.safe_dump(
            {
                "broker": {"url": url, "protocol": link.protocol},
                "http": {"port": free_port("127.0.0.1")},
            }
        )
    )
    return central


def write_video(path: Path, photo: Path) -> None:
    """Write two minutes of the photograph at half its size, a keyframe a second."""
    picture = cv2.resize(cv2.imread(str(photo)), (1292, 1580), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 1292, 1580, "yuv420p"
        stream.gop_size = 2
        stream.options = {"preset": "ultrafast", "crf": "20"}
        for _ in range(240):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@contextmanager
def serving_rtsp(video: Path) -> Iterator[str]:
    """Serve ``video`` as a camera would; gives its address. Skips without a server."""
    script = Path(__file__).parents[1] / "edge_agent" / "rtsp_server.py"
    command = ["/usr/bin/python3", str(script), str(video), "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if words[:1] != ["ready"]:
            pytest.skip("needs python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good")
        yield f"rtsp://127.0.0.1:{words[1]}/shelf"
    finally:
        process.kill()
        process.communicate()


class Programs:
    """``shelfwatch`` processes by name."""

    def __init__(self, folder: Path, commands: dict[str, list[str]]) -> None:
        self._folder = folder
        self._commands = commands
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        log = (self._folder / f"{name}.log").open("ab")
        command = [str(Path(sys.executable).with_name("shelfwatch")), *self._commands[name]]
        self._running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running.pop(name).wait()

    def stop(self, name: str) -> int:
        self._running[name].send_signal(signal.SIGTERM)
        return self._running.pop(name).wait(30)

    def kill_all(self) -> None:
        for name in list(self._running):
            self.kill(name)


@contextmanager
def programs(folder: Path, site: Path, central: Path) -> Iterator[Programs]:
    started = Programs(
        folder,
        {"agent": ["run", "--site", str(site)], "central": ["central", "--config", str(central)]},
    )
    try:
        yield started
    finally:
        started.kill_all()


def outbox_rows(folder: Path) -> int:
    path = folder / "state" / "outbox.sqlite"
    if not path.exists():
        return -1
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        try:
            return int(database.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.OperationalError:
            return -1


def out_of_stock(database: Path) -> Counter[str]:
    """Count the events that say out of stock, by slot."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT subject, data FROM events WHERE type LIKE '%slot.changed%'"
        ).fetchall()
    return Counter(subject for subject, data in rows if json.loads(data)["state"] == "out_of_stock")


def all_told(database: Path) -> bool:
    return count_committed(database) > 0 and set(EMPTY) <= set(out_of_stock(database))


def test_empty_slots_arrive_once_though_each_part_is_killed(
    tmp_path: Path, crackers: Path, broker: Broker, link: Link
) -> None:
    """Agent, broker and collector get SIGKILL; each event is committed once, none is missing."""
    folder = {"type": "folder", "path": str(crackers / "shelf.jpg"), "repeat": True}
    site = write_site(tmp_path, crackers, link, broker.url, folder)
    database = tmp_path / "central.sqlite"
    with programs(tmp_path, site, write_central(tmp_path, link, broker.url)) as running:
        running.start("agent")
        # The first states are written while nobody listens; then the agent dies over them.
        wait_until(lambda: outbox_rows(tmp_path) > 0, "the agent has events")
        running.kill("agent")
        running.start("central")
        running.start("agent")
        wait_until(lambda: count_committed(database) > 0, "the first event is committed")
        running.kill("central")
        broker.kill()
        running.kill("agent")
        broker.start()
        running.start("agent")
        running.start("central")
        wait_until(lambda: all_told(database), "the empty slots are told", secs=90)
        wait_until(lambda: outbox_rows(tmp_path) == 0, "the outbox is empty")
        assert running.stop("agent") == 0
        assert running.stop("central") == 0
    (epoch,) = {epoch for epoch, _ in committed(database)}
    sequences = [sequence for _, sequence in committed(database)]
    assert sequences == list(range(1, len(sequences) + 1)), f"gaps in epoch {epoch}"
    told = out_of_stock(database)
    assert {slot: told[slot] for slot in EMPTY} == dict.fromkeys(EMPTY, 1)


def test_empty_slots_of_an_rtsp_camera_arrive(
    tmp_path: Path, crackers: Path, broker: Broker, link: Link
) -> None:
    """The same bay behind a real RTSP server, keyframes only: the same slots are told, once."""
    write_video(tmp_path / "shelf.mp4", crackers / "shelf.jpg")
    database = tmp_path / "central.sqlite"
    with serving_rtsp(tmp_path / "shelf.mp4") as url:
        source = {"type": "rtsp", "url": url, "timeout_secs": 8}
        site = write_site(tmp_path, crackers, link, broker.url, source)
        with programs(tmp_path, site, write_central(tmp_path, link, broker.url)) as running:
            running.start("central")
            running.start("agent")
            wait_until(lambda: all_told(database), "the empty slots are told", secs=90)
            assert running.stop("agent") == 0
            wait_until(lambda: outbox_rows(tmp_path) == 0, "the outbox is empty")
            assert running.stop("central") == 0
    told = out_of_stock(database)
    assert {slot: told[slot] for slot in EMPTY} == dict.fromkeys(EMPTY, 1)
