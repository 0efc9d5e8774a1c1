"""The camera-days of the benchmark: which they are, how they are rendered and put on tape."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from events_tape import TRACKS, CameraDay, PrintAnswers, Tape, TapedLook, taping

import calibration
import detector
import edge_agent
import simulator
from calibration import Calibration
from calibration.registration import small_grey
from calibration.registration_file import reference_path, save_reference
from detector import Detector
from edge_agent.agent import build_station
from edge_agent.bookkeeper import watch_of
from edge_agent.config import CameraSettings, Site, load_site
from edge_agent.frames import Frame, ImageBgr
from edge_agent.ledger import Change, Ledger
from edge_agent.occupancy import Rules
from edge_agent.replay import judged
from edge_agent.site_planograms import RecogniserOf, load_planograms, load_recognisers
from edge_agent.station import Looked
from simulator.days import DaysShop, Life, Truth, design_of, load_truth, record
from simulator.days.files import looks, starts_at, write_store

#: Hours go by so many times faster than people move: a day is 3600 s.
COMPRESS = 24.0
EVERY_SECS = 10.0
#: From a day's seed to that of the day on which its cameras were calibrated.
BEFORE = 100_000
#: Numbers of stores and seeds: those that develop the agent, and those that judge it.
DEVELOPMENT, JUDGING = (0, 0), (100, 1000)

#: Code that decides what is on a tape, beside the model.
SEEING = (
    (detector, "*.py"),
    (calibration, "*.py"),
    (simulator, "**/*.py"),
    (edge_agent, "drift.py"),
    (edge_agent, "reference*.py"),
    (edge_agent, "gate.py"),
    (edge_agent, "backdrop.py"),
    (edge_agent, "look.py"),
    (edge_agent, "shelf_edges.py"),
    (edge_agent, "station.py"),
    (edge_agent, "recognise.py"),
)


@dataclass(frozen=True, slots=True)
class Course:
    """How long the days are: their number, and the pace of looks and hours."""

    days: float = 1.0
    every_secs: float = EVERY_SECS
    compress: float = COMPRESS


def days_of(count: int, first: tuple[int, int]) -> list[CameraDay]:
    """Return ``count`` camera-days from the first store and seed on, store by store."""
    store, seed = first
    out: list[CameraDay] = []
    while len(out) < count:
        out += [CameraDay(store, seed, camera) for camera in design_of(store).cameras]
        store, seed = store + 1, seed + 1
    return out[:count]


@dataclass(frozen=True, eq=False)
class World:
    """A store on its days as the agent is given it, in a folder, and as it is."""

    shop: DaysShop
    folder: Path
    course: Course

    @property
    def truth_file(self) -> Path:
        """Where its truth is kept."""
        return self.folder / "truth.jsonl"

    def site(self) -> Site:
        """Return the store as an agent's site."""
        return load_site(self.folder / "site.yaml")

    def truth(self) -> Truth:
        """Return what is true, worked out when asked for the first time."""
        if not self.truth_file.is_file():
            part = self.truth_file.with_suffix(".part")
            record(self.shop).write(part)
            part.replace(self.truth_file)
        return load_truth(self.truth_file)


@lru_cache(maxsize=2)
def world_of(cache: Path, store: int, seed: int, course: Course) -> World:
    """Return the store of this number on the days of this seed; its folder is in ``cache``."""
    shop = DaysShop(design_of(store), seed, course.days, Life(compress=course.compress))
    name = f"{store}-{seed}-{course.days:g}-{course.every_secs:g}-{course.compress:g}"
    folder = cache / name
    if not (folder / "site.yaml").is_file():
        write_store(folder, shop, course.every_secs)
    world = World(shop, folder, course)
    _write_references(world)
    return world


