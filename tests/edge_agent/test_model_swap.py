"""An agent at work on rendered pictures, while its model is replaced under it."""

from __future__ import annotations

import http.client
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from model_folders import BROKEN, copy_of_shipped, other_model

from central.broker import free_port
from detector.manifest import read_manifest
from edge_agent.agent import Agent
from edge_agent.config import Site, load_site
from simulator.site import write_site
from simulator.source import open_source

SEED = 7
EMPTIED_AT_SECS = 120.0
"""The simulated store has sold out of a slot of the first bay by then."""


def render(folder: Path, name: str, at_secs: float) -> None:
    """Add a picture of the store's first camera to what the agent's camera gives."""
    source = open_source({"type": "simulator", "seed": SEED, "start": time.time() - at_secs})
    partial = folder / f".{name}"
    cv2.imwrite(str(partial), source.grab()[0])
    partial.replace(folder / name)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with one camera on a folder of pictures, whose broker is out of reach."""
    write_site(tmp_path, SEED)
    (tmp_path / "looks").mkdir()
    render(tmp_path / "looks", "1.png", 0.0)
    copy_of_shipped(tmp_path / "model")
    path = tmp_path / "site.yaml"
    settings = yaml.safe_load(path.read_text())
    (camera, *_) = settings["cameras"]
    camera |= {
        "look_every_secs": 0.5,
        "source": {"type": "folder", "path": "looks", "repeat": True},
        "model": "model",
    }
    settings |= {
        "cameras": [camera],
        "broker": {"url": "mqtt://127.0.0.1:1"},
        "decide": {"confirm_secs": 2, "clear_secs": 1, "stale_secs": 60},
        "health": {"port": free_port("127.0.0.1")},
    }
    path.write_text(yaml.safe_dump(settings))
    return load_site(path)


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


def sha256(folder: Path) -> str:
    return read_manifest(folder / "manifest.yaml").sha256


def replace_model(folder: Path, by: Path) -> None:
    """Put another folder in the place of ``folder`` by renaming."""
    folder.rename(folder.with_name(f"{folder.name}-{time.monotonic_ns()}"))
    by.rename(folder)


def test_events_name_the_model_that_looked(site: Site) -> None:
    """After a swap new events carry the new hash; none is lost and the camera stays ok."""
    with running(site) as run:
        model = run.folder / "model"
        before = sha256(model)
        run.wait_until(lambda: len(run.told()) >= 10, "the first states are told")
        replace_model(model, other_model(run.folder / "new"))
        after = sha256(model)
        run.agent.check_models()
        run.wait_until(lambda: run.model()["sha256"] == after, "the new model is in use")
        known = len(run.told())
        render(run.folder / "looks", "2.png", EMPTIED_AT_SECS)
        run.wait_until(
            lambda: "out_of_stock" in [data["state"] for data in run.told()[known:]],
            "an empty slot is told",
        )
        told = run.told()
        assert run.health()["cameras"]["c1"] == {"state": "ok", "detail": ""}
    assert {data["model"] for data in told[:known]} == {f"sha256:{before}"}
    assert {data["model"] for data in told[known + 1 :]} == {f"sha256:{after}"}


def test_bad_models_are_refused_and_the_watch_goes_on(site: Site) -> None:
    """Each is named in health and in the camera's status; looks go on with the old one."""
    with running(site) as run:
        model = run.folder / "model"
        before = sha256(model)
        run.wait_until(lambda: run.health()["cameras"]["c1"]["state"] == "ok", "a look")
        for number, (kind, (spoil, words)) in enumerate(BROKEN.items()):
            bad = other_model(run.folder / f"bad-{number}")
            spoil(bad)
            replace_model(model, bad)
            run.agent.check_models()
            run.wait_until(lambda words=words: words in run.model()["refused"], f"refused: {kind}")
            looks = run.looks()
            run.wait_until(lambda looks=looks: run.looks() > looks + 1, "it goes on looking")
            assert run.model()["sha256"] == before
        run.wait_until(
            lambda: "a new model was refused" in run.health()["cameras"]["c1"]["detail"],
            "the camera's status says so",
        )
        assert run.health()["ok"] is True
        assert run.health()["cameras"]["c1"]["state"] == "ok"
        replace_model(model, other_model(run.folder / "good"))
        after = sha256(model)
        run.wait_until(lambda: run.model()["sha256"] == after, "a good one is found by polling")
        run.wait_until(
            lambda: run.health()["cameras"]["c1"]["detail"] == "", "the status is clear again"
        )


def test_half_a_copy_is_waited_for(site: Site) -> None:
    """Files that arrive one by one, manifest first, do no harm and are used when complete."""
    with running(site) as run:
        model, new = run.folder / "model", other_model(run.folder / "new")
        shutil.copy(new / "manifest.yaml", model)
        run.agent.check_models()
        run.wait_until(lambda: "sha256" in run.model()["refused"], "half a copy is refused")
        shutil.copy(new / "model.onnx", model)
        run.agent.check_models()
        run.wait_until(lambda: run.model()["sha256"] == sha256(new), "the whole copy is used")
        assert run.model()["refused"] == ""
