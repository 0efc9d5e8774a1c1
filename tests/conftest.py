"""What several test folders need."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def crackers() -> Path:
    """The folder of a real photographed bay with its planogram; skipped where it is absent."""
    folder = DATA / "crackers_bay"
    if not folder.is_dir():
        pytest.skip("needs the real pictures in ../shared/data")
    return folder
