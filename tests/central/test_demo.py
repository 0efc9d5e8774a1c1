"""``shelfwatch demo`` as a user runs it: a child process with its own children."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from browser import (
    ABSENT,
    CHROMIUM,
    DRIVER,
    LAPTOP,
    free_port,
    running_browser,
    wait_until,
)
from web_rows import PLANOGRAM_CSV

from central.config import load_central
from central.demo import STORY, write_central, write_site
from simulator.scenario import Role
from simulator.site import DEMO, demo_planogram

SITE = {
    "tenant": "demo",
    "site": "s0001",
    "node": "s0001-e1",
    "broker": {"url": "mqtt://127.0.0.1:1883"},
    "planograms": [{"file": "a12.csv", "aisle": "a12"}],
    "cameras": [{"id": "c1", "aisle": "a12", "bays": [1], "source": {"type": "folder"}}],
}
"""A site that the central part can show, but no agent can watch: its source is incomplete."""


CAMERAS_URL = "http://127.0.0.1:1903/"
SERVED = {"type": "http", "url": f"{CAMERAS_URL}c1.jpg"}

AGENT_LIMIT_BYTES = 500 * 1000 * 1000
"""What an agent with two cameras of 1600x1200 may hold resident."""


@contextmanager
def running_demo(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the demo; whatever the test does, nothing is left of it."""
    command = [sys.executable, "-c", "from shelf.cli import main; main()", "demo", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def processes_that_name(text: str) -> dict[int, str]:
    """Return the command lines of all processes that hold ``text``, by process id."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        pid = int(file.parent.name)
        if text in words and pid != os.getpid():
            found[pid] = words
    return found


def resident_bytes(text: str) -> int:
    """Return the resident memory of the one process whose command line holds ``text``."""
    (pid,) = processes_that_name(text)
    (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kib) * 1024


def write_broken_site(folder: Path) -> Path:
    store = folder / "store"
    store.mkdir()
    (store / "a12.csv").write_text(PLANOGRAM_CSV)
    (store / "site.yaml").write_text(yaml.safe_dump(SITE))
    return store / "site.yaml"


def test_a_busy_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    """Exit 2, with the option to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = tmp_path / "store"
        log = tmp_path / "log"
        with running_demo(log, "--port", str(port), "--folder", str(folder)) as demo:
            assert demo.wait(60) == 2
    assert f"--port: expected a free port, found {port} in use" in log.read_text()
    assert not folder.exists()


def test_a_program_that_ends_early_ends_the_demo(tmp_path: Path) -> None:
    """Exit 1, the end of its log, and nothing left over."""
    write_broken_site(tmp_path)
    log = tmp_path / "log"
    with running_demo(log, "--port", "0", "--folder", str(tmp_path)) as demo:
        assert demo.wait(120) == 1
    said = log.read_text()
    assert "agent ended unexpectedly (exit 2)" in said
    assert "cameras[0].source" in said
    assert processes_that_name(str(tmp_path)) == {}


def test_the_files_of_the_demo_are_good_configurations(tmp_path: Path) -> None:
    """Broker and page agree with the site; all else of the site stays."""
    file = write_broken_site(tmp_path)
    site = write_site(file, 1901, 1902, CAMERAS_URL)
    assert site["broker"] == {"url": "mqtt://127.0.0.1:1901", "protocol": "3.1.1"}
    assert yaml.safe_load(file.read_text())["health"] == {"port": 1902}
    write_central(tmp_path / "central.yaml", site, 8080, 1901, 1902)
    central = load_central(tmp_path / "central.yaml")
    assert (central.broker.host, central.broker.port) == ("127.0.0.1", 1901)
    assert [planogram.file for planogram in central.planograms] == [file.parent / "a12.csv"]
    assert [look.url for look in central.looks] == ["http://127.0.0.1:1902/cameras/c1/look.jpg"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "simulator", "seed": 7, "camera": "c1"}, SERVED),
        ({"type": "http", "url": "http://127.0.0.1:1800/c1.jpg"}, SERVED),
        ({"type": "folder", "path": "frames"}, {"type": "folder", "path": "frames"}),
        (
            {"type": "http", "url": "http://10.0.0.7/c1.jpg"},
            {"type": "http", "url": "http://10.0.0.7/c1.jpg"},
        ),
    ],
)
def test_simulated_cameras_are_those_that_the_demo_serves(
    tmp_path: Path, source: dict[str, object], expected: dict[str, object]
) -> None:
    """Also those of an earlier run in the same folder; real cameras stay."""
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump({**SITE, "cameras": [{"id": "c1", "source": source}]}))
    assert write_site(file, 1901, 1902, CAMERAS_URL)["cameras"][0]["source"] == expected


def test_the_demo_tells_the_story_that_is_played() -> None:
    """Each line of the printed story is a part of the scenario, with its second and product."""
    planogram = demo_planogram()
    parts = [part for part in DEMO.first if part.at_secs <= 128]
    lines = STORY.splitlines()
    assert len(parts) == len(lines) == 5
    for part, line in zip(parts, lines, strict=True):
        assert int(re.findall(r"\d+", line)[0]) == part.at_secs
        assert " ".join(planogram.slot(part.slot).name.split()[:2]) in line
        assert ("restock" in line) == (part.role is Role.RESTOCKED)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT)
def test_a_shelf_that_runs_empty_reaches_the_page(tmp_path: Path) -> None:
    """The whole way: simulated camera, detector, events, broker, collector, page."""
    port, log = free_port(), tmp_path / "log"
    arguments = ("--port", str(port), "--folder", str(tmp_path / "store"), "--seconds", "200")
    with running_demo(log, *arguments) as demo, running_browser(tmp_path) as browser:
        browser.resize(LAPTOP)
        wait_until(lambda: demo.poll() is not None or "The page:" in log.read_text(), 60)
        assert demo.poll() is None, log.read_text()
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait_for("return document.querySelector('.slot.stocked')", timeout_secs=60)
        browser.wait_for("return document.querySelector('.alert')", timeout_secs=120)
        browser.wait_for(
            "return [...document.querySelectorAll('.look img')].every((i) => i.naturalWidth)"
        )
        said = re.compile(r"(out of stock|running low|wrong product) +\S")
        wait_until(lambda: said.search(log.read_text()))
        assert resident_bytes(f"run --site {tmp_path}") < AGENT_LIMIT_BYTES
        assert "offline" not in (tmp_path / "store" / "agent.log").read_text()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert processes_that_name(str(tmp_path)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "begun"), [(signal.SIGTERM, "central.log"), (signal.SIGINT, "cameras.log")]
)
def test_a_signal_while_it_starts_stops_everything(tmp_path: Path, number: int, begun: str) -> None:
    """Also half way: exit 0 and nothing left over."""
    log, folder = tmp_path / "log", tmp_path / "store"
    with running_demo(log, "--port", "0", "--folder", str(folder)) as demo:
        wait_until(lambda: demo.poll() is not None or (folder / begun).exists(), 60)
        demo.send_signal(number)
        assert demo.wait(60) == 0, log.read_text()
    assert processes_that_name(str(tmp_path)) == {}


@pytest.mark.slow
def test_the_demo_ends_by_itself(tmp_path: Path) -> None:
    """Exit 0 after the seconds that were asked for; the page is gone."""
    port, log = free_port(), tmp_path / "log"
    started = time.monotonic()
    arguments = ("--port", str(port), "--folder", str(tmp_path / "store"), "--seconds", "2")
    with running_demo(log, *arguments) as demo:
        assert demo.wait(120) == 0, log.read_text()
    assert time.monotonic() - started >= 2
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")
