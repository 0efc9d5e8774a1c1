"""What is on disk of a camera's calibration, read again only when it has changed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from calibration.calibration_file import Calibration, CalibrationError
from calibration.history import history
from shelf.errors import ConfigError


class SavedFiles:
    """A calibration file and its earlier versions: pages ask for them every second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: object = None
        self._current: Calibration | ConfigError | None = None
        self._versions: tuple[Calibration, ...] = ()

    def current(self) -> Calibration | None:
        """Return what is in force, None without a file; raises `ConfigError` for a broken one."""
        self._read()
        if isinstance(self._current, ConfigError):
            raise self._current
        return self._current

    def versions(self) -> tuple[Calibration, ...]:
        """Return all versions that can be read, the newest first."""
        self._read()
        return self._versions

    def put_broken_aside(self, now: datetime) -> None:
        """Rename a file that cannot be read, so that a new one can take its place."""
        self._read()
        if not isinstance(self._current, ConfigError):
            return
        aside = self._file.with_name(f"{self._file.name}.broken-{now:%Y%m%dT%H%M%S}")
        try:
            self._file.rename(aside)
        except OSError as error:
            raise CalibrationError(f"{self._file}: cannot be renamed: {error.strerror}") from error

    def _read(self) -> None:
        stamp = _stamp(self._file), _stamp(self._file.with_name(f"{self._file.stem}.history"))
        if stamp == self._stamp:
            return
        try:
            self._current = Calibration.load(self._file) if self._file.exists() else None
        except ConfigError as error:
            self._current = error
        self._versions = history(self._file)
        self._stamp = stamp


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
