"""The demo store: one aisle, two bays, two cameras, and the files that an agent needs for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from shelf import Planogram, SlotId
from shelf.gtin import check_digit
from shelf.planogram_build import BoardRow, Row, build_planogram
from shelf.planogram_csv import write_csv
from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.layout import BayPlace, place_bays
from simulator.package import package_of, packshot, seed_of
from simulator.photo import Film
from simulator.random_planogram import filled_bay
from simulator.scenario import Part, Role, Scenario
from simulator.store import Store
from simulator.view import View

AISLE = "a12"
BAY_MM = (1000.0, 1700.0)
SIZE_PX = (1600, 1200)
GAP_MM = 30.0

_SHELVES = {1: 120.0, 2: 460.0, 3: 790.0, 4: 1070.0, 5: 1340.0}
_PRODUCTS = """
1 1 Rolled Oats 1 kg            | 155 255 3 2 1
1 1 Crunchy Muesli 750 g        | 160 275 3 2 1.5
1 2 Corn Flakes 500 g           | 185 265 3 2 2
1 2 Choco Flakes 375 g          | 185 265 2 1 1.5
1 3 Blossom Honey 500 g         | 88 130 3 1 1
1 3 Strawberry Jam 340 g        | 80 118 4 2 1
1 3 Hazelnut Spread 400 g       | 90 122 4 2 1.5
1 4 Ground Coffee 500 g         | 115 190 4 2 2
1 4 Green Tea 40 g              | 110 150 4 1 1
1 5 Cocoa Powder 250 g          | 100 175 2 1 1
1 5 Crispbread 250 g            | 120 195 2 1 1
1 5 Rice Cakes 130 g            | 120 205 2 1 1
1 5 Fruit Bars 150 g            | 135 160 2 1 1
2 1 Sunflower Oil 1 l           | 86 275 4 2 1
2 1 Olive Oil 750 ml            | 78 280 3 1 1.5
2 1 Apple Juice 1 l             | 88 255 4 2 2
2 2 Penne 500 g                 | 130 215 3 2 1.5
2 2 Fusilli 500 g               | 130 215 2 1 1
2 2 Basmati Rice 1 kg           | 138 230 2 1 1
2 3 Tomato Soup 400 g           | 80 112 4x2 2 1
2 3 Baked Beans 415 g           | 80 112 4 2 1.5
2 3 Chickpeas 400 g             | 80 112 3 1 1
2 4 Potato Crisps 175 g         | 148 205 3 2 1.5
2 4 Tortilla Chips 200 g        | 155 205 2 1 1
2 4 Salted Nuts 150 g           | 95 150 2 1 1
2 5 Tomato Ketchup 500 ml       | 72 190 4 2 1.5
2 5 Mustard 250 ml              | 76 120 3 1 1
2 5 Mayonnaise 400 ml           | 86 145 3 1 1
"""

DEMO = Scenario(
    first=(
        Part(Role.RUNS_EMPTY, 14.0, SlotId(1, 2, 1)),
        Part(Role.RUNS_EMPTY, 34.0, SlotId(2, 1, 3)),
        Part(Role.RUNS_LOW, 52.0, SlotId(1, 4, 1)),
        Part(Role.MISPLACED, 68.0, SlotId(2, 4, 2), source=SlotId(2, 2, 1)),
        Part(Role.RESTOCKED, 128.0, SlotId(1, 2, 1)),
        Part(Role.RUNS_EMPTY, 190.0, SlotId(1, 3, 2)),
        Part(Role.RUNS_LOW, 235.0, SlotId(2, 2, 1)),
        Part(Role.RESTOCKED, 275.0, SlotId(2, 1, 3)),
        Part(Role.MISPLACED, 330.0, SlotId(1, 5, 3), source=SlotId(1, 3, 1)),
        Part(Role.RUNS_EMPTY, 390.0, SlotId(2, 5, 2)),
        Part(Role.RESTOCKED, 440.0, SlotId(2, 4, 2)),
        Part(Role.RESTOCKED, 470.0, SlotId(1, 3, 2)),
        Part(Role.RUNS_EMPTY, 530.0, SlotId(1, 1, 2)),
        Part(Role.RUNS_EMPTY, 580.0, SlotId(2, 2, 3)),
    )
)
"""The first round of the demo store; later rounds are drawn from the seed."""

FURNITURE = Furniture()

FILMS = {
    "c1": Film(exposure=1.0, vignette=0.22, noise=2.5, jpeg=88),
    "c2": Film(exposure=0.94, gains=(0.97, 1.0, 1.03), vignette=0.28, noise=3.0, jpeg=85),
}


@cache
def demo_planogram() -> Planogram:
    """Return the planogram of aisle a12: 2 bays, 5 shelves each, 28 slots."""
    lines = [line.split("|") for line in _PRODUCTS.strip().splitlines()]
    groups: dict[tuple[int, int], list[tuple[str, list[str]]]] = {}
    for left, right in lines:
        bay_text, shelf_text, name = left.split(maxsplit=2)
        place = int(bay_text), int(shelf_text)
        groups.setdefault(place, []).append((name.strip(), right.split()))
    rows = []
    number = 0
    for (bay, shelf), products in groups.items():
        counts = [_counts(figures[2]) for _, figures in products]
        used = sum(float(p[1][0]) * wide for p, (wide, _) in zip(products, counts, strict=True))
        space = (BAY_MM[0] - used) / (len(products) + 1)
        x = space
        for position, ((name, figures), (wide, high)) in enumerate(
            zip(products, counts, strict=True), start=1
        ):
            number += 1
            digits = f"4006381{200 + 7 * number:05d}"
            rows.append(
                Row(
                    where=f"product {number}",
                    id=SlotId(bay, shelf, position),
                    sku=f"{100100 + number}",
                    name=name,
                    facings_wide=wide,
                    facings_high=high,
                    min_facings=int(figures[3]),
                    gtin=f"{digits}{check_digit(digits)}",
                    priority=float(figures[4]),
                    x_mm=round(x, 1),
                    width_mm=float(figures[0]) * wide,
                    height_mm=float(figures[1]) * high,
                )
            )
            x += float(figures[0]) * wide + space
    boards = [BoardRow(bay, shelf, y) for bay in (1, 2) for shelf, y in _SHELVES.items()]
    return build_planogram(
        "demo",
        rows,
        id="a12-demo",
        version="2026w47",
        boards=boards,
        bay_sizes_mm={1: BAY_MM, 2: BAY_MM},
    )


def _counts(text: str) -> tuple[int, int]:
    wide, _, high = text.partition("x")
    return int(wide), int(high or 1)


def demo_cameras() -> dict[str, Camera]:
    """Return the two cameras: c1 looks at bay 1, c2 at bay 2."""
    return {
        "c1": Camera(
            (330.0, 1980.0, 2350.0), (520.0, 840.0, 0.0), SIZE_PX, 1640.0, -0.085, 0.012, 0.4
        ),
        "c2": Camera(
            (1800.0, 2050.0, 2400.0), (1520.0, 845.0, 0.0), SIZE_PX, 1650.0, -0.07, 0.008, -0.6
        ),
    }


def demo_store(seed: int) -> Store:
    """Return the living demo store."""
    return Store(demo_planogram(), seed, DEMO)


def demo_view(store: Store, camera: str) -> View:
    """Return what ``camera`` sees of the demo store; raises ``KeyError`` for an unknown one."""
    return View(store, camera, demo_cameras()[camera], FURNITURE, FILMS[camera], _bays_beside())


@cache
def _bays_beside() -> tuple[BayPlace, ...]:
    """Return the bays left and right of the planogram's, which nobody watches."""
    random = np.random.default_rng(seed_of("beside"))
    heights = list(_SHELVES.values())
    left, right = (filled_bay(random, number, BAY_MM, heights, 105.0) for number in (98, 99))
    return (
        BayPlace(left, -left.width_mm - GAP_MM),
        BayPlace(right, 2 * (BAY_MM[0] + GAP_MM)),
    )


