"""Which version of MQTT is spoken, with brokers that know 5 and brokers that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from getpass import getuser
from pathlib import Path

import pytest
from collectors import running_collector
from parts import Broker, Link, find, running, wait_until
from slot_events import slot_changed
from structlog.testing import capture_logs
from uplinks import is_empty, running_uplink

from central.broker import free_port
from central.broker_settings import BrokerSettings as CentralBroker
from central.broker_settings import Program
from edge_agent.broker_settings import BrokerSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink, UplinkState
from shelf.broker import FAILURES_BEFORE_FIVE, Protocol, Version, VersionChoice
from shelf.topics import Node

ADVICE = 'refuses MQTT 5; set protocol: "3.1.1" or "auto"'
NEWS = "the broker refuses MQTT 5"

MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
log_dest file {log}
log_type notice
"""

Endings = list[Callable[[VersionChoice], object]]


class Mosquitto:
    """A Mosquitto that writes down whom it lets in."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._log = folder / "mosquitto.log"

    def command(self, port: int) -> list[object]:
        """Return how to start it."""
        conf = self._folder / "mosquitto.conf"
        conf.write_text(MOSQUITTO_CONF.format(port=port, user=getuser(), log=self._log))
        return [self._program, "-c", conf]

    def lets_in(self, client: str, version: Version) -> bool:
        """Return whether its log has the client with this version of MQTT."""
        number = {"5": 5, "3.1.1": 2}[version]
        return self._log.exists() and f" as {client} (p{number}," in self._log.read_text()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Mosquitto:
    return Mosquitto(find(Program.MOSQUITTO), tmp_path)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Broker]:
    """A broker that speaks 3.1.1 only, not yet started."""
    find(Program.NATS)
    broker = Broker(tmp_path / "nats", Link(Program.NATS, "auto"))
    yield broker
    broker.stop()


def failures_of(uplink: Uplink) -> Callable[[], bool]:
    """Return what holds once so many attempts from now on have failed that 5 is tried again."""
    enough = uplink.counts["attempts"] + FAILURES_BEFORE_FIVE + 1
    return lambda: uplink.counts["attempts"] > enough


AFTER = {
    "nothing": ([], "5"),
    "other failures": ([VersionChoice.failed] * 2 * FAILURES_BEFORE_FIVE, "5"),
    "a refusal": ([VersionChoice.refused], "3.1.1"),
    "a refusal after failures": (
        [VersionChoice.failed] * (FAILURES_BEFORE_FIVE - 1) + [VersionChoice.refused],
        "3.1.1",
    ),
    "a success with the older": ([VersionChoice.refused, VersionChoice.succeeded], "3.1.1"),
    "few failures with the older": (
        [VersionChoice.refused] + [VersionChoice.failed] * (FAILURES_BEFORE_FIVE - 1),
        "3.1.1",
    ),
    "several failures with the older": (
        [VersionChoice.refused] + [VersionChoice.failed] * FAILURES_BEFORE_FIVE,
        "5",
    ),
    "failures that are not in a row": (
        [VersionChoice.refused]
        + [VersionChoice.failed] * (FAILURES_BEFORE_FIVE - 1)
        + [VersionChoice.succeeded]
        + [VersionChoice.failed] * (FAILURES_BEFORE_FIVE - 1),
        "3.1.1",
    ),
}


@pytest.mark.parametrize(("endings", "version"), AFTER.values(), ids=AFTER.keys())
def test_the_next_version(endings: Endings, version: Version) -> None:
    """Only a refusal leads to 3.1.1, and only several other failures back."""
    choice = VersionChoice("auto")
    for end in endings:
        end(choice)
    assert choice.version == version


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_explicit_version_stays(protocol: Version) -> None:
    """Whatever the broker says."""
    choice = VersionChoice(protocol)
    assert not choice.refused()
    for _ in range(2 * FAILURES_BEFORE_FIVE):
        choice.failed()
    assert choice.version == protocol


def test_a_refusal_is_news_once() -> None:
    """Until MQTT 5 has worked again."""
    choice = VersionChoice("auto")
    choice.refused()
    choice.succeeded()
    assert [choice.take_news(), choice.take_news()] == [True, False]
    for _ in range(FAILURES_BEFORE_FIVE):
        choice.failed()
    choice.succeeded()
    assert choice.take_news()


def test_both_sides_fall_back_and_say_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, node: Node, nats: Broker
) -> None:
    """Events pass a broker without MQTT 5 with no setting at all, after a restart too."""
    monkeypatch.setattr("central.listening.RETRY_CAP_SECS", 0.1)
    with (
        capture_logs() as logs,
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, nats.for_node()) as uplink,
        running_collector(tmp_path / "central.sqlite", nats.for_collector()) as collector,
    ):
        for number in (1, 2):
            nats.start()
            outbox.append([slot_changed(number)])
            uplink.notify()
            wait_until(lambda: is_empty(outbox), "the event is committed")
            nats.stop()
            wait_until(lambda: uplink.state is UplinkState.OFFLINE, "the node has noticed")
            wait_until(lambda: not collector.is_connected, "the collector has noticed")
            wait_until(failures_of(uplink), "attempts have failed")
    news = [log for log in logs if log["event"] == NEWS]
    assert [log["speaking"] for log in news] == ["3.1.1", "3.1.1"], "one line from each side"
    assert "refused" not in {log.get("state") for log in logs}


@pytest.mark.parametrize(("protocol", "version"), [("auto", "5"), ("3.1.1", "3.1.1")])
def test_mosquitto_hears_the_best_version_that_is_allowed(
    tmp_path: Path, node: Node, mosquitto: Mosquitto, protocol: Protocol, version: Version
) -> None:
    """Its own log says which version each side speaks."""
    port = free_port("127.0.0.1")
    link = {"url": f"mqtt://127.0.0.1:{port}", "protocol": protocol}
    with (
        running(mosquitto.command(port), port),
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, BrokerSettings.model_validate(link)),
        running_collector(tmp_path / "central.sqlite", CentralBroker.model_validate(link)),
    ):
        outbox.append([slot_changed(1)])
        wait_until(lambda: is_empty(outbox), "the event is committed")
        assert mosquitto.lets_in(node.node, version)
        assert mosquitto.lets_in("shelfwatch-central", version)


def test_a_better_broker_in_its_place_is_noticed(
    tmp_path: Path, node: Node, mosquitto: Mosquitto, nats: Broker
) -> None:
    """A node that has fallen back speaks MQTT 5 after some failures, and stays with it."""
    port = int(nats.url.rpartition(":")[2])
    nats.start()
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, nats.for_node()) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.ONLINE, "it is online")
        nats.stop()
        wait_until(failures_of(uplink), "attempts have failed")
        with running(mosquitto.command(port), port):
            wait_until(lambda: mosquitto.lets_in(node.node, "5"), "it speaks MQTT 5")


def test_five_where_it_is_refused_says_what_to_set(
    tmp_path: Path, node: Node, nats: Broker
) -> None:
    """Both sides name the setting."""
    nats.link = Link(Program.NATS, "5")
    nats.start()
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, nats.for_node()) as uplink,
        running_collector(tmp_path / "central.sqlite", nats.for_collector()) as collector,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "the node is refused")
        wait_until(lambda: ADVICE in collector.detail, "the collector says what to set")
        assert ADVICE in uplink.detail
