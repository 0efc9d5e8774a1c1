"""A store that lives for days: what is so at any second of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache

from shelf import Planogram
from simulator.days.life import Life
from simulator.days.plan import plan_days
from simulator.days.spans import Span, Spans
from simulator.days.stores import StoreDesign
from simulator.items import Item
from simulator.layout import FacingId
from simulator.people import Person
from simulator.store import StoreState
from simulator.view import View
from simulator.visits import Visit, person_at


class DaysShop:
    """A store of a design on days drawn from a seed. Calls may come in any order."""

    def __init__(
        self,
        design: StoreDesign,
        seed: int,
        days: float = 1.0,
        life: Life = Life(),  # noqa: B008 (frozen)
    ) -> None:
        if not 0 < days <= 31:
            raise ValueError(f"days must be above 0 and at most 31, got {days:g}")
        self.design = design
        self.seed = seed
        self.life = life
        self.places = design.places
        self.plan = plan_days(design, seed, days, life)
        self.duration_secs = self.plan.duration_secs
        self._visits = Spans([Span(v.since_secs, v.until_secs, v) for v in self.plan.visits])
        self._obstacles = Spans(self.plan.obstacles)
        self._history: dict[FacingId, tuple[list[float], list[tuple[Item, ...]]]] = {}
        for facing, items in self.plan.start.items():
            self._history[facing] = ([0.0], [items])
        for change in self.plan.changes:
            times, held = self._history.setdefault(change.facing, ([0.0], [()]))
            times.append(change.secs)
            held.append(change.items)
        self._times = sorted({change.secs for change in self.plan.changes})
        self._contents = lru_cache(maxsize=4)(self._contents_after)

    def at(self, secs: float) -> StoreState:
        """Return the store at a time; raises ``ValueError`` before its start or after its end."""
        if not 0 <= secs <= self.duration_secs:
            raise ValueError(f"seconds must be 0-{self.duration_secs:g}, got {secs}")
        return StoreState(
            seconds=secs,
            contents=self._contents(bisect_right(self._times, secs)),
            people=self._people(secs),
            ambience=self.plan.disturbances.ambience_at(secs),
            obstacles=tuple(self._obstacles.at(secs)),
            seeing=self.plan.disturbances.seeing_at(secs),
        )

    def planogram_at(self, secs: float) -> Planogram:
        """Return the version in force at a time, from the start of its reset on."""
        return [version for since, version in self.plan.versions if since <= secs][-1]

    def view(self, camera: str) -> View:
        """Return what a camera sees; raises ``KeyError`` for an unknown one."""
        design = self.design
        return View(
            self,
            camera,
            design.cameras[camera],
            design.furniture,
            design.films[camera],
            design.beside,
        )

    def _contents_after(self, number: int) -> Mapping[FacingId, tuple[Item, ...]]:
        """Return what stands where after so many times of change."""
        secs = self._times[number - 1] if number else 0.0
        out = {}
        for facing, (times, held) in self._history.items():
            out[facing] = held[bisect_right(times, secs) - 1]
        return out

    def _people(self, secs: float) -> tuple[Person, ...]:
        def seen(visit: Visit) -> Person | None:
            return person_at(visit, secs)

        there = (seen(visit) for visit in self._visits.at(secs))
        return tuple(sorted((p for p in there if p is not None), key=lambda p: p.z_mm))
