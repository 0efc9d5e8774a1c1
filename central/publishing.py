"""What the collector tells over a connection: watermarks, answers, and the alerts of aisles."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from central.alert_rows import read_aisles, read_message
from central.changed import Changed, Watermarked
from central.database import AisleKey, Database
from central.home_assistant import discovery
from central.mqtt_connection import Connection
from shelf import topics
from shelf.topics import Node
from shelf.wire import Watermark

_log = structlog.get_logger(__name__)


class Publisher:
    """Publishes what the database holds. May be used from several threads.

    While there is no ``connection`` nothing is told: whoever comes back is reminded of all of it.
    """

    def __init__(self, database: Database, home_assistant: str | None = None) -> None:
        """``home_assistant`` is the prefix of its discovery messages, None for none."""
        self._database = database
        self._home_assistant = home_assistant
        self._lock = threading.Lock()
        self._announced: set[AisleKey] = set()
        self.connection: Connection | None = None

    def tell(self, changed: Changed) -> None:
        """Tell nodes, people and aisles what a commit has changed."""
        self._tell_watermarks(changed.watermarks)
        connection = self.connection
        if connection is not None:  # who gets no answer asks again, with the same action id
            for member, answer in changed.answers:
                connection.publish(member.answers, answer.to_json())
        self.tell_alerts(changed.alerts)

    def remind(self) -> None:
        """Publish all that is retained once more: a broker may have forgotten it."""
        self._announced.clear()
        try:
            marks = self._database.watermarks()
            with self._database.read() as connection:
                aisles = read_aisles(connection)
        except SQLAlchemyError as error:
            _log.warning("database cannot be read", reason=str(error))
            return
        self._tell_watermarks(
            Watermarked(Node.from_source(source), epoch, sequence)
            for source, (epoch, sequence) in marks.items()
        )
        self.tell_alerts(aisles)

    def tell_alerts(self, aisles: Iterable[AisleKey]) -> None:
        """Publish the alerts of aisles as they are now; a later call never says older things."""
        with self._lock:
            connection = self.connection
            if connection is None:
                return
            for aisle in aisles:
                try:
                    with self._database.read() as reading:
                        message = read_message(reading, aisle, datetime.now(UTC))
                except SQLAlchemyError as error:
                    _log.warning("database cannot be read", reason=str(error))
                    return
                connection.publish_retained(topics.open_alerts(*aisle), message.to_json())
                if self._home_assistant is not None and aisle not in self._announced:
                    self._announced.add(aisle)
                    connection.publish_retained(*discovery(aisle, self._home_assistant))

    def _tell_watermarks(self, marks: Iterable[Watermarked]) -> None:
        connection = self.connection
        if connection is None:
            return
        for mark in marks:
            watermark = Watermark(epoch=mark.epoch, sequence=mark.sequence)
            connection.publish_retained(mark.node.watermark, watermark.to_json())
