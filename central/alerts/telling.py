"""Who is told of what, and when: groups by aisle, escalation, the cap a person and its digest.

The grouping follows Prometheus Alertmanager. A quiet aisle's first alert waits ``group_wait``
for others; what comes after a push waits until ``group_interval`` after it; when nothing is
new, a reminder follows ``repeat_interval`` after the last push. An alert is told while it is
open and nothing holds it: whoever takes it silences it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from central.alerts.alert import Alert, StepKind
from central.alerts.inputs import Push, PushKind
from central.alerts.journal import Journal
from central.alerts.rules import Person
from central.alerts.state import Group, Inbox, turn_key
from shelf.wire import AlertPhase


def tell(journal: Journal) -> None:
    """Escalate, flush groups and send digests that are due."""
    for alert in list(journal.state.open_alerts()):
        _escalate(journal, alert)
    untaken: dict[str, list[Alert]] = {}
    for alert in journal.state.open_alerts():
        if alert.phase is AlertPhase.OPEN:
            untaken.setdefault(alert.aisle, []).append(alert)
    groups = journal.state.memory.groups
    for aisle in sorted(groups.keys() | untaken.keys()):
        group = _flush(journal, aisle, groups.get(aisle, Group()), untaken.get(aisle, []))
        if group is None:
            groups.pop(aisle, None)
        else:
            groups[aisle] = group
    for person in journal.rules.people:
        _send_digest(journal, person)


def _escalate(journal: Journal, alert: Alert) -> None:
    """Tell the next level of an alert that nobody does anything about; each level once."""
    levels = journal.rules.times.escalation
    if alert.held_by is not None or alert.phase not in (AlertPhase.OPEN, AlertPhase.ACKNOWLEDGED):
        return
    while alert.escalated < len(levels):
        if journal.now < alert.active_utc + levels[alert.escalated]:
            return
        level = alert.escalated + 1
        alert = journal.step(alert, StepKind.ESCALATED, detail=f"level {level}", escalated=level)
        people = [person for person in journal.rules.people if person.level == level]
        alert = _push(journal, people, PushKind.ESCALATION, alert.aisle, [alert])[0]


def _flush(journal: Journal, aisle: str, group: Group, untaken: list[Alert]) -> Group | None:
    """Return the group as it is from now on, None when nothing is left to tell.

    What is held after it was told is no news when it is free again: a camera that comes and
    goes would else push each time.
    """
    times, now = journal.rules.times, journal.now
    waiting = [alert for alert in untaken if alert.held_by is None]
    told = group.told & {turn_key(alert) for alert in untaken}
    if not waiting:
        return replace(group, told=told, flush_utc=None) if told else None
    fresh = [alert for alert in waiting if turn_key(alert) not in told]
    people = [person for person in journal.rules.people if person.level == 0]
    if not fresh:
        group = replace(group, told=told, flush_utc=None)
        if group.pushed_utc is None or now < group.pushed_utc + times.repeat_interval:
            return group
        _push(journal, people, PushKind.REMINDER, aisle, waiting)
        return replace(group, pushed_utc=now)
    flush = group.flush_utc
    if flush is None:
        is_first = group.pushed_utc is None or not told
        flush = now + times.group_wait
        if not is_first and group.pushed_utc is not None:
            flush = max(now, group.pushed_utc + times.group_interval)
    if now < flush:
        return Group(told, group.pushed_utc, flush)
    _push(journal, people, PushKind.NEW, aisle, fresh)
    return Group(told | {turn_key(alert) for alert in fresh}, now, None)


def _push(
    journal: Journal,
    people: Iterable[Person],
    kind: PushKind,
    aisle: str,
    alerts: list[Alert],
) -> list[Alert]:
    """Push to those who mind the aisle; over the cap, it waits for their digest.

    Returns the alerts as they are then: told ones have another step.
    """
    ranked = _ranked(journal, alerts)
    names, is_told = tuple(alert.alert for alert in ranked), False
    inboxes = journal.state.memory.inboxes
    for person in people:
        if not person.minds(aisle):
            continue
        inbox = inboxes.get(person.name, Inbox()).within_hour(journal.now)
        if inbox.waiting or len(inbox.pushed_utc) >= person.pushes_per_hour:
            more = tuple(name for name in names if name not in inbox.waiting)
            inboxes[person.name] = replace(inbox, waiting=inbox.waiting + more)
            continue
        is_told = True
        inboxes[person.name] = replace(inbox, pushed_utc=(*inbox.pushed_utc, journal.now))
        journal.result.pushes.append(Push(person.name, kind, aisle, names, journal.now))
    return _note_told(journal, ranked, kind) if is_told else ranked


def _send_digest(journal: Journal, person: Person) -> None:
    """Push what waited for the cap, as soon as the cap lets one through."""
    inboxes = journal.state.memory.inboxes
    inbox = inboxes.get(person.name)
    if inbox is None:
        return
    inbox = inbox.within_hour(journal.now)
    alerts = [journal.state.alerts[name] for name in inbox.waiting if name in journal.state.alerts]
    alerts = [alert for alert in alerts if _matters(alert, person)]
    inbox = replace(inbox, waiting=tuple(alert.alert for alert in alerts))
    due = [alert for alert in alerts if alert.held_by is None]
    if due and len(inbox.pushed_utc) < person.pushes_per_hour:
        names = tuple(alert.alert for alert in _ranked(journal, due))
        push = Push(person.name, PushKind.DIGEST, None, names, journal.now)
        journal.result.pushes.append(push)
        _note_told(journal, due, PushKind.DIGEST)
        left = tuple(name for name in inbox.waiting if name not in names)
        inbox = Inbox((*inbox.pushed_utc, journal.now), left)
    if inbox == Inbox():
        del inboxes[person.name]
    else:
        inboxes[person.name] = inbox


def _matters(alert: Alert, person: Person) -> bool:
    """True while a person who has not heard of an alert should: nobody does anything about it."""
    is_escalated = person.level > 0 and alert.phase is AlertPhase.ACKNOWLEDGED
    return alert.phase is AlertPhase.OPEN or is_escalated


def _note_told(journal: Journal, alerts: list[Alert], kind: PushKind) -> list[Alert]:
    return [
        journal.step(
            journal.state.alerts[alert.alert],
            StepKind.NOTIFIED,
            detail=kind.value,
            notified_utc=alert.notified_utc or journal.now,
        )
        for alert in alerts
    ]


def _ranked(journal: Journal, alerts: list[Alert]) -> list[Alert]:
    """The most urgent first; the older, then the id, where the rank is the same."""
    rank = journal.rules.weights.rank
    return sorted(alerts, key=lambda a: (-rank(a, journal.now), a.opened_utc, a.alert))
