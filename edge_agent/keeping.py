"""Pictures for training, where the site file asks for them: settled parts only, for stated days.

Nothing is kept unless `keep.frames` is set; when it is taken out of the site file, what was kept
is deleted at the next start.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

from edge_agent.config import KeepFrames
from edge_agent.picture import encode_jpeg
from edge_agent.settled import LastLook, Settled
from shelf import CameraState

FOLDER = "frames"
"""Beside the outbox."""

SWEEP_EVERY = timedelta(minutes=10)
_FORM = "%Y%m%dT%H%M%SZ"
_AHEAD = timedelta(days=1)
"""A picture from further in the future was dated by a wrong clock, and is deleted."""

_QUALITY = 92

_log = structlog.get_logger(__name__)


class FrameKeeper:
    """Keeps pictures of a node's cameras in ``folder``, one subfolder a camera."""

    def __init__(
        self, folder: Path, cameras: Iterable[str], settled: Settled, keep: KeepFrames | None
    ) -> None:
        """Nothing is written or deleted before the first `tick`; None keeps nothing."""
        self._folder = folder
        self._cameras = tuple(cameras)
        self._settled = settled
        self._keep = keep
        self._kept_at: dict[str, datetime] = {}
        self._swept_at: datetime | None = None
        self._is_failing = False

    def tick(self, now_utc: datetime) -> None:
        """Keep what is due and delete what is too old, too much, or kept no more."""
        try:
            if self._keep is not None:
                for camera in self._cameras:
                    self._offer(camera, self._keep, now_utc)
            if self._swept_at is None or abs(now_utc - self._swept_at) >= SWEEP_EVERY:
                self._swept_at = now_utc
                self._sweep(now_utc)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                _log.warning("frames cannot be kept", folder=str(self._folder), reason=str(error))
            self._is_failing = True

    def _offer(self, camera: str, keep: KeepFrames, now_utc: datetime) -> None:
        before = self._kept_at.get(camera)
        if before is not None and abs(now_utc - before) < timedelta(seconds=keep.every_secs):
            return
        last = self._settled.of_camera(camera)
        if last is None or not _is_worth_keeping(last):
            return
        self._kept_at[camera] = now_utc
        folder = self._folder / camera
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / ".partial"
        partial.write_bytes(encode_jpeg(last.picture.image_bgr, _QUALITY))
        partial.replace(folder / f"{now_utc.astimezone(UTC).strftime(_FORM)}.jpg")

    def _sweep(self, now_utc: datetime) -> None:
        kept = sorted(
            (taken_at, path)
            for path in self._folder.glob("*/*.jpg")
            if (taken_at := _taken_at(path)) is not None
        )
        total = sum(path.stat().st_size for _, path in kept)
        for taken_at, path in kept:
            is_old = (
                self._keep is None
                or now_utc - taken_at > timedelta(days=self._keep.days)
                or taken_at - now_utc > _AHEAD
            )
            if is_old or (self._keep is not None and total > self._keep.max_bytes):
                total -= path.stat().st_size
                path.unlink()


def _is_worth_keeping(last: LastLook) -> bool:
    return last.state is CameraState.OK and bool(np.isfinite(last.picture.seen_at).all())


def _taken_at(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.stem, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None  # not ours: it stays
