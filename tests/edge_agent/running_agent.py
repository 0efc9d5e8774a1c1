"""A real agent on rendered pictures, and what its operator sees of it."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import yaml

from central.broker import free_port
from edge_agent.agent import Agent
from edge_agent.config import Site
from simulator.site import write_site
from simulator.source import open_source

SEED = 7


def render(folder: Path, name: str, at_secs: float) -> None:
    """Add a picture of the store's first camera to what the agent's camera gives."""
    source = open_source({"type": "simulator", "seed": SEED, "start": time.time() - at_secs})
    partial = folder / f".{name}"
    cv2.imwrite(str(partial), source.grab()[0])
    partial.replace(folder / name)


def write_one_camera_site(folder: Path, **changes: object) -> Path:
    """Write a site with one camera on a folder of pictures, whose broker is out of reach."""
    write_site(folder, SEED)
    (folder / "looks").mkdir()
    render(folder / "looks", "1.png", 0.0)
    path = folder / "site.yaml"
    settings = yaml.safe_load(path.read_text())
    (camera, *_) = settings["cameras"]
    camera |= {
        "look_every_secs": 0.5,
        "source": {"type": "folder", "path": "looks", "repeat": True},
    }
    settings |= {
        "cameras": [camera],
        "broker": {"url": "mqtt://127.0.0.1:1"},
        "decide": {"confirm_secs": 2, "clear_secs": 1, "stale_secs": 60},
        "health": {"port": free_port("127.0.0.1")},
    }
    path.write_text(yaml.safe_dump(settings | changes))
    return path


class Running:
    """A running agent, as its operator sees it."""

    def __init__(self, site: Site, agent: Agent) -> None:
        self.site = site
        self.agent = agent
        self.folder = site.outbox.path.parent.parent

    def told(self) -> list[dict[str, Any]]:
        """Every slot change in the outbox, in order; its sequence has no gaps."""
        with sqlite3.connect(f"file:{self.site.outbox.path}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT sequence, payload FROM events ORDER BY 1").fetchall()
        assert [sequence for sequence, _ in rows] == list(range(1, len(rows) + 1))
        events = [json.loads(payload) for _, payload in rows]
        return [event["data"] for event in events if "slot.changed" in event["type"]]

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self.ask("/healthz")))

    def ask(self, path: str) -> bytes:
        """The answer's body, also of an agent that is not well."""
        assert self.site.health is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.site.health.port, timeout=20)
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def model(self) -> dict[str, str]:
        return dict(self.health()["models"]["c1"])

    def looks(self) -> float:
        lines = self.ask("/metrics").decode().splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith("shelfwatch_looks_total")
        )

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"waited until {what}: {self.health()}"
            time.sleep(0.05)


@contextmanager
def running(site: Site) -> Iterator[Running]:
    agent = Agent(site)
    thread = threading.Thread(target=agent.run)
    thread.start()
    try:
        yield Running(site, agent)
    finally:
        agent.stop()
        thread.join()
