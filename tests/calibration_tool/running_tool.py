"""The tool served in this process, on a free port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from browser import free_port, wait_until

from calibration.tool.app import create_app
from calibration.tool.door import Door
from calibration.tool.site import SiteParts
from calibration.tool.workshop import Workshop


@dataclass
class RunningTool:
    """Its address, and how to come in."""

    url: str
    door: Door
    workshop: Workshop

    def link(self) -> str:
        return self.url + self.door.new_link()

    def client(self, name: str) -> Client:
        """Return somebody who has come in."""
        http = httpx.Client(base_url=self.url, timeout=30)
        http.post(self.door.new_link(), data={"name": name}, headers={"Origin": self.url})
        page = http.get("/cameras/c1").text
        http.headers["X-CSRF-Token"] = page.partition('data-csrf="')[2].partition('"')[0]
        return Client(http)


class Client:
    """Asks what the page asks."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def state(self) -> dict:
        return self.http.get("/api/cameras/c1").json()

    def ask(self, name: str, **body: object) -> httpx.Response:
        return self.http.post(f"/api/cameras/c1/{name}", json=body)

    def edit(self, revision: int, **edit: object) -> httpx.Response:
        return self.ask("edit", revision=revision, edit=edit)


@contextmanager
def running_tool(parts: SiteParts) -> Iterator[RunningTool]:
    """Serve ``parts`` until the end of the block."""
    door, workshop, port = Door(), Workshop(parts), free_port()
    config = uvicorn.Config(create_app(workshop, door), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield RunningTool(f"http://127.0.0.1:{port}", door, workshop)
    finally:
        server.should_exit = True
        thread.join(10)
