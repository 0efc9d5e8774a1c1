"""What people do before the shelves: each errand is a walk, its stops, and what changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shelf import PlannedSlot, SlotId
from simulator.days.spans import Span
from simulator.days.stock import Stock, unit_of
from simulator.items import Item, Posture
from simulator.layout import BayPlace, FacingId
from simulator.obstacles import Obstacle, ObstacleKind
from simulator.people import Person, Prop
from simulator.visits import OUTSIDE_MM, Placed, Stop, Visit

GRAB_SECS = 1.4
"""Time between two units that a shopper takes."""

FILL_SECS = 2.2
"""Time that staff need for one facing."""

BESIDE_MM = 240.0
"""People stand so far left of what they reach for."""


Work = Callable[[float, SlotId], list[Placed]]
"""What staff do to a slot from a time on."""


class Errands:
    """Adds visits and obstacles to a plan, and changes the stock.

    Each errand begins at about ``secs``, later where somebody is still busy at the slot, and
    returns when it is done.
    """

    def __init__(
        self, stock: Stock, places: Sequence[BayPlace], random: np.random.Generator
    ) -> None:
        self.visits: list[Visit] = []
        self.obstacles: list[Span[Obstacle]] = []
        self._stock = stock
        self._random = random
        self._busy: dict[SlotId, float] = {}
        right = max(place.x_mm + place.bay.width_mm for place in places)
        self._ends = (-OUTSIDE_MM, right + OUTSIDE_MM)

    def walk_by(self, secs: float) -> None:
        """Somebody walks through the aisle."""
        at = float(self._random.uniform(*self._ends))
        self._come([Stop(at, secs, secs + 0.1)], [], staff=False)

    def stand(self, secs: float, slot: SlotId, looks_secs: float) -> None:
        """Somebody stands before a slot and looks, or blocks the view."""
        x = self._middle(slot) + float(self._random.normal(0, 250))
        self._come([Stop(x, secs, secs + looks_secs)], [], staff=False)

    def buy(self, secs: float, slot: SlotId, units: int, until_facings: int = 0) -> float:
        """A shopper takes units of a slot, until it shows ``until_facings`` at most."""
        at = start = self._free(slot, secs)
        changes = []
        for _ in range(units):
            if self._stock.facings_left(slot) <= until_facings:
                break
            change = self._stock.take(at, slot)
            if change is None:
                break
            changes.append(change)
            at += GRAB_SECS
        return self._visit(slot, start, at, changes, staff=False)

    def mislay(self, secs: float, slot: SlotId) -> float | None:
        """A shopper leaves a unit of something else in a slot; None when nothing fits."""
        stock, random = self._stock, self._random
        foreign = self._foreign(slot)
        if foreign is None:
            return None
        start = self._free(slot, secs)
        planned = stock.planned[slot]
        column = int(random.integers(0, planned.facings_wide))
        changes: list[Placed] = []
        on_top = FacingId(slot, column, planned.facings_high)
        highest = stock.top_of(slot, column)
        is_full = highest.level == planned.facings_high - 1 and bool(stock.at(highest))
        lies = foreign.width_mm * 1.1 < stock.headroom_mm[slot]
        if is_full and lies and foreign.height_mm <= planned.width_mm and random.random() < 0.35:
            lying = Item(
                foreign.sku,
                foreign.name,
                foreign.width_mm,
                foreign.height_mm,
                0,
                posture=Posture.LYING,
            )
            changes.append(stock.place(start, on_top, (lying,)))
            return self._visit(slot, start, start + GRAB_SECS, changes, staff=False)
        at = start
        items = stock.at(highest)
        if items and items[0].row == 0:
            changes.append(stock.place(at, highest, items[1:]))
            at += GRAB_SECS
        changes.append(stock.put_front(at, highest, foreign))
        return self._visit(slot, start, at + GRAB_SECS, changes, staff=False)

    def push(self, secs: float, slot: SlotId, by_mm: float) -> float:
        """A shopper pushes units back, one column or all of a slot."""
        start = at = self._free(slot, secs)
        planned = self._stock.planned[slot]
        columns = list(range(planned.facings_wide))
        if self._random.random() < 0.5:
            columns = [columns[int(self._random.integers(0, len(columns)))]]
        changes = []
        for column in columns:
            for level in range(planned.facings_high):
                change = self._stock.push(at, FacingId(slot, column, level), by_mm)
                if change is not None:
                    changes.append(change)
            at += GRAB_SECS
        return self._visit(slot, start, at, changes, staff=False)

    def knock(self, secs: float, slot: SlotId) -> float:
        """A unit falls to its side while somebody takes its neighbour."""
        stock = self._stock
        start = self._free(slot, secs)
        planned = stock.planned[slot]
        if planned.facings_wide < 2:
            return secs
        column = int(self._random.integers(0, planned.facings_wide - 1))
        beside = FacingId(slot, column + 1)
        changes = []
        at = start
        while (items := stock.at(beside)) and items[0].row == 0:
            changes.append(stock.place(at, beside, items[1:]))
            at += GRAB_SECS
        fallen = stock.knock(at, FacingId(slot, column))
        if fallen is not None:
            changes.append(fallen)
        return self._visit(slot, start, at + GRAB_SECS, changes, staff=False)

    def park(self, secs: float, slot: SlotId, lasts_secs: float) -> None:
        """Something is left standing before a slot."""
        kinds = (ObstacleKind.PALLET, ObstacleKind.CARTONS, ObstacleKind.TROLLEY, ObstacleKind.CAGE)
        kind = kinds[int(self._random.integers(0, len(kinds)))]
        x = self._middle(slot) + float(self._random.normal(0, 300))
        self._stands(kind, x, 0.0, float(self._random.uniform(120, 350)), secs, secs + lasts_secs)

    def restock(self, secs: float, slots: Sequence[SlotId]) -> float:
        """Staff come with a cage of cartons and fill slots one after the other."""
        return self._staff(secs, slots, lambda at, slot: self._stock.fill(at, slot, FILL_SECS))

    def reset(self, secs: float, planned: Sequence[PlannedSlot]) -> float:
        """Staff change slots over to other SKUs."""
        for slot in planned:
            self._stock.replan(slot)

        def change_over(at: float, slot: SlotId) -> list[Placed]:
            out = self._stock.clear(at, slot)
            return out + self._stock.fill(at + len(out) * 0.8 + 4, slot, FILL_SECS)

        return self._staff(secs, [slot.id for slot in planned], change_over)

    def face_up(self, secs: float, slots: Sequence[SlotId]) -> float:
        """Staff pull units to the front and take away what does not belong there."""
        stops, changes = [], []
        at = secs
        for slot in slots:
            at = self._free(slot, at)
            done = self._stock.face_up(at, slot)
            if not done:
                continue
            end = done[-1].secs + 1.5
            stops.append(Stop(self._middle(slot) - BESIDE_MM, at - 1.0, end))
            changes += done
            self._busy[slot] = end
            at = end + 2.5
        if stops:
            self._come(stops, changes, staff=True, prop=Prop.NOTHING)
        return at

    def _staff(self, secs: float, slots: Sequence[SlotId], work: Work) -> float:
        """Staff with a cage go from slot to slot; cartons stand before what they work at."""
        random = self._random
        stops: list[Stop] = []
        changes: list[Placed] = []
        at = secs + 3.0
        for slot in slots:
            at = self._free(slot, at)
            done = work(at, slot)
            if not done:
                continue
            end = done[-1].secs + FILL_SECS
            stops.append(Stop(self._middle(slot) - BESIDE_MM, at - 1.5, end))
            changes += done
            if random.random() < 0.5:
                facing = self._stock.facings[done[0].facing]
                x = self._middle(slot) + float(random.uniform(-60, 120))
                until = end + float(random.exponential(25))
                self._stands(ObstacleKind.SHELF_CARTON, x, facing.y_mm, 12.0, at - 1.0, until)
            self._busy[slot] = end
            at = end + float(random.uniform(3, 7))
        if not stops:
            return secs
        side = 820 if random.random() < 0.7 else -900
        middle = stops[0].x_mm + side
        since, until = secs - 6, at + float(random.uniform(4, 60))
        self._stands(ObstacleKind.CAGE, middle, 0.0, float(random.uniform(130, 300)), since, until)
        if random.random() < 0.4:
            x = stops[-1].x_mm + float(random.normal(300, 200))
            self._stands(ObstacleKind.CARTONS, x, 0.0, 150.0, since + 8, at)
        self._come(stops, changes, staff=True, prop=Prop.NOTHING)
        return at

    def _foreign(self, slot: SlotId) -> Item | None:
        """Return a unit of another SKU that fits into a facing: often a neighbour's, a twin's."""
        planned = self._stock.planned[slot]
        wide, tall = planned.facing_width_mm, planned.facing_height_mm
        room = tall + max(self._stock.headroom_mm[slot], 0.0)
        others = [
            other
            for other in self._stock.planned.values()
            if other.sku != planned.sku
            and other.facing_width_mm <= wide * 1.04
            and other.facing_height_mm <= room
        ]
        if not others:
            return None
        near = [o for o in others if (o.id.bay, o.id.shelf) == (slot.bay, slot.shelf)]
        pool = near if near and self._random.random() < 0.4 else others
        return unit_of(pool[int(self._random.integers(0, len(pool)))])

    def _free(self, slot: SlotId, secs: float) -> float:
        return max(secs, self._busy.get(slot, 0.0) + 2.0)

    def _middle(self, slot: SlotId) -> float:
        facings = [self._stock.facings[f] for f in self._stock.facings_of(slot)]
        return float(np.mean([facing.centre_x_mm for facing in facings]))

    def _visit(
        self, slot: SlotId, start: float, end: float, changes: Sequence[Placed], *, staff: bool
    ) -> float:
        self._busy[slot] = end
        if changes:
            stop = Stop(self._middle(slot) - BESIDE_MM, start - 2.0, end + 1.5)
            self._come([stop], changes, staff=staff)
        return end

    def _come(
        self,
        stops: Sequence[Stop],
        changes: Sequence[Placed],
        *,
        staff: bool,
        prop: Prop | None = None,
    ) -> None:
        random = self._random
        props = [Prop.NOTHING, Prop.NOTHING, Prop.BASKET, Prop.TROLLEY]
        person = Person(
            look=int(random.integers(0, 1 << 30)),
            x_mm=0.0,
            z_mm=float(random.uniform(650, 1000)),
            prop=prop or props[int(random.integers(0, len(props)))],
            is_staff=staff,
        )
        left, right = self._ends if random.random() < 0.5 else self._ends[::-1]
        reaches = []
        for change in changes:
            facing = self._stock.facings[change.facing]
            reaches.append((facing.centre_x_mm, facing.y_mm + facing.height_mm * 0.6, 30.0))
        self.visits.append(Visit(person, left, right, tuple(stops), tuple(changes), tuple(reaches)))

    def _stands(
        self, kind: ObstacleKind, x: float, y: float, z: float, since: float, until: float
    ) -> None:
        look = int(self._random.integers(0, 1 << 30))
        thing = Obstacle(kind, round(x, 1), round(y, 1), round(z, 1), look)
        self.obstacles.append(Span(round(since, 1), round(until, 1), thing))
