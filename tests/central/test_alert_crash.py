"""A collector that is killed again and again makes the same alerts as one that is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_killed_day import apply_all
from sqlalchemy import select

from central import tables
from central.database import Database

PROGRAM = Path(__file__).with_name("run_killed_day.py")

pytestmark = pytest.mark.slow


def outcome(url: str) -> tuple[list[Any], list[Any]]:
    """Return all alerts and all steps."""
    database = Database.open(url)
    alerts, steps = tables.alerts, tables.alert_steps
    with database.read() as connection:
        told = connection.execute(select(alerts).order_by(alerts.c.alert)).all()
        lives = connection.execute(select(steps).order_by(steps.c.alert, steps.c.number)).all()
    database.close()
    return list(told), list(lives)


def test_kills_neither_lose_nor_double_an_alert(tmp_path: Path) -> None:
    """SIGKILL after 3, 20, 37 and 60 batches; then to the end."""
    killed, whole = (f"sqlite:///{tmp_path / name}.sqlite" for name in ("killed", "whole"))
    for batches in (3, 20, 37, 60):
        command = [sys.executable, str(PROGRAM), killed]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for number, _ in enumerate(process.stdout, 1):
            if number == batches // 2 + 1:
                process.kill()
                break
        process.communicate()
    apply_all(killed)
    apply_all(whole)
    alerts, steps = outcome(killed)
    assert (alerts, steps) == outcome(whole)
    assert len(alerts) > 30
