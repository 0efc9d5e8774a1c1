"""Shoppers and staff: the ways they walk, where they stop and what they do to the shelves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from shelf import SlotId
from simulator.items import Item
from simulator.layout import Facing, FacingId
from simulator.people import Person, Prop
from simulator.scenario import Part, Role, Scenario

WALK_MM_PER_SEC = 1050.0
STRIDE_MM = 720.0
OUTSIDE_MM = 2600.0
"""How far beyond the bays people come from and go to."""

STAND_Z_MM = 430.0
REACH_SECS = 0.9
GRAB_SECS = 1.6
"""Time between two items that a shopper takes."""

FILL_SECS = 2.5
"""Time that staff need for one facing."""


@dataclass(frozen=True, slots=True)
class Take:
    """The front unit of a facing is taken."""

    secs: float
    facing: FacingId


@dataclass(frozen=True, slots=True)
class Put:
    """A unit of the SKU planned for ``source`` is put at the front of ``facing``."""

    secs: float
    facing: FacingId
    source: SlotId


@dataclass(frozen=True, slots=True)
class Refill:
    """A facing is made as planned, and full."""

    secs: float
    facing: FacingId


@dataclass(frozen=True, slots=True)
class Placed:
    """From now on a facing holds exactly these units, from the front."""

    secs: float
    facing: FacingId
    items: tuple[Item, ...]


Change = Take | Put | Refill | Placed


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody stands at ``x_mm`` from ``since_secs`` until ``until_secs``."""

    x_mm: float
    since_secs: float
    until_secs: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's way: from ``from_x_mm`` over the stops to ``to_x_mm``, and what is done.

    ``reaches`` has, for each change, where the hand is (in the aisle's mm).
    """

    person: Person
    from_x_mm: float
    to_x_mm: float
    stops: tuple[Stop, ...]
    changes: tuple[Change, ...] = ()
    reaches: tuple[tuple[float, float, float], ...] = ()

    @property
    def since_secs(self) -> float:
        """When the person comes into the aisle."""
        first = self.stops[0]
        return first.since_secs - abs(first.x_mm - self.from_x_mm) / WALK_MM_PER_SEC

    @property
    def until_secs(self) -> float:
        """When the person has left."""
        last = self.stops[-1]
        return last.until_secs + abs(self.to_x_mm - last.x_mm) / WALK_MM_PER_SEC


def person_at(visit: Visit, secs: float) -> Person | None:
    """Return the person at a moment of the round, or None when not in the aisle."""
    if not visit.since_secs <= secs < visit.until_secs:
        return None
    lane = visit.person.z_mm
    for stop in visit.stops:
        if stop.since_secs <= secs < stop.until_secs:
            reach = None
            for change, point in zip(visit.changes, visit.reaches, strict=True):
                if abs(change.secs - secs) < REACH_SECS:
                    reach = point
            edge = min(secs - stop.since_secs, stop.until_secs - secs)
            near = min(1.0, max(edge, 0.0) / 0.6)
            z = lane + (min(STAND_Z_MM, lane) - lane) * near
            return replace(visit.person, x_mm=stop.x_mm, z_mm=z, heading=0, reach_mm=reach)
    points = [(visit.since_secs, visit.from_x_mm)]
    for stop in visit.stops:
        points += [(stop.since_secs, stop.x_mm), (stop.until_secs, stop.x_mm)]
    points.append((visit.until_secs, visit.to_x_mm))
    for (t1, x1), (t2, x2) in pairwise(points):
        if t1 <= secs < t2:
            x = x1 + (x2 - x1) * (secs - t1) / (t2 - t1)
            return replace(
                visit.person, x_mm=x, heading=1 if x2 > x1 else -1, stride=abs(x) / STRIDE_MM
            )
    return None


Slots = Mapping[SlotId, Sequence[Facing]]


def plan_round(
    slots: Slots,
    units: Mapping[FacingId, int],
    scenario: Scenario,
    number: int,
    random: np.random.Generator,
) -> list[Visit]:
    """Return who comes in round ``number`` and what they do; ``units`` is what is there first."""
    left = dict(units)
    parts = scenario.first if number == 0 and scenario.first else ()
    if not parts:
        parts = _improvise(slots, scenario, random)
    low = min(f.x_mm for facings in slots.values() for f in facings)
    high = max(f.x_mm + f.width_mm for facings in slots.values() for f in facings)
    planner = _Planner(slots, left, (low - OUTSIDE_MM, high + OUTSIDE_MM), random)
    for part in sorted(parts, key=lambda p: p.at_secs):
        planner.add(part)
    planner.tidy(scenario.round_secs - scenario.tidy_secs, scenario.round_secs)
    planner.passers(scenario)
    return planner.visits


def _improvise(slots: Slots, scenario: Scenario, random: np.random.Generator) -> tuple[Part, ...]:
    """Return the parts of a round that nobody has written."""
    ids = list(slots)
    order = [ids[i] for i in random.permutation(len(ids))]
    end = scenario.round_secs - scenario.tidy_secs - 60
    parts: list[Part] = []
    at = 15.0
    while order and at < end:
        slot = order.pop()
        role = Role(
            str(
                random.choice([Role.RUNS_EMPTY, Role.RUNS_LOW, Role.MISPLACED], p=[0.5, 0.25, 0.25])
            )
        )
        source = None
        if role is Role.MISPLACED:
            width = slots[slot][0].width_mm
            height = slots[slot][0].height_mm
            fitting = [
                i
                for i in order
                if slots[i][0].width_mm <= width and slots[i][0].height_mm <= height * 1.1
            ]
            if not fitting:
                continue
            source = fitting[int(random.integers(0, len(fitting)))]
            order.remove(source)
        parts.append(Part(role, at, slot, source))
        restock = at + float(random.uniform(70, 160))
        if random.random() < 0.6 and restock < end:
            parts.append(Part(Role.RESTOCKED, restock, slot))
        at += float(random.uniform(35, 70))
    return tuple(parts)


class _Planner:
    """Collects the visits of a round and keeps count of what is left on the shelves."""

    def __init__(
        self,
        slots: Slots,
        left: dict[FacingId, int],
        ends_mm: tuple[float, float],
        random: np.random.Generator,
    ) -> None:
        self.visits: list[Visit] = []
        self._slots = slots
        self._left = left
        self._full = dict(left)
        self._touched: dict[SlotId, None] = {}
        self._ends = ends_mm
        self._random = random

    def add(self, part: Part) -> None:
        """Plan the visit that makes ``part`` happen."""
        if part.role is Role.RESTOCKED:
            self._touched.pop(part.slot, None)
            self._visit([self._fill(part.slot, part.at_secs)], staff=True)
            return
        self._touched[part.slot] = None
        if part.role is Role.MISPLACED and part.source is not None:
            self._touched[part.source] = None
            taken = self._take(part.source, part.at_secs, 1)
            put = self._put(part.slot, part.source, part.at_secs + 7)
            self._visit([taken, put], staff=False)
            return
        facings = self._slots[part.slot]
        keep = 0
        if part.role is Role.RUNS_LOW:
            keep = max(1, facings[0].planned.min_facings - 1)
        here = sum(self._left[f.id] for f in facings)
        per_facing = max(self._left[f.id] for f in facings)
        count = here if keep == 0 else here - keep * per_facing
        self._visit([self._take(part.slot, part.at_secs, max(count, 0))], staff=False)

    def tidy(self, since_secs: float, until_secs: float) -> None:
        """Let staff put every slot right that is not as planned."""
        touched = list(self._touched)
        step = (until_secs - since_secs - 60) / max(len(touched), 1)
        for i, slot in enumerate(touched):
            self._visit([self._fill(slot, since_secs + 20 + i * step)], staff=True)

    def passers(self, scenario: Scenario) -> None:
        """Let people walk by, a few of whom stop and look."""
        count = round(scenario.passers_per_min * scenario.round_secs / 60)
        for secs in self._random.uniform(0, scenario.round_secs - 20, count):
            left, right = self._ends if self._random.random() < 0.5 else self._ends[::-1]
            at = float(self._random.uniform(min(self._ends), max(self._ends)))
            looks = float(self._random.uniform(2, 6)) if self._random.random() < 0.3 else 0.01
            arrive = float(secs) + abs(at - left) / WALK_MM_PER_SEC
            if arrive + looks + abs(right - at) / WALK_MM_PER_SEC > scenario.round_secs:
                continue
            stop = Stop(at, arrive, arrive + looks)
            self.visits.append(Visit(self._someone(False), left, right, (stop,)))

    def _someone(self, staff: bool) -> Person:
        random = self._random
        props = [Prop.CARTON] if staff else [Prop.NOTHING, Prop.BASKET, Prop.TROLLEY]
        return Person(
            look=int(random.integers(0, 1 << 30)),
            x_mm=0.0,
            z_mm=float(random.uniform(620, 900)),
            prop=props[int(random.integers(0, len(props)))],
            is_staff=staff,
        )

    def _visit(self, steps: list[list[tuple[Change, Facing]]], *, staff: bool) -> None:
        steps = [step for step in steps if step]
        if not steps:
            return
        stops = []
        for step in steps:
            middle = float(np.mean([f.centre_x_mm for _, f in step]))
            first, last = step[0][0].secs, step[-1][0].secs
            stops.append(Stop(middle - 220, first - 2.2, last + 1.8))
        left, right = self._ends if self._random.random() < 0.6 else self._ends[::-1]
        flat = [pair for step in steps for pair in step]
        self.visits.append(
            Visit(
                person=self._someone(staff),
                from_x_mm=left,
                to_x_mm=right,
                stops=tuple(stops),
                changes=tuple(change for change, _ in flat),
                reaches=tuple((f.centre_x_mm, f.y_mm + f.height_mm * 0.6, 30.0) for _, f in flat),
            )
        )

    def _take(self, slot: SlotId, secs: float, count: int) -> list[tuple[Change, Facing]]:
        out: list[tuple[Change, Facing]] = []
        facings = sorted(self._slots[slot], key=lambda f: (-f.id.level, -f.id.column))
        for facing in facings:
            while len(out) < count and self._left[facing.id] > 0:
                self._left[facing.id] -= 1
                out.append((Take(secs + len(out) * GRAB_SECS, facing.id), facing))
        return out

    def _put(self, slot: SlotId, source: SlotId, secs: float) -> list[tuple[Change, Facing]]:
        """The last units of one facing are taken, and what is not wanted is left there."""
        facing = max(self._slots[slot], key=lambda f: (f.id.level, f.id.column))
        out: list[tuple[Change, Facing]] = [
            (Take(secs + i * GRAB_SECS, facing.id), facing) for i in range(self._left[facing.id])
        ]
        self._left[facing.id] = 0
        out.append((Put(secs + len(out) * GRAB_SECS, facing.id, source), facing))
        return out

    def _fill(self, slot: SlotId, secs: float) -> list[tuple[Change, Facing]]:
        facings = sorted(self._slots[slot], key=lambda f: (f.id.level, f.id.column))
        self._left.update((f.id, self._full[f.id]) for f in facings)
        return [
            (Refill(secs + i * FILL_SECS, facing.id), facing) for i, facing in enumerate(facings)
        ]
