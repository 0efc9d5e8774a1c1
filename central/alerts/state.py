"""What the engine remembers of one site between two calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import PlainSerializer, TypeAdapter

from central.alerts.alert import Alert, Place, Sighting
from shelf.states import CameraState, State

StateSet = Annotated[frozenset[State], PlainSerializer(sorted)]
IdSet = Annotated[frozenset[str], PlainSerializer(sorted)]

PUSH_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mute:
    """A slot about whose ``states`` nobody wants to hear until ``until_utc``: a wrong alarm.

    ``sighting`` is what the camera said last of the problem, ``is_blind`` that it cannot see the
    slot now.
    """

    alert: str
    states: StateSet
    until_utc: datetime
    sighting: Sighting
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An aisle with something to tell: whom it was told of, when last, and when next.

    ``told`` holds `turn_key` of alerts.
    """

    told: IdSet = frozenset()
    pushed_utc: datetime | None = None
    flush_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inbox:
    """Pushes of one person within the last hour, and alerts that wait for the digest."""

    pushed_utc: tuple[datetime, ...] = ()
    waiting: tuple[str, ...] = ()

    def within_hour(self, now: datetime) -> Inbox:
        """Return it without pushes that count no more."""
        kept = tuple(moment for moment in self.pushed_utc if moment > now - PUSH_WINDOW)
        return self if kept == self.pushed_utc else replace(self, pushed_utc=kept)


@dataclass(frozen=True, slots=True)
class Reset:
    """A rebuild that a person has announced, of one aisle."""

    by: str
    until_utc: datetime


@dataclass(slots=True)
class Memory:
    """The part of `SiteState` that has no table of its own; kept as JSON."""

    mutes: dict[str, Mute] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    inboxes: dict[str, Inbox] = field(default_factory=dict)
    resets: dict[str, Reset] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return it as JSON."""
        return _MEMORY.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Memory:
        """Return what `to_json` wrote."""
        return _MEMORY.validate_json(text)


@dataclass(slots=True)
class SiteState:
    """One site. ``alerts`` holds the open ones, and closed ones that can still be undone.

    ``cameras`` is by node and camera, ``nodes`` says who is online; ``open_at`` finds the open
    alert of a slot.
    """

    tenant: str
    site: str
    alerts: dict[str, Alert] = field(default_factory=dict)
    cameras: dict[tuple[str, str], CameraState] = field(default_factory=dict)
    nodes: dict[str, bool] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    open_at: dict[Place, str] = field(default_factory=dict)

    def keep(self, alert: Alert) -> None:
        """Remember an alert: while it is open, and then as long as it can be undone."""
        if alert.is_open:
            self.open_at[alert.place] = alert.alert
        elif self.open_at.get(alert.place) == alert.alert:
            del self.open_at[alert.place]
        if alert.is_open or alert.undo is not None:
            self.alerts[alert.alert] = alert
        else:
            self.alerts.pop(alert.alert, None)

    def copy(self) -> SiteState:
        """Return one that can be changed without changing this: its values are frozen."""
        memory = Memory(
            dict(self.memory.mutes),
            dict(self.memory.groups),
            dict(self.memory.inboxes),
            dict(self.memory.resets),
        )
        return SiteState(
            self.tenant,
            self.site,
            dict(self.alerts),
            dict(self.cameras),
            dict(self.nodes),
            memory,
            dict(self.open_at),
        )

    def open_alerts(self) -> Iterator[Alert]:
        """Yield the open ones."""
        return (alert for alert in self.alerts.values() if alert.is_open)

    def alert_at(self, place: Place) -> Alert | None:
        """Return the open alert of a slot."""
        alert = self.open_at.get(place)
        return None if alert is None else self.alerts[alert]


def mute_key(place: Place) -> str:
    """Return the key of a slot's `Mute`."""
    return f"{place.aisle}/{place.slot}"


def turn_key(alert: Alert) -> str:
    """Return what a push tells of: an alert that is open again is news again."""
    return f"{alert.alert}#{alert.turn}"


_MEMORY = TypeAdapter(Memory)
