"""The tool's page in Chromium, on a phone and on a laptop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe import grave_faults
from browser import (
    ABSENT,
    CHROMIUM,
    DRIVER,
    LAPTOP,
    PHONE,
    Browser,
    running_browser,
)
from running_tool import RunningTool, running_tool
from tool_site import DOUBTFUL, ToolSite, tool_site
from tool_window import Window

from calibration import Calibration
from shelf import State
from shelf.states import CameraState

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def site(tmp_path: Path) -> ToolSite:
    return tool_site(tmp_path)


@pytest.fixture
def tool(site: ToolSite) -> Iterator[RunningTool]:
    with running_tool(site.parts) as tool:
        yield tool


@pytest.fixture(params=[PHONE, LAPTOP], ids=["phone", "laptop"])
def window(request: pytest.FixtureRequest, browser: Browser, tool: RunningTool) -> Window:
    browser.resize(request.param)
    window = Window(browser)
    window.enter(tool.link(), "Ana")
    return window


def proposed(window: Window) -> None:
    window.tap("#propose")
    window.wait_for_score()


def test_a_good_proposal_takes_a_handful_of_taps(
    window: Window, site: ToolSite, browser: Browser
) -> None:
    """From the link to the tested calibration: under 12 interactions, nothing leaves the machine,
    nothing grave for people with other eyes or hands, and no error in the console."""
    assert grave_faults(browser) == []
    proposed(window)
    assert browser.text("#doubtful b").startswith("Strawberry Jam 340 g · 42 %")
    assert grave_faults(browser) == []
    window.tap(".doubtful li > button:last-child")
    window.wait("return document.querySelector('#doubtful').innerText.includes('is sure')")
    window.tap("#save")
    window.wait("return document.querySelector('#notice').innerText.includes('c1-1')")
    assert Calibration.load(site.file).version == "c1-1"
    window.choose("#test-slot", "b01/s2/p01")
    window.tap("#begin-test")
    window.wait("return document.querySelector('#test-steps').innerText.includes('Empty')")
    site.agent.say("b01/s2/p01", State.OUT_OF_STOCK, "c1-1")
    window.wait("return document.querySelector('#test-steps').innerText.includes('arrived')")
    site.agent.say("b01/s2/p01", State.STOCKED, "c1-1", seen=3)
    window.wait("return document.querySelector('#test-steps').innerText.includes('cleared')")
    assert grave_faults(browser) == []
    assert window.interactions <= 12
    asked = browser.script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    assert browser.errors() == []


def test_everything_that_can_be_tapped_is_as_large_as_a_finger(
    window: Window, browser: Browser
) -> None:
    """44 px each way, the handles in the pictures too; nothing is wider than the screen."""
    proposed(window)
    small = browser.script(
        "return [...document.querySelectorAll('button, select, input, a, .handle .target')]"
        ".filter((e) => e.checkVisibility() && !e.matches('.skip'))"
        ".map((e) => [e.id || e.textContent || e.tagName, e.getBoundingClientRect()])"
        ".filter(([, b]) => b.width && (b.width < 43.5 || b.height < 43.5)).map(([name]) => name)"
    )
    assert small == []
    assert browser.script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_corner_is_dragged_and_nudged_and_taken_back(window: Window, browser: Browser) -> None:
    """By finger, by arrow keys, by the buttons; undo and redo by keys and buttons."""
    proposed(window)
    key = "c1-3"
    start = window.handle_at(key)
    handle = f".handle[data-key='{key}'] .target"
    window.drag(handle, (-20, 0))
    window.wait("return !document.querySelector('#undo').disabled")
    window.wait_until(lambda: window.handle_at(key)[0] < start[0] - 10)
    assert window.wait_for_score() in ("amber", "red")
    dragged = window.handle_at(key)
    window.key("ArrowRight", modifiers=8)
    window.wait_until(lambda: window.handle_at(key)[0] == pytest.approx(dragged[0] + 10, abs=0.3))
    window.tap("#nudge [data-x='1']")
    window.wait_until(lambda: window.handle_at(key)[0] == pytest.approx(dragged[0] + 11, abs=0.3))
    window.tap("#undo")
    window.wait_until(lambda: window.handle_at(key)[0] == pytest.approx(dragged[0], abs=0.3))
    window.key("z", modifiers=2)
    window.wait_until(lambda: window.handle_at(key) == pytest.approx(start, abs=0.3))
    window.tap("#redo")
    window.wait_until(lambda: window.handle_at(key) == pytest.approx(dragged, abs=0.3))


def test_corners_that_cross_are_refused_on_the_page(window: Window, browser: Browser) -> None:
    """The words say what is wrong; the handle goes back to the last place that was possible."""
    proposed(window)
    width = browser.script("return document.querySelector('#picture').clientWidth")
    window.drag(".handle[data-key='c1-0'] .target", (width * 0.75, 0))
    window.wait("return document.querySelector('#notice').innerText.includes('corners')")
    window.wait_until(lambda: window.handle_at("c1-0")[0] < window.handle_at("c1-1")[0])
    assert "red" in browser.script("return document.querySelector('#notice').className")


def test_a_border_is_dragged_onto_a_facing(window: Window, browser: Browser) -> None:
    """Choosing a doubtful slot shows it from the front with its borders; they snap."""
    proposed(window)
    window.tap(".doubtful .which")
    key = f"s{DOUBTFUL}-right"
    window.wait("return document.querySelector(`.handle[data-key='${arguments[0]}']`)", key)
    start = window.handle_at(key)
    window.drag(f".handle[data-key='{key}'] .target", (-3, 0))
    window.wait("return !document.querySelector('#undo').disabled")
    window.wait_until(lambda: window.handle_at(key) == pytest.approx(start, abs=5))
    window.key("ArrowLeft", modifiers=8)
    window.wait_until(lambda: window.handle_at(key)[0] < start[0])


def test_a_second_device_is_told_and_the_first_one_too(
    window: Window, browser: Browser, tool: RunningTool
) -> None:
    """Who takes over is seen by who worked before."""
    proposed(window)
    ben = tool.client("Ben")
    assert ben.state()["draft"]["mine"] is False
    window.wait("return document.querySelector('#presence').innerText.includes('Ben')")
    assert ben.ask("take-over").status_code == 200
    window.wait(
        "return document.querySelector('#presence').innerText.includes('Ben is calibrating')"
    )
    assert browser.script("return document.querySelector('#save').disabled")
    assert browser.script("return document.querySelectorAll('.handle').length") == 0
    window.tap("#presence button")
    window.wait("return !document.querySelector('#save').disabled")


def test_a_bump_is_approved_with_one_tap(
    window: Window, browser: Browser, site: ToolSite, tool: RunningTool
) -> None:
    """A camera that the agent calls moved is proposed when its page is opened."""
    proposed(window)
    window.tap("#save")
    window.wait("return document.querySelector('#notice').innerText.includes('c1-1')")
    site.agent.state = CameraState.MOVED
    browser.open(tool.url + "/cameras/c1")
    assert window.wait_for_score() == "green"
    before = window.interactions
    window.tap("#save")
    window.wait("return document.querySelector('#notice').innerText.includes('c1-2')")
    assert window.interactions == before + 1


def test_the_page_says_when_the_camera_or_the_tool_is_gone(
    window: Window, browser: Browser, site: ToolSite
) -> None:
    """The work stays on the page; it goes on when they are back."""
    proposed(window)
    site.camera.fault = "no fresh picture for 6 s: connection refused"
    window.wait(
        "return document.querySelector('#live-age').innerText.includes('connection refused')"
    )
    assert browser.script("return document.querySelector('#again').disabled")
    site.camera.fault = ""
    window.wait("return !document.querySelector('#again').disabled")
    browser.cut_network(True)
    window.wait("return document.querySelector('#notice').innerText.includes('not answer')")
    browser.cut_network(False)
    window.wait("return document.querySelector('#notice').hidden")


def test_pictures_for_the_catalogue_are_chosen(
    window: Window, browser: Browser, site: ToolSite
) -> None:
    """Doubtful ones are not chosen unless somebody does."""
    proposed(window)
    window.tap("#save")
    window.tap("#sheet")
    window.wait("return document.querySelectorAll('#crops li').length === 2")
    assert browser.text("#store") == "Store 1 pictures"
    assert grave_faults(browser) == []
    window.tap("#store")
    window.wait("return document.querySelector('#notice').innerText.includes('stored')")
    assert [crop.sku for crop in site.enroller.stored] == ["100101"]
