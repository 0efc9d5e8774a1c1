"""The page in a real browser, fed by a real broker and collector."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from browser import (
    ABSENT,
    CHROMIUM,
    DRIVER,
    LAPTOP,
    PHONE,
    Browser,
    free_port,
    running_browser,
    wait_until,
)
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from web_rows import PLANOGRAM_CSV

from central.children import Child, stop_all
from shelf.ids import uuid7
from shelf.states import CameraState, State
from shelf.topics import Node
from shelf.wire import (
    CameraStatus,
    Event,
    Facings,
    Message,
    NodeStatus,
    SlotChanged,
    SlotEvidence,
    type_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]

NODE = Node("demo", "s0001", "s0001-e1")

JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
"""One grey pixel."""


class Edge:
    """A node that publishes what a test says."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "s0001-e1", protocol=mqtt.MQTTv311)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._sequence = 0

    def publish(self, topic: str, message: Message, retain: bool = False) -> None:
        sent = self._client.publish(topic, message.to_json(), qos=1, retain=retain)
        sent.wait_for_publish(15)

    def status(self, state: str) -> None:
        now = datetime.now(UTC)
        status = NodeStatus(state=state, time=now, epoch=1, first_sequence=1, version="0.1.0")
        self.publish(NODE.status, status, retain=True)

    def camera(self, camera: str, state: CameraState) -> None:
        now = datetime.now(UTC)
        status = CameraStatus(camera=camera, state=state, since=now, time=now)
        self.publish(NODE.camera(camera), status, retain=True)

    def event(self, subject: str, data: Message) -> str:
        self._sequence += 1
        event = Event(
            id=str(uuid7()),
            source=NODE.source,
            type=type_of(data),
            subject=subject,
            time=datetime.now(UTC),
            epoch=1,
            sequence=self._sequence,
            data=json.loads(data.to_json()),
        )
        self.publish(NODE.events("a12"), event)
        return event.id

    def slot(self, slot: str, state: State, seen: int, name: str = "Oat crackers") -> str:
        changed = SlotChanged(
            state=state,
            previous=State.UNKNOWN,
            since=datetime.now(UTC) - timedelta(minutes=2),
            sku="100",
            name=name,
            facings=Facings(expected=3, seen=seen),
            confidence=0.93,
            observed_secs=30,
            reason=f"{seen} of 3 facings seen",
            planogram="a12-w47",
            model="sha256:0",
            calibration="c1",
        )
        return self.event(f"a12/{slot}", changed)

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