def write_site(folder: Path, seed: int, *, speed: float = 1.0, url: str | None = None) -> None:
    """Write site.yaml, planogram, calibrations and catalogue of the demo store to ``folder``.

    See `site_settings` for the rest.
    """
    planogram = demo_planogram()
    for name in ("planograms", "calibration", "catalog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "planograms" / f"{AISLE}.csv").write_text(write_csv(planogram), encoding="utf-8")
    for number, (name, camera) in enumerate(demo_cameras().items(), start=1):
        path = folder / "calibration" / f"{name}.yaml"
        path.write_text(settings_text(calibration_of(name, camera, [number])), encoding="utf-8")
    for slot in planogram.slots:
        package = package_of(slot.sku, slot.name, slot.facing_width_mm, slot.facing_height_mm)
        _, code = cv2.imencode(".png", packshot(package))
        (folder / "catalog" / f"{slot.sku}.png").write_bytes(code.tobytes())
    (folder / "site.yaml").write_text(
        settings_text(site_settings(seed, speed=speed, url=url)), encoding="utf-8"
    )


def site_settings(seed: int, *, speed: float = 1.0, url: str | None = None) -> dict[str, Any]:
    """Return what site.yaml says; paths are relative to its folder.

    The cameras are drawn by who reads the file, ``speed`` simulated seconds a second; or, with
    ``url``, they are the snapshot cameras that are served below that address.
    """
    sources: dict[str, dict[str, Any]] = {
        name: {"type": "simulator", "seed": seed, "camera": name, "speed": speed}
        for name in demo_cameras()
    }
    if url is not None:
        sources = {name: {"type": "http", "url": f"{url}{name}.jpg"} for name in sources}
    return {
        "tenant": "demo",
        "site": "s0001",
        "node": "s0001-e1",
        "broker": {"url": "mqtt://127.0.0.1:1883"},
        "outbox": {"path": "state/outbox.sqlite"},
        "catalog": "catalog",
        "planograms": [{"file": f"planograms/{AISLE}.csv", "aisle": AISLE}],
        "cameras": [
            {
                "id": name,
                "aisle": AISLE,
                "bays": [number],
                "look_every_secs": 2,
                "calibration": f"calibration/{name}.yaml",
                "source": source,
            }
            for number, (name, source) in enumerate(sources.items(), start=1)
        ],
        "decide": {"confirm_secs": 10, "clear_secs": 6, "stale_secs": 120},
    }


def calibration_of(
    name: str,
    camera: Camera,
    bays: list[int],
    places: Sequence[BayPlace] | None = None,
) -> dict[str, Any]:
    """Return the exact calibration of ``camera``, as a calibration file says it.

    ``places`` are where the bays stand: the demo store's when not given.
    """
    width, height = camera.size_px
    known = place_bays(demo_planogram(), GAP_MM) if places is None else places
    x_of = {place.bay.number: place.x_mm for place in known}
    share_from_px = np.diag([1 / width, 1 / height, 1.0])
    found = []
    for bay in bays:
        shift = np.array([[1.0, 0.0, x_of[bay]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        bay_from_image = np.linalg.inv(share_from_px @ camera.front_plane @ shift)
        bay_from_image /= bay_from_image[2, 2]
        found.append(
            {
                "bay": bay,
                "bay_from_image": bay_from_image.tolist(),
                "error_mm": 0.0,
                "error_px": 0.0,
            }
        )
    return {
        "camera": name,
        "version": f"{name}-1",
        "picture": {"width_px": width, "height_px": height},
        "lens": {
            "fx": camera.focal_px / width,
            "fy": camera.focal_px / height,
            "cx": (width - 1) / 2 / width,
            "cy": (height - 1) / 2 / height,
            "k1": camera.k1,
            "k2": camera.k2,
            "p1": 0.0,
            "p2": 0.0,
            "k3": 0.0,
        },
        "bays": found,
    }


def settings_text(settings: dict[str, Any]) -> str:
    """Return settings as YAML."""
    return yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=100)
