"""Collectors over a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from central.broker_settings import BrokerSettings
from central.collector import Collector
from central.database import Database


@contextmanager
def running_collector(path: Path, settings: BrokerSettings) -> Iterator[Collector]:
    """A collector over the SQLite database at ``path``."""
    database = Database.open(f"sqlite:///{path}")
    collector = Collector(database, settings)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()
        database.close()
