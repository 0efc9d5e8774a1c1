"""Capture: one thread for each camera, which takes looks and reports whether it can."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from edge_agent.backoff import Backoff
from edge_agent.camera_watch import CameraWatch, Change, WatchLimits
from edge_agent.frames import Frame
from edge_agent.sources import EndOfSource, Source, SourceError, SourceSettings, open_source
from shelf.states import CameraState

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CameraReport:
    """A camera is in a new state; ``detail`` says why in words, without credentials."""

    camera: str
    state: CameraState
    detail: str
    at_utc: datetime


@dataclass(slots=True)
class CaptureCounts:
    """What has happened to one camera since the start."""

    looks: int = 0
    failures: int = 0
    frozen: int = 0
    opened: int = 0


class Capture:
    """Takes a look of one camera every ``look_every_secs`` and passes it on as a `Frame`.

    ``put`` gets every frame that can be trusted, in the capture thread. ``report`` gets a
    `CameraReport` once for each change of state, from the capture thread or from the thread
    that calls `check`; it must return quickly and not call back. A live source that fails or
    freezes is closed and opened again after a pause that grows; others keep their place.
    The clocks and the random source can be replaced for tests.
    """

    def __init__(
        self,
        camera: str,
        settings: SourceSettings,
        *,
        look_every_secs: float,
        put: Callable[[Frame], None],
        report: Callable[[CameraReport], None],
        limits: WatchLimits | None = None,
        opener: Callable[[SourceSettings], Source] = open_source,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.camera = camera
        self.counts = CaptureCounts()
        self.is_ended = threading.Event()
        self._settings = settings
        self._look_every_secs = look_every_secs
        self._put = put
        self._report = report
        self._opener = opener
        self._backoff = Backoff(rng=rng or random.Random())
        self._monotonic = monotonic
        self._utc_now = utc_now
        self._watch = CameraWatch(
            limits or WatchLimits.for_pace(look_every_secs),
            is_live=settings.is_live,
            started_secs=monotonic(),
        )
        self._watching = threading.Lock()
        self._source: Source | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture {camera}", daemon=True)

    @property
    def state(self) -> CameraState | None:
        """The state last reported; None before the first."""
        return self._watch.state

    def start(self) -> None:
        """Start the thread; the first look is taken at once."""
        self._thread.start()

    def stop(self, timeout_secs: float = 2.0) -> bool:
        """Stop and return whether the thread has ended.

        A thread that hangs in a driver is left behind; it does not keep the process alive.
        """
        self._stopping.set()
        source = self._source
        if source is not None:
            source.close()
        if self._thread.is_alive():
            self._thread.join(timeout_secs)
        return not self._thread.is_alive()

    def check(self) -> None:
        """Report a camera that hangs or stays away; call it about once a second."""
        if not self.is_ended.is_set():
            self._tell(lambda now_secs: self._watch.checked(now_secs))

    def look(self) -> float | None:
        """Try one look and return the seconds until the next, None after the last.

        The thread calls it in a loop; tests call it by hand.
        """
        begun_secs = self._monotonic()
        try:
            if self._source is None:
                self._source = self._opener(self._settings)
                self.counts.opened += 1
            grab = self._source.grab()
        except EndOfSource as error:
            reason = str(error)
            self._tell(lambda _: self._watch.ended(reason))
            self.is_ended.set()
            return None
        except SourceError as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - the thread must outlive any driver's fault
            _log.exception("camera driver failed", camera=self.camera)
            return self._failed(f"unexpected {type(error).__name__} in the driver")
        self._tell(lambda now_secs: self._watch.seen(grab.image_bgr, now_secs))
        if not self._watch.is_trusted:
            self.counts.frozen += 1
            return self._pause_secs()
        self._backoff.succeeded()
        self.counts.looks += 1
        if not self._stopping.is_set():
            self._put(
                Frame(
                    camera=self.camera,
                    sequence=self.counts.looks,
                    captured_at_utc=grab.captured_at_utc or self._utc_now(),
                    monotonic_secs=self._monotonic(),
                    image_bgr=grab.image_bgr,
                )
            )
        return max(0.0, begun_secs + self._look_every_secs - self._monotonic())

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause_secs = self.look()
                if pause_secs is None or self._stopping.wait(pause_secs):
                    return
        finally:
            self._close_source()

    def _failed(self, reason: str) -> float:
        if not self._stopping.is_set():
            self.counts.failures += 1
            self._tell(lambda now_secs: self._watch.failed(reason, now_secs))
        return self._pause_secs()

    def _pause_secs(self) -> float:
        if self._settings.is_live:
            self._close_source()
        return self._backoff.next_secs()

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _tell(self, happened: Callable[[float], Change | None]) -> None:
        """Let the watch decide, and report a change; one at a time, so that order is kept."""
        with self._watching:
            change = happened(self._monotonic())
            if change is None:
                return
            state, detail = change
            _log.info("camera", camera=self.camera, state=state.value, detail=detail)
            self._report(CameraReport(self.camera, state, detail, self._utc_now()))
