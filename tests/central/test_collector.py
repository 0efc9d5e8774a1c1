"""The collector between a real broker and a real database."""

from __future__ import annotations

import json
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from postgres_server import PostgresServer

from central import tables
from central.alerts import Rules, Times
from central.broker import EmbeddedBroker
from central.broker_settings import BrokerSettings
from central.collector import Collector
from central.database import Database
from central.desk import Actor, Desk
from shelf.states import State
from shelf.topics import Node, StaffMember
from shelf.wire import (
    ActionKind,
    ActionOutcome,
    Event,
    Facings,
    SlotChanged,
    StaffAction,
    type_of,
)

NODE = Node("acme", "s1", "e1")
ALERTS = "shelf/v1/acme/_staff/s1/alerts/a12"
SENSOR = "homeassistant/sensor/shelfwatch_acme_s1_a12/config"
ANNA = StaffMember("acme", "s1", "anna")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def wait_until(condition: Callable[[], object], what: str, secs: float = 30) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, f"waited {secs} s until {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    folder = tmp_path_factory.mktemp("broker")
    broker = EmbeddedBroker(BrokerSettings(embedded=True, port=0, folder=folder))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def settings(broker: EmbeddedBroker, request: pytest.FixtureRequest) -> BrokerSettings:
    """Settings with a session of the test's own."""
    name = request.node.name.replace("[", "-").replace("]", "")[:60]
    return broker.client_settings().model_copy(update={"client_id": name})


@pytest.fixture
def node(broker: EmbeddedBroker) -> Iterator[FakeNode]:
    fake = FakeNode(broker)
    yield fake
    fake.close()


class FakeNode:
    """Publishes events and hears what it, and the staff, are told."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.heard: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="fake-node")
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(NODE.watermark, 1), (ALERTS, 1), (ANNA.answers, 1), (SENSOR, 1)]
        )
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self.epoch = time.time_ns()

    def _hear(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.heard.put((message.topic, json.loads(message.payload)))

    def send(
        self, sequence: int, state: State = State.LOW, expected: int = 4, slot: str = "b01/s1/p01"
    ) -> None:
        data = SlotChanged(
            state=state,
            previous=State.STOCKED,
            since=NOW,
            sku="1001",
            facings=Facings(expected=expected, seen=1),
            confidence=0.9,
            observed_secs=60,
            planogram="pg-1",
            model="sha256:0",
            calibration="c1",
        )
        event = Event(
            id=f"id-{self.epoch}-{sequence}",
            source=NODE.source,
            type=type_of(data),
            subject=f"a12/{slot}",
            time=datetime.now(UTC),
            epoch=self.epoch,
            sequence=sequence,
            data=data.model_dump(mode="json", exclude_none=True),
        )
        info = self._client.publish(NODE.events("a12"), event.to_json(), qos=1)
        info.wait_for_publish(10)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def hear(self, topic: str, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message on ``topic`` that ``fits``; earlier ones are dropped."""
        deadline = time.monotonic() + 30
        while True:
            heard, message = self.heard.get(timeout=max(deadline - time.monotonic(), 0.01))
            if heard == topic and fits(message):
                return message

    def hear_watermark(self, sequence: int) -> None:
        self.hear(NODE.watermark, {"epoch": self.epoch, "sequence": sequence}.__eq__)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def running(collector: Collector) -> Iterator[Collector]:
    collector.start()
    try:
        wait_until(lambda: collector.is_connected, "the collector is connected")
        yield collector
    finally:
        collector.stop()


