"""The service as it runs: figures from the broker's messages, and Prometheus' view of it."""

from __future__ import annotations

import json
import queue
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

import pytest
from metric_messages import changed

from central.database import Database
from central.ingest import Ingest
from central.intake import DeadKind
from central.metric_settings import Keep, Prometheus
from central.metrics.grouping import Grouping
from central.metrics.service import MetricsService
from central.prometheus import serve
from shelf import ConfigError
from shelf.states import State


class Counts:
    """What a collector says of itself."""

    is_connected = True
    dead_kinds: Mapping[DeadKind, int] = {DeadKind.NOT_JSON: 4}

    @property
    def counts(self) -> dict[str, int]:
        return {"connections": 1, "batches": 2, "events": 3, "dead_letters": 0, "retries": 0}


@pytest.fixture
def filled(tmp_path: Path) -> Database:
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    Ingest(database).apply([changed(1, State.STOCKED, 0, 0), changed(2, State.LOW, 60, 60)])
    return database


def test_figures_are_published(filled: Database) -> None:
    """By themselves, soon after the start; stopping does not wait for the next time."""
    heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    service = MetricsService(
        filled, Grouping(), Keep(), lambda topic, payload: heard.put((topic, payload))
    )
    service.start()
    topic, payload = heard.get(timeout=60)
    service.stop()
    assert topic == "shelf/v1/acme/_agg/site/s1/kpi"
    assert json.loads(payload)["slots"]["low"] == 1
    filled.close()


def test_a_fault_does_not_end_the_service(filled: Database) -> None:
    """The next round publishes what this one could not."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    faults = [OSError("gone"), ValueError("odd")]

    def publish(topic: str, _payload: bytes) -> None:
        heard.put(topic)
        if faults:
            raise faults.pop()

    service = MetricsService(filled, Grouping(), Keep(), publish, publish_every_secs=0.01)
    service.start()
    for _ in range(3):
        heard.get(timeout=60)
    service.stop()
    filled.close()


def test_prometheus_can_read_how_central_is(filled: Database) -> None:
    """Counts since the start, and what the database says now."""
    server = serve(Prometheus(port=0), filled, Counts())
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    text = urlopen(url, timeout=30).read().decode()
    for line in (
        "shelfwatch_central_events_total 3.0",
        'shelfwatch_central_dead_letters_total{kind="not_json"} 4.0',
        'shelfwatch_central_dead_letters_total{kind="topic"} 0.0',
        "shelfwatch_central_broker_connected 1.0",
        "shelfwatch_central_database_up 1.0",
        "shelfwatch_central_slots_due 1.0",
        'shelfwatch_central_open_alerts{site="s1",tenant="acme"} 1.0',
    ):
        assert line in text.splitlines(), text
    with pytest.raises(ConfigError, match=r"prometheus: 127\.0\.0\.1:\d+: .*in use"):
        serve(Prometheus(port=server.server_port), filled, Counts())
    server.shutdown()
    server.server_close()
    filled.close()
