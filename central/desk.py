"""The alert engine over the database: every call is part of the caller's transaction.

What the engine decides of an event is committed with the event, so that a crash loses no alert
and doubles none. The state of a site is kept in memory between calls and read again whenever
the database holds another version than this process wrote last: after a rollback, or when
another process has written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, or_, select

from central import tables
from central.alerts import (
    Acted,
    Advance,
    Alert,
    Input,
    Memory,
    Push,
    Rules,
    SiteState,
    advance,
)
from central.alerts.actions import answer_to, closed_in_words
from central.database import AisleKey, Database, insert_new, upsert
from central.metrics.day_rows import mark_days
from central.metrics.hours import HOUR
from shelf.ids import uuid7
from shelf.states import CameraState
from shelf.wire import ActionOutcome, StaffAction, StaffAnswer

SiteKey = tuple[str, str]
"""Tenant and site."""

RulesOf = Callable[[str, str], Rules]
"""The rules of a tenant's site."""


def default_rules(_tenant: str, _site: str) -> Rules:
    """Return the rules of a site that is not configured: all defaults, nobody to push to."""
    return Rules()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. ``sites`` are those whose alerts are the person's business; None: all."""

    person: str
    sites: frozenset[SiteKey] | None = None

    def may_touch(self, site: SiteKey) -> bool:
        """True when the site's alerts are the person's business."""
        return self.sites is None or site in self.sites


@dataclass(slots=True)
class Worked:
    """What a transaction has changed of the alerts."""

    aisles: set[AisleKey] = field(default_factory=set)
    pushes: int = 0
    answers: list[StaffAnswer] = field(default_factory=list)

    def add(self, other: Worked) -> None:
        """Take in what the same transaction has changed besides."""
        self.aisles |= other.aisles
        self.pushes += other.pushes
        self.answers += other.answers


