"""The working copy of one call of the engine, and the notes of what it changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from central.alerts.alert import CLOSING, Alert, HeldBy, Sighting, Step, StepKind
from central.alerts.inputs import Advance
from central.alerts.rules import Rules
from central.alerts.state import SiteState
from shelf.states import CameraState
from shelf.wire import AlertPhase


@dataclass(slots=True)
class Journal:
    """``now`` is the time of the call; ``result`` gathers what it changes."""

    rules: Rules
    now: datetime
    result: Advance

    @property
    def state(self) -> SiteState:
        """The working copy."""
        return self.result.state

    def put(self, alert: Alert) -> Alert:
        """Keep a changed alert."""
        self.result.alerts[alert.alert] = alert
        self.state.keep(alert)
        return alert

    def step(
        self,
        alert: Alert,
        kind: StepKind,
        *,
        at: datetime | None = None,
        person: str | None = None,
        detail: str | None = None,
        action: str | None = None,
        **changes: Any,
    ) -> Alert:
        """Note a step that ``person`` or nobody took, with its changes; return the new alert.

        ``at`` (now, if absent) is moved to where it can be: not after now, not before the step
        before. A step other than a person's own ends what could be undone.
        """
        moment = max(alert.updated_utc, min(at or self.now, self.now))
        number = alert.steps + 1
        if kind not in _SIDE_STEPS:
            changes = {"undo": None, **changes}
        if kind in CLOSING:
            changes |= {
                "phase": AlertPhase.CLOSED,
                "by": person,
                "phase_utc": moment,
                "until_utc": None,
                "closed_utc": moment,
                "closed_reason": kind.value,
                "held_by": None,
            }
        self.result.steps.append(Step(alert.alert, number, kind, moment, person, detail, action))
        return self.put(replace(alert, **changes, updated_utc=moment, steps=number))

    def reopen(self, alert: Alert, kind: StepKind, detail: str) -> Alert:
        """Give an alert back to everybody: news again, and waiting from now.

        Who has only seen it had not made it wait any less.
        """
        is_seen = alert.phase is AlertPhase.ACKNOWLEDGED
        return self.step(
            alert,
            kind,
            detail=detail,
            phase=AlertPhase.OPEN,
            by=None,
            phase_utc=self.now,
            until_utc=None,
            active_utc=alert.active_utc if is_seen else self.now,
            turn=alert.turn + 1,
        )

    def open(self, sighting: Sighting, alert_id: str | None = None) -> Alert:
        """Open an alert, named after the event that showed the problem unless told otherwise."""
        moment = min(sighting.time_utc, self.now)
        alert = Alert(
            alert=alert_id or sighting.evidence,
            tenant=self.state.tenant,
            site=self.state.site,
            aisle=sighting.aisle,
            slot=sighting.slot,
            **facts_of(sighting),
            opened_utc=moment,
            updated_utc=moment,
            closed_utc=None,
            closed_reason=None,
            phase=AlertPhase.OPEN,
            by=None,
            phase_utc=moment,
            until_utc=None,
            held_by=None,
            is_blind=False,
            active_utc=self.now,
            turn=0,
            escalated=0,
            notified_utc=None,
            steps=0,
            undo=None,
        )
        return self.step(alert, StepKind.OPENED, at=moment, detail=sighting.state.value)

    def holder(self, alert: Alert) -> HeldBy | None:
        """Return what keeps an alert of an open store silent at present."""
        reset = self.state.memory.resets.get(alert.aisle)
        if self.rules.calendar.is_reset(alert.aisle, self.now) or reset is not None:
            return HeldBy.RESET
        if not self.state.nodes.get(alert.node, True):
            return HeldBy.CAMERA
        camera = self.state.cameras.get((alert.node, alert.camera), CameraState.OK)
        return None if camera is CameraState.OK else HeldBy.CAMERA

    def can_be_seen(self, alert: Alert) -> bool:
        """True while the camera would notice that somebody has solved it."""
        return not alert.is_blind and alert.held_by is not HeldBy.CAMERA

    def later(self, span: timedelta) -> datetime:
        """Return the moment ``span`` from now."""
        return self.now + span


_SIDE_STEPS = frozenset(
    {
        StepKind.CHANGED,
        StepKind.HELD,
        StepKind.FREED,
        StepKind.NOTIFIED,
        StepKind.ESCALATED,
    }
)
"""Steps that leave the phase, and so what a person did before, as it is."""


def facts_of(sighting: Sighting) -> dict[str, Any]:
    """Return what an alert takes over from what the camera says."""
    return {name: getattr(sighting, name) for name in _FACTS}


def sighting_of(alert: Alert) -> Sighting:
    """Return what the camera last said about an alert's slot."""
    facts = {name: getattr(alert, name) for name in _FACTS}
    evidence = facts.pop("evidence") or alert.alert
    return Sighting(
        **facts,
        aisle=alert.aisle,
        slot=alert.slot,
        evidence=evidence,
        time_utc=alert.updated_utc,
    )


_FACTS = (
    "state",
    "sku",
    "name",
    "since_utc",
    "facings_expected",
    "facings_seen",
    "confidence",
    "reason",
    "found",
    "evidence",
    "node",
    "camera",
)
