"""What people do about alerts: each action is answered, and none is done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from central.alerts.alert import Alert, StepKind, Undo
from central.alerts.inputs import Acted
from central.alerts.journal import Journal, facts_of, sighting_of
from central.alerts.rules import Times
from central.alerts.state import Mute, mute_key
from shelf.wire import ActionKind, ActionOutcome, AlertPhase, StaffAction, StaffAnswer

_SILENCE = {
    ActionKind.ACKNOWLEDGE: (AlertPhase.ACKNOWLEDGED, StepKind.ACKNOWLEDGED),
    ActionKind.CLAIM: (AlertPhase.CLAIMED, StepKind.CLAIMED),
    ActionKind.DONE: (AlertPhase.DONE, StepKind.DONE),
    ActionKind.NO_STOCK: (AlertPhase.NO_STOCK, StepKind.NO_STOCK),
}

PHASE_WORDS = {
    AlertPhase.OPEN: "open",
    AlertPhase.ACKNOWLEDGED: "seen by",
    AlertPhase.CLAIMED: "claimed by",
    AlertPhase.DONE: "marked as done by",
    AlertPhase.NO_STOCK: "marked as without stock in the back by",
    AlertPhase.CLOSED: "closed",
}


def lasting(times: Times, phase: AlertPhase) -> timedelta:
    """Return how long a phase that a person brought about keeps an alert silent."""
    return {
        AlertPhase.ACKNOWLEDGED: times.acknowledged,
        AlertPhase.CLAIMED: times.claimed,
        AlertPhase.DONE: times.done,
        AlertPhase.NO_STOCK: times.no_stock,
    }[phase]


def take_action(journal: Journal, acted: Acted) -> None:
    """Do what a person says, or answer why not."""
    action, zone = acted.action, journal.rules.calendar.zone
    alert = journal.state.alerts.get(action.alert)
    if alert is None:
        outcome, detail = ActionOutcome.CLOSED, "this alert is closed"
    elif action.kind is ActionKind.UNDO:
        outcome, detail = _undo(journal, alert, acted)
    elif not alert.is_open:
        outcome, detail = ActionOutcome.CLOSED, closed_in_words(alert, zone)
    elif action.kind is ActionKind.WRONG_ALARM:
        outcome, detail = _wrong_alarm(journal, alert, acted)
    else:
        outcome, detail = _answer(journal, alert, acted)
    holder = alert.by if alert and outcome is ActionOutcome.TAKEN else None
    journal.result.answers.append(answer_to(action, outcome, detail, holder))


def answer_to(
    action: StaffAction, outcome: ActionOutcome, detail: str = "", by: str | None = None
) -> StaffAnswer:
    """Return the answer to an action; ``by`` has the alert instead of who asks."""
    return StaffAnswer(
        action=action.action, alert=action.alert, outcome=outcome, detail=detail, by=by
    )


def closed_in_words(alert: Alert, zone: tzinfo) -> str:
    """Say why an alert is closed, and since when by the store's clock."""
    how = {
        StepKind.STOCKED: "the camera has seen the slot filled",
        StepKind.REPLANNED: "another product is planned there now",
        StepKind.WRONG_ALARM: f"{alert.by} said that it was a wrong alarm",
    }.get(StepKind(alert.closed_reason or StepKind.STOCKED), "it is over")
    return f"closed at {_clock(alert.closed_utc or alert.updated_utc, zone)}: {how}"


