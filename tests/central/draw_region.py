"""Draws the pictures of docs/region.md: ``python tests/central/draw_region.py [--out DIR]``.

The stores are those of `region_history`; the browser is a real one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from browser import LAPTOP, running_browser  # noqa: E402
from region_history import CHRONIC, fill  # noqa: E402
from region_site import region_app, serving  # noqa: E402

from central.database import Database  # noqa: E402

TABLET = (820, 1180)
COLOURS = 20
SCALE = 0.8
"""Pixels a point: small files that can still be read."""

SLOT = f"{CHRONIC[1]}/{CHRONIC[2]}"

PICTURES = {
    "overview": (LAPTOP, "light", "/region?days=14", ""),
    "worse": (LAPTOP, "light", "/region?days=14", "#worse_stores"),
    "trend": (LAPTOP, "dark", "/region?days=14", "#days"),
    "store": (TABLET, "light", "/region/store?days=14&site=s0103", ""),
    "slot": (LAPTOP, "light", f"/region/slot?days=14&site=s0103&slot={SLOT}", ""),
}
"""Size, colours, page, and the part that is at the top."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "region")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        database = Database.open(f"sqlite:///{name}/central.sqlite")
        fill(database)
        with (
            serving(region_app(database)) as url,
            running_browser(Path(name)) as browser,
        ):
            for picture, (size, scheme, path, part) in PICTURES.items():
                browser.resize(size, SCALE)
                browser.scheme(scheme)
                browser.open(url + path)
                if part:
                    browser.script(
                        "document.querySelector(arguments[0]).scrollIntoView();"
                        "window.scrollBy(0, -70)",
                        part,
                    )
                file = out / f"{picture}.png"
                browser.screenshot(file)
                make_small(file)
        database.close()


def make_small(file: Path) -> None:
    """Write a PNG again in few colours: each in the nearest of those seen most often."""
    picture = cv2.imread(str(file))
    assert picture is not None
    pixels = picture.reshape(-1, 3)
    known, which = np.unique(pixels, axis=0, return_inverse=True)
    counts = np.bincount(which.reshape(-1))
    often = known[np.argsort(-counts)[:COLOURS]].astype(np.int32)
    gaps = np.abs(known[:, None].astype(np.int32) - often[None]).sum(axis=2)
    nearest = often[gaps.argmin(axis=1)].astype(np.uint8)
    small = nearest[which.reshape(-1)].reshape(picture.shape)
    cv2.imwrite(str(file), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
