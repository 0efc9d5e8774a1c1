"""The site's catalogue, which may gain pictures while the agent runs.

New pictures are noticed, and read beside the catalogue in use before they take its place; a
folder that cannot be used is refused and what was read of it before stays.
"""

from __future__ import annotations

import structlog

from detector import CatalogError
from detector.catalog_folder import catalog_files
from edge_agent import metrics
from edge_agent.config import Site
from edge_agent.recognise import Recogniser
from edge_agent.site_planograms import load_recognisers
from edge_agent.watched_files import WatchedFiles
from shelf import Planogram, PlanogramInForce, PlanogramVersions

_log = structlog.get_logger(__name__)

Fingerprint = frozenset[tuple[str, int, int]]
"""Path, time of change and size of each picture."""


class WatchedCatalog:
    """What recognises a site's products. `check` is for one thread; all else is for any.

    Raises `detector.CatalogError` when the first catalogue cannot be used.
    """

    def __init__(self, site: Site, planograms: dict[str, PlanogramVersions]) -> None:
        self._site = site
        self._planograms = planograms
        self._files = WatchedFiles(self._found)
        self._current = load_recognisers(site, planograms)
        self._read = len(self._files.taken)
        self._refused = ""

    def recogniser_of(self, planogram: Planogram) -> Recogniser | None:
        """Return what recognises the products of ``planogram`` now; None without a catalogue."""
        return self._current(planogram)

    def now(self, in_force: PlanogramInForce) -> Recogniser | None:
        """Return the same for what is in force; None where that is no planogram."""
        planogram = in_force.planogram
        return None if planogram is None else self._current(planogram)

    @property
    def pictures(self) -> int:
        """How many pictures there were when they were read."""
        return self._read

    @property
    def refused(self) -> str:
        """Why the pictures that lie there now are not used; empty when they are."""
        return self._refused

    def check(self, *, at_once: bool = False) -> None:
        """Use the pictures that lie there now, if they have changed.

        ``at_once`` takes some that may still be on their way.
        """
        if not self._files.have_changed(at_once=at_once):
            return
        try:
            self._current = load_recognisers(self._site, self._planograms)
        except CatalogError as error:
            self._refused = str(error)
            metrics.CATALOG_CHANGES.labels("refused").inc()
            _log.error("new catalogue refused, the old one is kept", reason=self._refused)
            return
        self._refused = ""
        self._read = len(self._files.taken)
        metrics.CATALOG_CHANGES.labels("used").inc()
        _log.info("catalogue changed", pictures=self._read)

    def _found(self) -> Fingerprint:
        try:
            files = [] if self._site.catalog is None else catalog_files(self._site.catalog)
            stats = [(str(path), path.stat()) for path in files]
        except (OSError, CatalogError):
            return frozenset()
        return frozenset((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)
