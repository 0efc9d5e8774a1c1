"""The alert engine of one site: a state machine without clock, files or sockets.

`advance` takes the state, what has happened and the time, and returns the new state with
everything that has to be written or sent. The same arguments give the same result.

An alert opens when the camera sees a problem and closes when it sees that it is gone, when
another product is planned, or when a person calls it a wrong alarm. In between people take it
and give it back; every silence that they bring about has an end, after which the alert is open
again. A problem that the camera sees is always one open alert, or muted as a wrong alarm until
a known time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from central.alerts.actions import take_action
from central.alerts.alert import Alert, HeldBy, Sighting, StepKind
from central.alerts.inputs import (
    Acted,
    Advance,
    CameraChanged,
    Input,
    NodeChanged,
    ResetAnnounced,
)
from central.alerts.journal import Journal, facts_of
from central.alerts.rules import Rules
from central.alerts.state import PUSH_WINDOW, Reset, SiteState, mute_key
from central.alerts.telling import tell
from shelf.states import State
from shelf.wire import AlertPhase

CALENDAR_CHECK = timedelta(minutes=1)
"""While anything is open, the store's hours and resets are looked at this often."""


def advance(state: SiteState, inputs: Iterable[Input], rules: Rules, now: datetime) -> Advance:
    """Return what follows from ``inputs``, in their order, at ``now``.

    ``state`` itself is left as it is. Without inputs it is a tick: call it at ``due_utc``.
    """
    journal = Journal(rules, now, Advance(state.copy()))
    for entry in inputs:
        _take(journal, entry)
    _end_resets(journal)
    _hold(journal)
    _end_silences(journal)
    tell(journal)
    journal.result.due_utc = _due(journal)
    return journal.result


def _take(journal: Journal, entry: Input) -> None:
    match entry:
        case Sighting():
            _see(journal, entry)
        case CameraChanged():
            journal.state.cameras[entry.node, entry.camera] = entry.state
        case NodeChanged():
            journal.state.nodes[entry.node] = entry.is_online
        case ResetAnnounced():
            journal.state.memory.resets[entry.aisle] = Reset(entry.person, entry.until_utc)
        case Acted():
            take_action(journal, entry)


def _see(journal: Journal, sighting: Sighting) -> None:
    """What the camera says of a slot opens, changes or closes its alert."""
    mutes, key = journal.state.memory.mutes, mute_key(sighting.place)
    alert, mute = journal.state.alert_at(sighting.place), mutes.get(key)
    if alert is not None and alert.sku != sighting.sku:
        journal.step(alert, StepKind.REPLANNED, at=sighting.time_utc)
        alert = None
    if mute is not None and (mute.sighting.sku != sighting.sku or sighting.state is State.STOCKED):
        del mutes[key]
        mute = None
    if sighting.state is State.STOCKED and alert is not None:
        journal.step(alert, StepKind.STOCKED, at=sighting.time_utc)
    elif sighting.state is State.UNKNOWN and alert is not None:
        journal.put(replace(alert, is_blind=True))
    elif sighting.state.is_problem and alert is not None:
        _change(journal, alert, sighting)
    elif sighting.state.is_problem and (mute is None or sighting.state not in mute.states):
        journal.open(sighting)
    elif mute is not None and sighting.state is State.UNKNOWN:
        # What cannot be seen says nothing of the problem that somebody called wrong.
        mutes[key] = replace(mute, is_blind=True)
    elif mute is not None:
        mutes[key] = replace(mute, sighting=sighting, is_blind=False)


def _change(journal: Journal, alert: Alert, sighting: Sighting) -> None:
    facts = facts_of(sighting)
    if alert.is_blind and alert.phase is AlertPhase.DONE:
        facts["until_utc"] = journal.later(journal.rules.times.done)
    if alert.state is sighting.state:
        journal.put(replace(alert, **facts, is_blind=False))
        return
    detail = f"{alert.state.value} to {sighting.state.value}"
    journal.step(
        alert, StepKind.CHANGED, at=sighting.time_utc, detail=detail, is_blind=False, **facts
    )


def _end_resets(journal: Journal) -> None:
    resets = journal.state.memory.resets
    for aisle in [name for name, reset in resets.items() if journal.now >= reset.until_utc]:
        del resets[aisle]


def _hold(journal: Journal) -> None:
    """Silence what nobody can act on or see, and give it its time back afterwards."""
    is_store_open = journal.rules.calendar.is_open(journal.now)
    for alert in list(journal.state.open_alerts()):
        holder = journal.holder(alert) if is_store_open else HeldBy.CLOSED
        if holder is alert.held_by:
            continue
        if holder is None:
            until = alert.until_utc
            if alert.phase is AlertPhase.DONE and alert.held_by is HeldBy.CAMERA:
                until = journal.later(journal.rules.times.done)
            journal.step(
                alert,
                StepKind.FREED,
                detail=alert.held_by,
                held_by=None,
                until_utc=until,
                active_utc=journal.now,
            )
        else:
            journal.step(alert, StepKind.HELD, detail=holder.value, held_by=holder)


def _end_silences(journal: Journal) -> None:
    """What a person has said holds for a time; then the alert is everybody's again."""
    for alert in list(journal.state.alerts.values()):
        if alert.undo is not None and journal.now >= alert.undo.until_utc:
            alert = journal.put(replace(alert, undo=None))
        if not alert.is_open or alert.until_utc is None or journal.now < alert.until_utc:
            continue
        if alert.phase is not AlertPhase.DONE:
            journal.reopen(alert, StepKind.LAPSED, alert.phase.value)
        elif journal.can_be_seen(alert):
            journal.reopen(alert, StepKind.REOPENED, "the camera has not seen it filled")
    mutes = journal.state.memory.mutes
    for key in [name for name, mute in mutes.items() if journal.now >= mute.until_utc]:
        mute = mutes.pop(key)
        is_told = journal.state.alert_at(mute.sighting.place) is not None
        if mute.sighting.state.is_problem and not is_told:
            opened = journal.open(mute.sighting, f"{mute.alert}.next")
            journal.put(replace(opened, is_blind=mute.is_blind))


def _due(journal: Journal) -> datetime | None:
    """Return when the next thing can happen by itself."""
    state, times, now = journal.state, journal.rules.times, journal.now
    moments: list[datetime] = []
    for alert in state.alerts.values():
        if alert.undo is not None:
            moments.append(alert.undo.until_utc)
        if not alert.is_open:
            continue
        moments.append(now + CALENDAR_CHECK)
        if alert.until_utc is not None and alert.until_utc > now:
            moments.append(alert.until_utc)
        if alert.escalated < len(times.escalation):
            moments.append(alert.active_utc + times.escalation[alert.escalated])
    for group in state.memory.groups.values():
        if group.flush_utc is not None:
            moments.append(group.flush_utc)
        elif group.pushed_utc is not None:
            moments.append(group.pushed_utc + times.repeat_interval)
    moments += [mute.until_utc for mute in state.memory.mutes.values()]
    moments += [reset.until_utc for reset in state.memory.resets.values()]
    for inbox in state.memory.inboxes.values():
        moments += [moment + PUSH_WINDOW for moment in inbox.pushed_utc[:1]]
    later = [moment for moment in moments if moment > now]
    return min(later, default=now + CALENDAR_CHECK if moments else None)
