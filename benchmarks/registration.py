"""How surely a bumped camera is put right from its reference picture, and never put wrong.

    python benchmarks/registration.py --quick --json registration.json

Trials are cameras of simulated stores on the judging side (numbers from 100, seeds from 1000;
``--development`` takes others), 960 px wide, bumped by a turn, a roll of up to 2 degrees and a zoom
of up to 3 %, while nothing else has changed, shoppers and cages stand before the shelf, three of
five products are others and a third of the shelf is empty, the light is another, or all of that.
A trial counts by its true shift at the farthest corner of the bays. It is *wrong* when the camera
is said to be still or is corrected and a corner then lies more than 2 px from its place (3 px for
a camera that is said to be still: up to 2 px are not corrected). With ``--data`` photographs of
real shelves are warped too, as by a camera whose lens is not known, with a part of another
photograph before them. With ``--record``, each camera's trials are kept as soon as they are done,
and a run that was interrupted goes on from there; delete the file when the code changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from measuring import write_record
from pydantic import TypeAdapter
from registration_scenes import Bump, CameraScene, Disturbance
from rich.progress import track

from calibration.registration import Reference, Registration, RegistrationKind, register
from calibration.registration_tiles import NO_TURN

WRONG_PX = 2.0
WRONG_STILL_PX = 3.0
SIZES_PX = (0.5, 2.0, 10.0, 40.0, 80.0, 1000.0)
SIZE_NAMES = ("none", "to_2px", "to_10px", "to_40px", "to_80px", "more")
BUMPS_A_PICTURE = 8


@dataclass(frozen=True)
class Trial:
    """One bump: its true shift, what was said, and how far off that is at the worst corner."""

    size: str
    disturbance: str
    kind: RegistrationKind
    shift_px: float
    error_px: float
    ms: float

    @property
    def is_wrong(self) -> bool:
        """True when a corner is believed to be where it is not."""
        limit = {RegistrationKind.STILL: WRONG_STILL_PX, RegistrationKind.CORRECTED: WRONG_PX}
        return self.error_px > limit.get(self.kind, np.inf)


CAMERA_TRIALS = TypeAdapter(tuple[int, list[Trial]])
"""One line of a record: a store's number and its trials."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: 80 trials")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--development", action="store_true", help="stores to develop with")
    parser.add_argument("--data", type=Path, help="a folder with photos/rows")
    parser.add_argument("--record", type=Path, metavar="FILE", help="kept between runs")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    wanted = 80 if arguments.quick else arguments.trials
    trials: list[Trial] = []
    try:
        for some in simulated(wanted, arguments.development, arguments.record):
            trials += some
    except KeyboardInterrupt:
        print(f"interrupted after {len(trials)} of {wanted} trials")
    figures = figures_of(trials)
    show(trials)
    figures["ms_with_guess"] = guess_ms(arguments.development)
    if arguments.data:
        photographs = list(warped_photographs(arguments.data, 40 if arguments.quick else 200))
        figures |= {f"photographs_{k}": v for k, v in summary(photographs).items()}
        print("photographs, lens not known:", summary(photographs))
    if arguments.json:
        write_record(arguments.json, figures, opencv=cv2.__version__, command=" ".join(sys.argv))


