"""A day in the shop: what stands where and who stands before it, at any second.

All of it is a function of the seed and the time. Time runs in rounds of `Scenario.round_secs`:
each starts with full shelves, and in its last part staff put everything right again, so that
the shop can run for days and any moment can be had without those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from shelf import Planogram, SlotId
from simulator.items import Item
from simulator.layout import Facing, FacingId, all_facings, place_bays
from simulator.obstacles import Obstacle
from simulator.package import package_of, seed_of
from simulator.people import Person
from simulator.scenario import Scenario
from simulator.seeing import Ambience, Seeing
from simulator.visits import Change, Placed, Refill, Take, Visit, person_at, plan_round

MOST_ROWS = 3
"""Units behind each other at most: what is behind them no camera sees."""

SHELF_DEPTH_MM = 420.0


@dataclass(frozen=True)
class StoreState:
    """The shop at one moment: items by facing, from the front, and who and what is in the aisle.

    ``shifts_px`` is, by camera, how far the picture of a bumped one has moved; ``seeing`` what
    else hinders a camera.
    """

    seconds: float
    contents: Mapping[FacingId, tuple[Item, ...]]
    people: tuple[Person, ...]
    ambience: Ambience = Ambience()  # noqa: RUF009 (frozen)
    shifts_px: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    obstacles: tuple[Obstacle, ...] = ()
    seeing: Mapping[str, Seeing] = field(default_factory=dict)


class Store:
    """A shop that lives. Calls may come in any order and from any thread."""

    def __init__(self, planogram: Planogram, seed: int, scenario: Scenario) -> None:
        self.planogram = planogram
        self.seed = seed
        self.scenario = scenario
        self.places = place_bays(planogram)
        self.facings = {f.id: f for f in all_facings(self.places)}
        self._full = {key: _full(facing, seed) for key, facing in self.facings.items()}
        self._round = lru_cache(maxsize=4)(self._plan)

    def at(self, seconds: float) -> StoreState:
        """Return the shop ``seconds`` after its start; raises ``ValueError`` before it."""
        if seconds < 0:
            raise ValueError(f"seconds must be 0 or more, got {seconds}")
        number, within = divmod(seconds, self.scenario.round_secs)
        visits, changes = self._round(int(number))
        contents = dict(self._full)
        for change in changes:
            if change.secs > within:
                break
            contents[change.facing] = self._after(contents[change.facing], change)
        seen = (person_at(visit, within) for visit in visits)
        people = sorted((p for p in seen if p is not None), key=lambda p: p.z_mm)
        return StoreState(
            seconds,
            contents,
            tuple(people),
            Ambience(self.scenario.light_at(seconds)),
            self.scenario.shifts_at(seconds),
        )

    def changes(self, number: int) -> tuple[Change, ...]:
        """Return all that happens to the shelves in one round, in order of time."""
        return self._round(number)[1]

    def _after(self, items: tuple[Item, ...], change: Change) -> tuple[Item, ...]:
        if isinstance(change, Take):
            return items[1:]
        if isinstance(change, Placed):
            return change.items
        if isinstance(change, Refill):
            return self._full[change.facing]
        room = tuple(item for item in items if item.row > 0)
        planned = self.planogram.slot(change.source)
        foreign = Item(
            planned.sku, planned.name, planned.facing_width_mm, planned.facing_height_mm, 0
        )
        return (foreign, *room)

    def _plan(self, number: int) -> tuple[Sequence[Visit], tuple[Change, ...]]:
        random = np.random.default_rng(seed_of("round", self.seed, number))
        units = {key: len(items) for key, items in self._full.items()}
        by_slot: dict[SlotId, list[Facing]] = {}
        for facing in self.facings.values():
            by_slot.setdefault(facing.id.slot, []).append(facing)
        visits = plan_round(by_slot, units, self.scenario, number, random)
        changes = sorted(
            (change for visit in visits for change in visit.changes), key=lambda c: c.secs
        )
        return visits, tuple(changes)


def _full(facing: Facing, seed: int) -> tuple[Item, ...]:
    """Return what stands at a facing when staff have just filled it."""
    planned = facing.planned
    width, height = facing.width_mm, facing.height_mm
    depth = package_of(planned.sku, planned.name, width, height).depth_mm
    random = np.random.default_rng(seed_of("full", seed, planned.id))
    wanted = int(random.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))
    count = max(1, min(wanted, MOST_ROWS, int(SHELF_DEPTH_MM // (depth + 5))))
    return tuple(Item(planned.sku, planned.name, width, height, row) for row in range(count))
