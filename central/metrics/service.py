"""The thread that keeps figures up to date, publishes them, and deletes what is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from central.database import Database
from central.metric_settings import Keep
from central.metrics.feeds import Feeds
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.retention import prune

STEP_SECS = 2.0
"""How often is looked whether something is due."""

PRUNE_SECS = 3600.0

_log = structlog.get_logger(__name__)

PublishRetained = Callable[[str, bytes], None]


class MetricsService:
    """Runs until it is stopped. What cannot be done now is done later."""

    def __init__(
        self,
        database: Database,
        grouping: Grouping,
        keep: Keep,
        publish: PublishRetained,
        *,
        publish_every_secs: float = 60.0,
    ) -> None:
        """Nothing happens before `start`. ``publish`` may drop what it cannot send."""
        self._database = database
        self._roller = Roller(database, grouping.zone_of)
        self._feeds = Feeds(database, grouping)
        self._keep = keep
        self._publish = publish
        self._publish_every_secs = publish_every_secs
        self._stopping = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="metrics")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the step under way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        next_prune = next_publish = 0.0
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and self._roller.step(datetime.now(UTC)):
                    pass
                if time.monotonic() >= next_publish:
                    next_publish = time.monotonic() + self._publish_every_secs
                    self._tell()
                if time.monotonic() >= next_prune:
                    next_prune = time.monotonic() + PRUNE_SECS
                    self._prune()
                self._is_failing = False
            except SQLAlchemyError as error:
                if not self._is_failing:
                    _log.warning("figures cannot be brought up to date", reason=str(error))
                self._is_failing = True
            except Exception:  # noqa: BLE001 - a fault of ours must not end the rest
                _log.exception("figures failed; going on")
            self._stopping.wait(STEP_SECS)

    def _tell(self) -> None:
        for topic, payload in self._feeds.read(datetime.now(UTC)):
            if self._stopping.is_set():
                return
            self._publish(topic, payload)

    def _prune(self) -> None:
        deleted = prune(self._database, self._keep, datetime.now(UTC))
        if deleted:
            _log.info("what was over is deleted", **deleted)
