"""From the broker into the database, and back what has been committed.

For each batch, in this order: one transaction; the acknowledgements to the broker; the
watermarks to the nodes; the answers and the open alerts to the staff's clients. While the
database cannot be written nothing is acknowledged, and the broker and the nodes keep what it
has not. Between batches the alerts get their clock ticks.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from central.admission import EVERYBODY, Admission
from central.alerts import ResetAnnounced
from central.asking import Asker
from central.broker_settings import BrokerSettings
from central.changed import Changed, merge
from central.database import Database
from central.dead_letters import ReadAgain, read_again
from central.desk import Actor, Desk, SiteKey, Worked
from central.ingest import Ingest
from central.intake import DeadKind, Received
from central.listening import Listener, backoff_secs
from central.mqtt_connection import Connection
from central.publishing import Publisher
from shelf.wire import StaffAction, StaffAnswer

BATCH_LIMIT = 500
BATCH_WAIT_SECS = 0.03
COUNTS = ("connections", "batches", "events", "dead_letters", "retries")

TICK_SECS = 0.5
"""How often is looked whether an alert is due."""

_log = structlog.get_logger(__name__)

OnCommit = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message, and where to acknowledge it."""

    connection: Connection
    number: int
    received: Received


@dataclass(frozen=True, slots=True)
class _Connected:
    """A new connection: its broker may have forgotten what was retained."""

    connection: Connection


_Item = _Letter | _Connected | None


