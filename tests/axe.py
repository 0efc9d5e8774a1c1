"""axe-core for tests of pages: fetched from npm when a test needs it, never committed."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest

VERSION = "4.10.3"
GRAVE = ("serious", "critical")


class Page(Protocol):
    """A window of a browser."""

    def script(self, text: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function and return what it returns."""

    def wait_for(self, text: str, *arguments: Any, timeout_secs: float = 15.0) -> Any:
        """Return what the function body returns as soon as that is true."""


@cache
def axe_source() -> str:
    """Return axe-core's JavaScript; skips the test, with the reason, where npm cannot bring it."""
    folder = Path(tempfile.gettempdir()) / f"axe-core-{VERSION}"
    script = folder / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm (Debian: npm) to fetch axe-core")
        with tempfile.TemporaryDirectory() as scratch:
            packing = subprocess.run(
                [npm, "pack", "--silent", f"axe-core@{VERSION}"],
                cwd=scratch,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            if packing.returncode:
                pytest.skip(f"npm did not bring axe-core: {packing.stderr.strip()[:200]}")
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as package:
                member = package.extractfile("package/axe.min.js")
                assert member is not None
                folder.mkdir(exist_ok=True)
                fresh = folder / f"{Path(scratch).name}.tmp"
                fresh.write_bytes(member.read())
                fresh.replace(script)
    return script.read_text(encoding="utf-8")


def grave_faults(page: Page) -> list[str]:
    """Return what axe-core holds to be serious or worse on the page, one line each."""
    page.script(
        axe_source() + "\nwindow.axeFound = null;"
        "axe.run({preload: false, resultTypes: ['violations']})"
        ".then((result) => { window.axeFound = result.violations; })"
        ".catch((error) => { window.axeFound = String(error); })"
    )
    # In an object, as an empty list would be waited for.
    answer = page.wait_for("return axeFound && {found: axeFound}", timeout_secs=90)
    found = answer["found"]
    assert isinstance(found, list), found
    return [
        f"{fault['impact']}: {fault['id']}: {node['target']} {node['html'][:160]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
