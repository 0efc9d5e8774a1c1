"""A simulated store with its real agent, a real broker and the real central: what pages ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import httpx
import yaml
from browser import free_port, wait_until

from central.children import Child, stop_all
from simulator.site import demo_store, demo_view, write_site

SEED = 7
STOCKED, EMPTIED = 0.0, 45.0
"""Seconds of the simulated store: before and after the Corn Flakes of bay 1 are gone."""


class AskedStore:
    """One camera on bay 1 of aisle a12; `show` says what it sees."""

    def __init__(self, folder: Path, **site: Any) -> None:
        self.folder = folder
        self.site = folder / "store"
        self.port, broker_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        write_site(self.site, SEED)
        (self.site / "looks").mkdir(exist_ok=True)
        path = self.site / "site.yaml"
        settings = yaml.safe_load(path.read_text())
        camera = settings["cameras"][0] | {
            "look_every_secs": 1.0,
            "source": {"type": "folder", "path": "looks", "repeat": True},
        }
        settings |= {
            "cameras": [camera],
            "broker": {"url": f"mqtt://127.0.0.1:{broker_port}"},
            "decide": {"confirm_secs": 2, "clear_secs": 1, "stale_secs": 120},
            "workers": 1,
        }
        path.write_text(yaml.safe_dump(settings | site))
        central = {
            "broker": {"embedded": True, "port": broker_port, "folder": "broker"},
            "http": {"port": self.port},
            "login": {"required": False},
            "planograms": [
                {
                    "tenant": settings["tenant"],
                    "site": settings["site"],
                    "aisle": "a12",
                    "file": "store/planograms/a12.csv",
                }
            ],
        }
        (folder / "central.yaml").write_text(yaml.safe_dump(central))
        self.children: list[Child] = []
        self.agent: Child | None = None

    def show(self, at_secs: float) -> None:
        """Let the camera see the store as it is after so many seconds."""
        store = demo_store(SEED)
        picture = demo_view(store, "c1").picture(store.at(at_secs))
        folder = self.site / "looks"
        name = f"{len(list(folder.iterdir())):03d}.png"
        partial = folder / f".{name}"
        cv2.imwrite(str(partial), picture)
        partial.replace(folder / name)

    def start(self) -> None:
        """Start central and the agent; both answer when this returns."""
        if not list((self.site / "looks").glob("*.png")):
            self.show(STOCKED)
        config = str(self.folder / "central.yaml")
        central = Child("central", ["central", "--config", config], self.folder / "central.log")
        self.children.append(central)
        wait_until(lambda: self._is_up(central), 200)
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent and wait until the center has heard of its slots."""
        site = str(self.site / "site.yaml")
        self.agent = Child("agent", ["run", "--site", site], self.folder / "agent.log")
        self.children.append(self.agent)
        wait_until(lambda: self.states().get("b01/s3/p01") == "stocked", 300)

    def states(self) -> dict[str, str]:
        """The state of each slot by the center."""
        slots = httpx.get(f"{self.url}/api/slots.json").json()["slots"]
        return {slot["slot"].removeprefix("a12/"): slot["state"] for slot in slots}

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=40)

    def packshot(self, sku: str) -> Path:
        return self.site / "catalog" / f"{sku}.png"

    def stop(self) -> None:
        stop_all(self.children)

    def _is_up(self, central: Child) -> bool:
        assert central.exit_code is None, central.last_words()
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False
