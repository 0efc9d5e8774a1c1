"""The script that runs every check, with programs that only say that they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "test.sh"


def _program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose checks pass, on a machine without any of the packages."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(SCRIPT, tmp_path / "deploy")
    (tmp_path / "setup.cfg").touch()
    for name in ("python", "ruff", "mypy", "lint-imports", "pytest"):
        _program(tmp_path / ".venv" / "bin" / name, "true")
    (tmp_path / ".venv" / ".tested").touch()
    _program(tmp_path / "bin" / "dpkg", "false")
    _program(tmp_path / "bin" / "id", "echo 0")
    return tmp_path


def _run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "deploy" / "test.sh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"},
        timeout=60,
    )


def test_goes_on_where_packages_cannot_be_installed(checkout: Path) -> None:
    """Without a network the checks run all the same, and it is said what they leave out."""
    _program(checkout / "bin" / "apt-get", "echo 'no network' >&2; exit 100")
    done = _run(checkout)
    assert done.returncode == 0, done.stderr
    assert "not installed, tests that need them are skipped: mosquitto" in done.stdout
    assert "== pytest" in done.stdout


def test_installs_what_is_cached_without_a_network(checkout: Path) -> None:
    """A list of packages that cannot be refreshed is no reason not to try."""
    _program(checkout / "bin" / "apt-get", '[ "$1" = install ]')
    done = _run(checkout)
    assert done.returncode == 0, done.stderr
    assert "not installed" not in done.stdout


def test_a_failing_check_fails_the_script(checkout: Path) -> None:
    """Only the packages may be missing."""
    _program(checkout / "bin" / "apt-get", "true")
    _program(checkout / ".venv" / "bin" / "mypy", "exit 3")
    done = _run(checkout)
    assert done.returncode == 3
    assert "== pytest" not in done.stdout
