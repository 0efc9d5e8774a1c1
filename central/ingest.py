"""A batch of messages into the database, in one transaction.

Afterwards, and only then, the caller may acknowledge the messages and publish the watermarks
that `Ingest.apply` returns. Repeated messages change nothing; old ones do not overwrite newer
states.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from central.admission import EVERYBODY, Admission
from central.changed import Changed
from central.database import Database
from central.desk import Desk
from central.ingest_batch import Batch, Known
from central.intake import (
    Dead,
    DeadKind,
    DroppedEvent,
    EvidenceEvent,
    Numbered,
    Received,
    StateEvent,
    understand,
)
from central.sharing import lock_stores
from shelf.topics import Node


class Ingest:
    """Writes batches. One per database, used by one thread."""

    def __init__(
        self,
        database: Database,
        desk: Desk | None = None,
        admission: Admission = EVERYBODY,
        *,
        is_shared: bool = False,
    ) -> None:
        """Without a ``desk`` the alerts of all sites go by the default rules.

        ``is_shared`` says that other processes write messages of the same nodes.
        """
        self._database = database
        self._desk = desk or Desk()
        self._admission = admission
        self._known = Known(is_shared=is_shared)

    def apply(self, batch: Sequence[Received]) -> Changed:
        """Commit a batch; raises what SQLAlchemy raises, and then nothing has changed."""
        with self._database.write() as connection:
            self._lock(connection, batch)
            work = Batch(connection, self._known, self._admission)
            for received in batch:
                work.take(received)
            changed = work.write(self._desk)
        self._known = work.known_after()
        return changed

    def bury(self, received: Received, reason: str) -> Changed:
        """Commit a message that `apply` cannot write as a dead letter."""
        with self._database.write() as connection:
            self._lock(connection, [received])
            work = Batch(connection, self._known, self._admission)
            work.take_dead(_dead(received, reason))
            changed = work.write(self._desk)
        self._known = work.known_after()
        return changed

    def _lock(self, connection: Connection, batch: Sequence[Received]) -> None:
        if self._known.is_shared:
            lock_stores(connection, batch)


def _dead(received: Received, reason: str) -> Dead:
    meaning = understand(received)
    number, node = None, None
    if isinstance(meaning, Dead):
        number, node = meaning.number, meaning.sender
    elif isinstance(meaning, StateEvent | EvidenceEvent | DroppedEvent):
        event = meaning.event
        number = Numbered(event.source, event.epoch, event.sequence)
        node = Node.from_source(event.source)
    return Dead(received, reason, DeadKind.UNSTORABLE, number, node)
