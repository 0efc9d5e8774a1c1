"""What the engine goes by in one site: times, people, opening hours, and what matters more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from central.alerts.calendar import Calendar
from central.alerts.ranking import Weights


@dataclass(frozen=True, slots=True)
class Times:
    """How long everything lasts. The first three mean what they mean in Alertmanager.

    ``group_wait``: from the first alert of a quiet aisle to its push; ``group_interval``: from
    one push of an aisle to the next about new alerts; ``repeat_interval``: from the last push
    to a reminder, when nothing is new. The others are how long an answer keeps an alert
    silent: after that it is open again.
    """

    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=2)
    acknowledged: timedelta = timedelta(minutes=30)
    claimed: timedelta = timedelta(minutes=30)
    done: timedelta = timedelta(minutes=10)
    no_stock: timedelta = timedelta(hours=12)
    wrong_alarm: timedelta = timedelta(hours=24)
    undo: timedelta = timedelta(minutes=2)
    escalation: tuple[timedelta, ...] = (timedelta(minutes=45),)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is pushed to: ``level`` 0 at once, 1 and above by escalation.

    ``aisles`` None means all; ``pushes_per_hour`` is never exceeded within any 60 minutes.
    """

    name: str
    level: int = 0
    aisles: frozenset[str] | None = None
    pushes_per_hour: int = 6

    def minds(self, aisle: str) -> bool:
        """True when the person looks after ``aisle``."""
        return self.aisles is None or aisle in self.aisles


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the engine goes by in one site."""

    times: Times = field(default_factory=Times)
    people: tuple[Person, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    weights: Weights = field(default_factory=Weights)
