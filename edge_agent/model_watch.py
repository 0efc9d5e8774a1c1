"""A model that may be replaced while the agent runs.

A new model folder is noticed, loaded and proved beside the one in use, and only then takes its
place; one that fails is refused and the old one keeps running.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from detector import Detector, DetectorError, SessionOptions
from detector.manifest import manifest_path_of
from edge_agent import metrics
from edge_agent.watched_files import WatchedFiles

_log = structlog.get_logger(__name__)

POLL_SECS = 5.0
"""Time between two looks at a model's files."""

Fingerprint = tuple[tuple[str, int, int, int], ...]
"""Name, inode, time of change and size of each file beside a manifest."""


class WatchedModel:
    """The model at one path. `check` is for one thread; the properties are for any.

    ``path`` is what the site file names: a folder, an ONNX file, a link to either, or None for
    the shipped model. Raises `detector.ModelError` when the first one cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._files = WatchedFiles(lambda: fingerprint(path))
        self._current = Detector.load(path, SessionOptions())
        self._refused = ""

    @property
    def current(self) -> Detector:
        """The model to look with."""
        return self._current

    @property
    def refused(self) -> str:
        """Why the files that lie there now are not used; empty when they are."""
        return self._refused

    def check(self, *, at_once: bool = False) -> None:
        """Use the files that lie there now, if they have changed and pass every check.

        ``at_once`` takes some that may still be on their way.
        """
        if not self._files.have_changed(at_once=at_once):
            return
        try:
            loaded = Detector.load(self._path, SessionOptions())
        except DetectorError as error:
            self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one works
            self._refuse(repr(error))
        else:
            self._accept(loaded)

    def _refuse(self, reason: str) -> None:
        self._refused = reason
        metrics.MODEL_CHANGES.labels("refused").inc()
        _log.error("new model refused, the old one is kept", reason=reason, kept=self._words())

    def _accept(self, loaded: Detector) -> None:
        before = self._words()
        self._refused = ""
        if loaded.manifest == self._current.manifest:
            return
        self._current = loaded
        metrics.MODEL_CHANGES.labels("used").inc()
        _log.info("model changed", before=before, now=self._words())

    def _words(self) -> str:
        return words_of(self._current)


def words_of(model: Detector) -> str:
    """Return name, version and the begin of the weights' hash."""
    return f"{model.manifest.name} {model.manifest.version} ({model.identity[:19]})"


def fingerprint(path: Path | None) -> Fingerprint:
    """Return what tells one state of a model's files from another; empty when there are none.

    Links are followed, so one that is pointed elsewhere counts as a change.
    """
    try:
        folder = manifest_path_of(path).parent
        files = [(entry.name, entry.stat()) for entry in sorted(folder.iterdir())]
    except (OSError, DetectorError):
        return ()
    return tuple((name, s.st_ino, s.st_mtime_ns, s.st_size) for name, s in files)
