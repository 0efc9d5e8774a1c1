"""What stands on the shelves while a plan is made: every change of it, with its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from shelf import PlannedSlot, SlotId
from simulator.items import Item, Posture
from simulator.layout import BayPlace, Facing, FacingId, facings_of_shelf, tops_of_shelf
from simulator.package import seed_of
from simulator.visits import Placed

AIR_MM = 2.0
"""Room that a facing leaves beside its unit."""

DEPTH_MM = 410.0
MOST_DEEP = 4
"""Units behind each other at most."""


def unit_of(planned: PlannedSlot, row: int = 0) -> Item:
    """Return one unit of what is planned for a slot."""
    return Item(
        planned.sku,
        planned.name,
        round(planned.facing_width_mm - AIR_MM, 2),
        planned.facing_height_mm,
        row,
    )


class Stock:
    """The shelves at the moment up to which the plan is made.

    ``changes`` grows with every call; calls must come in order of time for each slot.
    """

    def __init__(self, places: Iterable[BayPlace], seed: int) -> None:
        self.planned: dict[SlotId, PlannedSlot] = {}
        self.facings: dict[FacingId, Facing] = {}
        self.headroom_mm: dict[SlotId, float] = {}
        self.changes: list[Placed] = []
        self._seed = seed
        for place in places:
            for shelf in place.bay.shelves:
                shelves = facings_of_shelf(shelf, place.x_mm) + tops_of_shelf(shelf, place.x_mm)
                self.facings |= {facing.id: facing for facing in shelves}
                for slot in shelf.slots:
                    self.planned[slot.id] = slot
                    self.headroom_mm[slot.id] = shelf.height_mm - slot.height_mm - 50
        self._items: dict[FacingId, tuple[Item, ...]] = {}
        self.start: dict[FacingId, tuple[Item, ...]] = {}
        for slot in self.planned.values():
            for facing in self.facings_of(slot.id):
                self._items[facing] = self.start[facing] = self.full(slot)

    def full(self, planned: PlannedSlot) -> tuple[Item, ...]:
        """Return what stands at a facing when it has been filled."""
        depth = unit_of(planned).package.depth_mm
        random = np.random.default_rng(seed_of("deep", self._seed, planned.id, planned.sku))
        most = max(1, min(MOST_DEEP, int(DEPTH_MM // (depth + 5))))
        count = int(random.integers(min(2, most), most + 1))
        return tuple(unit_of(planned, row) for row in range(count))

    def facings_of(self, slot: SlotId) -> list[FacingId]:
        """Return the planned facings of a slot, level by level."""
        planned = self.planned[slot]
        return [
            FacingId(slot, column, level)
            for level in range(planned.facings_high)
            for column in range(planned.facings_wide)
        ]

    def at(self, facing: FacingId) -> tuple[Item, ...]:
        """Return what stands at a facing now."""
        return self._items.get(facing, ())

    def facings_left(self, slot: SlotId) -> int:
        """Return how many facings show the planned SKU."""
        sku = self.planned[slot].sku
        fronts = [self.at(facing)[:1] for facing in self.facings_of(slot)]
        return sum(bool(front) and front[0].sku == sku for front in fronts)

    def is_tidy(self, slot: SlotId) -> bool:
        """Return whether a slot is full and as planned."""
        full = self.full(self.planned[slot])
        on_top = any(self.at(top) for top in self._tops(slot))
        return not on_top and all(self.at(f) == full for f in self.facings_of(slot))

    def place(self, secs: float, facing: FacingId, items: tuple[Item, ...]) -> Placed:
        """Put ``items`` at a facing; returns the change."""
        change = Placed(round(secs, 1), facing, items)
        self._items[facing] = items
        self.changes.append(change)
        return change

    def top_of(self, slot: SlotId, column: int) -> FacingId:
        """Return a column's highest facing that holds something, else its lowest."""
        for level in reversed(range(self.planned[slot].facings_high)):
            if self.at(FacingId(slot, column, level)):
                return FacingId(slot, column, level)
        return FacingId(slot, column, 0)

    def take(self, secs: float, slot: SlotId) -> Placed | None:
        """Take a front unit of the planned SKU from the column with fewest; None if none."""
        planned = self.planned[slot]
        found: list[tuple[int, FacingId]] = []
        for column in range(planned.facings_wide):
            facing = self.top_of(slot, column)
            items = self.at(facing)
            if items and items[0].sku == planned.sku:
                left = sum(
                    len(self.at(FacingId(slot, column, level)))
                    for level in range(planned.facings_high)
                )
                found.append((left, facing))
        if not found:
            return None
        _, facing = min(found, key=lambda pair: (pair[0], pair[1].column))
        change = self.place(secs, facing, self.at(facing)[1:])
        above = FacingId(slot, facing.column, planned.facings_high)
        if not change.items and facing.level == planned.facings_high - 1 and self.at(above):
            fallen = self.at(above)
            self.place(secs + 0.1, above, ())
            self.place(secs + 0.1, facing, fallen)
        return change

    def push(self, secs: float, facing: FacingId, by_mm: float) -> Placed | None:
        """Push all units of a facing back, as far as there is room; None if there is none."""
        items = self.at(facing)
        if not items:
            return None
        last = items[-1]
        room = DEPTH_MM + last.front_z_mm - last.package.depth_mm
        by_mm = min(by_mm, room)
        if by_mm < 30:
            return None
        moved = tuple(replace(i, back_mm=round(i.back_mm + by_mm, 1)) for i in items)
        return self.place(secs, facing, moved)

    def knock(self, secs: float, facing: FacingId) -> Placed | None:
        """Let the front unit of a facing fall to its side; None where it does not fit."""
        items = self.at(facing)
        planned = self.planned[facing.slot]
        if not items or items[0].height_mm > planned.width_mm or planned.facings_high > 1:
            return None
        return self.place(secs, facing, (replace(items[0], posture=Posture.LYING), *items[1:]))

    def put_front(self, secs: float, facing: FacingId, item: Item) -> Placed:
        """Put a unit at the front of a facing, whose front row must be free."""
        rest = tuple(i for i in self.at(facing) if i.row > 0)
        return self.place(secs, facing, (replace(item, row=0, back_mm=0.0), *rest))

    def clear(self, secs: float, slot: SlotId) -> list[Placed]:
        """Take everything out of a slot, column by column."""
        taken: list[Placed] = []
        for facing in [*reversed(self.facings_of(slot)), *self._tops(slot)]:
            if self.at(facing):
                taken.append(self.place(secs + 0.8 * len(taken), facing, ()))
        return taken

    def fill(self, secs: float, slot: SlotId, each_secs: float) -> list[Placed]:
        """Make a slot full and as planned, facing by facing from below."""
        full = self.full(self.planned[slot])
        done: list[Placed] = []
        for top in self._tops(slot):
            if self.at(top):
                done.append(self.place(secs + each_secs * len(done), top, ()))
        for facing in self.facings_of(slot):
            if self.at(facing) != full:
                done.append(self.place(secs + each_secs * len(done), facing, full))
        return done

    def face_up(self, secs: float, slot: SlotId) -> list[Placed]:
        """Pull what is there to the front, stand it up, and carry away what is foreign."""
        sku = self.planned[slot].sku
        done: list[Placed] = []
        for facing in [*self.facings_of(slot), *self._tops(slot)]:
            own = [i for i in self.at(facing) if i.sku == sku]
            tidy = tuple(
                replace(i, row=row, back_mm=0.0, posture=Posture.UPRIGHT)
                for row, i in enumerate(own)
            )
            if tidy != self.at(facing):
                done.append(self.place(secs + 1.2 * len(done), facing, tidy))
        return done

    def replan(self, planned: PlannedSlot) -> None:
        """From now on another SKU is planned for a slot."""
        self.planned[planned.id] = planned

    def _tops(self, slot: SlotId) -> list[FacingId]:
        planned = self.planned[slot]
        return [FacingId(slot, c, planned.facings_high) for c in range(planned.facings_wide)]
