"""The engine over a real database: transactions, restarts, several processes, action ids."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alert_site import MINUTE, START, rules, sighting
from sqlalchemy import func, select

from central import tables
from central.alert_rows import read_message, read_open, read_steps
from central.alerts import Input
from central.database import AisleKey, Database
from central.desk import Actor, Desk, Worked
from shelf.states import State
from shelf.wire import ActionKind, ActionOutcome, AlertPhase, StaffAction

SITE = ("acme", "s1")
AISLE = AisleKey(*SITE, "a12")
ANNA = Actor("anna", frozenset({SITE}))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def desk() -> Desk:
    return Desk(lambda *_: rules())


def take(database: Database, desk: Desk, *inputs: Input, minute: float = 0) -> Worked:
    with database.write() as connection:
        return desk.advance(connection, {SITE: inputs}, START + minute * MINUTE)


def act(
    database: Database,
    desk: Desk,
    *actions: StaffAction,
    actor: Actor = ANNA,
    minute: float = 1,
) -> list[tuple[ActionOutcome, str]]:
    with database.write() as connection:
        worked = desk.act(connection, actor, actions, START + minute * MINUTE)
    return [(answer.outcome, answer.detail) for answer in worked.answers]


def action(number: int, kind: ActionKind, alert: str = "e1") -> StaffAction:
    return StaffAction(action=f"phone-{number:04d}", alert=alert, kind=kind)


def life(database: Database, alert: str = "e1") -> list[str]:
    with database.read() as connection:
        return [step.step.value for step in read_steps(connection, [alert])[alert]]


def test_an_alert_is_as_durable_as_its_event(database: Database, desk: Desk) -> None:
    """A transaction that fails leaves neither; done again, it leaves one."""
    with pytest.raises(RuntimeError), database.write() as connection:
        desk.advance(connection, {SITE: [sighting(State.LOW)]}, START)
        raise RuntimeError
    assert database.count(tables.alerts) == 0
    take(database, desk, sighting(State.LOW))
    assert database.count(tables.alerts) == 1
    assert life(database) == ["opened"]


def test_a_restart_goes_on_where_it_was(database: Database, desk: Desk) -> None:
    """Groups, claims and caps are in the database: nothing is told twice."""
    take(database, desk, sighting(State.LOW))
    take(database, desk, minute=1)
    for minute in (2, 3, 10):
        take(database, Desk(lambda *_: rules()), minute=minute)
    assert database.count(tables.pushes) == 1
    assert life(database) == ["opened", "notified"]


def test_another_process_is_noticed(database: Database, desk: Desk) -> None:
    """What another has written since is read again, not overwritten."""
    other = Desk(lambda *_: rules())
    take(database, desk, sighting(State.LOW))
    act(database, other, action(1, ActionKind.CLAIM))
    take(database, desk, sighting(State.OUT_OF_STOCK, evidence="e2"), minute=2)
    with database.read() as connection:
        (alert,) = read_open(connection, AISLE)
    assert (alert.phase, alert.by, alert.state) == (
        AlertPhase.CLAIMED,
        "anna",
        State.OUT_OF_STOCK,
    )
    assert life(database) == ["opened", "claimed", "changed"]


def test_what_is_due_is_done_at_its_time(database: Database, desk: Desk) -> None:
    """Without any news, by the tick; and not before."""
    take(database, desk, sighting(State.LOW))
    assert not desk.is_due(database, START)
    assert desk.is_due(database, START + MINUTE)
    with database.write() as connection:
        assert desk.tick(connection, START + MINUTE).pushes == 1
    with database.read() as connection:
        row = connection.execute(select(tables.pushes)).one()
    assert (row.person, row.kind, row.alerts, row.state) == ("anna", "new", ["e1"], "queued")


def test_an_action_sent_twice_is_done_once(database: Database, desk: Desk) -> None:
    """A phone that was away sends five, and sends them again when it got no answer."""
    for number, slot in enumerate(("p01", "p02", "p03"), 1):
        take(database, desk, sighting(State.LOW, f"b01/s1/{slot}", evidence=f"e{number}"))
    actions = [
        action(1, ActionKind.CLAIM, "e1"),
        action(2, ActionKind.DONE, "e1"),
        action(3, ActionKind.NO_STOCK, "e2"),
        action(4, ActionKind.WRONG_ALARM, "e3"),
        action(5, ActionKind.DONE, "e3"),
    ]
    first = act(database, desk, *actions)
    assert [outcome for outcome, _ in first] == [ActionOutcome.APPLIED] * 4 + [ActionOutcome.CLOSED]
    again = act(database, Desk(lambda *_: rules()), *actions, minute=70)
    assert again == first
    assert life(database) == ["opened", "claimed", "done"]
    assert database.count(tables.staff_actions) == 5


def test_two_who_claim_at_once_are_told_apart(database: Database, desk: Desk) -> None:
    """In two processes at the same moment: one has it, the other is told who."""
    take(database, desk, sighting(State.LOW))
    gate, got = threading.Barrier(2), []

    def claim(number: int, name: str) -> None:
        gate.wait(10)
        claimed = action(number, ActionKind.CLAIM)
        got.extend(act(database, Desk(lambda *_: rules()), claimed, actor=Actor(name)))

    people = [threading.Thread(target=claim, args=each) for each in ((1, "anna"), (2, "ben"))]
    for person in people:
        person.start()
    for person in people:
        person.join(30)
    assert {outcome for outcome, _ in got} == {ActionOutcome.APPLIED, ActionOutcome.TAKEN}
    (detail,) = (detail for outcome, detail in got if outcome is ActionOutcome.TAKEN)
    assert detail.startswith("claimed by ")
    assert life(database) == ["opened", "claimed"]


def test_who_asks_again_is_told_who_has_it(database: Database, desk: Desk) -> None:
    """The answer got lost on its way to ben: the second one names anna as well."""
    take(database, desk, sighting(State.LOW))
    act(database, desk, action(1, ActionKind.CLAIM))
    with database.write() as connection:
        asked = [action(2, ActionKind.CLAIM)]
        answers = desk.act(connection, Actor("ben"), asked * 2, START + MINUTE).answers
    assert [(said.outcome, said.by) for said in answers] == [(ActionOutcome.TAKEN, "anna")] * 2


def test_an_action_id_stands_for_one_action(database: Database, desk: Desk) -> None:
    """Used for something else, or by somebody else, it is refused."""
    take(database, desk, sighting(State.LOW))
    act(database, desk, action(1, ActionKind.CLAIM))
    assert act(database, desk, action(1, ActionKind.DONE))[0][0] is ActionOutcome.INVALID
    ben = Actor("ben")
    assert act(database, desk, action(1, ActionKind.CLAIM), actor=ben)[0][0] is (
        ActionOutcome.INVALID
    )
    assert life(database) == ["opened", "claimed"]


@pytest.mark.parametrize(
    ("alert", "sites", "expected"),
    [
        ("nothing", {SITE}, (ActionOutcome.UNKNOWN, "there is no such alert")),
        ("e1", {("acme", "s2")}, (ActionOutcome.FOREIGN, "this alert is of another store")),
        ("e1", set(), (ActionOutcome.FOREIGN, "this alert is of another store")),
    ],
)
def test_what_is_not_yours_is_said(
    database: Database,
    desk: Desk,
    alert: str,
    sites: set[tuple[str, str]],
    expected: tuple[ActionOutcome, str],
) -> None:
    """And nothing is done."""
    take(database, desk, sighting(State.LOW))
    actor = Actor("ben", frozenset(sites))
    assert act(database, desk, action(1, ActionKind.DONE, alert), actor=actor) == [expected]
    assert life(database) == ["opened"]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (State.STOCKED, "closed at 09:30: the camera has seen the slot filled"),
        (ActionKind.WRONG_ALARM, "closed at 09:30: ben said that it was a wrong alarm"),
    ],
)
def test_a_closed_alert_says_why(
    database: Database, desk: Desk, end: State | ActionKind, words: str
) -> None:
    """Long afterwards too, when the engine has forgotten it."""
    take(database, desk, sighting(State.LOW))
    if isinstance(end, State):
        take(database, desk, sighting(end, at=START + 30 * MINUTE, evidence="e2"), minute=30)
    else:
        act(database, desk, action(1, end), actor=Actor("ben"), minute=30)
    answer = act(database, desk, action(2, ActionKind.DONE), minute=31 + 60 * 24)
    assert answer == [(ActionOutcome.CLOSED, words)]


def test_a_mute_outlives_a_restart(database: Database, desk: Desk) -> None:
    """And so does what can be taken back."""
    take(database, desk, sighting(State.LOW))
    act(database, desk, action(1, ActionKind.WRONG_ALARM))
    undo = StaffAction(action="phone-0002", alert="e1", kind=ActionKind.UNDO, undoes="phone-0001")
    again = Desk(lambda *_: rules())
    take(database, again, sighting(State.LOW, evidence="e2"), minute=2)
    assert database.count(tables.alerts) == 1
    assert act(database, again, undo, minute=2)[0][0] is ActionOutcome.APPLIED
    with database.read() as connection:
        assert [alert.alert for alert in read_open(connection, AISLE)] == ["e1"]


def test_what_is_published_holds_the_end_too(database: Database, desk: Desk) -> None:
    """For an hour, so that a reader of the retained message learns how it ended."""
    take(database, desk, sighting(State.LOW))
    closing = sighting(State.STOCKED, at=START + MINUTE, evidence="e2")
    take(database, desk, closing, minute=1)
    with database.read() as connection:
        message = read_message(connection, AISLE, START + 2 * MINUTE)
        later = read_message(connection, AISLE, START + timedelta(hours=2))
    assert message.alerts == ()
    assert [step.step for step in message.closed[0].steps] == ["opened", "stocked"]
    assert later.closed == ()


def test_every_step_is_in_the_database_once(database: Database, desk: Desk) -> None:
    """The count of the alert and the rows agree."""
    take(database, desk, sighting(State.LOW))
    for minute in (1, 60, 200):
        take(database, desk, minute=minute)
    with database.read() as connection:
        (alert,) = read_open(connection, AISLE)
        query = select(func.count()).select_from(tables.alert_steps)
        assert connection.execute(query).scalar_one() == alert.steps
