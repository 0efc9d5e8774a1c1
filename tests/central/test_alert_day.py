"""A store's day, compressed: every true problem ends as one alert with a correct life."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from store_day import (
    AISLES,
    BUMP,
    BUMPED,
    CLOSES,
    MINUTE,
    NODE,
    OPENS,
    OUTAGE,
    RESET,
    RESET_AISLE,
    Day,
    Edge,
    Fate,
    Problem,
    all_slots,
    camera_of,
    plan_problems,
)

from central import tables
from central.alert_rows import read_message, read_open, read_steps
from central.alerts import Alert, Person, ResetAnnounced, Rules, Step
from central.database import AisleKey, Database
from central.desk import Actor, Desk
from central.ingest import Ingest
from central.intake import Received
from shelf.states import CameraState, State
from shelf.wire import ActionKind, ActionOutcome, StaffAction

pytestmark = pytest.mark.slow

PROBLEMS = 150
SITE = ("acme", "s1")
PEOPLE = (
    Person("anna", aisles=frozenset({"a11", "a12"}), pushes_per_hour=4),
    Person("ben", pushes_per_hour=6),
    Person("boss", level=1, pushes_per_hour=3),
)
LATE = BUMP[1] - BUMP[0] + 3 * MINUTE
"""How long an alert may lag behind the truth: while a camera is bumped, and a shopper after."""


class Store:
    """The real engine and database, the day around them, and the staff."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.desk = Desk(lambda *_: Rules(people=PEOPLE))
        self.ingest = Ingest(database, self.desk)
        self.rng = random.Random(seed)
        self.day = Day(plan_problems(self.rng, PROBLEMS))
        self.edge = Edge(lambda batch: self.deliver(batch), self.rng)
        self.hidden: set[tuple[str, str]] = set()
        self.state: dict[tuple[str, str], State] = {}
        self.outcomes: Counter[ActionOutcome] = Counter()
        self.number = 0

    def deliver(self, batch: list[Received]) -> None:
        self.ingest.apply(batch)

    def tick(self, now: datetime) -> None:
        if self.desk.is_due(self.database, now):
            with self.database.write() as connection:
                self.desk.tick(connection, now)

    def show(self, now: datetime, aisle: str, slot: str, state: State, sku: str = "100") -> None:
        """The truth changes; the camera says so unless it cannot see."""
        self.state[aisle, slot] = state
        if (aisle, slot) not in self.hidden:
            self.edge.slot(now, aisle, slot, state, sku)

    def hide(self, now: datetime, aisle: str, slot: str) -> None:
        self.hidden.add((aisle, slot))
        self.edge.slot(now, aisle, slot, State.UNKNOWN)

    def reveal(self, now: datetime, aisle: str, slot: str) -> None:
        if (aisle, slot) in self.hidden:
            self.hidden.discard((aisle, slot))
            self.edge.slot(now, aisle, slot, self.state.get((aisle, slot), State.STOCKED))

    def open_alert(self, problem: Problem) -> Alert | None:
        with self.database.read() as connection:
            alerts = read_open(connection, AisleKey(*SITE, problem.aisle))
        return next((alert for alert in alerts if alert.slot == problem.slot), None)

    def act(
        self, now: datetime, problem: Problem, person: str, kind: ActionKind, undoes: str = ""
    ) -> str:
        """A person acts on what is open, perhaps twice because the network is bad."""
        alert = self.open_alert(problem)
        self.number += 1
        name = f"phone-{self.number:05d}"
        if alert is None and not undoes:
            return name
        action = StaffAction(
            action=name,
            alert=alert.alert if alert else "gone",
            kind=kind,
            undoes=undoes or None,
        )
        for _ in range(2 if self.rng.random() < 0.3 else 1):
            with self.database.write() as connection:
                worked = self.desk.act(connection, Actor(person), [action], now)
            self.outcomes.update(answer.outcome for answer in worked.answers)
        return name

    def plan(self) -> None:
        day = self.day
        for problem in day.problems:
            self.plan_problem(problem)
        for _ in range(200):
            aisle, start = self.rng.choice(AISLES), OPENS + self.seconds(60, 11 * 3600)
            slot = self.rng.choice(all_slots(aisle))
            end = start + self.seconds(5, 120)
            day.at(start, lambda a=aisle, s=slot, t=start: self.hide(t, a, s))
            day.at(end, lambda a=aisle, s=slot, t=end: self.reveal(t, a, s))
        self.plan_bump()
        self.plan_reset()
        day.at(OUTAGE[0], lambda: self.cut_off())
        day.at(OUTAGE[1], lambda: self.come_back())
        moment = OPENS
        while moment < CLOSES + 60 * MINUTE:
            moment += timedelta(seconds=20)
            day.at(moment, lambda t=moment: self.tick(t))

    def cut_off(self) -> None:
        self.edge.is_cut_off = True
        self.edge.status(OUTAGE[0] + MINUTE, "offline")

    def come_back(self) -> None:
        self.edge.status(OUTAGE[1], "online")
        self.edge.come_back(OUTAGE[1])

    def plan_problem(self, problem: Problem) -> None:
        day, person = self.day, self.rng.choice(["anna", "ben"])
        place = (problem.aisle, problem.slot)
        span = problem.end - problem.start
        day.at(problem.start, lambda: self.show(problem.start, *place, problem.state))
        day.at(problem.end, lambda: self.show(problem.end, *place, State.STOCKED))
        soon, late = problem.start + span * 0.4, problem.end - self.seconds(10, 90)

        def plan(moment: datetime, kind: ActionKind) -> None:
            day.at(moment, lambda: self.act(moment, problem, person, kind))

        match problem.fate:
            case Fate.CLAIMED:
                plan(soon, ActionKind.CLAIM)
                plan(late, ActionKind.DONE)
            case Fate.FALSELY_DONE:
                plan(soon, ActionKind.DONE)
            case Fate.NO_STOCK:
                plan(soon, ActionKind.NO_STOCK)
            case Fate.WRONG_ALARM:
                plan(soon, ActionKind.WRONG_ALARM)
            case Fate.TAKEN_BACK:
                day.at(soon, lambda: self.take_back(soon, problem, person))

    def take_back(self, now: datetime, problem: Problem, person: str) -> None:
        name = self.act(now, problem, person, ActionKind.NO_STOCK)
        later = now + timedelta(seconds=30)
        self.day.at(later, lambda: self.act(later, problem, person, ActionKind.UNDO, name))

    def plan_bump(self) -> None:
        """A camera is bumped: it says so, and nothing it watches can be seen."""
        aisle = BUMPED[:3]
        slots = [slot for slot in all_slots(aisle) if camera_of(aisle, slot) == BUMPED]

        def change(moment: datetime, state: CameraState) -> None:
            self.edge.camera(moment, BUMPED, state)
            for slot in slots:
                if state is CameraState.OK:
                    self.reveal(moment, aisle, slot)
                else:
                    self.hide(moment, aisle, slot)

        self.day.at(BUMP[0], lambda: change(BUMP[0], CameraState.MOVED))
        self.day.at(BUMP[1], lambda: change(BUMP[1], CameraState.OK))

    def plan_reset(self) -> None:
        """An aisle is rebuilt: all of it is empty for a while, and then holds other products."""
        start, end = RESET

        def announce() -> None:
            reset = ResetAnnounced("ines", RESET_AISLE, end)
            with self.database.write() as connection:
                self.desk.advance(connection, {SITE: [reset]}, start)

        self.day.at(start, announce)
        for number, slot in enumerate(all_slots(RESET_AISLE)):
            empty = start + MINUTE + timedelta(seconds=20 * number)
            full = end - timedelta(seconds=20 * number) - 2 * MINUTE
            self.day.at(empty, lambda s=slot, t=empty: self.empty(t, s, State.OUT_OF_STOCK))
            self.day.at(full, lambda s=slot, t=full: self.empty(t, s, State.STOCKED))

    def empty(self, now: datetime, slot: str, state: State) -> None:
        self.show(now, RESET_AISLE, slot, state)

    def seconds(self, low: int, high: int) -> timedelta:
        return timedelta(seconds=self.rng.randint(low, high))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("day")
    database = Database.open(f"sqlite:///{folder / 'central.sqlite'}")
    store = Store(database, seed=7)
    store.plan()
    for number, now in enumerate(store.day.run()):
        if number % 97 == 0:
            check_what_is_told(store, now)
    yield store
    database.close()


