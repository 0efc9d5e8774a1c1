"""How many events central takes: from the broker to a committed row and the node's watermark.

``python benchmarks/ingest.py [--quick] [--json OUT]``. Nodes of several stores have left their
events at a real broker while the collector was away; the time runs from its start until every
node has been told that all of its events are committed. One event in four begins or ends a
problem, which the alert engine takes in the same transaction. Then the figures are brought up to
date. SQLite and PostgreSQL, both with every commit on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "central")]

from postgres_server import PostgresMissingError, PostgresServer  # noqa: E402

from central.broker import EmbeddedBroker  # noqa: E402
from central.broker_settings import BrokerSettings  # noqa: E402
from central.collector import Collector  # noqa: E402
from central.database import Database  # noqa: E402
from central.metrics.roller import Roller  # noqa: E402
from shelf.states import State  # noqa: E402
from shelf.topics import Node  # noqa: E402
from shelf.wire import Event, Facings, SlotChanged, type_of  # noqa: E402

STORES = 5
SLOTS = 400
WAIT_SECS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    events = 4000 if arguments.quick else 40_000
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name, broker_in(Path(name) / "broker") as broker:
        figures |= measure("sqlite", f"sqlite:///{name}/central.sqlite", broker, events)
        try:
            server = PostgresServer(is_durable=True)
        except PostgresMissingError as error:
            print(f"PostgreSQL left out: {error}")
        else:
            try:
                figures |= measure("postgresql", server.make(), broker, events)
            finally:
                server.stop()
    figures |= {
        "events": events,
        "stores": STORES,
        "slots": SLOTS * STORES,
        "broker": broker.program.value,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": ", ".join(f"{n} {version(n)}" for n in ("sqlalchemy", "psycopg", "paho-mqtt")),
        "command": " ".join(["python", "benchmarks/ingest.py", *sys.argv[1:]]),
    }
    for key, value in figures.items():
        print(f"{key:32} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@contextmanager
def broker_in(folder: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(BrokerSettings(embedded=True, port=0, folder=folder))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def measure(name: str, url: str, broker: EmbeddedBroker, events: int) -> dict[str, object]:
    """Return events a second into one database, and into its figures."""
    database = Database.open(url)
    settings = broker.client_settings().model_copy(update={"client_id": f"bench-{name}"})
    first = Collector(database, settings)
    first.start()  # from now on the broker keeps what comes while the collector is away
    wait_for(lambda: first.is_connected)
    first.stop()

    epoch = time.time_ns()
    nodes = Nodes(broker, epoch, events // STORES)
    nodes.publish_all()
    collector = Collector(database, settings)
    began, cpu_began = time.perf_counter(), time.process_time()
    collector.start()
    nodes.all_told.wait(WAIT_SECS)
    secs, cpu_secs = time.perf_counter() - began, time.process_time() - cpu_began
    collector.stop()
    nodes.close()
    if not nodes.all_told.is_set() or collector.counts["events"] < events:
        raise SystemExit(f"{name}: {collector.counts['events']} of {events} within {WAIT_SECS} s")

    began = time.perf_counter()
    Roller(database, lambda *_: UTC).run(datetime.now(UTC))
    rolled_secs = time.perf_counter() - began
    database.close()
    return {
        f"{name}_events_per_sec": round(events / secs),
        f"{name}_cpu_us_an_event": round(cpu_secs / events * 1e6),
        f"{name}_events_a_commit": round(events / collector.counts["batches"]),
        f"{name}_into_figures_per_sec": round(events / rolled_secs),
    }


class Nodes:
    """One node in each store; hears when it has been told that all is committed."""

    def __init__(self, broker: EmbeddedBroker, epoch: int, events: int) -> None:
        self.all_told = threading.Event()
        self._epoch, self._events = epoch, events
        self._nodes = [Node("bench", f"s{number}", "e1") for number in range(STORES)]
        self._waiting = {node.watermark for node in self._nodes}
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"nodes-{epoch}")
        self._client.max_inflight_messages_set(200)
        self._client.on_message = self._hear
        self._client.connect(broker.host, broker.port)
        self._client.subscribe([(node.watermark, 1) for node in self._nodes])
        self._client.loop_start()

    def publish_all(self) -> None:
        """Leave all events at the broker."""
        start = datetime.now(UTC) - timedelta(seconds=self._events)
        last = None
        for sequence in range(1, self._events + 1):
            for node in self._nodes:
                event = self._event(node, sequence, start + timedelta(seconds=sequence))
                last = self._client.publish(node.events("a12"), event, qos=1)
        assert last is not None
        last.wait_for_publish(WAIT_SECS)

    def _event(self, node: Node, sequence: int, time_utc: datetime) -> bytes:
        number, turn = sequence % SLOTS, sequence // SLOTS
        states = (State.STOCKED, State.UNKNOWN, State.OUT_OF_STOCK, State.LOW)
        if number % 4:
            states = (State.STOCKED, State.UNKNOWN, State.STOCKED, State.UNKNOWN)
        data = SlotChanged(
            state=states[turn % 4],
            previous=states[(turn - 1) % 4],
            since=time_utc - timedelta(seconds=60),
            sku=f"10{number:04d}",
            name="Rye crackers 200 g",
            facings=Facings(expected=4, seen=0),
            confidence=0.93,
            observed_secs=60,
            reason="gap seen, 0 of 4 facings",
            camera="a12-c1",
            planogram="pg-2026w47-3",
            model="sha256:9c1e",
            calibration="c7",
        )
        event = Event(
            id=f"{self._epoch}-{node.site}-{sequence}",
            source=node.source,
            type=type_of(data),
            subject=f"a12/b{number // 40 + 1:02d}/s{number % 5 + 1}/p{number % 40 // 5 + 1:02d}",
            time=time_utc,
            epoch=self._epoch,
            sequence=sequence,
            data=data.model_dump(mode="json", exclude_none=True),
        )
        return event.to_json()

    def _hear(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        told = json.loads(message.payload)
        if told == {"epoch": self._epoch, "sequence": self._events}:
            self._waiting.discard(message.topic)
        if not self._waiting:
            self.all_told.set()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def wait_for(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("the collector does not reach the broker")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
