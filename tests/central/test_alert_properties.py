"""Whatever happens in whatever order: no alert is lost, none doubled, caps hold, silence ends."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from alert_site import MINUTE, Shop, rules
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from central.alerts import Person, Place, StepKind
from central.alerts.alert import CLOSING
from central.alerts.state import mute_key
from shelf.states import CameraState, State
from shelf.wire import ActionKind, ActionOutcome, AlertPhase

HOUR = timedelta(hours=1)
SLOTS = ["b01/s1/p01", "b01/s1/p02", "b01/s1/p03"]
PEOPLE = (Person("anna", pushes_per_hour=1), Person("boss", level=1, pushes_per_hour=1))
SPANS = [timedelta(seconds=20), 6 * MINUTE, 11 * MINUTE, 31 * MINUTE, 2 * HOUR]
SILENT = (AlertPhase.ACKNOWLEDGED, AlertPhase.CLAIMED, AlertPhase.DONE, AlertPhase.NO_STOCK)
DEEDS = [kind for kind in ActionKind if kind is not ActionKind.UNDO]


class Day(RuleBasedStateMachine):
    """One aisle on which everything happens at random; what was seen last is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(rules(*PEOPLE, group_interval=MINUTE, wrong_alarm=HOUR))
        self.seen: dict[str, tuple[str, State]] = {}
        self.done: list[tuple[str, str, str]] = []

    @rule(slot=st.sampled_from(SLOTS), state=st.sampled_from(State), sku=st.sampled_from("1112"))
    def see(self, slot: str, state: State, sku: str) -> None:
        """The camera says something of a slot; ``unknown`` says nothing of its problem."""
        self.shop.see(state, slot, sku)
        known = self.seen.get(slot, (sku, State.STOCKED))
        if state is not State.UNKNOWN:
            self.seen[slot] = (sku, state)
        elif known[0] != sku:
            self.seen[slot] = (sku, State.STOCKED)

    @precondition(lambda self: self.shop.open)
    @rule(
        kind=st.sampled_from(DEEDS),
        person=st.sampled_from(["anna", "ben"]),
        pick=st.integers(0, 2),
        ago=st.sampled_from([0, 50]),
    )
    def act(self, kind: ActionKind, person: str, pick: int, ago: int) -> None:
        """Somebody does something about an open alert, perhaps a while ago."""
        alert = self.shop.open[pick % len(self.shop.open)]
        at = self.shop.now - ago * MINUTE
        answer = self.shop.act(kind, person, alert=alert.alert, at=at)
        if answer.outcome is ActionOutcome.APPLIED:
            self.done.append((answer.action, person, alert.alert))

    @precondition(lambda self: self.done)
    @rule(pick=st.integers(0, 3), person=st.sampled_from(["anna", "ben"]))
    def undo(self, pick: int, person: str) -> None:
        """Somebody takes something back, or tries to."""
        action, _, alert = self.done[-1 - pick % len(self.done)]
        self.shop.act(ActionKind.UNDO, person, alert=alert, undoes=action)

    @rule(state=st.sampled_from(CameraState))
    def camera(self, state: CameraState) -> None:
        """The camera is bumped, goes dark, comes back."""
        self.shop.camera(state)

    @rule(is_online=st.booleans())
    def node(self, is_online: bool) -> None:
        """The node comes and goes."""
        self.shop.node(is_online)

    @rule(span=st.sampled_from([timedelta(0), 20 * MINUTE, 5 * HOUR]))
    def reset(self, span: timedelta) -> None:
        """The aisle is rebuilt."""
        self.shop.reset(span)

    @rule(span=st.sampled_from(SPANS))
    def wait(self, span: timedelta) -> None:
        """Time passes."""
        self.shop.wait(span)

    @invariant()
    def no_alert_is_lost_and_none_doubled(self) -> None:
        """A problem that was seen is one open alert, or muted with an end; no other is."""
        for slot in SLOTS:
            place = Place("a12", slot)
            alerts = [alert for alert in self.shop.open if alert.place == place]
            sku, state = self.seen.get(slot, ("", State.STOCKED))
            mute = self.shop.state.memory.mutes.get(mute_key(place))
            is_muted = mute is not None and state in mute.states and mute.until_utc > self.shop.now
            if alerts:
                (alert,) = alerts
                assert (alert.sku, alert.state) == (sku, state)
            else:
                assert not state.is_problem or is_muted

    @invariant()
    def caps_hold(self) -> None:
        """Within any 60 minutes nobody gets more than they should."""
        for person in PEOPLE:
            times = [push.at_utc for push in self.shop.pushes if push.person == person.name]
            cap = person.pushes_per_hour
            for first, over in zip(times, times[cap:], strict=False):
                assert over - first >= HOUR

    @invariant()
    def silence_ends(self) -> None:
        """Who has taken an alert has it until a time; a deed is waited for while it can be seen."""
        for alert in self.shop.open:
            if alert.phase in SILENT:
                assert alert.until_utc is not None
                can_be_seen = not alert.is_blind and alert.held_by != "camera"
                if alert.phase is not AlertPhase.DONE or can_be_seen:
                    assert alert.until_utc > self.shop.now
            else:
                assert alert.until_utc is None

    @invariant()
    def lives_are_in_order(self) -> None:
        """Numbered without a gap, in time, opened once; after the end only an undo in time."""
        for name, alert in self.shop.alerts.items():
            steps = [step for step in self.shop.steps if step.alert == name]
            assert [step.number for step in steps] == list(range(1, alert.steps + 1))
            times = [step.time_utc for step in steps]
            assert times == sorted(times)
            kinds = [step.step for step in steps]
            assert kinds.index(StepKind.OPENED) == 0
            assert kinds.count(StepKind.OPENED) == 1
            for before, after in pairwise(kinds):
                if before in CLOSING:
                    assert (before, after) == (StepKind.WRONG_ALARM, StepKind.UNDONE)
            assert (kinds[-1] in CLOSING) == (not alert.is_open) == (alert.closed_utc is not None)
            assert kinds.count(StepKind.ESCALATED) <= 1

    def teardown(self) -> None:
        """When everything works again and nobody does anything, all that is open is told."""
        self.shop.reset(timedelta(0))
        self.shop.node(is_online=True)
        self.shop.camera(CameraState.OK)
        for slot, (sku, state) in self.seen.items():
            self.shop.see(state, slot, sku)
        self.shop.wait(13 * HOUR)
        self.shop.wait(2 * HOUR)
        for alert in self.shop.open:
            assert alert.phase is AlertPhase.OPEN
            turns = [StepKind.OPENED, StepKind.LAPSED, StepKind.REOPENED]
            steps = [step for step in self.shop.steps if step.alert == alert.alert]
            turned_utc = max(step.time_utc for step in steps if step.step in turns)
            told = [push for push in self.shop.pushes if push.person == "anna"]
            assert any(alert.alert in push.alerts and push.at_utc >= turned_utc for push in told)


Day.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestDay = Day.TestCase
