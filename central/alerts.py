"""When staff are told: one alert a slot, open while its state is a problem. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

from shelf.slots import SlotId
from shelf.states import State
from shelf.wire import Facings, FoundItem, OpenAlert


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
        values = {name: getattr(self, name) for name in _SLOT_COLUMNS}
        return {**values, "state": self.state.value, "previous": self.previous.value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the state that a row of the table holds."""
        named = {name: row[name] for name in _SLOT_COLUMNS}
        states = {name: State(row[name]) for name in ("state", "previous")}
        return cls(**{**named, **states})


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert: a row of `central.tables.alerts`."""

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

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Tenant, site, aisle and slot."""
        return self.tenant, self.site, self.aisle, self.slot

    def to_row(self) -> dict[str, Any]:
        """Return the alert as a row of the table."""
        values = {name: getattr(self, name) for name in _ALERT_COLUMNS}
        return {**values, "state": self.state.value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the alert that a row of the table holds."""
        named = {name: row[name] for name in _ALERT_COLUMNS}
        return cls(**{**named, "state": State(row["state"])})

    def to_wire(self) -> OpenAlert:
        """Return the alert as it is published."""
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
        )


_SLOT_COLUMNS = tuple(field.name for field in fields(SlotRow))
_ALERT_COLUMNS = tuple(field.name for field in fields(AlertRow))
_SHARED_COLUMNS = tuple(name for name in _ALERT_COLUMNS if name in _SLOT_COLUMNS)


def decide(open_alert: AlertRow | None, now: SlotRow, event_id: str) -> list[AlertRow]:
    """Return the alerts that a slot's new state makes or changes.

    ``open_alert`` is the slot's open one. A problem opens an alert or changes the open one in
    place; ``stocked`` closes it, and so does another planned product; ``unknown`` neither
    opens nor closes: nobody has seen that the problem is gone.
    """
    rows = []
    if open_alert is not None and open_alert.sku != now.sku:
        rows.append(_closed(open_alert, now.time_utc, "replanned"))
        open_alert = None
    if now.state.is_problem:
        alert = open_alert.alert if open_alert else event_id
        opened = open_alert.opened_utc if open_alert else now.time_utc
        rows.append(_alert(alert, opened, now, event_id))
    elif now.state is State.STOCKED and open_alert is not None:
        rows.append(_closed(open_alert, now.time_utc, "stocked"))
    return rows


def _closed(alert: AlertRow, at_utc: datetime, reason: str) -> AlertRow:
    return replace(alert, closed_utc=at_utc, closed_reason=reason, updated_utc=at_utc)


def _alert(alert: str, opened_utc: datetime, now: SlotRow, event_id: str) -> AlertRow:
    return AlertRow(
        **{name: getattr(now, name) for name in _SHARED_COLUMNS},
        alert=alert,
        opened_utc=opened_utc,
        updated_utc=now.time_utc,
        closed_utc=None,
        closed_reason=None,
        evidence=event_id,
    )