class Store:
    """The central programs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker_port = free_port()
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "a12.csv").write_text(PLANOGRAM_CSV)
        config = {
            "broker": {"embedded": True, "port": self.broker_port},
            "http": {"port": int(self.url.rsplit(":", 1)[1])},
            "login": {"required": False},
            "planograms": [
                {"tenant": "demo", "site": "s0001", "aisle": "a12", "file": "a12.csv"},
            ],
        }
        (folder / "central.yaml").write_text(yaml.safe_dump(config))
        self.child = self.start()

    def start(self) -> Child:
        config = str(self.folder / "central.yaml")
        child = Child("central", ["central", "--config", config], self.folder / "central.log")

        def is_ready() -> bool:
            assert child.exit_code is None, child.last_words()
            try:
                answer = httpx.get(f"{self.url}/healthz")
            except httpx.TransportError:
                return False
            return bool(answer.json() == {"status": "ok", "broker": "connected"})

        try:
            wait_until(is_ready, 60)
        except AssertionError:
            child.stop()
            raise
        return child

    def restart(self) -> None:
        self.child.stop()
        self.child = self.start()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    stop_all([store.child])


@pytest.fixture
def connect(store: Store) -> Iterator[Callable[[], Edge]]:
    edges: list[Edge] = []

    def connected() -> Edge:
        edges.append(Edge(store.broker_port))
        edges[-1].status("online")
        return edges[-1]

    yield connected
    for edge in edges:
        edge.close()


HAS_TEXT = "return document.querySelector(arguments[0])?.innerText.includes(arguments[1])"


def test_an_alert_comes_and_goes_without_a_reload(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """From the broker over the collector to the open page: opens, gets a picture, closes."""
    browser.resize(LAPTOP)
    browser.open(store.url)
    browser.wait_for("return document.getElementById('live').dataset.state === 'live'")
    browser.script("window.wasNeverReloaded = true")
    browser.wait_for(HAS_TEXT, "#alerts", "Nothing can be seen.")

    edge = connect()
    event = edge.slot("b01/s1/p01", State.OUT_OF_STOCK, 0, name="<i>Oat</i> crackers")
    browser.wait_for("return document.querySelector('.alert.out_of_stock')")
    assert "<i>Oat</i> crackers" in browser.text(".alert")
    assert "bay 1, shelf 1 from the bottom, 1st from the left" in browser.text(".alert")
    assert browser.text(".alert time") == "2 min"
    assert browser.script(
        "return document.querySelector('.slot[data-key=\"a12/b01/s1/p01\"]')"
        ".classList.contains('out_of_stock')"
    )
    assert browser.script("return document.title") == "(1) Store s0001 · Shelfwatch"
    assert "New alert" in browser.script("return document.getElementById('spoken').textContent")

    edge.event("a12/b01/s1/p01", SlotEvidence(changed=event, now=JPEG, before=JPEG))
    browser.wait_for(
        "return [...document.querySelectorAll('.alert img')]"
        ".filter((image) => image.naturalWidth).length === 2"
    )
    answer = httpx.get(f"{store.url}/evidence/{event}/now.jpg")
    assert answer.content == base64.b64decode(JPEG)

    edge.slot("b01/s1/p01", State.STOCKED, 3)
    browser.wait_for(HAS_TEXT, "#alerts", "Nothing to do.")
    browser.wait_for(HAS_TEXT, ".closed-list", "open 2 min")
    assert browser.script("return window.wasNeverReloaded")
    assert browser.errors() == []


def test_a_slot_can_be_tapped(browser: Browser, store: Store, connect: Callable[[], Edge]) -> None:
    """A card says all of it; Escape closes it; the keyboard opens it too; news come into it."""
    edge = connect()
    edge.slot("b01/s1/p01", State.LOW, 1)
    browser.resize(LAPTOP)
    browser.open(store.url)
    slot = '.slot[data-key="a12/b01/s1/p01"]'
    browser.wait_for(f"return document.querySelector('{slot}.low')")
    browser.script(
        "document.querySelector(arguments[0]).dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))",
        slot,
    )
    browser.wait_for(HAS_TEXT, "#card[open]", "1 of 3 seen")
    assert "93 %" in browser.text("#card")
    edge.slot("b01/s1/p01", State.OUT_OF_STOCK, 0)
    browser.wait_for(HAS_TEXT, "#card[open]", "Out of stock")
    browser.script("document.querySelector('#card .close').click()")
    browser.wait_for("return !document.getElementById('card').open")
    assert browser.errors() == []


def test_an_alert_can_be_declared_done(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """The button says so, and the camera has the last word; another site's page could not."""
    edge = connect()
    alert = edge.slot("b01/s1/p01", State.LOW, 1)
    browser.resize(PHONE)
    browser.open(store.url)
    browser.wait_for("return document.querySelector('[data-done]')")
    body = {"actions": [{"action": "phone-1-1", "alert": alert, "kind": "done"}]}
    assert httpx.post(f"{store.url}/api/actions", json=body).status_code == 403
    browser.script("document.querySelector('[data-done]').click()")
    browser.wait_for(HAS_TEXT, "#alerts", "waiting for the camera")
    edge.slot("b01/s1/p01", State.STOCKED, 3)
    browser.wait_for(HAS_TEXT, "#alerts", "Nothing to do.")


def test_what_cannot_see_is_said_at_once(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """A dark camera and an offline agent."""
    edge = connect()
    browser.resize(LAPTOP)
    browser.open(store.url)
    edge.camera("c1", CameraState.OK)
    browser.wait_for(HAS_TEXT, ".watched", "camera c1")
    edge.camera("c1", CameraState.DARK)
    browser.wait_for(HAS_TEXT, ".notices", "Camera c1 has seen too little light")
    edge.status("offline")
    browser.wait_for(HAS_TEXT, ".notices", "Agent s0001-e1 has been offline")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling_and_no_small_targets(
    browser: Browser, store: Store, connect: Callable[[], Edge], scheme: str
) -> None:
    """Nothing is wider than 390 px, however long a name; what is tapped is 44 px high."""
    edge = connect()
    edge.slot("b01/s1/p01", State.LOW, 1, name="Wholegrain" * 20)
    edge.slot("b01/s1/p02", State.OUT_OF_STOCK, 0)
    browser.resize(PHONE)
    browser.scheme(scheme)
    browser.open(store.url)
    browser.wait_for("return document.querySelectorAll('.alert').length === 2")
    assert browser.script("return document.documentElement.scrollWidth") == PHONE[0]
    heights = browser.script(
        "return [...document.querySelectorAll('button, nav a')]"
        ".filter((e) => e.offsetParent).map((e) => e.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) >= 44
    names = browser.script(
        "return [...document.querySelectorAll('button, a, img, [role=button]')]"
        ".map((e) => e.getAttribute('aria-label') || e.alt || e.innerText)"
    )
    assert all(names)


def test_the_page_comes_back_after_the_center_was_away(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """It says that it may be out of date, and then catches up by itself."""
    browser.resize(LAPTOP)
    browser.open(store.url)
    browser.wait_for("return document.getElementById('live').dataset.state === 'live'")
    browser.script("window.wasNeverReloaded = true")
    store.child.stop()
    browser.wait_for(HAS_TEXT, "#live", "may be out of date")
    store.restart()
    connect().slot("b01/s1/p01", State.LOW, 1)
    browser.wait_for("return document.querySelector('.alert.low')", timeout_secs=30)
    assert browser.text("#live") == "live"
    assert browser.script("return window.wasNeverReloaded")
    browser.script("document.querySelector('[data-done]').click()")
    browser.wait_for(HAS_TEXT, "#alerts", "waiting for the camera")
