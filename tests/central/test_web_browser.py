"""The page in a real browser, fed by a real broker and collector."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from browser import ABSENT, CHROMIUM, DRIVER, LAPTOP, PHONE, Browser, running_browser
from live_store import Edge, Store

from central.children import stop_all
from shelf.states import CameraState, State
from shelf.wire import SlotEvidence
from tests.axe import grave_faults

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]

JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
"""One grey pixel."""

IS_LIVE = "return document.getElementById('live').dataset.state === 'live'"
HAS_TEXT = "return document.querySelector(arguments[0])?.innerText.includes(arguments[1])"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    stop_all([store.child])


@pytest.fixture
def connect(store: Store) -> Iterator[Callable[[], Edge]]:
    edges: list[Edge] = []

    def connected() -> Edge:
        edges.append(Edge(store.broker_port, epoch=len(edges) + 1))
        edges[-1].status("online")
        return edges[-1]

    yield connected
    for edge in edges:
        edge.close()


def test_an_alert_comes_and_goes_without_a_reload(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """From the broker over the collector to the open page: opens, gets a picture, closes."""
    browser.resize(LAPTOP)
    browser.open(store.url)
    browser.wait_for(IS_LIVE)
    browser.script("window.wasNeverReloaded = true")
    browser.wait_for(HAS_TEXT, "#alerts", "Nothing can be seen.")

    edge = connect()
    event = edge.slot("b01/s1/p01", State.OUT_OF_STOCK, 0, name="<i>Oat</i> crackers")
    browser.wait_for("return document.querySelector('.alert.out_of_stock')")
    said = browser.text(".alert")
    assert "<i>Oat</i> crackers" in said
    assert "bay 1, shelf 1 from the bottom, 1st from the left" in said.lower()
    assert "Fetch 3 facings" in said
    assert browser.text(".alert time") == "2 min"
    browser.wait_for("return document.querySelector('.slot.out_of_stock')")
    assert browser.script("return document.title") == "(1) Store s0001 · Shelfwatch"
    assert "New alert" in browser.script("return document.getElementById('spoken').textContent")

    edge.event("a12/b01/s1/p01", SlotEvidence(changed=event, now=JPEG, before=JPEG))
    browser.wait_for("return document.querySelector('.alert .thumb')?.naturalWidth")
    browser.tap(".alert summary")
    browser.wait_for(
        "return [...document.querySelectorAll('.alert .picture img')]"
        ".filter((image) => image.naturalWidth).length === 2"
    )
    answer = httpx.get(f"{store.url}/evidence/{event}/now.jpg")
    assert answer.content == base64.b64decode(JPEG)

    edge.slot("b01/s1/p01", State.STOCKED, 3)
    browser.wait_for(HAS_TEXT, "#alerts", "Nothing to do.")
    browser.wait_for(HAS_TEXT, ".closed-list", "open 2 min")
    assert browser.script("return window.wasNeverReloaded")
    assert browser.errors() == []


def test_news_change_only_what_differs(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """An alert that says nothing new stays the same element, unfolded as it was."""
    edge = connect()
    edge.slot("b01/s1/p01", State.LOW, 1)
    browser.resize(PHONE)
    browser.open(store.url)
    browser.wait_for(IS_LIVE)
    browser.tap(".alert summary")
    browser.script(
        "window.first = document.querySelector('.alert'); window.touched = 0;"
        "new MutationObserver(() => window.touched++).observe(window.first.querySelector('.more'),"
        " {subtree: true, childList: true, attributes: true})"
    )
    edge.slot("b02/s1/p01", State.OUT_OF_STOCK, 0)
    browser.wait_for("return document.querySelectorAll('.alert').length === 2")
    assert browser.script("return document.querySelector('.alert') === window.first")
    assert browser.script("return window.touched") == 0
    edge.slot("b01/s1/p01", State.OUT_OF_STOCK, 0)
    browser.wait_for("return document.querySelectorAll('.alert.out_of_stock').length === 2")
    assert browser.script("return document.querySelector('.alert') === window.first")
    assert browser.script("return window.first.querySelector('details').open")


def test_the_list_follows_the_walk_or_the_urgency(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """Two taps, and a choice of one aisle; what is chosen holds after a reload."""
    edge = connect()
    edge.slot("b02/s1/p01", State.LOW, 1, name="Low here")
    edge.slot("b01/s1/p01", State.LOW, 1, name="Low there")
    edge.slot("b01/s1/p01", State.OUT_OF_STOCK, 0, name="Gone", aisle="b7")
    names = "return [...document.querySelectorAll('.alert')].filter((e) => !e.hidden)"
    names += ".map((e) => e.dataset.name)"
    browser.resize(PHONE)
    browser.open(store.url)
    browser.wait_for("return document.querySelectorAll('.alert').length === 3")
    assert browser.script(names) == ["Low there", "Low here", "Gone"]
    browser.tap("[data-order=urgent]")
    assert browser.script(names)[0] == "Gone"
    browser.open(store.url)
    assert browser.wait_for(names)[0] == "Gone"
    browser.tap("[data-order=walk]")
    browser.script(
        "const select = document.getElementById('aisle'); select.value = 'b7';"
        "select.dispatchEvent(new Event('change'))"
    )
    assert browser.script(names) == ["Gone"]


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


def test_a_phone_draws_the_shelves_only_when_they_are_asked_for(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """By the tab, or from an alert, which then shows its slot."""
    connect().slot("b01/s2/p01", State.LOW, 1)
    browser.resize(PHONE)
    browser.open(store.url)
    browser.wait_for(IS_LIVE)
    assert browser.script("return document.querySelectorAll('.slot').length") == 0
    browser.tap(".alert summary")
    browser.tap("[data-show]")
    browser.wait_for("return document.querySelector('.slot.shown')?.dataset.key.endsWith('s2/p01')")
    browser.tap("[data-tab=todo]")
    browser.wait_for("return document.querySelector('.alert').offsetParent")


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
    """Nothing is wider than 390 px, however long a name; what is tapped is 48 px high."""
    edge = connect()
    edge.slot("b01/s1/p01", State.LOW, 1, name="Wholegrain" * 20)
    edge.slot("b01/s1/p02", State.OUT_OF_STOCK, 0)
    browser.resize(PHONE)
    browser.scheme(scheme)
    browser.open(store.url)
    browser.wait_for("return document.querySelectorAll('.alert').length === 2")
    browser.tap(".alert summary")
    for tab in ("todo", "shelves"):
        browser.tap(f"[data-tab={tab}]")
        assert browser.script("return document.documentElement.scrollWidth") == PHONE[0]
    browser.tap("[data-tab=todo]")
    heights = browser.script(
        "return [...document.querySelectorAll('button, nav a, summary, select')]"
        ".filter((e) => e.offsetParent).map((e) => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 8
    assert min(heights) >= 48
    names = browser.script(
        "return [...document.querySelectorAll('button, nav a, .alert img, [role=button]')]"
        ".map((e) => e.getAttribute('aria-label') || e.alt || e.textContent.trim())"
    )
    assert "" not in names, names


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_axe_finds_nothing_serious(
    browser: Browser,
    store: Store,
    connect: Callable[[], Edge],
    size: tuple[int, int],
) -> None:
    """On the list with everything unfolded, the shelves, and the page with the rest."""
    edge = connect()
    edge.camera("c1", CameraState.DARK)
    states = ((State.LOW, 1), (State.OUT_OF_STOCK, 0), (State.MISPLACED, 1), (State.STOCKED, 3))
    slots = ("b01/s1/p01", "b01/s1/p02", "b01/s2/p01", "b02/s1/p01")
    events = []
    for slot, (state, seen) in zip(slots, states, strict=True):
        events.append(edge.slot(slot, state, seen))
    edge.event(f"a12/{slots[0]}", SlotEvidence(changed=events[0], now=JPEG, before=JPEG))
    browser.resize(size)
    browser.open(f"{store.url}/?view=all")
    browser.wait_for("return document.querySelectorAll('.alert').length === 3")
    browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
    browser.tap(".alert [data-act=claim]")
    browser.wait_for(HAS_TEXT, "#list", "Claimed by somebody")
    for scheme in ("dark", "light"):
        browser.scheme(scheme)
        browser.script("for (const a of document.getAnimations()) a.cancel()")
        assert grave_faults(browser) == []
    if size == PHONE:
        browser.tap("[data-tab=shelves]")
        browser.wait_for("return document.querySelector('.slot').getClientRects().length")
        assert grave_faults(browser) == []
    browser.open(f"{store.url}/more")
    assert grave_faults(browser) == []
    assert browser.errors() == []


def test_the_page_comes_back_after_the_center_was_away(
    browser: Browser, store: Store, connect: Callable[[], Edge]
) -> None:
    """It says that it may be out of date, and then catches up by itself."""
    connect().slot("b01/s1/p02", State.LOW, 1)
    browser.resize(LAPTOP)
    browser.open(store.url)
    browser.wait_for(IS_LIVE)
    browser.script("window.wasNeverReloaded = true")
    store.child.stop()
    browser.wait_for(HAS_TEXT, "#live", "may be out of date")
    browser.tap("[data-act=claim]")
    browser.wait_for(HAS_TEXT, "#unsent", "1 action waits to be sent")
    store.restart()
    connect().slot("b01/s1/p01", State.LOW, 1)
    browser.wait_for("return document.querySelectorAll('.alert.low').length === 2", timeout_secs=30)
    browser.wait_for(IS_LIVE)
    browser.wait_for(HAS_TEXT, "#list", "Claimed by somebody")
    assert browser.script("return window.wasNeverReloaded")