def simulated(wanted: int, development: bool, record: Path | None) -> Iterator[list[Trial]]:
    """Yield so many trials, camera by camera; those in ``record`` are not done again."""
    first, seeds = (0, 500) if development else (100, 5000)
    cameras = -(-wanted // (BUMPS_A_PICTURE * len(Disturbance)))
    known: dict[int, list[Trial]] = {}
    if record is not None and record.exists():
        lines = record.read_text(encoding="utf-8").splitlines()
        known = dict(CAMERA_TRIALS.validate_json(line) for line in lines)
    for store in track(range(first, first + cameras), "cameras"):
        if store not in known:
            known[store] = list(of_camera(store, seeds + store))
            if record is not None:
                with record.open("ab") as file:
                    file.write(CAMERA_TRIALS.dump_json((store, known[store])) + b"\n")
        yield known[store]


def of_camera(store: int, seed: int) -> Iterator[Trial]:
    """Yield the trials of one store's camera."""
    scene = CameraScene(store, seed)
    random = np.random.default_rng(seed)
    width, height = scene.camera.size_px
    marks_uv = scene.corners_px / (width, height)
    reference = Reference.of(scene.reference(), scene.lens, marks_uv)
    for disturbance in Disturbance:
        flat = scene.flat(disturbance)
        for number in range(BUMPS_A_PICTURE):
            bump = drawn_bump(random, number)
            truth = scene.moved(scene.corners_px, bump) - scene.corners_px
            image = scene.bumped(flat, bump)
            began = time.process_time()
            found = register(reference, image)
            ms = (time.process_time() - began) * 1000
            yield trial(found, truth, disturbance.value, ms)


def drawn_bump(random: np.random.Generator, number: int) -> Bump:
    """One of each size in turn: none, a tremble, small to large, and too large."""
    if number == 0:
        return Bump()
    low, high = ((0.2, 1.5), (1, 10), (1, 40), (1, 40), (10, 40), (40, 80), (60, 300))[number - 1]
    far, way = float(random.uniform(low, high)), float(random.uniform(0, 2 * np.pi))
    roll = float(random.uniform(-2, 2)) if number > 1 and random.random() < 0.5 else 0.0
    zoom = float(random.uniform(0.97, 1.03)) if number > 1 and random.random() < 0.5 else 1.0
    return Bump(far * np.cos(way), far * np.sin(way), roll, zoom)


def trial(found: Registration, truth: np.ndarray, disturbance: str, ms: float) -> Trial:
    far = float(np.linalg.norm(truth, axis=1).max())
    size = SIZE_NAMES[int(np.searchsorted(SIZES_PX, far))]
    is_corrected = found.kind in (RegistrationKind.CORRECTED, RegistrationKind.MOVED)
    taken = found.shift_px if is_corrected else np.zeros_like(truth)
    error = float(np.linalg.norm(taken - truth, axis=1).max())
    return Trial(size, disturbance, found.kind, far, error, ms)


def warped_photographs(data: Path, wanted: int) -> Iterator[Trial]:
    """Yield trials on photographs, with a part of another one before each."""
    paths = sorted((data / "photos" / "rows" / "images").glob("*.jpg"))
    random = np.random.default_rng(1000)
    chosen = random.permutation(len(paths))[: wanted + 1]
    pictures = [cv2.imread(str(paths[index])) for index in chosen]
    for before, other in pairwise(pictures):
        height, width = before.shape[:2]
        inset = np.array([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)])
        focal = float(random.uniform(0.6, 1.3)) * width
        far, way = float(random.choice([0.0, 1.0, 3.0, 10.0, 25.0, 40.0])), random.uniform(0, 6.28)
        turn = np.array([far * np.sin(way), -far * np.cos(way), 0.0]) / focal
        turn[2] = np.radians(random.uniform(-1.5, 1.5)) if far > 3 else 0.0
        camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        warp = camera @ cv2.Rodrigues(turn)[0] @ np.linalg.inv(camera)
        centred = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]]) @ warp
        centred = centred @ np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        now = cv2.warpPerspective(before, centred, (width, height), borderMode=cv2.BORDER_REFLECT)
        left = int(random.integers(0, width - width // 3))
        part = cv2.resize(other, (width, height))[:, left : left + width // 3]
        now[height // 5 :, left : left + width // 3] = part[height // 5 :]
        now = np.clip(now * random.uniform(0.6, 1.2), 0, 255).astype(np.uint8)
        began = time.process_time()
        found = register(Reference.of(before, None, inset), now)
        ms = (time.process_time() - began) * 1000
        corners = (inset * (width, height)).reshape(-1, 1, 2)
        truth = (cv2.perspectiveTransform(corners, warp) - corners).reshape(-1, 2)
        yield trial(found, truth, "photograph", ms)


def guess_ms(development: bool) -> float:
    """CPU time of a look whose camera is where it was believed to be."""
    scene = CameraScene(0 if development else 100, 500 if development else 5100)
    width, height = scene.camera.size_px
    reference = Reference.of(scene.reference(), scene.lens, scene.corners_px / (width, height))
    image = scene.bumped(scene.flat(Disturbance.NOTHING), Bump())
    taken = []
    for _ in range(8):
        began = time.process_time()
        register(reference, image, guess=NO_TURN)
        taken.append((time.process_time() - began) * 1000)
    return float(np.median(taken))


def summary(trials: list[Trial]) -> dict[str, float]:
    """Shares, and errors in px of those that were placed."""
    placed = [t for t in trials if t.kind in (RegistrationKind.STILL, RegistrationKind.CORRECTED)]
    errors = [t.error_px for t in placed if t.kind is RegistrationKind.CORRECTED]

    def share(kind: RegistrationKind) -> float:
        return round(sum(t.kind is kind for t in trials) / max(len(trials), 1), 4)

    out: dict[str, float] = {
        "trials": len(trials),
        "still": share(RegistrationKind.STILL),
        "corrected": share(RegistrationKind.CORRECTED),
        "moved": share(RegistrationKind.MOVED),
        "unknown": share(RegistrationKind.UNKNOWN),
        "wrong": sum(t.is_wrong for t in trials),
    }
    if errors:
        for name, level in (("p50", 50), ("p95", 95), ("max", 100)):
            out[f"error_px_{name}"] = round(float(np.percentile(errors, level)), 3)
    return out


def figures_of(trials: list[Trial]) -> dict[str, float]:
    figures = {f"all_{name}": value for name, value in summary(trials).items()}
    figures["ms_p50"] = float(np.percentile([t.ms for t in trials], 50))
    figures["ms_p95"] = float(np.percentile([t.ms for t in trials], 95))
    for group in ("size", "disturbance"):
        parts: dict[str, list[Trial]] = defaultdict(list)
        for one in trials:
            parts[getattr(one, group)].append(one)
        for part, members in parts.items():
            figures |= {f"{part}_{name}": value for name, value in summary(members).items()}
    return figures


def show(trials: list[Trial]) -> None:
    columns = ("trials", "still", "corrected", "moved", "unknown", "wrong")
    errors = ("error_px_p50", "error_px_p95", "error_px_max")
    print(f"{'':20}" + "".join(f"{name.replace('error_', ''):>11}" for name in columns + errors))
    rows: list[tuple[str, list[Trial]]] = [("all", trials)]
    rows += [(name, [t for t in trials if t.size == name]) for name in SIZE_NAMES]
    rows += [(d.value, [t for t in trials if t.disturbance == d.value]) for d in Disturbance]
    for name, members in rows:
        found = summary(members)
        cells = (f"{found.get(c, float('nan')):>11g}" for c in columns + errors)
        print(f"{name:20}" + "".join(cells))
    times = [t.ms for t in trials]
    print(f"CPU time: median {np.median(times):.0f} ms, p95 {np.percentile(times, 95):.0f} ms")


if __name__ == "__main__":
    main()
