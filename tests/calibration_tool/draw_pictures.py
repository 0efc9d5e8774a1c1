"""Draws the pictures of docs/calibration-tool.md: every step, on a phone and on a laptop.

    python tests/calibration_tool/draw_pictures.py docs/calibration

The store is simulated, the proposal and the crops are the real ones; what the agent says is told by
this script.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "central"), str(HERE.parents[1])]

from browser import LAPTOP, PHONE, Browser, running_browser  # noqa: E402
from running_tool import RunningTool, running_tool  # noqa: E402
from tool_site import ToolSite, picture_at, tool_site  # noqa: E402
from tool_window import Window  # noqa: E402

from calibration.tool.site import SiteParts  # noqa: E402
from detector import Detector  # noqa: E402
from edge_agent.calibrate_enrol import CatalogEnroller, Seeing  # noqa: E402
from edge_agent.propose import PlanogramProposer  # noqa: E402
from edge_agent.recognise import Recogniser  # noqa: E402
from shelf import State  # noqa: E402
from simulator.site import demo_planogram, write_site  # noqa: E402

SECONDS = 200.0
"""When two slots of the bay are empty, so that there is something to look at."""

EMPTY_SECS = 20.0
"""When nothing stands in the slot of the test."""

WIDTHS_PX = {PHONE: 300, LAPTOP: 760}
COLOURS = 40


def main() -> None:
    """Draw all pictures into the folder that the command line names."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as store:
        write_site(Path(store), 7)
        seeing = seeing_with(Path(store) / "catalog")
        for name, size in (("phone", PHONE), ("laptop", LAPTOP)):
            with tempfile.TemporaryDirectory() as scratch:
                site = tool_site(Path(scratch))
                site.camera.show(picture_at(SECONDS))
                parts = with_real_parts(site.parts, seeing, Path(store) / "catalog")
                with running_tool(parts) as tool, running_browser(Path(scratch)) as browser:
                    browser.resize(size)
                    Steps(out, name, size, browser).draw(site, tool)


def seeing_with(catalog: Path) -> Seeing:
    """Return the shipped models with this catalogue, for the demo's planogram."""
    planogram = demo_planogram()
    return Seeing(planogram, Detector.load(), Recogniser.load(catalog, planogram))


def with_real_parts(parts: SiteParts, seeing: Seeing, catalog: Path) -> SiteParts:
    """Return ``parts`` whose proposals and crops are the agent's own."""
    proposer = PlanogramProposer(seeing.planogram, seeing.detector, seeing.recogniser, bays=[1])
    place = replace(parts.cameras["c1"], proposer=proposer)
    enroller = CatalogEnroller(catalog, {"c1": seeing})
    return replace(parts, cameras={"c1": place}, enroller=enroller)


class Steps:
    """One walk from the link to pictures for the catalogue."""

    def __init__(self, out: Path, name: str, size: tuple[int, int], browser: Browser) -> None:
        self._out = out
        self._name = name
        self._size = size
        self._browser = browser

    def draw(self, site: ToolSite, tool: RunningTool) -> None:
        """Walk, and draw each step."""
        window = Window(self._browser)
        self._browser.open(tool.link())
        self._shoot("0-link", "h1")
        window.enter(tool.link(), "Ana")
        window.wait("return document.querySelector('#live').complete")
        self._shoot("1-picture", "#look")
        window.tap("#propose")
        window.wait_for_score()
        self._shoot("2-proposal", "#place")
        window.choose("#slot", "b01/s3/p02")
        window.tap("[data-view=frontal]") if self._size == PHONE else None
        window.wait("return document.querySelector('.slot.chosen')")
        self._shoot("3-border", "#views")
        window.tap("#save")
        window.wait("return document.querySelector('#notice').innerText.includes('c1-1')")
        window.choose("#test-slot", "b01/s2/p01")
        window.tap("#begin-test")
        window.wait("return document.querySelector('#test-steps').innerText.includes('Empty')")
        site.camera.show(picture_at(EMPTY_SECS))
        site.agent.say("b01/s2/p01", State.OUT_OF_STOCK, "c1-1")
        window.wait("return document.querySelector('#test-steps').innerText.includes('arrived')")
        site.camera.show(picture_at(SECONDS))
        site.agent.say("b01/s2/p01", State.STOCKED, "c1-1", seen=3)
        window.wait("return document.querySelector('#test-steps').innerText.includes('cleared')")
        self._shoot("4-test", "#test")
        window.tap("#sheet")
        window.wait("return document.querySelectorAll('#crops img').length > 0")
        self._shoot("5-catalogue", "#catalog")
        self._browser.open(f"{tool.url}/cameras/c1/reports/c1-1/")
        self._shoot("6-report", "h1")

    def _shoot(self, step: str, selector: str) -> None:
        self._browser.script(
            "document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant'});"
            "const shown = [...document.querySelectorAll('img, svg image')]"
            ".filter((i) => i.loading !== 'lazy');"
            "return Promise.all(shown.map((i) => i.decode().catch(() => 0)))"
            ".then(() => new Promise((done) => setTimeout(done, 400)))",
            selector,
        )
        path = self._out / f"{self._name}-{step}.png"
        self._browser.screenshot(path)
        shot = cv2.imread(str(path))
        width = WIDTHS_PX[self._size]
        size = (width, round(shot.shape[0] * width / shot.shape[1]))
        path.write_bytes(small_png(cv2.resize(shot, size, interpolation=cv2.INTER_AREA)))
        print(path, path.stat().st_size // 1024, "kB")  # noqa: T201


def small_png(image_bgr: np.ndarray) -> bytes:
    """Return a PNG of few colours, a tenth as large as one of all."""
    height, width = image_bgr.shape[:2]
    pixels = image_bgr.reshape(-1, 3).astype(np.float32)
    rng = np.random.default_rng(0)
    sample = pixels[rng.choice(len(pixels), min(len(pixels), 20_000), replace=False)]
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 1.0)
    cv2.setRNGSeed(0)
    _, _, palette = cv2.kmeans(sample, COLOURS, None, ends, 1, cv2.KMEANS_PP_CENTERS)
    index = np.concatenate(
        [
            ((part[:, None, :] - palette[None]) ** 2).sum(2).argmin(1)
            for part in np.array_split(pixels, 64)
        ]
    ).astype(np.uint8)
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = index.reshape(height, width)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    colours = np.round(palette[:, ::-1]).clip(0, 255).astype(np.uint8).tobytes()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", colours)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    main()
