"""Which alert first: sales velocity x minutes out x priority. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shelf.states import State


class Ranked(Protocol):
    """What the rank of an alert comes from."""

    @property
    def sku(self) -> str:
        """The planned product."""

    @property
    def aisle(self) -> str:
        """Where it is."""

    @property
    def slot(self) -> object:
        """Where it is; its text is the slot's id."""

    @property
    def state(self) -> State:
        """What is wrong."""

    @property
    def since_utc(self) -> datetime:
        """Since when."""


SHARE_LOST = {State.OUT_OF_STOCK: 1.0, State.MISPLACED: 0.5, State.LOW: 0.1}
"""How much of a slot's sales a state loses, for the ranking only: an empty slot loses all, one
with another product in it about half (its own may stand beside), one that runs low nearly
none yet. Rough by nature; only the order comes from it."""

DEFAULT_UNITS_PER_DAY = 1.0
"""Velocity of a product that no file names: then minutes and priority decide."""

FIRST_MINUTE = 1.0
"""Minutes are counted from one, so that a fresh alert has a rank by velocity and priority."""


def _no_velocity(_sku: str) -> float:
    return DEFAULT_UNITS_PER_DAY


def _no_priority(_aisle: str, _slot: str) -> float:
    return 1.0


@dataclass(frozen=True, slots=True)
class Weights:
    """Units sold a day by SKU, and the planogram's priority by aisle and slot."""

    units_per_day: Callable[[str], float] = _no_velocity
    priority: Callable[[str, str], float] = _no_priority

    def rank(self, alert: Ranked, now: datetime) -> float:
        """Return about how many units the problem has cost, times the slot's priority.

        Higher is more urgent; never negative.
        """
        minutes = max((now - alert.since_utc).total_seconds() / 60, 0.0) + FIRST_MINUTE
        units = self.units_per_day(alert.sku) / (24 * 60) * minutes
        return (
            units * self.priority(alert.aisle, str(alert.slot)) * SHARE_LOST.get(alert.state, 0.0)
        )
