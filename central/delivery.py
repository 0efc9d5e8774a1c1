"""Sends what the alert engine has queued: retried with growing pauses, then a dead letter.

A push was written in the transaction of its alert, so none is lost at a crash. One that was
taken by the other side but not yet noted here when the process was killed is sent once more:
at least once, and exactly once otherwise. Each person has their turn on their own, so that a
slow endpoint holds up nobody else's.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from central import tables
from central.alerts import Alert, PushKind
from central.channels import SendError
from central.database import Database
from central.delivery_text import Message, TextError, context_of, render
from central.desk import RulesOf
from shelf.wire import AlertPhase

LOOK_SECS = 1.0
WORKERS = 4
BATCH = 50

RETRY_SECS = 15.0
RETRY_CAP_SECS = 1800.0
MAX_ATTEMPTS = 12
"""With pauses of 15 s to 30 min, a message is given up after about three hours."""

_log = structlog.get_logger(__name__)


class Sender(Protocol):
    """One address of a person."""

    @property
    def key(self) -> str:
        """Identifies it without telling its secrets."""

    def send(self, message: Message) -> None:
        """Send; raises `central.channels.SendError`."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where a person is reached, and with what words."""

    channels: Sequence[Sender]
    title: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What a message calls stores, and the address of the pages; empty where unknown."""

    stores: Mapping[tuple[str, str], str]
    url: str = ""


def retry_pause(first_secs: float, attempts: int) -> timedelta:
    """Return how long to wait after ``attempts`` and one more that failed: twice as long each."""
    pause_secs = min(first_secs * 2.0**attempts, RETRY_CAP_SECS)
    return timedelta(seconds=pause_secs * random.uniform(0.5, 1.0))


class Delivery:
    """Sends until it is stopped."""

    def __init__(
        self,
        database: Database,
        mailboxes: Mapping[str, Mailbox],
        rules_of: RulesOf,
        names: Names,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        retry_secs: float = RETRY_SECS,
    ) -> None:
        """``mailboxes`` are by the person's name. Nothing is sent before `start`."""
        self._database = database
        self._mailboxes = mailboxes
        self._rules_of = rules_of
        self._names = names
        self._clock = clock
        self._retry_secs = retry_secs
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, "delivery")
        self._thread = threading.Thread(target=self._run, name="delivery")

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once whether there is something to send; from any thread."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is being sent; the rest is sent after the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self.look()
            except SQLAlchemyError as error:
                _log.warning("pushes cannot be read", reason=str(error))
            self._woken.wait(LOOK_SECS)

    def look(self) -> None:
        """Hand what is due to the workers, each person to one at a time."""
        for person, rows in self._due().items():
            with self._lock:
                if person in self._busy:
                    continue
                self._busy.add(person)
            self._pool.submit(self._serve, person, rows)

    def _due(self) -> dict[str, list[Row[Any]]]:
        pushes = tables.pushes
        query = (
            select(pushes)
            .where(pushes.c.state == "queued", pushes.c.next_utc <= self._clock())
            .order_by(pushes.c.created_utc)
            .limit(BATCH)
        )
        with self._lock:
            query = query.where(pushes.c.person.not_in(sorted(self._busy)))
        by_person: dict[str, list[Row[Any]]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                by_person.setdefault(row.person, []).append(row)
        return by_person

    def _serve(self, person: str, rows: Sequence[Row[Any]]) -> None:
        try:
            for row in rows:
                if self._stopping.is_set():
                    return
                self._send(person, row)
        except Exception:  # noqa: BLE001 - one message must not end the delivery of all
            _log.exception("push failed", person=person)
        finally:
            with self._lock:
                self._busy.discard(person)
            self._woken.set()

    def _send(self, person: str, row: Row[Any]) -> None:
        mailbox = self._mailboxes.get(person)
        if mailbox is None:
            self._end(row, "dead", f"{person}: nobody of this name is configured any more")
            return
        message = self._message(row, mailbox)
        if message is None:
            self._end(row, "pointless")
            return
        if isinstance(message, str):
            self._end(row, "dead", message)
            return
        faults, taken = [], list(row.sent_to)
        for channel in mailbox.channels:
            if channel.key in taken:
                continue
            try:
                channel.send(message)
                taken.append(channel.key)
            except SendError as error:
                faults.append(str(error))
        if not faults:
            self._end(row, "sent", taken=taken)
        elif row.attempts + 1 >= MAX_ATTEMPTS:
            _log.error("push given up", person=person, reason=faults[0])
            self._end(row, "dead", "; ".join(faults), taken)
        else:
            _log.warning("push not taken; retrying", person=person, reason=faults[0])
            self._retry(row, "; ".join(faults), taken)

    def _message(self, row: Row[Any], mailbox: Mailbox) -> Message | str | None:
        """Return what to say, why it cannot be said, or None when all of it is solved."""
        alerts = tables.alerts.c
        with self._database.read() as connection:
            query = select(tables.alerts).where(alerts.alert.in_(row.alerts))
            found = {r.alert: Alert.from_row(r._asdict()) for r in connection.execute(query)}
            wanted = [found[name] for name in row.alerts if name in found]
            wanted = [alert for alert in wanted if _is_news(alert)]
            in_aisle = select(func.count()).where(
                alerts.tenant == row.tenant,
                alerts.site == row.site,
                alerts.aisle == row.aisle,
                alerts.phase == AlertPhase.OPEN.value,
                alerts.alert.not_in([alert.alert for alert in wanted]),
            )
            others = connection.execute(in_aisle).scalar_one()
        if not wanted:
            return None
        key = (row.tenant, row.site)
        zone = self._rules_of(*key).calendar.zone
        store = self._names.stores.get(key, f"Store {row.site}")
        kind, url = PushKind(row.kind), self._names.url
        context = context_of(kind, store, row.aisle, wanted, others, url, zone, self._clock())
        try:
            return render(context, mailbox.title, mailbox.body)
        except TextError as error:
            return f"template: {error}"

    def _retry(self, row: Row[Any], reason: str, taken: list[str]) -> None:
        self._write(
            row,
            attempts=row.attempts + 1,
            next_utc=self._clock() + retry_pause(self._retry_secs, row.attempts),
            error=reason,
            sent_to=taken,
        )

    def _end(
        self, row: Row[Any], state: str, reason: str | None = None, taken: list[str] | None = None
    ) -> None:
        values: dict[str, Any] = {"state": state, "ended_utc": self._clock(), "error": reason}
        if taken is not None:
            values |= {"attempts": row.attempts + 1, "sent_to": taken}
        self._write(row, **values)

    def _write(self, row: Row[Any], **values: Any) -> None:
        pushes = tables.pushes
        with self._database.write() as connection:
            connection.execute(update(pushes).where(pushes.c.push == row.push).values(**values))


def _is_news(alert: Alert) -> bool:
    """True while an alert that was queued still concerns whom it was queued for."""
    return alert.phase in (AlertPhase.OPEN, AlertPhase.ACKNOWLEDGED)
