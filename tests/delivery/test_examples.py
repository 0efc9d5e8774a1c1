"""The example configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from central.config import load_central
from edge_agent.config import load_site

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "load"), [("site.example.yaml", load_site), ("central.example.yaml", load_central)]
)
def test_the_example_loads(name: str, load: Callable[[Path], object]) -> None:
    """Whoever copies it begins with a file that is right."""
    load(CONFIGS / name)


def test_the_examples_fit_each_other() -> None:
    """Both know one aisle of one site by one planogram."""
    site, central = (
        load_site(CONFIGS / "site.example.yaml"),
        load_central(CONFIGS / "central.example.yaml"),
    )
    assert {(site.tenant, site.site, p.aisle, p.file) for p in site.planograms} == {
        (p.tenant, p.site, p.aisle, p.file) for p in central.planograms
    }
    assert all(planogram.file.is_file() for planogram in central.planograms)
    assert site.broker.address == central.broker.address
