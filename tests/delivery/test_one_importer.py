"""MQTT's library stays behind one module on each side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["edge_agent", "central"])
def test_one_module_imports_paho(package: str) -> None:
    """Another client library would be a change of one file."""
    importers = [
        path.name
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^\s*(?:from|import) paho", path.read_text(), re.MULTILINE)
    ]
    assert importers == ["mqtt_connection.py"]
