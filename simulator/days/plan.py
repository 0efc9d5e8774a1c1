"""All that will happen in a store: who comes when, what is done to the shelves, what breaks.

The plan is made in order of time, so every change fits what stands there at that moment.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from shelf import Planogram, SlotId
from simulator.days.disturbances import Disturbances, draw_disturbances
from simulator.days.errands import Errands
from simulator.days.life import Life
from simulator.days.promotion import Reset, promoted
from simulator.days.spans import Span
from simulator.days.stock import Stock
from simulator.days.stores import StoreDesign
from simulator.items import Item
from simulator.layout import FacingId
from simulator.obstacles import Obstacle
from simulator.package import seed_of
from simulator.visits import Placed, Visit

Act = Callable[[float], None]

QUICK_SHARE = 0.15
"""Of the empty slots, those that staff fill again at once, before anything need be reported."""

LATE_SHARE = 0.25
"""Those that stay empty until the store has closed."""


@dataclass(frozen=True)
class Plan:
    """What happens in a store from its first second to its last.

    ``start`` is what stands at each facing at first; ``changes`` and ``visits`` are in order of
    time. ``versions`` has the planograms, each from its time on.
    """

    duration_secs: float
    start: dict[FacingId, tuple[Item, ...]]
    changes: tuple[Placed, ...]
    visits: tuple[Visit, ...]
    obstacles: tuple[Span[Obstacle], ...]
    disturbances: Disturbances
    resets: tuple[Reset, ...]
    versions: tuple[tuple[float, Planogram], ...] = field(repr=False, default=())


def plan_days(design: StoreDesign, seed: int, days: float, life: Life) -> Plan:
    """Return what happens in ``design`` in so many days; a function of its arguments alone."""
    return _Planner(design, seed, days, life).plan()


class _Planner:
    """Draws what is to happen and lets it happen in order of time."""

    def __init__(self, design: StoreDesign, seed: int, days: float, life: Life) -> None:
        self._design = design
        self._life = life
        self._seed = seed
        self._until = days * life.day_secs
        self._random = np.random.default_rng(seed_of("days", design.number, seed))
        self._stock = Stock(design.places, seed_of(design.number, seed))
        self._errands = Errands(self._stock, design.places, self._random)
        self._queue: list[tuple[float, int, Act]] = []
        self._numbers = count()
        self._resets: list[Reset] = []
        self._versions: list[tuple[float, Planogram]] = [(0.0, design.planogram)]
        self._slots = [slot.id for slot in design.planogram.slots]

    def plan(self) -> Plan:
        """Draw everything and return it."""
        last = self._life.day_at(self._until)
        for day in range(last + 1):
            self._draw_day(day)
        self._draw_shoppers()
        while self._queue:
            secs, _, act = heapq.heappop(self._queue)
            if secs < self._until:
                act(secs)
        errands = self._errands
        return Plan(
            duration_secs=self._until,
            start=self._stock.start,
            changes=tuple(sorted(self._stock.changes, key=lambda change: change.secs)),
            visits=tuple(sorted(errands.visits, key=lambda visit: visit.since_secs)),
            obstacles=tuple(sorted(errands.obstacles, key=lambda span: span.since_secs)),
            disturbances=draw_disturbances(self._design, self._seed, self._until, self._life),
            resets=tuple(self._resets),
            versions=tuple(self._versions),
        )

    def _later(self, secs: float, act: Act) -> None:
        if secs >= 0:
            heapq.heappush(self._queue, (secs, next(self._numbers), act))

    def _slot(self) -> SlotId:
        return self._slots[int(self._random.integers(0, len(self._slots)))]

    def _in_opening(self, day: int) -> float:
        """Return a time of the day when the store is open, well before it closes."""
        life = self._life
        hour = float(self._random.uniform(life.opens_hour + 0.1, life.closes_hour - 1.0))
        return life.secs_of(day, hour)

    def _draw_day(self, day: int) -> None:
        life, random = self._life, self._random
        bays = len(self._design.planogram.bays)
        for rate, act in (
            (life.sell_outs, self._sell_out),
            (life.run_lows, self._run_low),
            (life.misplaced, self._mislay),
            (life.pushes, self._push),
            (life.falls, self._fall),
            (life.parked, self._park),
        ):
            for _ in range(int(random.poisson(rate * bays))):
                self._later(self._in_opening(day), act)
        if random.random() < life.promotions:
            hour = float(random.uniform(8.0, 17.0))
            self._later(float(round(life.secs_of(day, hour))), self._promote)
        self._later(life.secs_of(day, life.closes_hour + 0.3), self._fill_up)
        self._later(life.secs_of(day, 13.0 + float(random.uniform(-2, 3))), self._face_up)

    def _draw_shoppers(self) -> None:
        """Let shoppers come by chance, more of them at the peaks."""
        life, random = self._life, self._random
        most = life.shoppers_per_min * len(self._design.planogram.bays) ** 0.7 / 60
        at = 0.0
        while most > 0:
            at += float(random.exponential(1 / most))
            if at >= self._until:
                return
            if random.random() < life.traffic(at):
                self._later(at, self._shop)

    def _shop(self, secs: float) -> None:
        """One shopper: passes, browses, blocks the view, or buys."""
        kind = str(
            self._random.choice(["pass", "browse", "block", "buy"], p=[0.5, 0.25, 0.05, 0.2])
        )
        if kind == "pass":
            self._errands.walk_by(secs)
        elif kind == "browse":
            self._errands.stand(secs, self._slot(), float(self._random.uniform(4, 20)))
        elif kind == "block":
            self._errands.stand(secs, self._slot(), float(self._random.uniform(40, 150)))
        else:
            self._errands.buy(secs, self._slot(), int(self._random.integers(1, 3)))

    def _sell_out(self, secs: float) -> None:
        self._drain(secs, self._slot(), 0)

    def _run_low(self, secs: float) -> None:
        slot = self._slot()
        least = self._stock.planned[slot].min_facings
        self._drain(secs, slot, max(1, least - 1))

    def _drain(self, secs: float, slot: SlotId, facings: int) -> None:
        """Let shopper after shopper take from a slot until so many facings are left."""
        left = self._stock.facings_left(slot)
        if left <= facings:
            self._later(secs + self._wait(), lambda at: self._restock(at, [slot]))
            return
        if not self._life.is_open(secs):
            return
        units = int(self._random.integers(3, 8))
        end = self._errands.buy(secs, slot, units, until_facings=facings)
        self._later(
            end + float(self._random.uniform(4, 40)),
            lambda at: self._drain(at, slot, facings),
        )

    def _wait(self) -> float:
        """Return how long a problem lasts before staff come."""
        kind = self._random.random()
        if kind < QUICK_SHARE:
            return float(self._random.uniform(4, 25))
        if kind < QUICK_SHARE + LATE_SHARE:
            return self._life.day_secs
        return float(self._random.uniform(90, 700))

    def _mislay(self, secs: float) -> None:
        """Let a shopper leave a unit where it does not belong."""
        slot = self._slot()
        end = self._errands.mislay(secs, slot)
        if end is not None:
            self._later(end + self._wait(), lambda at: self._tidy(at, [slot]))

    def _push(self, secs: float) -> None:
        slot = self._slot()
        end = self._errands.push(secs, slot, float(self._random.uniform(50, 260)))
        if self._random.random() < 0.6:
            self._later(end + self._wait(), lambda at: self._tidy(at, [slot]))

    def _fall(self, secs: float) -> None:
        self._errands.knock(secs, self._slot())

    def _park(self, secs: float) -> None:
        self._errands.park(secs, self._slot(), float(self._random.uniform(40, 420)))

    def _tidy(self, secs: float, slots: list[SlotId]) -> None:
        self._errands.face_up(secs, slots)

    def _restock(self, secs: float, slots: list[SlotId]) -> None:
        """Let staff fill slots, and on the way others nearby that are not full."""
        if not self._life.is_open(secs):
            return
        near = [s for s in self._slots if s.bay == slots[0].bay and s not in slots]
        short = [s for s in near if not self._stock.is_tidy(s)]
        self._random.shuffle(short)
        self._errands.restock(secs, slots + short[: int(self._random.integers(0, 4))])

    def _fill_up(self, secs: float) -> None:
        """After closing, staff put every bay right."""
        for bay in self._design.planogram.bays:
            slots = [slot.id for slot in bay.slots if not self._stock.is_tidy(slot.id)]
            if slots:
                self._errands.restock(secs, slots)

    def _face_up(self, secs: float) -> None:
        bays = self._design.planogram.bays
        bay = bays[int(self._random.integers(0, len(bays)))]
        self._errands.face_up(secs, [slot.id for slot in bay.slots])

    def _promote(self, secs: float) -> None:
        """Change the planogram for some slots; staff take out the old and put in the new.

        Once a run: versions begin at midnight, and one midnight can be set to any second.
        """
        if len(self._versions) > 1:
            return
        _, before = self._versions[-1]
        planogram, slots = promoted(before, f"v{len(self._versions) + 1}", self._random)
        end = self._errands.reset(secs, [planogram.slot(slot) for slot in slots])
        self._versions.append((round(secs, 1), planogram))
        self._resets.append(Reset(round(secs, 1), round(end, 1), tuple(slots), planogram.version))