def _write_references(world: World) -> None:
    """Write what each camera saw of the store on another day, when it was calibrated."""
    files = {camera.id: camera.calibration for camera in world.site().cameras}
    paths = {name: reference_path(file) for name, file in files.items() if file is not None}
    if all(path.is_file() for path in paths.values()):
        return
    shop = world.shop
    before = DaysShop(shop.design, shop.seed + BEFORE, 0.01, shop.life)
    for name, path in paths.items():
        grey = small_grey(before.view(name).picture(before.at(0.0)))
        version = Calibration.load(world.folder / "calibration" / f"{name}.yaml").version
        save_reference(path, grey, np.ones(grey.shape, np.bool_), name, version)


@lru_cache(maxsize=1)
def shipped() -> Detector:
    """Return the detector that ships, loaded once a process."""
    return Detector.load()


@lru_cache(maxsize=1)
def seeing_code() -> str:
    """Return what tells tapes of other code or another model apart."""
    digest = hashlib.sha256(shipped().identity.encode())
    for package, pattern in SEEING:
        root = Path(str(package.__file__)).parent
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def tape_of(cache: Path, day: CameraDay, course: Course, *, keep: bool = False) -> Tape:
    """Return the tape of a camera-day, made when there is none by the code of now.

    ``keep`` takes one that older code has made.
    """
    world = world_of(cache, day.store, day.seed, course)
    path = world.folder / f"{day.camera}.tape"
    tape = Tape.load(path)
    if tape is None or not (keep or tape.made_by == seeing_code()):
        world.truth()
        tape = make_tape(world, day)
        tape.save(path)
    return tape


def make_tape(world: World, day: CameraDay) -> Tape:
    """Render a camera-day and have the agent look at it."""
    began = time.perf_counter()
    course, site = world.course, world.site()
    tape = Tape(day, course.every_secs, course.compress, course.days, seeing_code())
    view = world.shop.view(day.camera)
    recogniser_of = load_recognisers(site, load_planograms(site))
    frames: list[Frame] = []

    def newest() -> Iterator[Frame]:
        while True:
            yield frames[-1]

    stations = {track: run(world, site, day.camera, newest(), recogniser_of) for track in TRACKS}
    for number, secs in enumerate(looks(world.shop.duration_secs, course.every_secs)):
        tape.looks.append(TapedLook(secs))
        image = view.picture(world.shop.at(secs))
        frames[:] = [frame_at(world, day.camera, number, secs, image)]
        for track, station in stations.items():
            with taping(tape, track):
                next(station)
        for taped in tape.looks[-1].tracks.values():
            for part in taped.seen.observed if taped.seen else ():
                assert isinstance(part.by_print, PrintAnswers)
                part.by_print.close()
    tape.made_secs = time.perf_counter() - began
    return tape


def frame_at(world: World, camera: str, number: int, secs: float, image: ImageBgr) -> Frame:
    """Return a camera's picture as its agent gets it."""
    at = starts_at(world.shop) + timedelta(seconds=secs)
    return Frame(camera, number, at, secs, image)


def blank_frames(world: World, tape: Tape) -> Iterator[Frame]:
    """Yield the frames of a tape without what they show."""
    width, height = tape.size_px
    image = np.zeros((height, width, 3), np.uint8)
    for number, look in enumerate(tape.looks):
        yield frame_at(world, tape.day.camera, number, look.secs, image)


def run(
    world: World,
    site: Site,
    name: str,
    frames: Iterator[Frame],
    recogniser_of: RecogniserOf,
    rules: Rules | None = None,
) -> Iterator[tuple[Looked, list[Change]]]:
    """Yield what the agent says of a camera's frames, look by look."""
    camera = camera_of(site, name)
    planograms = load_planograms(site)
    rules = rules or site.decide
    station = build_station(camera, planograms[camera.aisle], recogniser_of)
    watch = watch_of(camera, shipped().identity, rules)
    ledger = Ledger(planograms, [watch], rules, 0.0, starts_at(world.shop))
    yield from judged(frames, station, shipped(), ledger, watch)


def camera_of(site: Site, name: str) -> CameraSettings:
    """Return the settings of the camera of this name."""
    return next(camera for camera in site.cameras if camera.id == name)
