"""An alert, its steps, and what makes it: frozen values without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

from shelf.slots import SlotId
from shelf.states import State
from shelf.wire import AlertPhase, AlertStep, Facings, FoundItem, OpenAlert


class Place(NamedTuple):
    """A slot within its site."""

    aisle: str
    slot: str


class StepKind(StrEnum):
    """What can happen in the life of an alert. The last three close it."""

    OPENED = "opened"
    CHANGED = "changed"
    HELD = "held"
    FREED = "freed"
    NOTIFIED = "notified"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    CLAIMED = "claimed"
    DONE = "done"
    NO_STOCK = "no_stock"
    UNDONE = "undone"
    LAPSED = "lapsed"
    REOPENED = "reopened"
    STOCKED = "stocked"
    REPLANNED = "replanned"
    WRONG_ALARM = "wrong_alarm"


CLOSING = frozenset({StepKind.STOCKED, StepKind.REPLANNED, StepKind.WRONG_ALARM})
"""Steps that end an alert; their names are the values of ``closed_reason``."""


class HeldBy(StrEnum):
    """What keeps an alert from being told: nobody can act on it, or nobody can see it."""

    CLOSED = "closed"
    RESET = "reset"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a camera holds to be true of a slot, as the engine needs it.

    ``camera`` is empty when the node did not say which one it was; ``evidence`` is the id of
    the event. All times are aware UTC.
    """

    aisle: str
    slot: str
    state: State
    sku: str
    name: str | None
    since_utc: datetime
    time_utc: datetime
    facings_expected: int
    facings_seen: int
    confidence: float
    reason: str | None
    found: Sequence[Mapping[str, Any]]
    node: str
    camera: str
    evidence: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.aisle, self.slot)


@dataclass(frozen=True, slots=True)
class Undo:
    """What an undo of ``action`` brings back, until ``until_utc``."""

    action: str
    by: str
    until_utc: datetime
    phase: AlertPhase
    phase_by: str | None
    phase_utc: datetime
    phase_until_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One problem of one slot: a row of `central.tables.alerts`.

    ``phase`` holds since ``phase_utc``, was brought about by ``by`` and lapses at ``until_utc``.
    ``held_by`` keeps it silent. ``turn`` counts how often it came back to ``open``;
    ``active_utc`` is since when it has waited for somebody; ``escalated`` is how many levels
    have been told; ``is_blind`` is true while the camera cannot see the slot; ``steps`` counts
    the steps so far, the last of them at ``updated_utc``.
    """

    alert: str
    tenant: str
    site: str
    aisle: str
    slot: str
    state: State
    sku: str
    name: str | None
    since_utc: datetime
    opened_utc: datetime
    updated_utc: datetime
    closed_utc: datetime | None
    closed_reason: str | None
    facings_expected: int
    facings_seen: int
    confidence: float
    reason: str | None
    found: Sequence[Mapping[str, Any]]
    evidence: str | None
    node: str
    camera: str
    phase: AlertPhase
    by: str | None
    phase_utc: datetime
    until_utc: datetime | None
    held_by: HeldBy | None
    is_blind: bool
    active_utc: datetime
    turn: int
    escalated: int
    notified_utc: datetime | None
    steps: int
    undo: Undo | None

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.aisle, self.slot)

    @property
    def is_open(self) -> bool:
        """True until the problem is gone."""
        return self.phase is not AlertPhase.CLOSED

    @property
    def is_waiting(self) -> bool:
        """True while staff should be told: nobody has taken it, and nothing holds it."""
        return self.phase is AlertPhase.OPEN and self.held_by is None

    def to_row(self) -> dict[str, Any]:
        """Return the alert as a row of the table."""
        row = {name: getattr(self, name) for name in _COLUMNS}
        row |= {"state": self.state.value, "phase": self.phase.value, "found": list(self.found)}
        row["held_by"] = None if self.held_by is None else self.held_by.value
        row["undo"] = None if self.undo is None else _undo_row(self.undo)
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the alert that a row of the table holds."""
        named = {name: row[name] for name in _COLUMNS}
        named |= {"state": State(row["state"]), "phase": AlertPhase(row["phase"])}
        named["held_by"] = None if row["held_by"] is None else HeldBy(row["held_by"])
        named["undo"] = None if row["undo"] is None else _undo_of(row["undo"])
        return cls(**named)

    def to_wire(self, steps: Sequence[Step] = ()) -> OpenAlert:
        """Return the alert as it is published, with its life so far."""
        return OpenAlert(
            alert=self.alert,
            slot=f"{self.aisle}/{self.slot}",
            place=SlotId.parse(self.slot).in_words,
            state=self.state,
            sku=self.sku,
            name=self.name,
            since=self.since_utc,
            facings=Facings(expected=self.facings_expected, seen=self.facings_seen),
            confidence=self.confidence,
            reason=self.reason,
            found=tuple(FoundItem.model_validate(item) for item in self.found),
            phase=self.phase,
            by=self.by,
            until=self.until_utc,
            held_by=self.held_by,
            steps=tuple(step.to_wire() for step in steps),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a row of `central.tables.alert_steps`. ``number`` counts from 1.

    ``time_utc`` is when it happened, never before the step before it; ``by`` is a person.
    """

    alert: str
    number: int
    step: StepKind
    time_utc: datetime
    by: str | None = None
    detail: str | None = None
    action: str | None = None

    def to_row(self) -> dict[str, Any]:
        """Return the step as a row of the table."""
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "step": self.step.value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the step that a row of the table holds."""
        named = {field.name: row[field.name] for field in fields(cls)}
        return cls(**{**named, "step": StepKind(row["step"])})

    def to_wire(self) -> AlertStep:
        """Return the step as it is published."""
        return AlertStep(step=self.step, time=self.time_utc, by=self.by, detail=self.detail)


_COLUMNS = tuple(field.name for field in fields(Alert))
_UNDO_TIMES = ("until_utc", "phase_utc", "phase_until_utc")


def _undo_row(undo: Undo) -> dict[str, Any]:
    row = {field.name: getattr(undo, field.name) for field in fields(undo)}
    for name in _UNDO_TIMES:
        row[name] = None if row[name] is None else row[name].isoformat()
    return {**row, "phase": undo.phase.value}


def _undo_of(row: Mapping[str, Any]) -> Undo:
    values = dict(row)
    for name in _UNDO_TIMES:
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    return Undo(**{**values, "phase": AlertPhase(values["phase"])})
