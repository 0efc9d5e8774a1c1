"""Writing a camera's calibration file, with its earlier versions kept beside it.

Beside ``c1.yaml`` lies the folder ``c1.history`` with a file for every version that was written,
named after it. The file itself is replaced in one step: a reader sees the old or the new one,
never a part of one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import yaml

from calibration.calibration_file import Approval, Calibration, CalibrationError
from shelf import ConfigError
from shelf.whole_file import write_whole

_NUMBER = re.compile(r"(\d+)$")


class VersionConflictError(CalibrationError):
    """Somebody else has written another version meanwhile."""


def save(calibration: Calibration, path: Path, *, expected_version: str | None) -> None:
    """Write ``calibration`` to ``path`` and keep what was there.

    ``expected_version`` is the version that the caller began with, None for no file. Raises
    `VersionConflictError` when another one is there now or ``calibration`` names a version that
    was written before, `CalibrationError` when the folder cannot be written.
    """
    there = Calibration.load(path) if path.exists() else None
    found = None if there is None else there.version
    if found != expected_version:
        raise VersionConflictError(
            f"{path}: expected {_words(expected_version)}, found {_words(found)}: somebody else "
            "has saved meanwhile; load it again before you save"
        )
    if calibration.version in {found, *(kept.version for kept in history(path))}:
        raise VersionConflictError(
            f"{path}: version: expected one that was never used, found {calibration.version}"
        )
    try:
        if there is not None and not _kept(path, there.version).exists():
            write_whole(_kept(path, there.version), path.read_bytes())
        content = _text(calibration).encode()
        write_whole(_kept(path, calibration.version), content)
        write_whole(path, content)
    except OSError as error:
        raise CalibrationError(
            f"{error.filename or path}: cannot be written: {error.strerror}"
        ) from (error)


def history(path: Path) -> tuple[Calibration, ...]:
    """Return all versions of the calibration file ``path``, the newest first.

    Versions that cannot be read any more are left out.
    """
    files = {file for file in _folder(path).glob("*.yaml") if file.is_file()}
    found: dict[str, tuple[float, Calibration]] = {}
    for file in [path, *files]:
        with suppress(ConfigError):
            calibration = Calibration.load(file)
            found.setdefault(calibration.version, (file.stat().st_mtime, calibration))
    ordered = sorted(found.values(), key=lambda pair: (_number(pair[1].version), pair[0]))
    return tuple(calibration for _, calibration in reversed(ordered))


def roll_back(path: Path, version: str, *, by: str | None, at_utc: datetime) -> Calibration:
    """Write an earlier ``version`` again, under a new version, and return it.

    Raises `CalibrationError` when there is no such version.
    """
    kept = {calibration.version: calibration for calibration in history(path)}
    if version not in kept:
        raise CalibrationError(
            f"{path}: expected one of the versions {', '.join(kept) or '(none)'}, found {version}"
        )
    old = kept[version]
    approved = Approval(by=by, at_utc=at_utc, note=f"as version {version}")
    again = old.model_copy(update={"version": next_version(path, old.camera), "approved": approved})
    there = Calibration.load(path).version if path.exists() else None
    save(again, path, expected_version=there)
    return again


def next_version(path: Path, camera: str) -> str:
    """Return a version name that was never used for this file: ``c1-1``, ``c1-2``, ..."""
    return f"{camera}-{max((_number(kept.version) for kept in history(path)), default=0) + 1}"


def _text(calibration: Calibration) -> str:
    content = calibration.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _folder(path: Path) -> Path:
    return path.with_name(f"{path.stem}.history")


def _kept(path: Path, version: str) -> Path:
    return _folder(path) / f"{quote(version, safe='')}.yaml"


def _number(version: str) -> int:
    found = _NUMBER.search(version)
    return int(found[1]) if found else 0


def _words(version: str | None) -> str:
    return "no file" if version is None else f"version {version}"
