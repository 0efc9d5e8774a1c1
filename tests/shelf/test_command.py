"""The command as a whole: which subcommands there are, and what a base install says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

START = """
import sys
for module in {blocked!r}:
    sys.modules[module] = None
sys.argv = ["shelfwatch", *{arguments!r}]
from shelf.cli import main
main()
"""
CONFIG = Path(__file__).parents[2] / "configs" / "central.example.yaml"
CENTRAL = ("uvicorn", "httpx", "sqlalchemy", "starlette")


def without(blocked: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run shelfwatch where the modules ``blocked`` cannot be imported."""
    code = START.format(blocked=blocked, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"COLUMNS": "200", "PATH": ""},
    )


def test_help_lists_commands_that_are_not_installed() -> None:
    """A base install lists every command, and for some which extra brings them."""
    done = without(CENTRAL, "--help")
    assert done.returncode == 0, done.stderr
    lines = {line.strip("│ ").split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert {"audit", "run", "planogram"} <= lines.keys()
    for name in ("central", "demo"):
        assert "pip install 'shelfwatch[central]'" in lines[name]


@pytest.mark.parametrize("arguments", [("central", "--config", "c.yaml"), ("demo",)])
def test_a_command_that_is_not_installed_says_what_to_install(arguments: tuple[str, ...]) -> None:
    """One message and exit code 2, whatever options follow."""
    done = without(CENTRAL, *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"shelfwatch {arguments[0]}: needs the module")
    assert line.endswith("pip install 'shelfwatch[central]'")


def test_a_mistyped_command_is_told_on_a_base_install() -> None:
    """The missing extra does not hide the mistake."""
    done = without(CENTRAL, "audti")
    assert done.returncode == 2
    assert "No such command 'audti'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_library_missed_while_running_is_told_too() -> None:
    """Commands that import late end with the same words."""
    done = without(("jinja2",), "central", "--config", str(CONFIG))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "this command needs the module 'jinja2': pip install 'shelfwatch[central]'"
    ]


def test_a_broken_package_of_our_own_is_not_called_missing() -> None:
    """Only libraries can be installed by an extra."""
    done = without(("central.collector",), "central", "--config", "c.yaml")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
