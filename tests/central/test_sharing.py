"""Several collectors on one feed: a real Mosquitto, a real PostgreSQL, a real node's outbox."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from browser import wait_until
from metric_messages import changed, status
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from postgres_server import PostgresServer
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from central import tables
from central.broker import BrokerError, EmbeddedBroker
from central.broker_settings import BrokerSettings, Program
from central.collector import Collector
from central.config import Central
from central.database import Database
from central.ingest import Ingest
from edge_agent.outbox import Outbox
from shelf.states import State
from shelf.topics import Node
from shelf.wire import NodeStatus

HERE = Path(__file__).parent
NODE = Node("acme", "s0421", "s0421-e1")
EVENTS = 1500


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    settings = BrokerSettings(
        embedded=True, port=0, folder=tmp_path / "broker", program=Program.MOSQUITTO
    )
    try:
        broker = EmbeddedBroker(settings)
    except BrokerError as error:
        pytest.skip(str(error))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    made = postgres.make(postgres_template)
    yield made
    postgres.drop(made)


def spawn(script: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def count(database: Database) -> int:
    try:
        return database.count(tables.events)
    except OperationalError:
        return -1


@pytest.mark.slow
def test_kills_neither_lose_nor_double_an_event(
    tmp_path: Path, broker: EmbeddedBroker, postgres: PostgresServer, url: str
) -> None:
    """One of two collectors is killed, the database crashes, the collector comes back."""
    database, path = Database.open(url), tmp_path / "outbox.sqlite"

    def collector(name: str) -> subprocess.Popen[str]:
        return spawn(HERE / "run_sharing_collector.py", url, broker.url, name)

    def wait_for(events: int) -> None:
        wait_until(lambda: count(database) >= events, 100)

    running = {name: collector(name) for name in ("c1", "c2")}
    heard: dict[str, str] = {}
    try:
        producer = HERE.parent / "delivery" / "run_producer.py"
        running["node"] = spawn(producer, path, broker.url, "5", EVENTS)
        wait_for(300)
        running["c1"].kill()
        heard["c1"] = running["c1"].communicate()[0]
        wait_for(600)
        postgres.crash()
        postgres.start()
        wait_for(900)
        running["c1"] = collector("c1")
        assert running["node"].wait(100) == 0
    finally:
        for name, process in running.items():
            process.kill()
            heard[name] = heard.get(name, "") + process.communicate()[0]
    with Outbox.open(path, NODE) as outbox:
        epoch = outbox.epoch
        assert outbox.first_sequence == EVENTS + 1
    events, states = tables.events.c, tables.slot_states.c
    with database.read() as connection:
        found = connection.execute(select(events.epoch, events.sequence).order_by(events.sequence))
        assert [tuple(row) for row in found] == [(epoch, n) for n in range(1, EVENTS + 1)]
        newest = select(events.subject, func.max(events.sequence)).group_by(events.subject)
        sequences = {row[0]: row[1] for row in connection.execute(newest)}
        for row in connection.execute(select(states.aisle, states.slot, states.sequence)):
            assert row.sequence == sequences[f"{row.aisle}/{row.slot}"]
    assert database.watermarks() == {NODE.source: (epoch, EVENTS)}
    assert heard["c1"] and heard["c2"], "both have had a part of it"
    database.close()


def test_what_is_retained_reaches_every_collector(broker: EmbeddedBroker, url: str) -> None:
    """A shared subscription gets none of it; the word of a node is heard all the same."""
    said = NodeStatus(state="online", time=datetime.now(UTC), epoch=1).to_json()
    sender = Client(CallbackAPIVersion.VERSION2, client_id="sender")
    sender.connect(broker.host, broker.port)
    sender.loop_start()
    sender.publish(NODE.status, said, qos=1, retain=True).wait_for_publish(30)
    sender.disconnect()
    sender.loop_stop()
    database = Database.open(url)
    settings = BrokerSettings(url=broker.url, protocol="5", client_id="c1", share_group="center")
    collector = Collector(database, settings)
    collector.start()
    try:
        wait_until(lambda: database.count(tables.nodes) == 1, 60)
    finally:
        collector.stop()
        database.close()


def test_two_writers_of_one_stream_restore_its_order(database: Database) -> None:
    """Each has a part of the events, in any order; the watermark is that of both together."""
    first, second = (Ingest(database, is_shared=True) for _ in range(2))
    first.apply([status("online", 0), changed(2, State.LOW, 20, 20)])
    done = second.apply([changed(1, State.STOCKED, 10, 10), changed(4, State.STOCKED, 40, 40)])
    assert [mark.sequence for mark in done.watermarks] == [2]
    done = first.apply([changed(3, State.OUT_OF_STOCK, 30, 30)])
    assert [mark.sequence for mark in done.watermarks] == [4]
    again = second.apply([changed(3, State.OUT_OF_STOCK, 30, 30)])
    assert (again.slots, [mark.sequence for mark in again.watermarks]) == (frozenset(), [4])
    with database.read() as connection:
        assert list(connection.execute(select(tables.slot_states.c.state)).scalars()) == ["stocked"]


SHARED: dict[str, Any] = {"url": "mqtt://127.0.0.1", "client_id": "c1", "share_group": "center"}
POSTGRES = "postgresql://db.example.com/shelfwatch"


@pytest.mark.parametrize(
    ("broker_given", "given", "words"),
    [
        ({"client_id": "shelfwatch-central"}, {}, "a client_id of its own for each collector"),
        ({"protocol": "3.1.1"}, {}, "speaks MQTT 5 with share_group"),
        ({"share_group": "a/b"}, {}, "expected 1-64 letters"),
        ({}, {"database_url": "sqlite:///c.sqlite"}, r"postgresql:// database_url"),
        ({"share_group": None}, {"collect_only": True}, "share_group with collect_only"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    broker_given: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    """With what was expected."""
    values = {"broker": SHARED | broker_given, "database_url": POSTGRES, **given}
    with pytest.raises(ValidationError, match=words):
        Central.model_validate(values)
    assert Central.model_validate(
        {"broker": SHARED, "database_url": POSTGRES, "collect_only": True}
    )
