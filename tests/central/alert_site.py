"""One site for the tests of the alert engine: a clock that a test moves, and short ways to act."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from central.alerts import (
    Acted,
    Advance,
    Alert,
    CameraChanged,
    Input,
    NodeChanged,
    Person,
    Place,
    Push,
    ResetAnnounced,
    Rules,
    Sighting,
    SiteState,
    Step,
    Times,
    advance,
)
from shelf.states import CameraState, State
from shelf.wire import ActionKind, StaffAction, StaffAnswer

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
SLOT = "b01/s1/p01"
MINUTE = timedelta(minutes=1)

ANNA = Person("anna")
BOSS = Person("boss", level=1)


def rules(*people: Person, **times: timedelta) -> Rules:
    """Return rules with Anna to push to, unless others are named."""
    return Rules(times=Times(**times), people=people or (ANNA,))  # type: ignore[arg-type]


def sighting(
    state: State, slot: str = SLOT, at: datetime = START, evidence: str = "e1", sku: str = "100"
) -> Sighting:
    """Return what camera c1 says of a slot."""
    return Sighting(
        aisle="a12",
        slot=slot,
        state=state,
        sku=sku,
        name="Oat crackers",
        since_utc=at - 2 * MINUTE,
        time_utc=at,
        facings_expected=4,
        facings_seen=4 if state is State.STOCKED else 1,
        confidence=0.9,
        reason="gap seen",
        found=[],
        node="e1",
        camera="c1",
        evidence=evidence,
    )


class Shop:
    """A site with its engine. Everything happens at ``now``, which `wait` moves."""

    def __init__(self, site_rules: Rules | None = None) -> None:
        self.rules = site_rules or rules()
        self.state = SiteState("acme", "s1")
        self.now = START
        self.steps: list[Step] = []
        self.pushes: list[Push] = []
        self.alerts: dict[str, Alert] = {}
        self.last: Advance | None = None
        self._numbers = count(1)

    def take(self, *inputs: Input) -> Advance:
        """Let the engine take ``inputs`` now."""
        self.last = advance(self.state, inputs, self.rules, self.now)
        self.state = self.last.state
        self.steps += self.last.steps
        self.pushes += self.last.pushes
        self.alerts |= self.last.alerts
        return self.last

    def wait(self, span: timedelta) -> None:
        """Let time pass, with a tick whenever the engine asked for one."""
        end = self.now + span
        while self.last is not None and self.last.due_utc and self.last.due_utc <= end:
            self.now = self.last.due_utc
            self.take()
        self.now = end
        self.take()

    def see(
        self, state: State, slot: str = SLOT, sku: str = "100", late: timedelta = timedelta(0)
    ) -> None:
        """Let the camera say something new of a slot; ``late`` is how old the news is."""
        name = f"e{next(self._numbers)}"
        self.take(sighting(state, slot, self.now - late, name, sku))

    def act(
        self,
        kind: ActionKind,
        person: str = "anna",
        slot: str = SLOT,
        alert: str | None = None,
        undoes: str | None = None,
        at: datetime | None = None,
    ) -> StaffAnswer:
        """Let a person do something about the open alert of a slot, or about ``alert``."""
        name = alert or self.at(slot).alert
        number = next(self._numbers)
        action = StaffAction(action=f"action-{number}", alert=name, kind=kind, undoes=undoes, at=at)
        (answer,) = self.take(Acted(person, action)).answers
        return answer

    def camera(self, state: CameraState) -> None:
        """Let the node say what its camera is worth."""
        self.take(CameraChanged("e1", "c1", state))

    def node(self, is_online: bool) -> None:
        """Let the node come or go."""
        self.take(NodeChanged("e1", is_online))

    def reset(self, span: timedelta) -> None:
        """Announce a rebuild of the aisle."""
        self.take(ResetAnnounced("ines", "a12", self.now + span))

    def at(self, slot: str = SLOT) -> Alert:
        """Return the open alert of a slot."""
        alert = self.state.alert_at(Place("a12", slot))
        assert alert is not None
        return alert

    @property
    def open(self) -> list[Alert]:
        """All open alerts."""
        return list(self.state.open_alerts())

    def life(self, alert: str = "e1") -> list[str]:
        """Return the names of an alert's steps."""
        return [step.step.value for step in self.steps if step.alert == alert]

    def told(self, person: str = "anna") -> list[tuple[str, float, tuple[str, ...]]]:
        """Return kind, minute and alerts of each push to a person."""
        return [
            (push.kind.value, (push.at_utc - START) / MINUTE, push.alerts)
            for push in self.pushes
            if push.person == person
        ]


def slots(number: int) -> Iterable[str]:
    """Yield slots of one shelf."""
    return (f"b01/s1/p{position:02d}" for position in range(1, number + 1))