class Desk:
    """Runs the engine of every site. May be used from several threads."""

    def __init__(self, rules_of: RulesOf = default_rules) -> None:
        self._rules_of = rules_of
        self._known: dict[SiteKey, tuple[str, SiteState]] = {}

    def advance(
        self, connection: Connection, inputs: Mapping[SiteKey, Sequence[Input]], now: datetime
    ) -> Worked:
        """Take what has happened at each site; raises what SQLAlchemy raises."""
        worked = Worked()
        for key in sorted(inputs):
            self._advance_site(connection, key, inputs[key], now, worked)
        return worked

    def is_due(self, database: Database, now: datetime) -> bool:
        """True when `tick` has something to do; does not wait for a writer."""
        with database.read() as connection:
            return connection.execute(_due_sites(now).limit(1)).first() is not None

    def tick(self, connection: Connection, now: datetime) -> Worked:
        """Do what is due at ``now``, at every site."""
        keys = [(row.tenant, row.site) for row in connection.execute(_due_sites(now))]
        return self.advance(connection, dict.fromkeys(keys, ()), now)

    def act(
        self, connection: Connection, actor: Actor, actions: Iterable[StaffAction], now: datetime
    ) -> Worked:
        """Do what a person asks, in order; one answer for each action."""
        worked = Worked()
        for action in actions:
            answer = self._stored_answer(connection, actor, action)
            if answer is None:
                answer = self._act_once(connection, actor, action, now, worked)
            worked.answers.append(answer)
        return worked

    def _act_once(
        self,
        connection: Connection,
        actor: Actor,
        action: StaffAction,
        now: datetime,
        worked: Worked,
    ) -> StaffAnswer:
        row = connection.execute(
            select(tables.alerts).where(tables.alerts.c.alert == action.alert)
        ).one_or_none()
        if row is None:
            return answer_to(action, ActionOutcome.UNKNOWN, "there is no such alert")
        alert = Alert.from_row(row._asdict())
        key = (alert.tenant, alert.site)
        if not actor.may_touch(key):
            return answer_to(action, ActionOutcome.FOREIGN, "this alert is of another store")
        result = self._advance_site(connection, key, [Acted(actor.person, action)], now, worked)
        (answer,) = result.answers
        if answer.outcome is ActionOutcome.CLOSED and not alert.is_open:
            zone = self._rules_of(*key).calendar.zone
            answer = answer_to(action, ActionOutcome.CLOSED, closed_in_words(alert, zone))
        row_of_action = {
            "action": action.action,
            "alert": action.alert,
            "kind": action.kind.value,
            "person": actor.person,
            "undoes": action.undoes,
            "at_utc": action.at,
            "received_utc": now,
            "outcome": answer.outcome.value,
            "detail": answer.detail,
        }
        connection.execute(tables.staff_actions.insert(), [row_of_action])
        return answer

    def _stored_answer(
        self, connection: Connection, actor: Actor, action: StaffAction
    ) -> StaffAnswer | None:
        stored = connection.execute(
            select(tables.staff_actions).where(tables.staff_actions.c.action == action.action)
        ).one_or_none()
        if stored is None:
            return None
        is_same = (stored.alert, stored.kind, stored.person) == (
            action.alert,
            action.kind.value,
            actor.person,
        )
        if not is_same:
            detail = "this action id was used for something else"
            return answer_to(action, ActionOutcome.INVALID, detail)
        outcome = ActionOutcome(stored.outcome)
        by = _holder_of(connection, action.alert) if outcome is ActionOutcome.TAKEN else None
        return answer_to(action, outcome, stored.detail, by)

    def _advance_site(
        self,
        connection: Connection,
        key: SiteKey,
        inputs: Sequence[Input],
        now: datetime,
        worked: Worked,
    ) -> Advance:
        state = self._load(connection, key)
        result = advance(state, inputs, self._rules_of(*key), now)
        self._store(connection, key, result)
        closed = [alert.closed_utc for alert in result.alerts.values() if alert.closed_utc]
        mark_days(connection, key, [moment for moment in closed if moment <= now - HOUR])
        worked.aisles |= {AisleKey(*key, aisle) for aisle in result.aisles}
        worked.pushes += len(result.pushes)
        return result

    def _load(self, connection: Connection, key: SiteKey) -> SiteState:
        """Return the state of a site, which nobody else changes before this transaction ends."""
        columns = tables.alert_sites.c
        empty = {"tenant": key[0], "site": key[1], "version": "", "due_utc": None, "memory": "{}"}
        query = (
            select(columns.version, columns.memory)
            .where(columns.tenant == key[0], columns.site == key[1])
            .with_for_update()
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            insert_new(connection, tables.alert_sites, [empty])
            row = connection.execute(query).one()
        version, state = self._known.get(key, (None, None))
        if state is None or version != row.version:
            state = _read_state(connection, key, Memory.from_json(row.memory))
        return state

    def _store(self, connection: Connection, key: SiteKey, result: Advance) -> None:
        version = str(uuid7())
        row = {
            "tenant": key[0],
            "site": key[1],
            "version": version,
            "due_utc": result.due_utc,
            "memory": result.state.memory.to_json(),
        }
        upsert(connection, tables.alert_sites, [row])
        upsert(connection, tables.alerts, [alert.to_row() for alert in result.alerts.values()])
        if result.steps:
            steps = [step.to_row() for step in result.steps]
            connection.execute(tables.alert_steps.insert(), steps)
        if result.pushes:
            pushes = [_push_row(key, push) for push in result.pushes]
            connection.execute(tables.pushes.insert(), pushes)
        self._known[key] = (version, result.state)


def _holder_of(connection: Connection, alert: str) -> str | None:
    wanted = select(tables.alerts.c.by).where(tables.alerts.c.alert == alert)
    holder: str | None = connection.execute(wanted).scalar_one_or_none()
    return holder


def _due_sites(now: datetime) -> Select[Any]:
    columns = tables.alert_sites.c
    return select(columns.tenant, columns.site).where(columns.due_utc <= now)


def _read_state(connection: Connection, key: SiteKey, memory: Memory) -> SiteState:
    state = SiteState(*key, memory=memory)
    alerts = tables.alerts.c
    is_kept = or_(alerts.closed_utc.is_(None), alerts.undo.is_not(None))
    for row in connection.execute(_of_site(tables.alerts, key).where(is_kept)):
        state.keep(Alert.from_row(row._asdict()))
    for row in connection.execute(_of_site(tables.cameras, key)):
        state.cameras[row.node, row.camera] = CameraState(row.state)
    for row in connection.execute(_of_site(tables.nodes, key)):
        state.nodes[row.node] = row.state == "online"
    return state


def _of_site(table: Table, key: SiteKey) -> Select[Any]:
    return select(table).where(table.c.tenant == key[0], table.c.site == key[1])


def _push_row(key: SiteKey, push: Push) -> dict[str, object]:
    return {
        "push": str(uuid7()),
        "tenant": key[0],
        "site": key[1],
        "person": push.person,
        "kind": push.kind.value,
        "aisle": push.aisle,
        "alerts": list(push.alerts),
        "created_utc": push.at_utc,
        "state": "queued",
        "attempts": 0,
        "next_utc": push.at_utc,
        "ended_utc": None,
        "error": None,
        "sent_to": [],
    }
