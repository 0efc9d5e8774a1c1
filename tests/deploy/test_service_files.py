"""Service and container files: what can be checked of them without starting services."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path) -> None:
    """Nothing but the program, which is not installed there, is missing."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in faults if unit.name in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_is_hardened(unit: Path) -> None:
    """Its exposure stays low, as systemd counts it (0 to 100)."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
    )
    if "unrecognized option" in done.stderr or "Failed to connect" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at files")
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_agent_may_ask_whether_its_clock_is_kept() -> None:
    """ProtectClock= or a filter without adjtimex would make every event's time doubtful."""
    text = (DEPLOY / "systemd" / "shelfwatch-agent.service").read_text()
    assert not re.search(r"^ProtectClock=yes", text, re.M)
    filters = re.findall(r"^SystemCallFilter=(.*)$", text, re.M)
    assert "adjtimex clock_adjtime" in filters[filters.index("~@privileged @resources") + 1 :]


def test_compose_names_files_that_exist() -> None:
    """Contexts, Dockerfiles and mounted files are where the file says."""
    folder = DEPLOY / "container"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        build = service.get("build")
        if build:
            assert (folder / build["context"] / build["dockerfile"]).exists(), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./") and source != "./etc":
                assert (folder / source).exists(), volume
            elif not source.startswith("./"):
                assert source in compose["volumes"], volume


def test_the_build_gets_what_it_installs() -> None:
    """Every package and file that the ignore file lets through is in the tree."""
    lines = (DEPLOY / "container" / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [line[1:] for line in lines if line.startswith("!")]
    assert kept
    assert [name for name in kept if not (DEPLOY.parent / name).exists()] == []


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
def test_mosquitto_starts_with_the_container_configuration(tmp_path: Path) -> None:
    """The real broker accepts the file and listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (DEPLOY / "container" / "mosquitto.conf").read_text()
    text = text.replace("listener 1883", f"listener {port} 127.0.0.1")
    text = text.replace("/mosquitto/data/", f"{tmp_path}/")
    (tmp_path / "mosquitto.conf").write_text(text)
    broker = subprocess.Popen(
        ["mosquitto", "-c", str(tmp_path / "mosquitto.conf")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert _answers(port, broker), broker.communicate(timeout=5)[0]
    finally:
        broker.terminate()
        broker.communicate(timeout=10)


def _answers(port: int, broker: subprocess.Popen[str]) -> bool:
    end_secs = time.monotonic() + 10
    while time.monotonic() < end_secs and broker.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
