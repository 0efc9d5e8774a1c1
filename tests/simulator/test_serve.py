"""The simulated cameras over HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import cv2
import httpx
import numpy as np
import pytest
import yaml

from edge_agent.sources.http import HttpSource
from edge_agent.sources.settings import HttpSettings
from simulator.serve import CameraServer, Shop
from simulator.site import SIZE_PX, demo_planogram, demo_store, demo_view
from simulator.store import StoreState
from simulator.view import View


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.secs = 1000.0

    def __call__(self) -> float:
        return self.secs


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def url(clock: Clock) -> Iterator[str]:
    """The address of cameras in a shop that stands still at second 95."""
    shop = Shop(7, monotonic=clock)
    shop.seconds()
    clock.secs += 95.0
    with CameraServer(0, shop) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=60, trust_env=False)


def test_a_picture_shows_this_moment(url: str) -> None:
    """What is sent is the view of second 95, and no cache may keep it."""
    answer = get(f"{url}c2.jpg?resolution=any")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    sent = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    store = demo_store(7)
    expected = demo_view(store, "c2").picture(store.at(95.0))
    assert sent is not None
    assert sent.shape == expected.shape
    assert np.abs(sent.astype(int) - expected).mean() < 2


def test_truth_is_of_the_same_moment(url: str) -> None:
    """Every slot with its state, its facings and how much of it each camera sees."""
    truth = get(f"{url}truth.json").json()
    assert truth["secs"] == 95.0
    slots = {slot["slot"]: slot for slot in truth["slots"]}
    assert len(slots) == len(demo_planogram())
    corn_flakes = slots["b01/s2/p01"]
    assert (corn_flakes["state"], corn_flakes["facings_seen"]) == ("out_of_stock", 0)
    assert slots["b02/s4/p02"]["state"] == "misplaced"
    assert set(corn_flakes["visibility"]) == {"c1", "c2"}


def test_the_first_page_lists_the_cameras(url: str) -> None:
    """A person finds pictures and truth."""
    links = re.findall(r'href="/([^"]+)"', get(url).text)
    assert links == ["c1.jpg", "c2.jpg", "truth.json"]


@pytest.mark.parametrize("path", ["c3.jpg", "c1", "c1.png", "truth.json.jpg"])
def test_what_there_is_not_is_said(url: str, path: str) -> None:
    """404, with what can be asked for."""
    answer = get(url + path)
    assert answer.status_code == 404
    assert f"expected /c1.jpg, /c2.jpg, /truth.json or /, found '/{path}'" in answer.text


def test_the_shop_opens_with_the_first_picture() -> None:
    """Warming up takes no time from the story; then time runs at the speed asked for."""
    clock = Clock()
    shop = Shop(7, speed=10, monotonic=clock)
    shop.warm_up()
    clock.secs += 500
    assert json.loads(shop.truth())["secs"] == 0.0
    clock.secs += 3
    assert json.loads(shop.truth())["secs"] == 30.0


class Meeting:
    """A view that notes whether two draw at once."""

    def __init__(self) -> None:
        self.met = False
        self._two = threading.Barrier(2)

    def picture(self, _state: StoreState) -> np.ndarray:
        try:
            self._two.wait(0.5)
            self.met = True
        except threading.BrokenBarrierError:
            pass
        return np.zeros((2, 2, 3), np.uint8)


def test_a_camera_draws_one_picture_at_a_time() -> None:
    """A second client waits its turn."""
    shop, view = Shop(7), Meeting()
    shop._views["c1"] = cast(View, view)
    clients = [threading.Thread(target=shop.picture, args=("c1",)) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert not view.met


def simulate(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from shelf.cli import main; main()", "simulate"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_agent_can_watch_the_site_that_is_written(tmp_path: Path, number: int) -> None:
    """Its cameras are those that are served; a signal ends them with exit 0."""
    process = simulate("--serve", 0, "--out", tmp_path / "store")
    try:
        out = cast("IO[str]", process.stdout)
        assert any("Ctrl-C stops" in line for line in out)
        site = yaml.safe_load((tmp_path / "store" / "site.yaml").read_text())
        source = HttpSource(HttpSettings(**site["cameras"][1]["source"]))
        assert site["cameras"][1]["source"]["url"].endswith("/c2.jpg")
        assert source.grab().image_bgr.shape == (SIZE_PX[1], SIZE_PX[0], 3)
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.communicate()[1] == ""
    finally:
        process.kill()
        process.communicate()


def test_a_busy_port_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """Exit 2, with the option to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = simulate("--serve", port, "--out", tmp_path / "store")
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert f"--serve: expected a free port, found {port} in use" in said
    assert not (tmp_path / "store").exists()
