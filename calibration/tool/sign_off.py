"""The test that ends a calibration: empty a slot, see the alert; fill it, see it clear. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from calibration.tool.site import Heard
from shelf import Planogram, SlotId, State


class Stage(StrEnum):
    """How far the test has come."""

    EMPTY_IT = "empty_it"
    FILL_IT = "fill_it"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class SignOff:
    """One test of one slot; ``alert`` and ``cleared`` are the agent's own words."""

    slot: SlotId
    by: str
    begun_at_utc: datetime
    alert: Heard | None = None
    cleared: Heard | None = None

    @property
    def stage(self) -> Stage:
        """What is waited for."""
        if self.cleared is not None:
            return Stage.PASSED
        return Stage.EMPTY_IT if self.alert is None else Stage.FILL_IT

    def after(self, heard: Iterable[Heard]) -> SignOff:
        """Return the test after what was ``heard`` of the slot, in order.

        The alert is the first problem since the test began, the clearing the first time after it
        that the slot is stocked. What was heard before the test does not count.
        """
        alert, cleared = self.alert, self.cleared
        for one in heard:
            if one.at_utc < self.begun_at_utc or cleared is not None:
                continue
            state = one.changed.state
            if alert is None and state.is_problem:
                alert = one
            elif alert is not None and one.at_utc > alert.at_utc and state is State.STOCKED:
                cleared = one
        return replace(self, alert=alert, cleared=cleared)


def easiest_slot(planogram: Planogram, bays: Iterable[int]) -> SlotId | None:
    """Return the slot that is emptied fastest: few facings, at the height of the hands."""
    best: tuple[int, float, SlotId] | None = None
    for number in bays:
        bay = planogram.bay(number)
        for shelf in bay.shelves:
            off_mm = abs(shelf.y_mm - 0.55 * bay.height_mm)
            for slot in shelf.slots:
                rank = (slot.facings, off_mm, slot.id)
                best = rank if best is None or rank < best else best
    return best[2] if best else None
