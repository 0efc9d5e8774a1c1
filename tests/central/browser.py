"""A real browser: Chromium, driven by chromedriver's WebDriver protocol over HTTP."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
ABSENT = "needs chromium and chromedriver (Debian: chromium, chromium-driver)"

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

LAPTOP = (1280, 800)
PHONE = (390, 844)
TAP_PAUSE_SECS = 0.6
"""Nobody aims again in less; a page may take a faster second tap for a mistake."""


class Browser:
    """One window. ``size`` is in CSS pixels."""

    def __init__(self, client: httpx.Client, profile: Path) -> None:
        self._client = client
        options = {
            "binary": CHROMIUM,
            "args": [*ARGUMENTS, f"--user-data-dir={profile}"],
        }
        timeouts = {"script": 120_000}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "timeouts": timeouts}
        answer = self._send("", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/{answer['sessionId']}"
        self._last_tap_secs = 0.0

    def _send(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(f"/session{path}", json=body)
        value = answer.json()["value"]
        if answer.is_error:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def _get(self, path: str) -> Any:
        return self._client.get(f"/session{self._session}{path}").json()["value"]

    def devtools(self, command: str, **params: Any) -> Any:
        """Run a command of the DevTools protocol."""
        body = {"cmd": command, "params": params}
        return self._send(f"{self._session}/goog/cdp/execute", body)

    def windows(self) -> list[str]:
        """Return the handles of all windows."""
        handles = self._get("/window/handles")
        assert isinstance(handles, list)
        return handles

    def new_window(self) -> str:
        """Open another window, go there and return its handle."""
        handle = str(self._send(f"{self._session}/window/new", {"type": "window"})["handle"])
        self.switch_to(handle)
        return handle

    def switch_to(self, handle: str) -> None:
        """Go to another window."""
        self._send(f"{self._session}/window", {"handle": handle})

    def close_window(self, then: str) -> None:
        """Close this window and go to another."""
        self._client.delete(f"/session{self._session}/window")
        self.switch_to(then)

    def set_cookie(self, url: str, name: str, value: str) -> None:
        """Give the browser a cookie, as if ``url`` had set it."""
        self.devtools("Network.setCookie", name=name, value=value, url=url)

    def cut_network(self, is_cut: bool) -> None:
        """Take the network away from this window, or give it back."""
        self.devtools("Network.enable")
        self.devtools(
            "Network.emulateNetworkConditions",
            offline=is_cut,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def tap(self, selector: str) -> None:
        """Tap the middle of the first visible match, not sooner than a person would."""
        time.sleep(max(0.0, self._last_tap_secs + TAP_PAUSE_SECS - time.monotonic()))
        place = self.wait_for(
            "const found = [...document.querySelectorAll(arguments[0])].find((e) => e.offsetParent"
            " || e.getClientRects().length);"
            "if (!found) return null;"
            "found.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = found.getBoundingClientRect();"
            "return {x: box.x + box.width / 2, y: box.y + box.height / 2}",
            selector,
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.devtools(
                "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place
            )
        self._last_tap_secs = time.monotonic()

    def resize(self, size: tuple[int, int], scale: float = 1.0) -> None:
        """Give the page a size; one narrower than 500 px is a phone with touch."""
        is_phone = size[0] < 500
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=scale,
            mobile=is_phone,
        )
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=is_phone)

    def scheme(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.devtools("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Load a page and wait until it is loaded; forget what the last one complained of."""
        self._send(f"{self._session}/url", {"url": "about:blank"})
        self.errors()
        self._send(f"{self._session}/url", {"url": url})

    def script(self, text: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function and return what it returns."""
        body = {"script": text, "args": list(arguments)}
        return self._send(f"{self._session}/execute/sync", body)

    def text(self, selector: str) -> str:
        """Return the visible text of the first match, or an empty string."""
        text = "const found = document.querySelector(arguments[0]); return found?.innerText ?? ''"
        return str(self.script(text, selector))

    def wait_for(self, text: str, *arguments: Any, timeout_secs: float = 40.0) -> Any:
        """Return what the function body returns as soon as that is true."""
        deadline = time.monotonic() + timeout_secs
        while not (value := self.script(text, *arguments)):
            if time.monotonic() > deadline:
                page = self.text("body")
                raise AssertionError(f"not within {timeout_secs} s: {text}\nthe page:\n{page}")
            time.sleep(0.05)
        return value

    def errors(self) -> list[str]:
        """Return what the console has complained of since the page was opened."""
        log = self._send(f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path, is_full_page: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=is_full_page)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Close the window and end the browser."""
        self._client.delete(f"/session{self._session}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], object], timeout_secs: float = 15.0) -> None:
    """Return as soon as ``is_true`` says so; an `AssertionError` when it does not."""
    deadline = time.monotonic() + timeout_secs
    while not is_true():
        assert time.monotonic() < deadline, f"not within {timeout_secs} s"
        time.sleep(0.05)


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """Start a driver and a browser whose profile is in ``folder``."""
    assert DRIVER is not None
    port = free_port()
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}", "--log-level=SEVERE"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=150) as client:

            def is_ready() -> bool:
                try:
                    return bool(client.get("/status").json()["value"]["ready"])
                except httpx.TransportError:
                    return False

            wait_until(is_ready)
            browser = Browser(client, folder / "profile")
            try:
                yield browser
            finally:
                browser.close()
    finally:
        driver.terminate()
        driver.wait(timeout=10)
