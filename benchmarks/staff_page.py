"""How soon staff see it: from a node's event at a real broker to the alert on a phone's page.

``python benchmarks/staff_page.py [--quick] [--json OUT]``. A store has 200 open alerts with
pictures, and 20 pages are connected: 3 in Chromium with a phone's screen, the rest read the same
stream. A node publishes one more problem; the time runs from there until the alert stands in the
page and the next frame is drawn. Also the bytes that the first page takes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "central")]

import live_store  # noqa: E402
from browser import ABSENT, CHROMIUM, DRIVER, PHONE, Browser, running_browser  # noqa: E402
from live_store import Edge, Store  # noqa: E402

from central.children import stop_all  # noqa: E402
from shelf.states import State  # noqa: E402
from shelf.wire import SlotEvidence  # noqa: E402

AISLES = 8
BAYS, SHELVES, PLACES = 4, 4, 7
OPEN_ALERTS = 200
PAGES, BROWSERS = 20, 3
WAIT_SECS = 120
TARGET_SECS = 2.0

WATCH = """
window.drawn = {};
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) {
    const { alert } = node.dataset ?? {};
    if (alert) requestAnimationFrame(() => setTimeout(() => { drawn[alert] = Date.now() / 1000; }));
  }
}).observe(document.getElementById("list"), { childList: true });
"""
WEIGHT = """
const entries = [...performance.getEntriesByType("navigation"),
                 ...performance.getEntriesByType("resource")];
const sum = (list) => list.reduce((bytes, entry) => bytes + entry.transferSize, 0);
return [sum(entries), sum(entries.filter((entry) => entry.name.includes("/evidence/"))),
        entries.length];
