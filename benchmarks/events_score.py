"""How good a stream of alerts is, against the truth. Pure functions of both.

An *episode* is a time in which the truth of a slot stays the same: its state, the SKUs that do
not belong there, and what is planned. An *alert* is a change to a problem that the agent tells.

* An alert is **true** when its slot was in that state at some moment of the last `LATE_LOOKS`
  looks before it; time in which the slot could not be seen does not count, nobody can know that
  a state has ended meanwhile. Any other alert is **false**: of the slot that was never so, and of
  the state that has ended and was seen to have ended.
* A second true alert of one episode is **repeated**, an error, unless the agent had reason to
  forget: the slot could not be seen for the time after which it goes stale, its camera was
  moved, or its aisle was being reset.
* A **false end** is told of a slot that was not stocked in that time either.
* Where what can be seen tells another state than what is true (facings so far back that boards
  hide them), an alert or an end that is not true is **not plain**: neither right nor wrong.
* An expected event (`simulator.days.expected_events`) is **told** when a true alert of its
  episode was, or the agent held that state already; its **delay** is counted from when a perfect
  observer knows. It is **brief**, and not counted, when it ends within `BRIEF_LOOKS` looks of
  that, which no agent that looks now and then can be sure to meet.
* A misplaced one is **named** when every SKU that the alert names stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shelf import SlotId, State
from simulator.days import ExpectedEvent, Observer, Truth, expected_events, foreign_of

LATE_LOOKS = 2
BRIEF_LOOKS = 3

MIN_VISIBLE = 0.6
"""Less of a slot than this is not enough to learn something of it."""

COVERED = 0.5
"""An alert is raised while covered when less of its slot can be seen."""

MOVED_PX = 3.0


class Outcome(StrEnum):
    """What an alert is worth."""

    TRUE = "true"
    AGAIN = "told again"
    FALSE = "false alert"
    REPEATED = "repeated alert"
    FALSE_END = "false end"
    NOT_PLAIN = "not plain"


@dataclass(frozen=True, slots=True)
class Pace:
    """The agent's pace: seconds between looks, and its rules."""

    every_secs: float
    confirm_secs: float
    clear_secs: float
    stale_secs: float


