"""What a full look costs over the bare network: 1080p frame to slot readings, in one run.

``python benchmarks/look.py [--quick] [--json OUT]``. The bay is simulated and calibrated; the
frame is 1920x1080. The two are timed in turn, so that a machine that slows down slows both.
``look`` recognises every facing anew, ``look_again`` sees an unchanged shelf through a camera's
noise.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from calibration import Calibration
from detector import Detector, SessionOptions
from detector.model import DEFAULT_MODEL, SHIPPED_MODELS
from detector.session import OnnxSession
from edge_agent.config import load_site
from edge_agent.frames import ImageBgr
from edge_agent.gate import Gate
from edge_agent.look import Looker
from edge_agent.recognise import Recogniser
from edge_agent.sources import open_source
from shelf import Bay, load_planogram
from simulator.site import write_site

SIZE_PX = (1920, 1080)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    rounds = 15 if arguments.quick else 60
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name), rounds)
    for key, value in figures.items():
        print(f"{key:28} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(folder: Path, rounds: int) -> dict[str, object]:
    write_site(folder, 7)
    site = load_site(folder / "site.yaml")
    camera = site.cameras[0]
    planogram = load_planogram(site.planograms[0].file)
    assert camera.calibration is not None and site.catalog is not None
    frame, calibration = head_on(
        open_source(camera.source).grab().image_bgr,
        Calibration.load(camera.calibration),
        planogram.bay(camera.bays[0]),
    )
    detector = Detector.load()
    recogniser = Recogniser.load(site.catalog, planogram)
    bays = [planogram.bay(camera.bays[0])]
    looker = Looker(detector, bays, recogniser, calibration)
    # Every facing is recognised anew when the light changes, none when the picture only shakes.
    changing = cycle((frame, (0.8 * frame).astype(np.uint8)))
    steady = Looker(detector, bays, recogniser, calibration)
    shaking = cycle([noisy(frame, seed) for seed in range(4)])
    plain = Looker(detector, bays, None, calibration)
    side = detector.manifest.input.size_px
    weights = SHIPPED_MODELS / DEFAULT_MODEL / detector.manifest.file
    session = OnnxSession(weights.read_bytes(), SessionOptions())
    name = session.inputs[0].name
    bare_input = np.random.default_rng(1).random((1, 3, side, side), dtype=np.float32)
    gate = Gate()

    def bare() -> None:
        session.run(name, bare_input)

    parts: dict[str, Callable[[], object]] = {
        "bare": bare,
        "gate": lambda: gate.decide(frame),
        "look": lambda: looker.look(next(changing)),
        "look_again": lambda: steady.look(next(shaking)),
        "look_no_catalog": lambda: plain.look(frame),
    }
    timed: dict[str, list[float]] = {name: [] for name in parts}
    for part in parts.values():
        part()
    for _ in range(rounds):
        for key, part in parts.items():
            begun = time.perf_counter()
            part()
            timed[key].append(time.perf_counter() - begun)
    usual = {key: statistics.median(values) for key, values in timed.items()}
    whole = [
        (gate_secs + look) / bare_secs
        for gate_secs, look, bare_secs in zip(
            timed["gate"], timed["look"], timed["bare"], strict=True
        )
    ]
    return {
        "look_over_bare_run": round(statistics.median(whole), 3),
        "look_without_catalog_over_bare_run": round(usual["look_no_catalog"] / usual["bare"], 3),
        "look_again_over_look": round(usual["look_again"] / usual["look"], 3),
        "gate_over_bare_run": round(usual["gate"] / usual["bare"], 3),
        "bare_run_ms": round(usual["bare"] * 1e3, 2),
        "look_ms": round((usual["gate"] + usual["look"]) * 1e3, 2),
        "slots": len(list(bays[0].slots)),
        "resident_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rounds": rounds,
        "machine": f"{platform.processor() or platform.machine()}, {platform.python_version()}",
        "versions": f"onnxruntime {version('onnxruntime')}, opencv {cv2.__version__}",
        "command": " ".join(["python", "benchmarks/look.py", *sys.argv[1:]]),
    }


def noisy(image_bgr: ImageBgr, seed: int) -> ImageBgr:
    """The same frame with a camera's noise of 3 grey levels."""
    noise = np.random.default_rng(seed).normal(0, 3, image_bgr.shape)
    return np.clip(image_bgr + noise, 0, 255).astype(np.uint8)


def head_on(
    image_bgr: ImageBgr, calibration: Calibration, bay: Bay
) -> tuple[ImageBgr, Calibration]:
    """Return a 1920x1080 frame with the bay seen frontally, and its calibration."""
    width_px, height_px = SIZE_PX
    view = calibration.view(bay.number, (image_bgr.shape[1], image_bgr.shape[0]))
    margin_mm = 0.02 * bay.height_mm
    scale = height_px / (bay.height_mm + 2 * margin_mm)
    frontal = view.rectifier(bay.width_mm, bay.height_mm, margin_mm, scale).apply(image_bgr)
    left = (width_px - frontal.shape[1]) // 2
    frame = np.full((height_px, width_px, 3), 90, np.uint8)
    frame[: frontal.shape[0], left : left + frontal.shape[1]] = frontal[:height_px]
    bay_from_image = (
        (width_px / scale, 0.0, -left / scale - margin_mm),
        (0.0, -height_px / scale, bay.height_mm + margin_mm),
        (0.0, 0.0, 1.0),
    )
    return frame, Calibration(
        camera=calibration.camera,
        version="head-on",
        picture={"width_px": width_px, "height_px": height_px},
        bays=({"bay": bay.number, "bay_from_image": bay_from_image, "error_mm": 0, "error_px": 0},),
    )


if __name__ == "__main__":
    main()