class Collector:
    """Listens to one broker and writes to one database until it is stopped.

    ``asker`` asks nodes over the same connection.
    """

    def __init__(
        self,
        database: Database,
        settings: BrokerSettings,
        desk: Desk | None = None,
        *,
        admission: Admission = EVERYBODY,
        home_assistant: str | None = None,
        batch_limit: int = BATCH_LIMIT,
        batch_wait_secs: float = BATCH_WAIT_SECS,
    ) -> None:
        """Nothing is connected before `start`. Without a ``desk`` alerts go by default rules.

        ``home_assistant`` is the prefix of its discovery messages, None for none.
        A batch ends at ``batch_limit`` messages, or ``batch_wait_secs`` after its first.
        """
        self._database = database
        self._desk = desk or Desk()
        self._admission = admission
        is_shared = settings.share_group is not None
        self._ingest = Ingest(database, self._desk, admission, is_shared=is_shared)
        self._next_tick_secs = 0.0
        self._listeners: list[OnCommit] = []
        self._batch_limit = batch_limit
        self._batch_wait_secs = batch_wait_secs
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._publisher = Publisher(database, home_assistant)
        self._counts = Counter(dict.fromkeys(COUNTS, 0))
        self._dead_kinds: Counter[DeadKind] = Counter()
        self.asker = Asker(self._send)
        self._listener = Listener(settings, self._receive, self._take_connection)
        self._writer = threading.Thread(target=self._write, name="collector-database")

    @property
    def is_connected(self) -> bool:
        """True while the broker can be heard."""
        connection = self._publisher.connection
        return connection is not None and not connection.ended.is_set()

    @property
    def detail(self) -> str:
        """What the broker said last, for a person; empty while connected."""
        return self._listener.detail

    @property
    def counts(self) -> Counter[str]:
        """What has happened since the start, by the names in `COUNTS`."""
        return Counter(self._counts)

    @property
    def dead_kinds(self) -> Counter[DeadKind]:
        """How many messages could not be used since the start, by the reason's kind."""
        return Counter(self._dead_kinds)

    def on_commit(self, call: OnCommit) -> None:
        """Have ``call`` called after each commit that changes what the pages show.

        It runs in the thread that committed and must return soon. Register before `start`.
        """
        self._listeners.append(call)

    def start(self) -> None:
        """Begin, in two threads."""
        self._writer.start()
        self._listener.start()

    def stop(self) -> None:
        """Finish the batch under way and disconnect; the rest comes again at the next start."""
        self._stopping.set()
        self._items.put(None)
        if self._writer.ident is not None:
            self._writer.join()
        self._listener.stop()

    def act(self, actor: Actor, actions: Sequence[StaffAction]) -> list[StaffAnswer]:
        """Do what a person asks, in order, and tell all; raises what SQLAlchemy raises."""
        with self._database.write() as connection:
            worked = self._desk.act(connection, actor, actions, datetime.now(UTC))
        self._spread(worked)
        return worked.answers

    def announce_reset(self, site: SiteKey, reset: ResetAnnounced) -> None:
        """Take note that an aisle is rebuilt; raises what SQLAlchemy raises."""
        with self._database.write() as connection:
            worked = self._desk.advance(connection, {site: [reset]}, datetime.now(UTC))
        self._spread(worked)

    def read_again(self, letters: Sequence[int]) -> list[ReadAgain]:
        """Read dead letters again, by id, and tell all what has changed.

        Raises what SQLAlchemy raises.
        """
        now = datetime.now(UTC)
        changed, outcomes = read_again(self._database, self._desk, self._admission, letters, now)
        self._publisher.tell(changed)
        self._tell(changed)
        return outcomes

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish for whoever subscribes now or later; dropped while there is no connection."""
        connection = self._publisher.connection
        if connection is not None:
            connection.publish_retained(topic, payload)

    def _spread(self, worked: Worked) -> None:
        if worked.aisles:
            self._publisher.tell_alerts(worked.aisles)
            self._tell(Changed(alerts=frozenset(worked.aisles), pushes=worked.pushes))

    def _take_connection(self, connection: Connection | None) -> None:
        self._publisher.connection = connection
        if connection is not None:
            self._counts["connections"] += 1
            self._items.put(_Connected(connection))

    def _send(self, topic: str, payload: bytes) -> bool:
        connection = self._publisher.connection
        if connection is None or connection.ended.is_set():
            return False
        connection.publish(topic, payload)
        return True

    def _receive(self, connection: Connection, number: int, received: Received) -> None:
        if self.asker.take(received.topic, received.payload):
            connection.acknowledge(number)
            return
        self._items.put(_Letter(connection, number, received))

    def _write(self) -> None:
        while not self._stopping.is_set():
            try:
                item = self._items.get(timeout=TICK_SECS)
            except queue.Empty:
                item = None
            try:
                if isinstance(item, _Letter):
                    letters, item = self._gather(item)
                    self._commit(letters)
                if isinstance(item, _Connected):
                    self._publisher.remind()
                self._tick()
            except Exception:  # noqa: BLE001 - a fault after a commit must not end the rest
                _log.exception("collector failed; going on")

    def _tick(self) -> None:
        """Let the alerts' clocks run: what is due now is done now."""
        if time.monotonic() < self._next_tick_secs or self._stopping.is_set():
            return
        self._next_tick_secs = time.monotonic() + TICK_SECS
        try:
            if not self._desk.is_due(self._database, datetime.now(UTC)):
                return
            with self._database.write() as connection:
                worked = self._desk.tick(connection, datetime.now(UTC))
        except SQLAlchemyError as error:
            _log.warning("alerts cannot be looked at", reason=_reason(error))
            return
        self._spread(worked)

    def _gather(self, first: _Letter) -> tuple[list[_Letter], _Item]:
        """Return a batch, and the item that ended it if that was no message."""
        letters = [first]
        deadline = time.monotonic() + self._batch_wait_secs
        while len(letters) < self._batch_limit:
            try:
                item = self._items.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                break
            if not isinstance(item, _Letter):
                return letters, item
            letters.append(item)
        return letters, None

    def _commit(self, letters: list[_Letter]) -> None:
        changed = self._apply([letter.received for letter in letters])
        if changed is None:
            return
        for letter in letters:
            letter.connection.acknowledge(letter.number)
        self._counts["batches"] += 1
        self._counts["events"] += changed.events
        self._counts["dead_letters"] += changed.dead_letters
        self._dead_kinds += changed.dead
        self._publisher.tell(changed)
        self._tell(changed)

    def _apply(self, batch: list[Received]) -> Changed | None:
        """Commit a batch, however often that takes; None when stopped before that."""
        failures = 0
        while not self._stopping.is_set():
            try:
                return self._ingest.apply(batch)
            except Exception as error:  # noqa: BLE001 - no message may end the collector
                if not _is_passing(error) and len(batch) > 1:
                    return self._apply_singly(batch)
                buried = None if _is_passing(error) else self._bury(batch[0], error)
                if buried is not None:
                    return buried
                if not failures:
                    _log.warning("database cannot be written; retrying", reason=_reason(error))
            self._counts["retries"] += 1
            self._stopping.wait(backoff_secs(failures))
            failures += 1
        return None

    def _apply_singly(self, batch: list[Received]) -> Changed | None:
        """Find the messages that break a batch; the others are as good as ever."""
        parts = [self._apply([received]) for received in batch]
        if None in parts:
            return None
        return merge(part for part in parts if part is not None)

    def _bury(self, received: Received, error: Exception) -> Changed | None:
        """Make a message that cannot be written a dead letter; None when that fails too."""
        try:
            changed = self._ingest.bury(received, f"cannot be stored: {_reason(error)}")
        except SQLAlchemyError:
            return None
        _log.error("message cannot be stored", topic=received.topic, reason=_reason(error))
        return changed

    def _tell(self, changed: Changed) -> None:
        if changed.is_visible:
            for call in self._listeners:
                call()


def _is_passing(error: Exception) -> bool:
    """True for a fault of the database, not of what was to be written."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)