def check_what_is_told(store: Store, now: datetime) -> None:
    """What is published is what the database holds, with its life."""
    for aisle in AISLES:
        key = AisleKey(*SITE, aisle)
        with store.database.read() as connection:
            message = read_message(connection, key, now)
            rows = read_open(connection, key)
        assert [(a.alert, a.phase, len(a.steps)) for a in message.alerts] == [
            (row.alert, row.phase, row.steps) for row in rows
        ]
        assert len({row.slot for row in rows}) == len(rows)


@pytest.fixture(scope="module")
def lives(store: Store) -> dict[str, tuple[Alert, list[Step]]]:
    with store.database.read() as connection:
        alerts = [
            Alert.from_row(row._asdict()) for row in connection.execute(select(tables.alerts))
        ]
        steps = read_steps(connection, [alert.alert for alert in alerts])
    return {alert.alert: (alert, steps[alert.alert]) for alert in alerts}


Lives = dict[str, tuple[Alert, list[Step]]]


def of_reset(alert: Alert) -> bool:
    return alert.aisle == RESET_AISLE and RESET[0] <= alert.opened_utc <= RESET[1]


def test_every_problem_is_one_alert(store: Store, lives: Lives) -> None:
    """At its place, from its beginning to its end; and there is no other alert."""
    alerts = [alert for alert, _ in lives.values() if not of_reset(alert)]
    assert len(alerts) == PROBLEMS
    for place in {(problem.aisle, problem.slot) for problem in store.day.problems}:
        true = [p for p in store.day.problems if (p.aisle, p.slot) == place]
        told = sorted((a.opened_utc, a.alert) for a in alerts if (a.aisle, a.slot) == place)
        assert len(told) == len(true)
        for problem, (_, name) in zip(true, told, strict=True):
            check_times(problem, lives[name][0])


