"""Pictures are added to the catalogue under a running agent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_agent.catalog_watch import WatchedCatalog
from edge_agent.config import load_site
from edge_agent.site_planograms import load_planograms
from shelf import Planogram
from simulator.site import write_site

pytestmark = pytest.mark.slow

Watched = tuple[WatchedCatalog, Planogram, Path]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Return the catalogue of the demo without its first product, and its folder."""
    write_site(tmp_path, 7)
    site = load_site(tmp_path / "site.yaml")
    planograms = load_planograms(site)
    assert site.catalog is not None
    (site.catalog / "100101.png").rename(tmp_path / "100101.png")
    (versions,) = planograms.values()
    return WatchedCatalog(site, planograms), versions.planograms[0], site.catalog


def skus(catalog: WatchedCatalog, planogram: Planogram) -> tuple[str, ...]:
    recogniser = catalog.recogniser_of(planogram)
    assert recogniser is not None
    return recogniser.skus


def test_a_new_picture_is_used_once_it_has_settled(watched: Watched) -> None:
    """One check sees it, the next finds it unchanged and reads it."""
    catalog, planogram, folder = watched
    before = catalog.recogniser_of(planogram)
    catalog.check()
    assert catalog.recogniser_of(planogram) is before
    shutil.copy(folder.parent / "100101.png", folder)
    catalog.check()
    assert "100101" not in skus(catalog, planogram)
    catalog.check()
    assert "100101" in skus(catalog, planogram)
    assert catalog.pictures == 28


def test_a_folder_that_is_gone_is_refused(watched: Watched) -> None:
    """What was read of it stays in use; it is told until the folder is back."""
    catalog, planogram, folder = watched
    folder.rename(folder.parent / "away")
    catalog.check(at_once=True)
    assert str(folder) in catalog.refused
    assert "100102" in skus(catalog, planogram)
    (folder.parent / "away").rename(folder)
    catalog.check(at_once=True)
    assert catalog.refused == ""
