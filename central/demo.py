"""``shelfwatch demo``: a simulated store, its agent, a broker and this page, end to end.

It runs the programs that a store would: ``simulate`` makes the store and is its cameras,
``central`` brings broker, collector and page, ``run`` is the agent.
"""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
import threading
import time
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml

from central.children import Child, stop_all
from shelf.errors import ShelfwatchError

app = typer.Typer()

TICK_SECS = 0.5
START_TIMEOUT_SECS = 90.0
ASK_SECS = 1.0
"""How long a program that starts is waited for at a time; also the longest until Ctrl-C works."""
HOST = "127.0.0.1"

STORE = "store"
"""Where in the demo's folder the simulated store is."""

STORY = """\
  from second  14   shoppers take all the Corn Flakes
  from second  34   and all the Apple Juice
  from second  52   Ground Coffee runs low
  from second  68   a bag of Penne is left among the Tortilla Chips
  second 128-150    staff restock the Corn Flakes
"""
"""What happens in the first minutes of the simulated store."""

_STATE_WORDS = {
    "out_of_stock": "out of stock",
    "low": "running low",
    "misplaced": "wrong product",
}


class PortError(ShelfwatchError):
    """The page's port is taken."""


class DemoError(ShelfwatchError):
    """A part of the demo ended or did not start."""

    exit_code = 1


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any.")] = 8080,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this many seconds.", metavar="N")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep everything here; a temporary folder if absent.")
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = False,
) -> None:
    """Watch a simulated store from camera to alert on this machine.

    Example: shelfwatch demo --port 8080
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stopped.set())
    chosen_port = _take_port(port)
    place = folder or Path(tempfile.mkdtemp(prefix="shelfwatch-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    running = Demo(place.resolve(), chosen_port, stopped)
    try:
        running.start()
        if not stopped.is_set():
            _say_what_to_look_at(running)
            if open_page:
                webbrowser.open(running.url)
            running.watch(seconds)
    finally:
        typer.echo("stopping")
        running.stop()
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)


class Demo:
    """The parts of one demo in ``folder``; ``stopped`` ends every wait."""

    def __init__(self, folder: Path, port: int, stopped: threading.Event) -> None:
        self.url = f"http://{HOST}:{port}/"
        self.cameras_url = ""
        self.folder = folder
        self._port = port
        self._stopped = stopped
        self._children: list[Child] = []
        self._client = httpx.Client(base_url=self.url, timeout=5, trust_env=False)
        self._open: dict[str, dict[str, Any]] = {}

    def start(self) -> None:
        """Make the store and start its programs; raises `DemoError` when one fails."""
        store = self.folder / STORE
        site_file = store / "site.yaml"
        cameras_port, broker_port, health_port = free_port(), free_port(), free_port()
        self.cameras_url = f"http://{HOST}:{cameras_port}/"
        cameras = ["simulate", "--serve", str(cameras_port)]
        if not site_file.exists():
            typer.echo("Building the store: shelves, products, cameras, calibration ...")
            cameras += ["--out", str(store)]
        self._start("cameras", cameras)
        self._wait_for("the cameras", self.cameras_url)
        if self._stopped.is_set():
            return
        site = write_site(site_file, broker_port, health_port, self.cameras_url)
        central_file = self.folder / "central.yaml"
        write_central(central_file, site, self._port, broker_port, health_port)
        typer.echo("Starting broker, collector and page ...")
        self._start("central", ["central", "--config", str(central_file)])
        self._wait_for("the page", "/healthz")
        if self._stopped.is_set():
            return
        typer.echo("Starting the agent ...")
        self._start("agent", ["run", "--site", str(site_file)])

    def watch(self, seconds: float | None) -> None:
        """Say what opens and closes until stopped, or for ``seconds``.

        Raises `DemoError` when a program ends.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._stopped.wait(TICK_SECS):
            self._check_children()
            self._say_changes()
            if deadline is not None and time.monotonic() >= deadline:
                return

    def stop(self) -> None:
        """Stop everything, the last started first."""
        self._client.close()
        stop_all(self._children)

    def _start(self, name: str, arguments: list[str]) -> None:
        self._children.append(Child(name, arguments, self.folder / f"{name}.log"))

    def _check_children(self) -> None:
        for child in self._children:
            if child.exit_code is not None:
                raise _ended(child)

    def _wait_for(self, what: str, url: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECS
        while not self._stopped.wait(0.1):
            self._check_children()
            with suppress(httpx.TransportError):
                if self._client.get(url, timeout=ASK_SECS).is_success:
                    return
            if time.monotonic() > deadline:
                raise DemoError(f"{what} did not answer within {START_TIMEOUT_SECS:.0f} s")

    def _say_changes(self) -> None:
        try:
            answer = self._client.get("/api/alerts.json").raise_for_status().json()
        except httpx.HTTPError:
            return  # the next look tells; a program that has ended is found by its exit code
        for alert in answer["open"]:
            if alert["id"] not in self._open:
                self._open[alert["id"]] = alert
                words = _STATE_WORDS.get(alert["state"], alert["state"])
                _say(words, f"{alert['name'] or alert['sku']}, {alert['place']}")
        now_open = {alert["id"] for alert in answer["open"]}
        for alert in answer["closed"]:
            if alert["id"] in self._open and alert["id"] not in now_open:
                del self._open[alert["id"]]
                secs = _moment(alert["closed_utc"]) - _moment(alert["since_utc"])
                _say("solved", f"{alert['name'] or alert['sku']}, after {secs:.0f} s")


def write_site(path: Path, broker_port: int, health_port: int, cameras_url: str) -> dict[str, Any]:
    """Point a site file at the demo's broker and cameras, give the agent a page; return the site.

    MQTT 3.1.1 is what both embedded brokers speak. Cameras that are not simulated stay.
    """
    site: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    broker = {"url": f"mqtt://{HOST}:{broker_port}", "protocol": "3.1.1"}
    site["broker"] = {**site.get("broker", {}), **broker}
    site["health"] = {"port": health_port}
    for camera in site["cameras"]:
        if _is_simulated(camera):
            camera["source"] = {"type": "http", "url": f"{cameras_url}{camera['id']}.jpg"}
    path.write_text(yaml.safe_dump(site, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return site


def _is_simulated(camera: Mapping[str, Any]) -> bool:
    """Return whether a camera is one of the demo's, of this run or an earlier one."""
    source = camera["source"]
    url = str(source.get("url", ""))
    return source["type"] == "simulator" or (
        url.startswith(f"http://{HOST}:") and url.endswith(f"/{camera['id']}.jpg")
    )


def write_central(
    path: Path, site: Mapping[str, Any], port: int, broker_port: int, health_port: int
) -> None:
    """Write the configuration of the central part for one site, which is in `STORE` beside it."""
    look = f"http://{HOST}:{health_port}/cameras/{{}}/look.jpg"
    central = {
        "database_url": "sqlite:///central.sqlite",
        "broker": {"embedded": True, "host": HOST, "port": broker_port, "folder": "broker"},
        "http": {"host": HOST, "port": port},
        "login": {"required": False},  # only this machine reaches the page
        "planograms": [
            {
                "tenant": site["tenant"],
                "site": site["site"],
                "aisle": planogram["aisle"],
                "file": f"{STORE}/{planogram['file']}",
            }
            for planogram in site["planograms"]
        ],
        "looks": [
            {"camera": camera["id"], "url": look.format(camera["id"])} for camera in site["cameras"]
        ],
    }
    path.write_text(yaml.safe_dump(central, sort_keys=False, allow_unicode=True), encoding="utf-8")


def free_port() -> int:
    """Return a port of this machine that nobody uses at present."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _take_port(port: int) -> int:
    """Return ``port``, or a free one for 0; raises `PortError` when it is taken."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortError(
                f"--port: expected a free port, found {port} in use ({error.strerror}); "
                "choose another, or 0 for any"
            ) from error
    return port


def _ended(child: Child) -> DemoError:
    code = child.exit_code
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"exit {code}"
    return DemoError(
        f"{child.name} ended unexpectedly ({how}); the end of {child.log}:\n{child.last_words()}"
    )


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _say(what: str, about: str) -> None:
    typer.echo(f"{datetime.now():%H:%M:%S}  {what:13} {about}")


def _say_what_to_look_at(running: Demo) -> None:
    typer.echo(
        f"""
  The page:     {running.url}
  The cameras:  {running.cameras_url}
  All files:    {running.folder}

For some seconds the page says "cannot see": the agent has not looked at every slot yet.
Seconds count from its first look:

{STORY}
Each alert opens on the page with a picture, is printed here, and closes by itself when solved.
Ctrl-C stops everything.
"""
    )
