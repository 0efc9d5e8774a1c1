"""Pictures in a folder."""

from __future__ import annotations

from pathlib import Path

import structlog

from edge_agent.sources.decode import decoded
from edge_agent.sources.settings import FolderSettings
from edge_agent.sources.source import EndOfSource, Grab, SourceError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
"""What counts as a picture, in small letters."""

_log = structlog.get_logger(__name__)


class FolderSource:
    """Gives the pictures of a folder in the order of their names.

    The folder is looked at again at every grab, so pictures that come later are taken when
    their names come after the last one given. A picture that cannot be read is reported by
    name, kept in ``skipped``, and passed over; the last one of the folder is tried again once
    it has changed, because it may still be on its way.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self.skipped: list[str] = []
        self._path = settings.path
        self._repeat = settings.repeat
        self._last: Path | None = None
        self._broken: set[tuple[Path, int, int]] = set()
        if not self._path.exists():
            raise SourceError(f"{self._path}: expected a folder of pictures, found nothing")

    def grab(self) -> Grab:
        """Return the next picture; see `Source.grab`."""
        pictures = self._pictures()
        ahead = [path for path in pictures if self._last is None or path.name > self._last.name]
        for path in ahead:
            found = self._read(path)
            if found is not None:
                self._last = path
                return found
        if self._last is None:
            words = f"{len(pictures)} that cannot be read" if pictures else "none"
            raise SourceError(f"{self._path}: expected pictures ({self._kinds()}), found {words}")
        if not self._repeat:
            raise EndOfSource(f"{self._path}: no picture after {self._last.name}")
        again = self._read(self._last)
        if again is None:
            raise SourceError(f"{self._last}: the picture can no longer be read")
        return again

    def close(self) -> None:
        """Nothing is held."""

    def _pictures(self) -> list[Path]:
        if self._path.is_file():
            return [self._path]
        try:
            entries = [
                path
                for path in self._path.iterdir()
                if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
            ]
        except OSError as error:
            raise SourceError(f"{self._path}: {error.strerror}") from error
        return sorted(entries, key=lambda path: path.name)

    def _read(self, path: Path) -> Grab | None:
        """Return the picture, or None after reporting once (per content) that it is broken."""
        try:
            status = path.stat()
            seen = (path, status.st_mtime_ns, status.st_size)
            if seen in self._broken:
                return None
            data = path.read_bytes()
        except OSError as error:
            self._skip(path, error.strerror or str(error))
            return None
        try:
            return Grab(decoded(data, path.name))
        except SourceError as error:
            self._broken.add(seen)
            self._skip(path, str(error))
            return None

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append(path.name)
        _log.warning("picture skipped", path=str(path), reason=reason)

    @staticmethod
    def _kinds() -> str:
        return " ".join(sorted(SUFFIXES))
