"""A phone asks a real store: real broker, real agent on simulated pictures, real pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from asked_store import EMPTIED, AskedStore
from browser import ABSENT, CHROMIUM, DRIVER, LAPTOP, PHONE, Browser, running_browser, wait_until

from tests.axe import grave_faults

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]

PATIENT_SECS = 60.0

GIVE = """
const [text, type] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const chosen = new DataTransfer();
chosen.items.add(new File([bytes], "photo", { type }));
const input = document.querySelector("[data-photo]");
input.files = chosen.files;
input.dispatchEvent(new Event("change"));
"""

LOADED = """
return performance
  .getEntriesByType("resource")
  .some((one) => one.name.includes("/bay/picture.jpg") && one.decodedBodySize > 20000);
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedStore]:
    store = AskedStore(tmp_path_factory.mktemp("asked"))
    try:
        store.start()
        store.show(EMPTIED)
        wait_until(lambda: store.states()["b01/s2/p01"] == "out_of_stock", 120)
        yield store
    finally:
        store.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def photo_of(store: AskedStore, sku: str) -> bytes:
    """A large photograph of a package before a wall, as a phone takes it."""
    package = cv2.imread(str(store.packshot(sku)))
    scene = np.full((3000, 2250, 3), (120, 140, 150), np.uint8)
    tall = cv2.resize(package, None, fx=2000 / package.shape[0], fy=2000 / package.shape[0])
    wide = tall[:, :2000]
    left = (2250 - wide.shape[1]) // 2
    scene[500 : 500 + wide.shape[0], left : left + wide.shape[1]] = wide
    _, code = cv2.imencode(".jpg", scene)
    return code.tobytes()


def give(browser: Browser, photograph: bytes, kind: str = "image/jpeg") -> str:
    """Choose a photograph on the page; return the answer's text."""
    browser.script(GIVE, base64.b64encode(photograph).decode(), kind)
    text = "return document.getElementById('looking').hidden && answer.innerText"
    return str(
        browser.wait_for(
            f"const answer = document.getElementById('answer'); {text}", timeout_secs=PATIENT_SECS
        )
    )


@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_a_photograph_shows_the_way(
    store: AskedStore, browser: Browser, size: tuple[int, int]
) -> None:
    """From the phone's picture to the place in words, marked on its shelf, which is empty."""
    browser.resize(size)
    browser.open(f"{store.url}/where")
    answer = give(browser, photo_of(store, "100103"))
    assert "Corn Flakes 500 g" in answer
    assert "Sure: the print on its package matches." in answer
    assert "Aisle a12" in answer
    assert "Bay 1, shelf 2 from the bottom, 1st from the left" in answer
    assert "It is empty there: put it in" in answer
    mark = "return document.querySelector('.home .mark').getBoundingClientRect().width"
    assert browser.script(mark) > 20
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.script(wide) <= 0
    assert browser.errors() == []
    assert grave_faults(browser) == []


def test_nothing_and_rubbish_are_told(store: AskedStore, browser: Browser) -> None:
    """One colour, no picture, and then a good one: the page goes on working."""
    browser.resize(PHONE)
    browser.open(f"{store.url}/where")
    _, plain = cv2.imencode(".jpg", np.full((600, 600, 3), 128, np.uint8))
    assert "all of one colour" in give(browser, plain.tobytes())
    assert "no photo that can be read" in give(browser, b"hello")
    assert "Blossom Honey" in give(browser, photo_of(store, "100105"))


@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_a_bay_shows_what_belongs_there(
    store: AskedStore, browser: Browser, size: tuple[int, int]
) -> None:
    """Its picture is loaded, its gap is framed and told, and the drawing can be taken away."""
    browser.resize(size)
    browser.open(f"{store.url}/bay?aisle=a12&bay=1&slot=a12/b01/s2/p01")
    browser.wait_for(LOADED, timeout_secs=PATIENT_SECS)
    page = browser.text("main")
    assert "Aisle a12, bay 1" in page
    assert "3 facings drawn in: what belongs there." in page
    assert "Corn Flakes 500 g" in page and "Out of stock" in page
    assert browser.script("return document.querySelectorAll('.slot-frame').length") == 1
    with_planned = store.get("/bay/picture.jpg?aisle=a12&bay=1&planned=1").content
    browser.script("document.querySelector('.switch a:not([aria-current])').click()")
    browser.wait_for("return location.search.includes('planned=0')", timeout_secs=PATIENT_SECS)
    browser.wait_for("return document.readyState === 'complete'", timeout_secs=PATIENT_SECS)
    assert "drawn in" not in browser.text("main")
    assert store.get("/bay/picture.jpg?aisle=a12&bay=1&planned=0").content != with_planned
    assert browser.errors() == []
    assert grave_faults(browser) == []


def test_an_alert_leads_to_its_bay(store: AskedStore, browser: Browser) -> None:
    """From the list to the picture with the alert's slot marked."""
    browser.resize(PHONE)
    browser.open(f"{store.url}/")
    browser.wait_for("return document.querySelector('.alert a[href^=\"/bay?alert=\"]')")
    browser.script("document.querySelector('.alert a[href^=\"/bay?alert=\"]').click()")
    browser.wait_for("return document.querySelector('.bay-picture .mark')", timeout_secs=60)


def test_the_agent_keeps_no_picture_on_its_disk(store: AskedStore) -> None:
    """Neither frames nor photographs: evidence in the outbox, and the grey reference picture."""
    state = store.site / "state"
    files = [path.relative_to(state) for path in state.rglob("*") if path.is_file()]
    assert {path.parts[0].split(".")[0] for path in files} <= {"outbox", "references"}


def test_a_silent_store_shows_its_last_picture(store: AskedStore, browser: Browser) -> None:
    """The agent ends: the page says so, and shows what it saw last with its age."""
    browser.resize(PHONE)
    assert store.agent is not None
    store.get("/bay?aisle=a12&bay=1")
    store.agent.stop()
    wait_until(lambda: "out of reach" in store.get("/bay?aisle=a12&bay=1").text, 60)
    browser.open(f"{store.url}/bay?aisle=a12&bay=1")
    page = browser.text("main")
    assert "The store's computer has been out of reach for" in page
    assert "This is the last picture," in page
    browser.open(f"{store.url}/where")
    assert "out of reach" in give(browser, photo_of(store, "100105"))
