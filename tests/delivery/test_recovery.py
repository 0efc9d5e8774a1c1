"""What goes wrong apart from kills, over each broker: lost stores, full and corrupt outboxes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collectors import running_collector
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from parts import Broker, committed, count_committed, wait_until, watermarks
from slot_events import slot_changed
from uplinks import is_empty, running_uplink

from edge_agent.outbox import Outbox
from edge_agent.uplink import UplinkState
from shelf.topics import Node

APPEND_AND_DIE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from slot_events import slot_changed
from edge_agent.outbox import Outbox
from shelf.topics import Node
outbox = Outbox.open(Path(sys.argv[1]), Node("acme", "s0421", "s0421-e1"))
outbox.append([slot_changed(number) for number in range(1, 21)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def listener(broker: Broker, topic: str) -> Iterator[dict[str, bytes]]:
    """Give what a client that subscribes now gets, newest by topic."""
    heard: dict[str, bytes] = {}

    def keep(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        heard[message.topic] = bytes(message.payload)

    client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = keep
    client.on_connect = lambda *_: client.subscribe(topic, 1)
    host, _, port = broker.url.removeprefix("mqtt://").partition(":")
    client.connect(host, int(port))
    client.loop_start()
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_broker_that_forgets_everything_is_told_again(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """Events, birth, retained messages and watermark return to a broker that lost its store."""
    database = tmp_path / "central.sqlite"
    snapshot = node.bay_state("a12", "b03")
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, broker.for_node()) as uplink,
        running_collector(database, broker.for_collector()),
    ):
        uplink.publish_retained(snapshot, b"{}")
        outbox.append([slot_changed(n) for n in range(1, 51)])
        uplink.notify()
        wait_until(lambda: is_empty(outbox), "the first events are committed")
        broker.kill()
        broker.forget()
        outbox.append([slot_changed(n) for n in range(51, 101)])
        uplink.notify()
        broker.start()
        wait_until(lambda: is_empty(outbox), "the other events are committed")
        assert committed(database) == [(outbox.epoch, n) for n in range(1, 101)]
        with listener(broker, "shelf/v1/#") as heard:
            wait_until(lambda: {node.status, node.watermark, snapshot} <= heard.keys())
            wait_until(lambda: json.loads(heard[node.watermark])["sequence"] == 100)
        assert json.loads(heard[node.status])["state"] == "online"


def test_a_new_database_begins_where_the_node_is(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """A collector that lost its database does not wait for events that will never come."""
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, broker.for_node()) as uplink,
    ):
        outbox.append([slot_changed(n) for n in range(1, 11)])
        uplink.notify()
        with running_collector(tmp_path / "old.sqlite", broker.for_collector()):
            wait_until(lambda: is_empty(outbox), "the first events are committed")
        with running_collector(tmp_path / "new.sqlite", broker.for_collector()):
            outbox.append([slot_changed(n) for n in range(11, 16)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox), "the other events are committed")
        epoch = outbox.epoch
        assert committed(tmp_path / "new.sqlite")[-5:] == [(epoch, n) for n in range(11, 16)]
        assert watermarks(tmp_path / "new.sqlite") == {(node.source, epoch): 15}


def test_events_of_a_node_that_died_before_sending_arrive(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """What was appended by a process that was then killed goes out at the next start."""
    path, database = tmp_path / "outbox.sqlite", tmp_path / "central.sqlite"
    command = [sys.executable, "-c", APPEND_AND_DIE, str(path), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False).returncode == -9
    with (
        Outbox.open(path, node) as outbox,
        running_collector(database, broker.for_collector()),
        running_uplink(outbox, broker.for_node()),
    ):
        wait_until(lambda: is_empty(outbox), "all is committed")
        assert committed(database) == [(outbox.epoch, n) for n in range(1, 21)]


def test_what_a_full_outbox_dropped_is_accounted_for(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """The tombstone lets the watermark pass over what will never come."""
    database = tmp_path / "central.sqlite"
    with Outbox.open(tmp_path / "outbox.sqlite", node, max_bytes=8192) as outbox:
        for number in range(1, 41):
            outbox.append([slot_changed(number)])
        (first, *_) = outbox.read(0, 1)
        with (
            running_uplink(outbox, broker.for_node()),
            running_collector(database, broker.for_collector()),
        ):
            wait_until(lambda: is_empty(outbox), "all is committed")
        assert committed(database) == [(outbox.epoch, n) for n in range(first.sequence, 41)]
        assert watermarks(database) == {(node.source, outbox.epoch): 40}
        assert outbox.drops == {"full": first.sequence}


def test_a_corrupt_outbox_goes_on_in_a_new_epoch(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """The collector takes the new epoch; the old one's watermark deletes nothing of it."""
    path, database = tmp_path / "outbox.sqlite", tmp_path / "central.sqlite"
    with running_collector(database, broker.for_collector()):
        with (
            Outbox.open(path, node) as outbox,
            running_uplink(outbox, broker.for_node()) as uplink,
        ):
            old = outbox.epoch
            outbox.append([slot_changed(n) for n in range(1, 11)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox), "the old epoch is committed")
        path.write_bytes(b"scrambled" * 4000)
        with (
            Outbox.open(path, node) as outbox,
            running_uplink(outbox, broker.for_node()) as uplink,
        ):
            new = outbox.epoch
            outbox.append([slot_changed(11)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox), "the new epoch is committed")
    assert committed(database) == [(old, n) for n in range(1, 11)] + [(new, 1), (new, 2)]
    assert watermarks(database) == {(node.source, old): 10, (node.source, new): 2}


def test_an_outbox_that_went_back_in_time_loses_nothing(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """An old image of the disk would reuse numbers; its events get a new epoch instead."""
    path, database = tmp_path / "outbox.sqlite", tmp_path / "central.sqlite"
    with running_collector(database, broker.for_collector()):
        with Outbox.open(path, node) as outbox:
            outbox.append([slot_changed(1)])
        image = path.read_bytes()
        with (
            Outbox.open(path, node) as outbox,
            running_uplink(outbox, broker.for_node()) as uplink,
        ):
            old = outbox.epoch
            outbox.append([slot_changed(2), slot_changed(3)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox), "all is committed")
        path.write_bytes(image)
        with (
            Outbox.open(path, node) as outbox,
            running_uplink(outbox, broker.for_node()) as uplink,
        ):
            outbox.append([slot_changed(4)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox) and outbox.epoch > old, "a new epoch drains")
            new = outbox.epoch
    assert committed(database) == [(old, 1), (old, 2), (old, 3), (new, 1), (new, 2)]


def test_a_stop_drains_and_says_goodbye(tmp_path: Path, node: Node, broker: Broker) -> None:
    """Stopping waits for the last commit, and the broker then holds ``offline``."""
    database = tmp_path / "central.sqlite"
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_collector(database, broker.for_collector()),
        running_uplink(outbox, broker.for_node()) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.ONLINE, "it is online")
        outbox.append([slot_changed(n) for n in range(1, 101)])
        uplink.stop(drain_secs=30)
        assert is_empty(outbox)
        assert count_committed(database) == 100
    with listener(broker, node.status) as heard:
        wait_until(lambda: node.status in heard)
    assert json.loads(heard[node.status])["state"] == "offline"
