"""A store's days as files: what an agent needs, the pictures of its cameras, and the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2

from shelf import Planogram
from shelf.planogram_csv import write_csv
from simulator.days.expected import ExpectedEvent, Observer, expected_events
from simulator.days.shop import DaysShop
from simulator.days.stock import unit_of
from simulator.days.stores import AISLE
from simulator.days.truth import Truth
from simulator.package import packshot
from simulator.site import calibration_of, settings_text

JPEG_QUALITY = 92

PROMOTION_DAY = datetime(2026, 1, 2, tzinfo=UTC)
"""Versions of a planogram begin at midnight: the pictures' clock says that it is this midnight
when a promotion begins."""

USUAL_START = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
"""What the clock says at first where there is no promotion."""


def rules_of(every_secs: float) -> dict[str, float]:
    """Return when an agent that looks so often is to decide, as site.yaml says it."""
    return {
        "confirm_secs": max(30.0, 4 * every_secs),
        "clear_secs": max(15.0, 2 * every_secs),
        "stale_secs": max(300.0, 20 * every_secs),
    }


def observer_of(every_secs: float) -> Observer:
    """Return the perfect observer that decides by the same rules."""
    rules = rules_of(every_secs)
    return Observer(confirm_secs=rules["confirm_secs"], clear_secs=rules["clear_secs"])


def starts_at(shop: DaysShop) -> datetime:
    """Return what the clock of the pictures says at second 0, for ``replay --start``."""
    promotions = [since for since, _ in shop.plan.versions[1:]]
    if not promotions:
        return USUAL_START
    return PROMOTION_DAY - timedelta(seconds=promotions[0])


def write_store(folder: Path, shop: DaysShop, every_secs: float) -> None:
    """Write planograms, calibrations, catalogue and site file to ``folder``.

    ``planograms`` is a folder of versions: from a promotion on, and so from `PROMOTION_DAY` on,
    the second is in force. The site announces its reset.
    """
    for name in ("planograms", "calibration", "catalog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    design = shop.design
    for name, camera in design.cameras.items():
        written = calibration_of(name, camera, list(design.bays_of[name]), design.places)
        (folder / "calibration" / f"{name}.yaml").write_text(
            settings_text(written), encoding="utf-8"
        )
    for number, (_, planogram) in enumerate(shop.plan.versions):
        if number:
            planogram = replace(planogram, valid_from=PROMOTION_DAY.date())
        mark = f"-{planogram.version}" if number else ""
        file = folder / "planograms" / f"{AISLE}{mark}.csv"
        file.write_text(write_csv(planogram), encoding="utf-8")
        _write_catalogue(folder / "catalog", planogram)
    settings = settings_text(_site(shop, every_secs))
    (folder / "site.yaml").write_text(settings, encoding="utf-8")


def write_truth(folder: Path, truth: Truth, every_secs: float) -> None:
    """Write truth.jsonl, and what a perfect observer would tell to expected.jsonl."""
    truth.write(folder / "truth.jsonl")
    events = expected_events(truth, observer_of(every_secs))
    (folder / "expected.jsonl").write_text(
        "".join(json.dumps(_line(event)) + "\n" for event in events), encoding="utf-8"
    )


def write_frames(
    folder: Path, shop: DaysShop, every_secs: float, tell: Callable[[float], None]
) -> int:
    """Write the pictures of all cameras; returns how many moments; ``tell`` as in `record`."""
    views = {name: shop.view(name) for name in shop.design.cameras}
    for name in views:
        (folder / "frames" / name).mkdir(parents=True, exist_ok=True)
    moments = list(looks(shop.duration_secs, every_secs))
    for number, secs in enumerate(moments, start=1):
        state = shop.at(secs)
        for name, view in views.items():
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            _, code = cv2.imencode(".jpg", view.picture(state), quality)
            (folder / "frames" / name / f"{secs:08.1f}.jpg").write_bytes(code.tobytes())
        tell(number / len(moments))
    return len(moments)


def looks(duration_secs: float, every_secs: float) -> Iterator[float]:
    """Yield the times of the looks, from 0 to before the end."""
    for number in range(math.ceil(duration_secs / every_secs - 1e-9)):
        yield round(number * every_secs, 1)


def _site(shop: DaysShop, every_secs: float) -> dict[str, Any]:
    design, start = shop.design, starts_at(shop)
    resets = [
        {
            "aisle": AISLE,
            "start": (start + timedelta(seconds=reset.since_secs)).isoformat(),
            "end": (start + timedelta(seconds=reset.until_secs)).isoformat(),
        }
        for reset in shop.plan.resets
    ]
    return {
        "tenant": "simulated",
        "site": design.id,
        "node": f"{design.id}-e1",
        "broker": {"url": "mqtt://127.0.0.1:1883"},
        "outbox": {"path": "state/outbox.sqlite"},
        "catalog": "catalog",
        "planograms": [{"file": "planograms", "aisle": AISLE}],
        **({"resets": resets} if resets else {}),
        "cameras": [
            {
                "id": name,
                "aisle": AISLE,
                "bays": list(design.bays_of[name]),
                "look_every_secs": max(0.5, every_secs),
                "calibration": f"calibration/{name}.yaml",
                "source": {"type": "folder", "path": f"frames/{name}"},
            }
            for name in design.cameras
        ],
        "decide": rules_of(every_secs),
    }


def _write_catalogue(folder: Path, planogram: Planogram) -> None:
    for slot in planogram.slots:
        _, code = cv2.imencode(".png", packshot(unit_of(slot).package))
        (folder / f"{slot.sku}.png").write_bytes(code.tobytes())


def _line(event: ExpectedEvent) -> dict[str, Any]:
    return asdict(event) | {"slot": str(event.slot)}