def check_times(problem: Problem, alert: Alert) -> None:
    """An alert begins and ends with its problem, as soon as that can be seen."""
    assert timedelta(0) <= alert.opened_utc - problem.start <= LATE
    assert alert.closed_utc is not None
    if problem.fate is not Fate.WRONG_ALARM:
        assert alert.closed_reason == "stocked"
        assert timedelta(0) <= alert.closed_utc - problem.end <= LATE


def test_lives_are_correct(lives: Lives) -> None:
    """Opened first, closed last, in order of time, and what people did is in it."""
    fates = Counter(steps[-1].step.value for _, steps in lives.values())
    assert set(fates) <= {"stocked", "wrong_alarm"}
    for alert, steps in lives.values():
        assert [step.number for step in steps] == list(range(1, alert.steps + 1))
        assert steps[0].step.value == "opened"
        assert all(a.time_utc <= b.time_utc for a, b in pairwise(steps))
        kinds = [step.step.value for step in steps]
        assert kinds.count("opened") == 1
        assert kinds.count("undone") == kinds.count("no_stock") * ("undone" in kinds)


def test_what_was_only_said_to_be_done_came_back(store: Store, lives: Lives) -> None:
    """The camera had not seen it, so it was open again before it was filled."""
    long = [
        problem
        for problem in store.day.problems
        if problem.fate is Fate.FALSELY_DONE and (problem.end - problem.start) * 0.6 > 35 * MINUTE
    ]
    assert long
    kinds = [[step.step.value for step in steps] for _, steps in lives.values()]
    assert sum("reopened" in each for each in kinds) >= len(long)


def test_a_rebuild_disturbs_nobody(lives: Lives) -> None:
    """Its gaps are alerts that were held and closed, and nobody was told."""
    rebuilt = [steps for alert, steps in lives.values() if of_reset(alert)]
    assert len(rebuilt) == len(all_slots(RESET_AISLE))
    for steps in rebuilt:
        assert [step.step.value for step in steps] == ["opened", "held", "stocked"]


def test_nobody_gets_more_than_the_cap(store: Store) -> None:
    """Within any 60 minutes, although there were many more alerts than pushes."""
    with store.database.read() as connection:
        rows = connection.execute(select(tables.pushes).order_by(tables.pushes.c.created_utc))
        pushes = list(rows)
    assert {row.kind for row in pushes} >= {"new", "digest", "escalation"}
    for person in PEOPLE:
        times = [row.created_utc for row in pushes if row.person == person.name]
        assert times
        cap = person.pushes_per_hour
        for first, over in zip(times, times[cap:], strict=False):
            assert over - first >= timedelta(hours=1)


def test_people_were_answered(store: Store) -> None:
    """Every action that was sent, also twice; each was done once."""
    assert store.outcomes[ActionOutcome.APPLIED] > 60
    assert set(store.outcomes) <= {
        ActionOutcome.APPLIED,
        ActionOutcome.UNCHANGED,
        ActionOutcome.TAKEN,
        ActionOutcome.TOO_LATE,
        ActionOutcome.UNKNOWN,
    }
    with store.database.read() as connection:
        actions = connection.execute(select(tables.staff_actions.c.action)).scalars().all()
        query = select(tables.alert_steps.c.action).where(tables.alert_steps.c.action.is_not(None))
        done = connection.execute(query).scalars().all()
    assert len(done) == len(set(done))
    assert set(done) <= set(actions)
    assert store.database.watermarks()[NODE.source][1] > PROBLEMS
