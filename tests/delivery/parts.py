"""The parts that delivery tests start, kill and look into."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from central.broker import BrokerError, EmbeddedBroker, find_program, free_port
from central.broker_settings import BrokerSettings as CentralBroker
from central.broker_settings import Program
from edge_agent.broker_settings import BrokerSettings
from shelf.broker import Protocol

WAIT_SECS = 40.0


@dataclass(frozen=True, slots=True)
class Link:
    """A broker program and the version of MQTT to speak with it."""

    program: Program
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.program.value}-mqtt{self.protocol}"


LINKS = (
    Link(Program.MOSQUITTO, "5"),
    Link(Program.MOSQUITTO, "3.1.1"),
    Link(Program.NATS, "3.1.1"),
)


class Broker:
    """A broker that can be killed, forget everything, and come back at the same address."""

    def __init__(self, folder: Path, link: Link) -> None:
        self.folder = folder
        self.link = link
        settings = CentralBroker(
            embedded=True, port=free_port("127.0.0.1"), folder=folder, program=link.program
        )
        self._broker = EmbeddedBroker(settings)
        self.url = self._broker.url
        self.start = self._broker.start
        self.stop = self._broker.stop

    def kill(self) -> None:
        """End it as a loss of power would."""
        assert self._broker.process is not None
        self._broker.process.kill()
        self._broker.process.wait()

    def forget(self) -> None:
        """Lose what it has stored."""
        shutil.rmtree(self.folder)

    def for_node(self) -> BrokerSettings:
        return BrokerSettings(url=self.url, protocol=self.link.protocol)

    def for_collector(self) -> CentralBroker:
        return CentralBroker(url=self.url, protocol=self.link.protocol)


def wait_until(
    condition: Callable[[], object], what: str = "it happens", secs: float = WAIT_SECS
) -> None:
    """Wait until ``condition`` holds; fail with ``what`` when it does not come."""
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, f"waited {secs:.0f} s until {what}"
        time.sleep(0.02)


def committed(database: Path) -> list[tuple[int, int]]:
    """Return (epoch, sequence) of every committed event, in order."""
    return _rows(database, "SELECT epoch, sequence FROM events ORDER BY epoch, sequence")


def count_committed(database: Path) -> int:
    """Return how many events are committed; 0 before there are tables."""
    try:
        return int(_rows(database, "SELECT count(*) FROM events")[0][0])
    except sqlite3.OperationalError:
        return 0


def watermarks(database: Path) -> dict[tuple[str, int], int]:
    """Return the watermarks by source and epoch."""
    rows = _rows(database, "SELECT source, epoch, sequence FROM watermarks")
    return {(source, epoch): sequence for source, epoch, sequence in rows}


def _rows(database: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(database, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def spawn(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start one of this folder's scripts."""
    path = Path(__file__).with_name(script)
    return subprocess.Popen(
        [sys.executable, str(path), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def find(program: Program) -> Path:
    """Return the broker's file; skip the test where it is not installed."""
    try:
        return find_program(program)[1]
    except BrokerError as error:
        pytest.skip(str(error))


@contextmanager
def running(command: list[object], port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a broker until the block ends; it must accept connections first."""
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), "the broker accepts")
        if process.poll() is not None:
            pytest.fail(process.communicate()[1])
        yield process
    finally:
        process.terminate()
        process.communicate()


def accepts(port: int) -> bool:
    probe = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
