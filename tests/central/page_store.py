"""What the tests of the page over HTTP share: rows in a database, and a collector that listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from central import tables
from central.alerts import ResetAnnounced
from central.asking import Asker
from central.database import Database, insert_new
from central.dead_letters import ReadAgain
from central.desk import Actor, SiteKey
from shelf.wire import ActionOutcome, StaffAction, StaffAnswer


def insert(database: Database, table: str, *rows: Mapping[str, object]) -> None:
    with database.write() as connection:
        insert_new(connection, tables.metadata.tables[table], rows)


class FakeCollector:
    """Commits and closes when a test says so."""

    def __init__(self) -> None:
        self.is_connected = True
        self.detail = ""
        self.asker: Asker | None = None
        self.acted: list[tuple[Actor, StaffAction]] = []
        self.reread: list[int] = []
        self.resets: list[tuple[SiteKey, ResetAnnounced]] = []
        self._listeners: list[Callable[[], None]] = []

    def on_commit(self, call: Callable[[], None]) -> None:
        self._listeners.append(call)

    def commit(self) -> None:
        for call in self._listeners:
            call()

    def act(self, actor: Actor, actions: Sequence[StaffAction]) -> list[StaffAnswer]:
        self.acted += [(actor, action) for action in actions]
        return [
            StaffAnswer(action=a.action, alert=a.alert, outcome=ActionOutcome.APPLIED)
            for a in actions
        ]

    def read_again(self, letters: Sequence[int]) -> list[ReadAgain]:
        self.reread += letters
        return [ReadAgain(letter, "still odd" if letter % 2 else None) for letter in letters]

    def announce_reset(self, site: SiteKey, reset: ResetAnnounced) -> None:
        self.resets.append((site, reset))
