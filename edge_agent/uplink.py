"""The node's connection to its broker: the outbox's events out, the collector's watermark in.

Commands come in and replies go out beside them; neither is kept over a broken connection, since
who asked does not wait so long.

A broker's acknowledgement frees the connection's flow control and nothing else: a row stays in
the outbox until the collector's watermark covers it. Each connection begins with the birth, the
retained messages and then all events from the lowest that is not known to be committed.

One thread owns all sending; paho's own thread only leaves notes for it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version

import structlog

from edge_agent.backoff import Backoff
from edge_agent.broker_settings import BrokerSettings
from edge_agent.mqtt_connection import (
    Connection,
    LostError,
    OnCommand,
    RefusedError,
    VersionRefusedError,
)
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.send_window import SendWindow, Stall
from shelf.broker import VersionChoice
from shelf.topics import Node
from shelf.wire import NodeStatus, Watermark

FAREWELL_SECS = 2.0
ROWS_A_READ = 100

COUNTS = ("attempts", "connections", "published", "resends", "ignored_watermarks")

WAITING_REPLIES = 16
"""Replies that may wait to be sent; who asks gives up soon, so an older one makes room."""

STEADY_SECS = 10.0
"""A connection that lasted this long was a good one: the next attempt comes soon."""

_log = structlog.get_logger(__name__)


class UplinkState(StrEnum):
    """How the connection stands; ``refused`` needs a person, ``offline`` heals by itself."""

    CONNECTING = "connecting"
    ONLINE = "online"
    REFUSED = "refused"
    OFFLINE = "offline"


class Uplink:
    """Publishes the outbox of ``node`` until it is stopped."""

    def __init__(
        self,
        node: Node,
        outbox: Outbox,
        settings: BrokerSettings,
        *,
        window_events: int = 1000,
        window_bytes: int = 4 * 1024 * 1024,
        resend_after_secs: float = 30.0,
        resend_cap_secs: float = 900.0,
        retry_secs: float = 1.0,
        retry_cap_secs: float = 60.0,
        on_command: OnCommand | None = None,
    ) -> None:
        """Nothing is connected before `start`.

        ``window_events`` and ``window_bytes`` bound what is sent ahead of the watermark;
        ``resend_after_secs`` without progress ask for a resend, doubling to the cap; attempts
        to connect begin ``retry_secs`` apart, doubling to their cap. ``on_command`` gets each
        command's name and payload, in a thread that it must not hold up.
        """
        self._on_command = on_command or (lambda _name, _payload: None)
        self._node = node
        self._outbox = outbox
        self._settings = settings
        self._choice = VersionChoice(settings.protocol)
        self._window = SendWindow(
            limit_events=window_events,
            limit_bytes=window_bytes,
            resend_after_secs=resend_after_secs,
            resend_cap_secs=resend_cap_secs,
        )
        self._rebirth_secs = resend_after_secs
        self._backoff = Backoff(retry_secs, retry_cap_secs)
        self._born_secs = 0.0
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._changed = threading.Condition()
        self._stop_at_secs: float | None = None
        self._state = UplinkState.CONNECTING
        self._detail = ""
        self._retained: dict[str, bytes] = {}
        self._to_retain: set[str] = set()
        self._metrics: bytes | None = None
        self._replies: deque[tuple[str, bytes]] = deque(maxlen=WAITING_REPLIES)
        self._watermark: Watermark | None = None
        self._news = False
        self._counts = Counter(dict.fromkeys(COUNTS, 0))
        self._version = version("shelfwatch")

    @property
    def state(self) -> UplinkState:
        """How the connection stands."""
        return self._state

    @property
    def detail(self) -> str:
        """Why, in words: what the broker or the system said last."""
        return self._detail

    @property
    def counts(self) -> Counter[str]:
        """What has happened since the start, by the names in `COUNTS`."""
        return Counter(self._counts)

    def start(self) -> None:
        """Begin connecting, in a thread of its own."""
        self._thread.start()

    def stop(self, drain_secs: float = 5.0) -> None:
        """Wait up to ``drain_secs`` for the outbox to empty, say goodbye and disconnect.

        Without a connection it does not wait: what is left goes out at the next start.
        """
        with self._changed:
            self._stop_at_secs = time.monotonic() + drain_secs
            self._wake()
        if self._thread.ident is not None:
            self._thread.join()

    def notify(self) -> None:
        """Say that the outbox has new rows."""
        with self._changed:
            self._wake()

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish the newest message of ``topic`` now, and again after each reconnect."""
        with self._changed:
            self._retained[topic] = payload
            self._to_retain.add(topic)
            self._wake()

    def publish_metrics(self, payload: bytes) -> None:
        """Publish health figures, if there is a connection; they are not kept."""
        with self._changed:
            self._metrics = payload
            self._wake()

    def answer(self, topic: str, payload: bytes) -> None:
        """Publish a reply once, if there is a connection; it is not kept for a later one."""
        with self._changed:
            self._replies.append((topic, payload))
            self._wake()

    def _wake(self) -> None:
        self._news = True
        self._changed.notify_all()

    @property
    def _stopping(self) -> bool:
        return self._stop_at_secs is not None

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._connect_and_serve()
            except VersionRefusedError as error:
                if self._choice.refused():
                    self._tell_of_the_older_version()
                    continue
                self._set_state(UplinkState.REFUSED, str(error))
            except RefusedError as error:
                self._set_state(UplinkState.REFUSED, str(error))
            except LostError as error:
                self._set_state(UplinkState.OFFLINE, str(error))
            except OutboxError as error:
                self._set_state(UplinkState.OFFLINE, f"outbox: {error}")
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the sending
                _log.exception("uplink failed; connecting again")
                self._set_state(UplinkState.OFFLINE, f"internal: {error!r}")
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, self._backoff.next_secs())
        self._set_state(UplinkState.OFFLINE, "stopped")

    def _set_state(self, state: UplinkState, detail: str) -> None:
        if (state, detail) == (self._state, self._detail):
            return
        known = state is self._state
        self._state, self._detail = state, detail
        if known:
            return
        log = _log.warning if state in (UplinkState.REFUSED, UplinkState.OFFLINE) else _log.info
        log("uplink", state=state.value, broker=self._settings.url, detail=detail)

    def _tell_of_the_older_version(self) -> None:
        if self._choice.take_news():
            url = self._settings.url
            _log.info("the broker refuses MQTT 5", broker=url, speaking=self._choice.version)

    def _connect_and_serve(self) -> None:
        connection = Connection(
            self._settings,
            self._choice.version,
            self._node,
            self._status("offline"),
            self._note,
            self._on_command,
        )
        opened_secs = None
        self._counts["attempts"] += 1
        try:
            with self._changed:
                self._watermark = None
                self._replies.clear()
            connection.open()
            opened_secs = time.monotonic()
            self._choice.succeeded()
            self._counts["connections"] += 1
            self._begin(connection)
            self._set_state(UplinkState.ONLINE, "")
            self._serve(connection)
        finally:
            connection.close()
            if opened_secs is None:
                self._choice.failed()
            elif time.monotonic() - opened_secs > STEADY_SECS:
                self._backoff.succeeded()

    def _note(self, watermark: Watermark | None) -> None:
        """Take a note from paho's thread: a watermark, or None for anything else that is new."""
        with self._changed:
            if watermark is not None:
                self._watermark = watermark
            self._wake()

    def _status(self, state: str) -> bytes:
        status = NodeStatus.model_validate(
            {
                "state": state,
                "time": datetime.now(UTC),
                "epoch": self._outbox.epoch,
                "first_sequence": self._outbox.first_sequence,
                "version": self._version,
            }
        )
        return status.to_json()

    def _begin(self, connection: Connection) -> None:
        with self._changed:
            self._to_retain = set(self._retained)
            self._wake()
        connection.subscribe([self._node.watermark, self._node.command("+")])
        self._give_birth(connection)

    def _give_birth(self, connection: Connection) -> None:
        """Say where the events begin, and begin there."""
        now = time.monotonic()
        self._born_secs = now
        connection.publish(self._node.status, self._status("online"), retain=True)
        self._window.begin(self._outbox.first_sequence - 1, now)

    def _serve(self, connection: Connection) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news, self._wait_secs())
                self._news = False
                watermark, self._watermark = self._watermark, None
                metrics, self._metrics = self._metrics, None
                replies = list(self._replies)
                self._replies.clear()
                retained = {topic: self._retained[topic] for topic in self._to_retain}
                self._to_retain.clear()
            connection.check()
            if connection.take_confirmed():
                self._window.received(time.monotonic())
            if watermark is not None:
                self._commit(connection, watermark)
            for topic, payload in retained.items():
                connection.publish(topic, payload, retain=True)
            for topic, payload in replies:
                connection.publish(topic, payload)
            if metrics is not None:
                connection.publish(self._node.metrics, metrics, qos=0)
            self._send(connection)
            self._resend_if_stalled(connection)
            if self._is_time_to_go():
                self._say_goodbye(connection)
                return

    def _wait_secs(self) -> float | None:
        now = time.monotonic()
        waits = [self._window.wait_secs(now)]
        if self._stop_at_secs is not None:
            waits.append(max(self._stop_at_secs - now, 0.0))
        return min((wait for wait in waits if wait is not None), default=None)

    def _commit(self, connection: Connection, watermark: Watermark) -> None:
        outbox = self._outbox
        if watermark.epoch != outbox.epoch:
            self._counts["ignored_watermarks"] += 1
            return
        if watermark.sequence > outbox.last_sequence:
            outbox.renew_epoch()
            self._give_birth(connection)
            return
        before = outbox.first_sequence
        if watermark.sequence < before - 1:
            self._counts["ignored_watermarks"] += 1
            if time.monotonic() - self._born_secs > self._rebirth_secs:
                self._give_birth(connection)
            return
        outbox.acknowledge(watermark.epoch, watermark.sequence)
        if outbox.first_sequence > before:
            self._window.committed(watermark.sequence, time.monotonic())

    def _send(self, connection: Connection) -> None:
        while (room := min(self._window.room, connection.room)) > 0:
            rows = self._outbox.read(self._window.cursor, min(room, ROWS_A_READ))
            if not rows:
                return
            for row in rows:
                if self._window.room <= 0:
                    return
                connection.publish(row.topic, row.payload)
                self._window.sent(row.sequence, len(row.payload), time.monotonic())
                self._counts["published"] += 1

    def _resend_if_stalled(self, connection: Connection) -> None:
        stall = self._window.check(time.monotonic(), connection.unconfirmed)
        if stall is Stall.RECONNECT:
            raise LostError("the broker has stopped acknowledging")
        if stall is Stall.RESEND:
            self._counts["resends"] += 1
            _log.info("nothing committed for a while: sending again", after=self._window.cursor)
            self._give_birth(connection)
            self._send(connection)

    def _is_time_to_go(self) -> bool:
        if self._stop_at_secs is None:
            return False
        drained = self._outbox.first_sequence > self._outbox.last_sequence
        return drained or time.monotonic() >= self._stop_at_secs

    def _say_goodbye(self, connection: Connection) -> None:
        connection.publish(self._node.status, self._status("offline"), retain=True)
        deadline = time.monotonic() + FAREWELL_SECS
        with self._changed:
            while connection.unconfirmed and time.monotonic() < deadline:
                self._changed.wait(0.05)
