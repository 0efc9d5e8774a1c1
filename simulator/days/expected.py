"""The events that a perfect observer would raise: who sees all that can be seen, and waits.

A pure function of the truth. The observer looks at every slot all the time through the slot's
camera, errs never, and tells a state once it has seen it for ``confirm_secs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from shelf import SlotId, State
from simulator.days.facts import SlotFacts
from simulator.days.truth import Truth


@dataclass(frozen=True, slots=True)
class Observer:
    """When a perfect observer takes a slot for seen, and how long it waits.

    Evidence counts while at least ``min_visible`` of the slot is seen, the camera is at most
    ``max_moved_px`` from where it was calibrated, the slot is not being reset, and what can be
    seen does not tell another state than what is true.
    """

    confirm_secs: float = 60.0
    clear_secs: float = 20.0
    min_visible: float = 0.6
    max_moved_px: float = 3.0


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """A slot's change of state that could be known.

    The state lasts in truth from ``since_secs`` until ``until_secs``; it could first be seen at
    ``seen_secs``, and is known at ``known_secs`` at the earliest. ``previous`` is the state known
    before, `State.UNKNOWN` for the first. ``foreign`` are the SKUs that do not belong there.
    """

    slot: SlotId
    state: State
    previous: State
    sku: str
    foreign: tuple[str, ...]
    since_secs: float
    seen_secs: float
    known_secs: float
    until_secs: float


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A time in which nothing changes that matters for a slot."""

    since_secs: float
    until_secs: float
    facts: SlotFacts
    is_seen: bool


Key = tuple[State, tuple[str, ...], str]


def expected_events(truth: Truth, observer: Observer) -> tuple[ExpectedEvent, ...]:
    """Return the events of all slots in the order in which they could be known."""
    events = [event for slot in truth.slots for event in _events_of(truth, slot, observer)]
    return tuple(sorted(events, key=lambda event: (event.known_secs, event.slot)))


def can_see(truth: Truth, slot: SlotId, secs: float, observer: Observer) -> bool:
    """Return whether the observer sees a slot well enough at a time to learn something of it."""
    facts = truth.state_at(slot, secs)
    return (
        facts.is_plain
        and truth.visible_at(slot, secs) >= observer.min_visible
        and truth.camera_at(truth.camera_of(slot), secs).moved_px <= observer.max_moved_px
        and not truth.is_reset_at(slot, secs)
    )


def foreign_of(facts: SlotFacts) -> tuple[str, ...]:
    """Return the SKUs in a slot that do not belong there, for a misplaced one."""
    if facts.state is not State.MISPLACED:
        return ()
    return tuple(sku for sku, _ in facts.found if sku != facts.sku)


def _events_of(truth: Truth, slot: SlotId, observer: Observer) -> Iterator[ExpectedEvent]:
    known: Key | None = None
    now: Key | None = None
    since = seen = evidence = 0.0
    waiting: ExpectedEvent | None = None
    for stretch in _stretches(truth, slot, observer):
        key = stretch.facts.state, foreign_of(stretch.facts), stretch.facts.sku
        if key != now:
            if waiting is not None:
                yield replace(waiting, until_secs=stretch.since_secs)
                waiting = None
            now, since, evidence, seen = key, stretch.since_secs, 0.0, -1.0
        if key == known or not stretch.is_seen:
            continue
        if seen < 0:
            seen = stretch.since_secs
        needed = observer.confirm_secs if key[0].is_problem else observer.clear_secs
        lasts = stretch.until_secs - stretch.since_secs
        if evidence + lasts < needed:
            evidence += lasts
            continue
        previous = known[0] if known else State.UNKNOWN
        at = stretch.since_secs + needed - evidence
        known = key
        waiting = ExpectedEvent(
            slot, key[0], previous, key[2], key[1], since, seen, round(at, 1), stretch.until_secs
        )
    if waiting is not None:
        yield replace(waiting, until_secs=truth.about.duration_secs)


def _stretches(truth: Truth, slot: SlotId, observer: Observer) -> Iterator[_Stretch]:
    """Cut a slot's time where its facts, its visibility, its camera or a reset change."""
    cuts = {span.since_secs for span in truth.slots[slot]}
    cuts |= {secs for secs, _ in truth.visible[slot]}
    cuts |= {span.since_secs for span in truth.cameras[truth.camera_of(slot)]}
    for reset in truth.resets:
        if slot in reset.slots:
            cuts |= {reset.since_secs, reset.until_secs}
    end = truth.about.duration_secs
    times = [*sorted(secs for secs in cuts if secs < end), end]
    for since, until in pairwise(times):
        seen = can_see(truth, slot, since, observer)
        yield _Stretch(since, until, truth.state_at(slot, since), seen)
