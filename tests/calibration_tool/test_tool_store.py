"""From the link to the agent that works with what was saved: the real parts together.

A simulated store serves its camera over HTTP, a broker carries the agent's words, and an
installer asks the tool what its page asks. The page itself is tapped in test_tool_browser.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import yaml
from browser import free_port, wait_until
from running_tool import running_tool

from calibration import Calibration
from central.children import Child, stop_all
from edge_agent.calibrate_tool import opened
from edge_agent.config import load_site
from simulator.serve import CameraServer, Shop
from simulator.site import write_site

MOSQUITTO = shutil.which("mosquitto")
PATIENCE_SECS = 300.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto (Debian: mosquitto)"),
]

FULL_SECS, EMPTY_SECS, FILLED_SECS = 2.0, 20.0, 180.0
"""When b01/s2/p01 of the demo store is full, empty, and filled again, with nobody before it."""


class CalmShop(Shop):
    """The store at a moment that a test names, for machines with few cores.

    Two pictures of each moment take turns: a camera that gives the same one is called frozen.
    """

    def __init__(self) -> None:
        super().__init__(7, monotonic=lambda: self.now_secs)
        self.now_secs = 0.0
        self.seconds()  # the shop opens
        self.now_secs = FULL_SECS
        self._kept: dict[tuple[str, float], list[bytes]] = {}
        self._turn = itertools.count()

    def picture(self, camera: str) -> bytes:
        """Return one of the two pictures of the moment."""
        moment = camera, self.now_secs
        if moment not in self._kept:
            first = super().picture(camera)
            image = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR)
            _, second = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
            self._kept[moment] = [first, second.tobytes()]
        return self._kept[moment][next(self._turn) % 2]


@contextmanager
def broker() -> Iterator[int]:
    """A broker on a free port."""
    port = free_port()
    assert MOSQUITTO is not None
    process = subprocess.Popen(
        [MOSQUITTO, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The store's cameras over HTTP."""
    with CameraServer(0, shop) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        yield server.url
        server.shutdown()


def write_store(folder: Path, url: str, broker_port: int) -> Path:
    """Write the demo's site with its first camera alone."""
    write_site(folder, 7, url=url)
    path = folder / "site.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["cameras"] = settings["cameras"][:1]
    settings["broker"] = {"url": f"mqtt://127.0.0.1:{broker_port}"}
    settings["decide"] = {"confirm_secs": 4, "clear_secs": 2, "stale_secs": 120}
    path.write_text(yaml.safe_dump(settings))
    return path


def test_an_installer_goes_from_the_link_to_a_tested_calibration(tmp_path: Path) -> None:
    """The proposal is green, saving it is enough for the agent, and the alert proves it."""
    shop = CalmShop()
    with ExitStack() as stack:
        port = stack.enter_context(broker())
        url = stack.enter_context(served(shop))
        site_file = write_store(tmp_path, url, port)
        parts = stack.enter_context(opened(load_site(site_file), site_file))
        agent = Child("agent", ["run", "--site", str(site_file)], tmp_path / "agent.log")
        stack.callback(stop_all, [agent])
        assert parts.agent is not None
        hears = parts.agent
        wait_until(lambda: hears.camera("c1") and not hears.fault(), PATIENCE_SECS)
        tool = stack.enter_context(running_tool(parts))
        ana = tool.client("Ana")
        ana.http.timeout = httpx.Timeout(PATIENCE_SECS)
        wait_until(lambda: ana.state()["live"]["findings"], PATIENCE_SECS)
        answer = ana.ask("propose").json()
        assert answer["draft"]["bays"][0]["verdict"] == "green", answer
        saved = ana.ask("save", revision=answer["draft"]["revision"]).json()["saved"]
        assert (saved["version"], saved["by"], saved["score"]) == ("c1-2", "Ana", "green")
        assert Calibration.load(tmp_path / "calibration" / "c1.yaml").version == "c1-2"

        log = tmp_path / "agent.log"
        wait_until(lambda: "calibration changed" in log.read_text(), PATIENCE_SECS)
        assert ana.ask("test", slot="b01/s2/p01").json()["test"]["now"]["stage"] == "empty_it"
        shop.now_secs = EMPTY_SECS
        wait_until(lambda: ana.state()["test"]["now"]["alert"], PATIENCE_SECS)
        now = ana.state()["test"]["now"]
        assert (now["alert"]["calibration"], now["other_calibration"]) == ("c1-2", None)
        shop.now_secs = FILLED_SECS
        wait_until(lambda: ana.state()["test"]["now"]["cleared"], PATIENCE_SECS)
        report = (tmp_path / "calibration" / "c1.reports" / "c1-2" / "index.html").read_text()
        assert "with calibration c1-2" in report
        assert agent.exit_code is None, agent.last_words()