@dataclass(frozen=True, slots=True)
class Told:
    """A change of a slot's state that the agent told; ``foreign`` are the SKUs it named."""

    secs: float
    slot: SlotId
    state: State
    foreign: tuple[str | None, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which the truth of a slot stays the same."""

    slot: SlotId
    state: State
    foreign: tuple[str, ...]
    sku: str
    since_secs: float
    until_secs: float


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem that was told, and what it is worth; ``is_named`` None where nothing is foreign."""

    told: Told
    outcome: Outcome
    episode: Episode | None
    is_covered: bool
    is_moved: bool
    is_named: bool | None


@dataclass(frozen=True, slots=True)
class Met:
    """An expected event and how the agent met it; ``delay_looks`` None when it did not."""

    event: ExpectedEvent
    delay_looks: float | None
    is_brief: bool

    @property
    def is_missed(self) -> bool:
        """Whether it counts as an error."""
        return self.delay_looks is None and not self.is_brief


@dataclass(frozen=True, slots=True)
class Score:
    """The alerts and expected events of one camera-day, and the ends that are false."""

    alerts: tuple[Alert, ...]
    false_ends: tuple[Alert, ...]
    problems: tuple[Met, ...]
    clears: tuple[Met, ...]


def score(truth: Truth, camera: str, told: Sequence[Told], pace: Pace) -> Score:
    """Judge what an agent told of the slots of one camera, in order of time."""
    slots = [slot for slot in truth.slots if slot.bay in truth.about.bays[camera]]
    by_slot: dict[SlotId, list[Told]] = {slot: [] for slot in slots}
    for one in told:
        if one.slot in by_slot:
            by_slot[one.slot].append(one)
    episodes = {slot: episodes_of(truth, slot) for slot in slots}
    alerts: list[Alert] = []
    ends: list[Alert] = []
    for slot in slots:
        alerts += _alerts(truth, episodes[slot], by_slot[slot], pace)
        ends += _false_ends(truth, episodes[slot], by_slot[slot], pace)
    observer = Observer(pace.confirm_secs, pace.clear_secs, MIN_VISIBLE, MOVED_PX)
    expected = [event for event in expected_events(truth, observer) if event.slot in by_slot]
    met = [_met(truth, event, alerts, by_slot[event.slot], pace) for event in expected]
    alerts.sort(key=lambda alert: alert.told.secs)
    return Score(
        tuple(alerts),
        tuple(ends),
        tuple(m for m in met if m.event.state.is_problem),
        tuple(m for m in met if not m.event.state.is_problem and m.event.previous.is_problem),
    )


def episodes_of(truth: Truth, slot: SlotId) -> list[Episode]:
    """Return the episodes of a slot in order of time."""
    out: list[Episode] = []
    for span in truth.slots[slot]:
        facts = span.facts
        now = Episode(
            slot, facts.state, foreign_of(facts), facts.sku, span.since_secs, span.until_secs
        )
        same = out and replace(out[-1], since_secs=0, until_secs=0) == replace(
            now, since_secs=0, until_secs=0
        )
        if same:
            out[-1] = replace(out[-1], until_secs=now.until_secs)
        else:
            out.append(now)
    return out


def could_see(truth: Truth, slot: SlotId, secs: float) -> bool:
    """Return whether a slot could be seen well enough, whatever there was to be seen."""
    return (
        truth.visible_at(slot, secs) >= MIN_VISIBLE
        and truth.camera_at(truth.camera_of(slot), secs).moved_px <= MOVED_PX
        and not truth.is_reset_at(slot, secs)
    )


def _alerts(
    truth: Truth, episodes: Sequence[Episode], told: Sequence[Told], pace: Pace
) -> Iterable[Alert]:
    last: dict[tuple[float, State], float] = {}
    for one in told:
        if not one.state.is_problem:
            continue
        episode = _meant(truth, episodes, one, pace)
        if episode is not None:
            key = (episode.since_secs, episode.state)
            outcome = Outcome.TRUE
            if key in last:
                reason = _could_forget(truth, one.slot, last[key], one.secs, pace)
                outcome = Outcome.AGAIN if reason else Outcome.REPEATED
            last[key] = one.secs
        else:
            outcome = Outcome.FALSE if _is_plain(truth, one, pace) else Outcome.NOT_PLAIN
        yield _alert(truth, one, outcome, episode)


def _false_ends(
    truth: Truth, episodes: Sequence[Episode], told: Sequence[Told], pace: Pace
) -> Iterable[Alert]:
    known = State.UNKNOWN
    for one in told:
        is_end = known.is_problem and one.state is State.STOCKED
        known = known if one.state is State.UNKNOWN else one.state
        if not is_end or _meant(truth, episodes, one, pace) is not None:
            continue
        if _is_plain(truth, one, pace):
            yield _alert(truth, one, Outcome.FALSE_END, None)


def _meant(truth: Truth, episodes: Sequence[Episode], told: Told, pace: Pace) -> Episode | None:
    """Return the last episode of the told state that the agent may mean."""
    since = _window_start(truth, told, pace)
    meant = [
        e
        for e in episodes
        if e.state is told.state and e.since_secs <= told.secs and e.until_secs > since
    ]
    return meant[-1] if meant else None


def _is_plain(truth: Truth, told: Told, pace: Pace) -> bool:
    since = _window_start(truth, told, pace)
    return all(truth.state_at(told.slot, secs).is_plain for secs in (since, told.secs))


def _alert(truth: Truth, told: Told, outcome: Outcome, episode: Episode | None) -> Alert:
    camera = truth.camera_at(truth.camera_of(told.slot), told.secs)
    return Alert(
        told=told,
        outcome=outcome,
        episode=episode,
        is_covered=truth.visible_at(told.slot, told.secs) < COVERED,
        is_moved=camera.moved_px > MOVED_PX,
        is_named=_is_named(told, episode),
    )


def _is_named(told: Told, episode: Episode | None) -> bool | None:
    if episode is None or not episode.foreign:
        return None
    return bool(told.foreign) and set(told.foreign) <= set(episode.foreign)


def _window_start(truth: Truth, told: Told, pace: Pace) -> float:
    """Return the time since which the agent had `LATE_LOOKS` looks at the slot."""
    secs, left = told.secs, LATE_LOOKS
    while secs > 0 and left > 0:
        secs -= pace.every_secs
        left -= could_see(truth, told.slot, max(secs, 0.0))
    return max(secs, 0.0)


def _could_forget(truth: Truth, slot: SlotId, since: float, until: float, pace: Pace) -> bool:
    """Return whether there was a reason to know nothing of a slot any more."""
    if any(r.since_secs < until and r.until_secs > since for r in truth.resets):
        return True
    spans = truth.cameras[truth.camera_of(slot)]
    if any(s.moved_px > MOVED_PX and s.since_secs < until and s.until_secs > since for s in spans):
        return True
    unseen = 0.0
    secs = since
    while secs < until:
        unseen = 0.0 if could_see(truth, slot, secs) else unseen + pace.every_secs
        if unseen >= pace.stale_secs - 2 * pace.every_secs:
            return True
        secs += pace.every_secs
    return False


def _met(
    truth: Truth,
    event: ExpectedEvent,
    alerts: Sequence[Alert],
    told: Sequence[Told],
    pace: Pace,
) -> Met:
    known = event.known_secs
    for reset in truth.resets:
        # Nothing is told of an aisle that is being reset; then it has to be seen anew.
        needed = pace.confirm_secs if event.state.is_problem else pace.clear_secs
        if reset.since_secs <= known < reset.until_secs + needed:
            known = reset.until_secs + needed
    brief = event.until_secs < known + BRIEF_LOOKS * pace.every_secs
    if event.state.is_problem:
        times = [
            a.told.secs
            for a in alerts
            if a.episode is not None
            and (a.episode.slot, a.episode.since_secs) == (event.slot, event.since_secs)
        ]
    else:
        times = [t.secs for t in told if t.state is event.state]
        times = [t for t in times if event.since_secs <= t < event.until_secs]
    is_held = _state_at(told, event.since_secs) is event.state
    if is_held and not event.state.is_problem:
        # Of a problem that it never told, the agent has no end to tell.
        return Met(event, 0.0, brief)
    if times:
        return Met(event, max(0.0, (times[0] - known) / pace.every_secs), brief)
    return Met(event, 0.0 if is_held else None, brief)


def _state_at(told: Sequence[Told], secs: float) -> State:
    state = State.UNKNOWN
    for one in told:
        if one.secs > secs:
            break
        state = one.state
    return state
