"""The simulated cameras as a source of frames."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from shelf import ConfigError, Problem
from simulator.site import demo_cameras, demo_store, demo_view
from simulator.sprite import Pixels
from simulator.store import Store
from simulator.view import View

_KEYS = ("type", "seed", "camera", "speed", "start")
_lock = Lock()
_starts: dict[int, float] = {}
_stores: dict[int, Store] = {}


class SimulatedCamera:
    """One camera of the demo store; all of one process see the shop at the same moment.

    For one thread at a time.
    """

    def __init__(self, store: Store, view: View, start: float, speed: float) -> None:
        self._store = store
        self._view = view
        self._start = start
        self._speed = speed

    @property
    def seconds(self) -> float:
        """The simulated seconds since the shop's start."""
        return max(0.0, (time.time() - self._start) * self._speed)

    def grab(self) -> tuple[Pixels, datetime | None]:
        """Return the picture of this moment, BGR uint8 (H,W,3), and when it was taken."""
        taken = datetime.now(UTC)
        return self._view.picture(self._store.at(self.seconds)), taken

    def close(self) -> None:
        """Nothing is held open."""


def open_source(settings: dict[str, Any]) -> SimulatedCamera:
    """Return the camera that ``settings`` describe.

    ``seed`` (whole number) is required; ``camera`` is c1, unless it says c2; ``speed`` is
    simulated seconds per second; ``start`` is the shop's start in seconds since 1970: without
    it, the first source of a seed in this process starts the shop. Raises `ConfigError` naming
    every key that is wrong.
    """
    problems = _problems(settings)
    if problems:
        raise ConfigError(problems)
    seed = int(settings["seed"])
    with _lock:
        store = _stores.setdefault(seed, demo_store(seed))
        view = demo_view(store, settings.get("camera") or "c1")
        start = settings.get("start")
        if start is None:
            start = _starts.setdefault(seed, time.time())
    return SimulatedCamera(store, view, float(start), float(settings.get("speed") or 1.0))


def _problems(settings: dict[str, Any]) -> list[Problem]:
    problems = [
        Problem(f"source.{key}", "a known key", repr(key), f"keys are {', '.join(_KEYS)}")
        for key in settings
        if key not in _KEYS
    ]
    cameras = sorted(demo_cameras())
    checks = (
        ("seed", True, _is_whole, "a whole number of 0 or more"),
        ("camera", False, cameras.__contains__, " or ".join(cameras)),
        ("speed", False, _is_positive, "a number above 0, at most 10000"),
        ("start", False, _is_time, "seconds since 1970"),
    )
    for key, required, is_right, expected in checks:
        value = settings.get(key)
        if value is None:
            if required:
                problems.append(Problem(f"source.{key}", expected, "nothing"))
        elif not is_right(value):
            problems.append(Problem(f"source.{key}", expected, repr(value)))
    return problems


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_time(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_time(value) and 0 < value <= 10000
