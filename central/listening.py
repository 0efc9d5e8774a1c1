"""Keeps the collector connected to its broker, and says why it is not."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import structlog

from central.broker_settings import BrokerSettings
from central.mqtt_connection import (
    Connection,
    NotConnectedError,
    OnMessage,
    VersionRefusedError,
)
from shelf.broker import VersionChoice

RETRY_SECS = 0.5
RETRY_CAP_SECS = 30.0

_log = structlog.get_logger(__name__)

OnChange = Callable[[Connection | None], None]


class Listener:
    """Connects, and connects again, in a thread of its own until it is stopped.

    ``on_change`` is called there with each new connection, and with None when it has ended.
    """

    def __init__(
        self, settings: BrokerSettings, on_message: OnMessage, on_change: OnChange
    ) -> None:
        """Nothing is connected before `start`."""
        self._settings = settings
        self._on_message = on_message
        self._on_change = on_change
        self._stopping = threading.Event()
        self.detail = "connecting"
        self._thread = threading.Thread(target=self._stay_connected, name="collector-mqtt")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _stay_connected(self) -> None:
        failures, choice = 0, VersionChoice(self._settings.protocol)
        while not self._stopping.is_set():
            connection = Connection(self._settings, choice.version, self._on_message)
            try:
                connection.open()
                failures = 0
                choice.succeeded()
                self._set_detail("")
                self._on_change(connection)
                while not connection.ended.wait(0.2) and not self._stopping.is_set():
                    pass
                if not self._stopping.is_set():
                    self._set_detail(connection.end)
            except VersionRefusedError as error:
                if choice.refused():
                    self._tell_of_the_older_version(choice)
                    continue
                self._set_detail(str(error))
            except NotConnectedError as error:
                choice.failed()
                self._set_detail(str(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the listening
                _log.exception("collector failed; connecting again")
                self._set_detail(f"internal: {error!r}")
            finally:
                self._on_change(None)
                connection.close()
            self._stopping.wait(backoff_secs(failures))
            failures += 1

    def _tell_of_the_older_version(self, choice: VersionChoice) -> None:
        if choice.take_news():
            url = self._settings.url
            _log.info("the broker refuses MQTT 5", broker=url, speaking=choice.version)

    def _set_detail(self, detail: str) -> None:
        if detail == self.detail:
            return
        self.detail = detail
        if detail:
            _log.warning("collector not connected", broker=self._settings.url, reason=detail)
        else:
            _log.info("collector connected", broker=self._settings.url)


def backoff_secs(failures: int) -> float:
    """Return how long to wait after so many failures in a row, with jitter."""
    wait = min(RETRY_SECS * 2.0 ** min(failures, 30), RETRY_CAP_SECS)
    return wait * random.uniform(0.5, 1.0)
