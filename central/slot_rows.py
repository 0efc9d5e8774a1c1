"""The newest state of a slot, as the database keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from central.alerts import Sighting
from shelf.states import State
from shelf.topics import Node


@dataclass(frozen=True, slots=True)
class SlotRow:
    """The newest state of a slot: a row of `central.tables.slot_states`."""

    tenant: str
    site: str
    aisle: str
    slot: str
    state: State
    previous: State
    since_utc: datetime
    sku: str
    name: str | None
    facings_expected: int
    facings_seen: int
    confidence: float
    reason: str | None
    found: Sequence[Mapping[str, Any]]
    camera: str | None
    planogram: str
    source: str
    epoch: int
    sequence: int
    time_utc: datetime

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Tenant, site, aisle and slot."""
        return self.tenant, self.site, self.aisle, self.slot

    def is_newer_than(self, other: SlotRow) -> bool:
        """True when this state came later.

        Within an epoch of a source the sequence says so, otherwise the time.
        """
        if (self.source, self.epoch) == (other.source, other.epoch):
            return self.sequence > other.sequence
        return self.time_utc > other.time_utc

    def to_row(self) -> dict[str, Any]:
        """Return the state as a row of the table."""
        values = {name: getattr(self, name) for name in _COLUMNS}
        return {**values, "state": self.state.value, "previous": self.previous.value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the state that a row of the table holds."""
        named = {name: row[name] for name in _COLUMNS}
        states = {name: State(row[name]) for name in ("state", "previous")}
        return cls(**{**named, **states})

    def sighting(self, event_id: str) -> Sighting:
        """Return what the alert engine needs of it."""
        return Sighting(
            aisle=self.aisle,
            slot=self.slot,
            state=self.state,
            sku=self.sku,
            name=self.name,
            since_utc=self.since_utc,
            time_utc=self.time_utc,
            facings_expected=self.facings_expected,
            facings_seen=self.facings_seen,
            confidence=self.confidence,
            reason=self.reason,
            found=self.found,
            node=Node.from_source(self.source).node,
            camera=self.camera or "",
            evidence=event_id,
        )


_COLUMNS = tuple(field.name for field in fields(SlotRow))