"""


class Listener(threading.Thread):
    """A page without a browser: notes when it is told of each alert."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.told: dict[str, float] = {}
        self.bytes = 0

    def run(self) -> None:
        """Read until the program ends."""
        with (
            httpx.Client(timeout=None) as client,
            client.stream("GET", f"{self._url}/events?tenant=demo&site=s0001") as answer,
        ):
            for line in answer.iter_lines():
                self.bytes += len(line) + 1
                if line.startswith("data: ") and '"parts"' in line:
                    now = time.time()
                    for name in json.loads(line.removeprefix("data: "))["parts"]:
                        self.told.setdefault(name.removeprefix("alert-"), now)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    if CHROMIUM is None or DRIVER is None:
        sys.exit(ABSENT)
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name), 20 if arguments.quick else 100)
    figures |= {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "starlette": version("starlette"),
    }
    for key, value in figures.items():
        print(f"{key:26} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure(folder: Path, rounds: int) -> dict[str, object]:
    """Return the figures of one run."""
    live_store.PLANOGRAM_CSV = planogram_csv()
    aisles = [f"a{number}" for number in range(1, AISLES + 1)]
    files = [{"tenant": "demo", "site": "s0001", "aisle": a, "file": "a12.csv"} for a in aisles]
    store = Store(folder, planograms=files)
    edge = Edge(store.broker_port)
    try:
        edge.status("online")
        slots = [(aisle, slot) for aisle in aisles for slot in slot_names()]
        for index, (aisle, slot) in enumerate(slots[:OPEN_ALERTS]):
            event = edge.slot(slot, State.OUT_OF_STOCK, 0, name=f"Product {index}", aisle=aisle)
            pictures = SlotEvidence(changed=event, now=picture(index), before=picture(-index))
            edge.event(f"{aisle}/{slot}", pictures)
        wait_for(lambda: len(open_alerts(store)) == OPEN_ALERTS)
        with running_browser(folder) as browser:
            return watch(store, edge, browser, slots[OPEN_ALERTS:], rounds)
    finally:
        edge.close()
        stop_all([store.child])


def watch(
    store: Store, edge: Edge, browser: Browser, slots: list[tuple[str, str]], rounds: int
) -> dict[str, object]:
    """Connect all pages, then publish one problem after the other."""
    weight, pictures, requests = first_page(store, browser)
    windows = browser.windows()
    while len(windows) < BROWSERS:
        windows.append(browser.new_window())
    for window in windows:
        browser.switch_to(window)
        browser.resize(PHONE, scale=2)
        browser.open(store.url)
        browser.wait_for("return document.getElementById('live').dataset.state === 'live'")
        browser.script(WATCH)
    listeners = [Listener(store.url) for _ in range(PAGES - BROWSERS)]
    for listener in listeners:
        listener.start()
    wait_for(lambda: all(listener.told for listener in listeners))
    before = sum(listener.bytes for listener in listeners)
    published: dict[str, float] = {}
    for index in range(rounds):
        aisle, slot = slots[index % len(slots)]
        began = time.time()
        published[edge.slot(slot, State.OUT_OF_STOCK, 0, name=f"New {index}", aisle=aisle)] = began
        time.sleep(1.0)
    wait_for(lambda: all(len(published.keys() & one.told.keys()) == rounds for one in listeners))
    drawn = []
    for window in windows:
        browser.switch_to(window)
        browser.wait_for(
            "return arguments[0].every((alert) => alert in window.drawn)",
            list(published),
            timeout_secs=WAIT_SECS,
        )
        times = browser.script("return window.drawn")
        drawn += [times[alert] - began for alert, began in published.items()]
    told = [one.told[alert] - began for one in listeners for alert, began in published.items()]
    sent = sum(listener.bytes for listener in listeners) - before
    return {
        "open_alerts": OPEN_ALERTS,
        "pages": PAGES,
        "of_them_in_chromium": BROWSERS,
        "events": rounds,
        "page_p50_secs": round(float(np.percentile(drawn, 50)), 3),
        "page_p95_secs": round(float(np.percentile(drawn, 95)), 3),
        "page_max_secs": round(max(drawn), 3),
        "stream_p50_secs": round(float(np.percentile(told, 50)), 3),
        "stream_p95_secs": round(float(np.percentile(told, 95)), 3),
        "target_p95_secs": TARGET_SECS,
        "bytes_an_event_and_page": round(sent / rounds / len(listeners)),
        "first_page_bytes": weight,
        "first_page_picture_bytes": pictures,
        "first_page_requests": requests,
    }


def first_page(store: Store, browser: Browser) -> list[int]:
    """Return bytes, bytes of pictures, and requests of a first visit, by a phone's screen."""
    browser.resize(PHONE, scale=2)
    browser.open(store.url)
    browser.wait_for("return document.getElementById('live').dataset.state === 'live'")
    browser.wait_for(
        "return [...document.querySelectorAll('.thumb')].slice(0, 3).every((i) => i.complete)"
    )
    weight: list[int] = browser.script(WEIGHT)
    return weight


def slot_names() -> list[str]:
    """Return the slots of one aisle."""
    return [
        f"b{bay:02d}/s{shelf}/p{place:02d}"
        for bay in range(1, BAYS + 1)
        for shelf in range(1, SHELVES + 1)
        for place in range(1, PLACES + 1)
    ]


def planogram_csv() -> str:
    """Return an aisle with a product in each slot."""
    lines = [
        "# id: bench",
        "# version: w1",
        "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,priority,shelf_y_mm",
    ]
    for number, slot in enumerate(slot_names()):
        bay, shelf, place = (int(part[1:]) for part in slot.split("/"))
        x, y = (place - 1) * 140, 100 + (shelf - 1) * 320
        lines.append(f"{bay},{shelf},{place},{number},Product {number},3,{x},140,200,1,{y}")
    return "\n".join(lines) + "\n"


def picture(seed: int) -> str:
    """Return a JPEG of about the size that agents send."""
    rng = np.random.default_rng(seed % 1000)
    noise = rng.integers(0, 255, (45, 60, 3), dtype=np.uint8)
    image = cv2.resize(noise, (480, 360), interpolation=cv2.INTER_CUBIC)
    return base64.b64encode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    ).decode()


def open_alerts(store: Store) -> list[object]:
    answer: list[object] = httpx.get(f"{store.url}/api/alerts.json", timeout=60).json()["open"]
    return answer


def wait_for(is_true: Callable[[], bool]) -> None:
    """Wait until a function says so."""
    deadline = time.monotonic() + WAIT_SECS
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError("not within the time")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
