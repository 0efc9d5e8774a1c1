"""A site's camera as the calibration tool watches it: only while somebody looks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from calibration.tool.site import Sight
from edge_agent.camera_watch import WatchLimits
from edge_agent.capture import CameraReport, Capture
from edge_agent.config import CameraSettings
from edge_agent.frames import Frame, ImageBgr
from edge_agent.station import masked
from shelf.states import CameraState

PACE_SECS = 1.0
IDLE_SECS = 60.0
"""So long after the last question the camera is let go."""

LIMITS = WatchLimits(stale_secs=5.0, offline_secs=15.0, frozen_secs=60.0)
KEPT = 5
"""Looks that are kept, so that people can be taken out of the picture."""


class WatchedCamera:
    """Pictures of one camera, taken by the agent's own capture; for any thread.

    Masks are applied as the agent does. ``monotonic`` can be replaced for tests.
    """

    def __init__(
        self, settings: CameraSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._capture: Capture | None = None
        self._frames: deque[Frame] = deque(maxlen=KEPT)
        self._fault = ""
        self._asked_secs = 0.0

    def sight(self) -> Sight:
        """Return the newest picture, and why there is no newer one; starts the camera."""
        capture = self._wake()
        capture.check()
        with self._lock:
            if not self._frames:
                return Sight(None, 0, None, self._fault)
            frame = self._frames[-1]
            return Sight(frame.image_bgr, frame.sequence, frame.captured_at_utc, self._fault)

    def recent(self) -> list[ImageBgr]:
        """Return the last looks, at most `KEPT`, the newest last."""
        with self._lock:
            frames = list(self._frames)
        if not frames:
            return []
        shape = frames[-1].image_bgr.shape
        return [frame.image_bgr for frame in frames if frame.image_bgr.shape == shape]

    def rest(self) -> None:
        """Let the camera go when nobody has asked for `IDLE_SECS`; call it now and then."""
        with self._lock:
            idle_secs = self._monotonic() - self._asked_secs
            if self._capture is None or idle_secs < IDLE_SECS:
                return
        self.close()

    def close(self) -> None:
        """Let the camera go; the next question starts it again."""
        with self._lock:
            capture, self._capture = self._capture, None
            self._frames.clear()
            self._fault = ""
        if capture is not None:
            capture.stop()

    def _wake(self) -> Capture:
        with self._lock:
            self._asked_secs = self._monotonic()
            if self._capture is None:
                self._capture = Capture(
                    self._settings.id,
                    self._settings.source,
                    look_every_secs=PACE_SECS,
                    put=self._put,
                    report=self._report,
                    limits=LIMITS,
                )
                self._capture.start()
            return self._capture

    def _put(self, frame: Frame) -> None:
        image = masked(frame.image_bgr, self._settings.masks)
        kept = Frame(
            frame.camera, frame.sequence, frame.captured_at_utc, frame.monotonic_secs, image
        )
        with self._lock:
            self._frames.append(kept)

    def _report(self, report: CameraReport) -> None:
        self._fault = "" if report.state is CameraState.OK else report.detail
