"""A calibration that may be replaced while the agent runs.

A new calibration file is noticed, read and checked, and only then takes the place of the one in
use; one that is broken or does not fit the site is refused and the old one stays. A file that does
not exist yet is waited for: a camera is calibrated while the agent runs.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from calibration import Calibration
from edge_agent import metrics
from edge_agent.check import camera_problems
from edge_agent.config import CameraSettings
from edge_agent.watched_files import WatchedFiles
from shelf import ConfigError, PlanogramVersions

_log = structlog.get_logger(__name__)

Fingerprint = tuple[int, int, int] | None
"""Inode, time of change and size of a file; None where there is none."""


class WatchedCalibration:
    """The calibration of one camera. `check` is for one thread; the properties are for any.

    Raises `ConfigError` when the first one cannot be used.
    """

    def __init__(self, camera: CameraSettings, versions: PlanogramVersions) -> None:
        self._camera = camera
        self._versions = versions
        self._files = WatchedFiles(lambda: _fingerprint(camera.calibration))
        self._current = load_calibration(camera, versions)
        self._refused = ""
        if self._is_awaited:
            _log.warning("not calibrated yet", camera=camera.id, expected=str(camera.calibration))

    @property
    def current(self) -> Calibration | None:
        """The calibration to look with; None for a camera without one."""
        return self._current

    @property
    def refused(self) -> str:
        """Why the file that lies there now is not used; empty when it is."""
        return self._refused

    @property
    def note(self) -> str:
        """What an operator should know, in words; empty when all is as the site file says."""
        if self._refused:
            kept = "no calibration is used" if self._current is None else "the old one is kept"
            return f"a new calibration was refused, {kept}: {' '.join(self._refused.split())}"
        if self._is_awaited:
            return f"not calibrated yet: {self._camera.calibration} does not exist"
        return ""

    @property
    def _is_awaited(self) -> bool:
        return self._current is None and self._camera.calibration is not None

    def check(self, *, at_once: bool = False) -> None:
        """Use the file that lies there now, if it has changed and passes every check.

        ``at_once`` takes one that may still be on its way.
        """
        if not self._files.have_changed(at_once=at_once):
            return
        name, path = self._camera.id, self._camera.calibration
        assert path is not None  # a camera without a file has none that changes
        try:
            loaded = Calibration.load(path)
            _check(self._camera, self._versions, loaded)
        except ConfigError as error:
            self._refused = str(error)
            metrics.CALIBRATION_CHANGES.labels(name, "refused").inc()
            _log.error(
                "new calibration refused",
                camera=name,
                reason=self._refused,
                kept=_version(self._current),
            )
            return
        self._refused = ""
        if loaded == self._current:
            return
        before, self._current = self._current, loaded
        metrics.CALIBRATION_CHANGES.labels(name, "used").inc()
        _log.info("calibration changed", camera=name, before=_version(before), now=_version(loaded))


def load_calibration(camera: CameraSettings, versions: PlanogramVersions) -> Calibration | None:
    """Return a camera's calibration, None where the site names none or it is not made yet.

    Raises `ConfigError` for a file that is broken or does not fit camera and planogram.
    """
    calibration = None
    if camera.calibration is not None and camera.calibration.exists():
        calibration = Calibration.load(camera.calibration)
    _check(camera, versions, calibration)
    return calibration


def _check(
    camera: CameraSettings, versions: PlanogramVersions, calibration: Calibration | None
) -> None:
    if problems := camera_problems(camera, versions, calibration):
        raise ConfigError(problems)


def _fingerprint(path: Path | None) -> Fingerprint:
    """Links are followed, so one that is pointed elsewhere counts as a change."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return found and (found.st_ino, found.st_mtime_ns, found.st_size)


def _version(calibration: Calibration | None) -> str:
    return "none" if calibration is None else calibration.version