def _answer(journal: Journal, alert: Alert, acted: Acted) -> tuple[ActionOutcome, str]:
    """Acknowledge, claim, done and no stock: they silence the alert for a time."""
    phase, kind = _SILENCE[acted.action.kind]
    is_mine, words = alert.by == acted.person, phase_in_words(alert, journal.rules.calendar.zone)
    if alert.phase is phase and (is_mine or phase is not AlertPhase.CLAIMED):
        return ActionOutcome.UNCHANGED, words
    if alert.phase is AlertPhase.CLAIMED and not is_mine and phase is AlertPhase.CLAIMED:
        return ActionOutcome.TAKEN, words
    is_weaker = phase is AlertPhase.ACKNOWLEDGED and alert.phase is not AlertPhase.OPEN
    if is_weaker or (phase is AlertPhase.CLAIMED and alert.phase is AlertPhase.DONE):
        return ActionOutcome.UNCHANGED, words
    until = journal.later(lasting(journal.rules.times, phase))
    journal.step(
        alert,
        kind,
        at=acted.action.at,
        person=acted.person,
        action=acted.action.action,
        phase=phase,
        by=acted.person,
        phase_utc=journal.now,
        until_utc=until,
        undo=_undo_of(journal, alert, acted),
    )
    return ActionOutcome.APPLIED, ""


def _wrong_alarm(journal: Journal, alert: Alert, acted: Acted) -> tuple[ActionOutcome, str]:
    closed = journal.step(
        alert,
        StepKind.WRONG_ALARM,
        at=acted.action.at,
        person=acted.person,
        action=acted.action.action,
        undo=_undo_of(journal, alert, acted),
    )
    mutes, key = journal.state.memory.mutes, mute_key(alert.place)
    earlier = mutes[key].states if key in mutes else frozenset()
    mutes[key] = Mute(
        alert=closed.alert,
        states=earlier | {alert.state},
        until_utc=journal.later(journal.rules.times.wrong_alarm),
        sighting=sighting_of(alert),
    )
    return ActionOutcome.APPLIED, ""


def _undo(journal: Journal, alert: Alert, acted: Acted) -> tuple[ActionOutcome, str]:
    undo, action, zone = alert.undo, acted.action, journal.rules.calendar.zone
    if undo is None or undo.action != action.undoes:
        return ActionOutcome.TOO_LATE, f"something else has happened: {phase_in_words(alert, zone)}"
    if undo.by != acted.person:
        return ActionOutcome.TAKEN, f"only {undo.by} can take that back"
    if journal.now >= undo.until_utc:
        return ActionOutcome.TOO_LATE, f"could be taken back until {_clock(undo.until_utc, zone)}"
    mute = None
    if not alert.is_open:
        mutes, key = journal.state.memory.mutes, mute_key(alert.place)
        if key not in mutes or mutes[key].alert != alert.alert:
            return ActionOutcome.TOO_LATE, "the camera has seen the slot filled since"
        if journal.state.alert_at(alert.place) is not None:
            return ActionOutcome.TOO_LATE, "the slot has another alert by now"
        mute = mutes.pop(key)
    lapses = undo.phase_until_utc
    restored = journal.step(
        alert,
        StepKind.UNDONE,
        at=action.at,
        person=acted.person,
        detail=alert.phase.value,
        action=action.action,
        phase=undo.phase,
        by=undo.phase_by,
        phase_utc=undo.phase_utc,
        until_utc=None if lapses is None else max(lapses, journal.now),
        closed_utc=None,
        closed_reason=None,
    )
    if mute is not None:
        facts = facts_of(mute.sighting) if mute.sighting.state.is_problem else {}
        is_blind = mute.is_blind or not mute.sighting.state.is_problem
        journal.put(replace(restored, **facts, is_blind=is_blind))
    return ActionOutcome.APPLIED, ""


def _undo_of(journal: Journal, alert: Alert, acted: Acted) -> Undo:
    return Undo(
        action=acted.action.action,
        by=acted.person,
        until_utc=journal.later(journal.rules.times.undo),
        phase=alert.phase,
        phase_by=alert.by,
        phase_utc=alert.phase_utc,
        phase_until_utc=alert.until_utc,
    )


def phase_in_words(alert: Alert, zone: tzinfo) -> str:
    """``claimed by anna since 12:03``, by the store's clock."""
    if not alert.is_open:
        return closed_in_words(alert, zone)
    by = f" {alert.by}" if alert.by else ""
    return f"{PHASE_WORDS[alert.phase]}{by} since {_clock(alert.phase_utc, zone)}"


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