def test_a_node_is_told_what_is_committed(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """The watermark follows the commit, and listeners hear of it."""
    calls: list[int] = []
    collector = Collector(database, settings)
    collector.on_commit(lambda: calls.append(database.count(tables.events)))
    with running(collector):
        node.send(1)
        node.hear_watermark(1)
    assert calls == [1]
    assert collector.counts["events"] == 1
    assert not collector.is_connected


def test_open_alerts_are_published(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """Staff get the open alerts of an aisle, and again when one is done."""
    calls: list[None] = []
    collector = Collector(database, settings)
    collector.on_commit(lambda: calls.append(None))
    with running(collector):
        node.send(1, State.OUT_OF_STOCK)
        name = f"id-{node.epoch}-1"
        message = node.hear(ALERTS, lambda heard: name in str(heard))
        (alert,) = message["alerts"]
        assert (alert["slot"], alert["state"]) == ("a12/b01/s1/p01", "out_of_stock")
        before = len(calls)
        action = StaffAction(action="phone-1-1", alert=alert["alert"], kind=ActionKind.DONE)
        (answer,) = collector.act(Actor("anna"), [action])
        assert answer.outcome is ActionOutcome.APPLIED
        message = node.hear(ALERTS, lambda message: message["alerts"][0]["phase"] == "done")
        (alert,) = message["alerts"]
        assert (alert["by"], [step["step"] for step in alert["steps"]]) == (
            "anna",
            ["opened", "done"],
        )
        assert len(calls) == before + 1
        node.send(2, State.STOCKED)
        message = node.hear(ALERTS, lambda message: not message["alerts"])
        assert message["closed"][0]["steps"][-1]["step"] == "stocked"


def test_people_act_over_mqtt(database: Database, settings: BrokerSettings, node: FakeNode) -> None:
    """The topic says who; the answer comes back, the same one for the same action."""
    with running(Collector(database, settings)):
        node.send(1, State.OUT_OF_STOCK)
        node.hear_watermark(1)
        action = StaffAction(action="phone-2-1", alert=f"id-{node.epoch}-1", kind=ActionKind.CLAIM)
        for is_first in (True, False):
            node.publish(ANNA.actions, action.to_json())
            answer = node.hear(ANNA.answers, lambda message: message["action"] == "phone-2-1")
            assert answer["outcome"] == "applied"
            if is_first:
                message = node.hear(ALERTS, lambda message: "anna" in str(message["alerts"]))
                assert message["alerts"][0]["phase"] == "claimed"
    assert database.count(tables.staff_actions) == 1


def test_home_assistant_is_told_of_an_aisle(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """Only where that is wanted; the message is retained."""
    collector = Collector(database, settings, home_assistant="homeassistant")
    with running(collector):
        node.send(1, State.OUT_OF_STOCK)
        said = node.hear(SENSOR, lambda message: message["state_topic"] == ALERTS)
    assert said["unique_id"] == "shelfwatch_acme_s1_a12"


def test_alerts_have_their_clock(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """What nobody sends happens all the same: a claim that ends."""
    rules = Rules(times=Times(claimed=timedelta(seconds=0.2)))
    with running(Collector(database, settings, Desk(lambda *_: rules))) as collector:
        node.send(1, State.OUT_OF_STOCK)
        node.hear_watermark(1)
        name = f"id-{node.epoch}-1"
        collector.act(
            Actor("anna"), [StaffAction(action="phone-3-1", alert=name, kind=ActionKind.CLAIM)]
        )
        node.hear(ALERTS, lambda message: "lapsed" in str(message) and name in str(message))


def test_nothing_is_acknowledged_that_is_not_committed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: BrokerSettings,
    node: FakeNode,
) -> None:
    """A collector that cannot write and ends leaves its messages to the next one."""
    monkeypatch.setattr("central.database.BUSY_TIMEOUT_MS", 20)
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    lock = sqlite3.connect(tmp_path / "central.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with running(Collector(database, settings)) as first:
        node.send(1)
        wait_until(lambda: first.counts["retries"], "the collector tries again")
    assert first.counts["events"] == 0
    lock.execute("ROLLBACK")
    lock.close()
    with running(Collector(database, settings)):
        node.hear_watermark(1)
    assert database.count(tables.events) == 1
    database.close()


def test_a_locked_database_holds_events_up_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: BrokerSettings,
    node: FakeNode,
) -> None:
    """The collector goes on by itself when the database can be written again."""
    monkeypatch.setattr("central.database.BUSY_TIMEOUT_MS", 20)
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    lock = sqlite3.connect(tmp_path / "central.sqlite", isolation_level=None)
    with running(Collector(database, settings)) as collector:
        lock.execute("BEGIN IMMEDIATE")
        node.send(1)
        wait_until(lambda: collector.counts["retries"], "the collector tries again")
        lock.execute("ROLLBACK")
        node.hear_watermark(1)
    lock.close()
    database.close()


def test_a_database_server_that_crashes_holds_events_up_only(
    postgres: PostgresServer, settings: BrokerSettings, node: FakeNode
) -> None:
    """What was told to be committed is there after its recovery; the rest follows by itself."""
    url = postgres.make()
    database = Database.open(url)
    with running(Collector(database, settings)) as collector:
        node.send(1)
        node.hear_watermark(1)
        postgres.crash()
        node.send(2)
        wait_until(lambda: collector.counts["retries"], "the collector tries again")
        postgres.start()
        node.hear_watermark(2)
    assert database.count(tables.events) == 2
    database.close()
    postgres.drop(url)


def test_a_message_that_cannot_be_stored_stops_nothing(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """It becomes a dead letter; those that came with it are committed."""
    with running(Collector(database, settings, batch_wait_secs=0.5)) as collector:
        node.send(1)
        node.send(2, expected=2**70, slot="b01/s1/p02")
        node.send(3)
        node.hear_watermark(3)
        wait_until(lambda: collector.counts["dead_letters"] == 1, "the dead letter is counted")
    assert database.count(tables.events) == 2
    assert database.count(tables.dead_letters) == 1


def test_the_broker_keeps_what_comes_while_the_collector_is_away(
    database: Database, settings: BrokerSettings, node: FakeNode
) -> None:
    """The session outlives the connection, so a short absence costs no resend."""
    with running(Collector(database, settings)):
        node.send(1)
        node.hear_watermark(1)
    node.send(2)
    with running(Collector(database, settings)):
        node.hear_watermark(2)
    assert database.count(tables.events) == 2


def test_a_broker_that_is_away_is_named(database: Database, tmp_path: Path) -> None:
    """The state says why there is no connection, and stopping does not hang."""
    collector = Collector(database, BrokerSettings(url="mqtt://127.0.0.1:1"))
    collector.start()
    wait_until(lambda: "refused" in collector.detail.lower(), "the reason is there")
    assert not collector.is_connected
    collector.stop()
