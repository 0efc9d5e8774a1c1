"""The planograms of a site over time, and what recognises the products of each version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from detector import Catalog, load_embedder
from edge_agent.config import PlanogramSettings, Site
from edge_agent.recognise import Recogniser
from shelf import (
    Planogram,
    PlanogramError,
    PlanogramVersions,
    Problem,
    ResetHours,
    ResetWindow,
    read_versions,
)

RecogniserOf = Callable[[Planogram], Recogniser | None]
"""What recognises the products of a planogram; None without a catalogue."""


@dataclass(frozen=True, slots=True)
class SitePlanogram:
    """The versions of one aisle's planogram; ``warnings`` are those of its files."""

    versions: PlanogramVersions
    warnings: tuple[Problem, ...]


def load_planograms(site: Site) -> dict[str, PlanogramVersions]:
    """Return the versions by aisle; raises `PlanogramError` with everything that is wrong."""
    problems: list[Problem] = []
    versions: dict[str, PlanogramVersions] = {}
    for entry in site.planograms:
        try:
            versions[entry.aisle] = load_aisle(site, entry).versions
        except PlanogramError as error:
            problems += error.problems
    if problems:
        raise PlanogramError(problems)
    return versions


def load_aisle(site: Site, entry: PlanogramSettings) -> SitePlanogram:
    """Return the versions of one planogram with the site's resets.

    Raises `PlanogramError` with everything that is wrong with its files.
    """
    hours = site.reset_hours
    try:
        planograms, warnings = read_versions(entry.file)
        versions = PlanogramVersions(
            planograms,
            ZoneInfo(site.time_zone),
            resets=[
                ResetWindow(reset.start, reset.end)
                for reset in site.resets
                if reset.aisle in (None, entry.aisle)
            ],
            reset_hours=None if hours is None else ResetHours(hours.before, hours.after),
        )
    except PlanogramError as error:
        where = f"planograms.{entry.aisle}.file"
        raise PlanogramError(
            [replace(problem, where=f"{where}: {problem.where}") for problem in error.problems]
        ) from error
    return SitePlanogram(versions, tuple(warnings))


def load_recognisers(site: Site, planograms: dict[str, PlanogramVersions]) -> RecogniserOf:
    """Read the site's catalogue once for all versions; raises `detector.CatalogError`."""
    if site.catalog is None:
        return lambda _planogram: None
    embedder = load_embedder()
    catalog = Catalog.from_folder(site.catalog, embedder)
    recognisers = {
        planogram.content_hash: Recogniser(catalog, embedder, planogram)
        for versions in planograms.values()
        for planogram in versions.planograms
    }
    return lambda planogram: recognisers[planogram.content_hash]
