"""Credentials, certificates and the access list that `deploy/mosquitto` ships."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from collectors import running_collector
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from parts import LINKS, Link, committed, find, running, wait_until
from slot_events import slot_changed
from structlog.testing import capture_logs
from uplinks import is_empty, running_uplink

from central.broker import free_port
from central.broker_settings import BrokerSettings as CentralBroker
from central.broker_settings import Program
from edge_agent.broker_settings import BrokerSettings
from edge_agent.calibrate_listen import AgentListener
from edge_agent.outbox import Outbox
from edge_agent.uplink import UplinkState
from shelf import SlotId
from shelf.broker import Protocol
from shelf.provision.authority import Authority
from shelf.provision.certificates import Holder, Role
from shelf.topics import ALL_UP, Node

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"

MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
user {user}
"""

NATS_CONF = """\
server_name: test
host: 127.0.0.1
port: -1
jetstream {{ store_dir: "{folder}/jetstream" }}
authorization {{ user: "e1", password: "correct horse" }}
mqtt {{ host: 127.0.0.1, port: {port} }}
"""


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_refused_node_recovers_when_the_password_is_mended(
    tmp_path: Path, node: Node, link: Link
) -> None:
    """The state says refused, the log says why and never what the password was."""
    program, port = find(link.program), free_port("127.0.0.1")
    is_nats = link.program is Program.NATS
    conf = (NATS_CONF if is_nats else MOSQUITTO_CONF).format(
        port=port, folder=tmp_path, user=getuser()
    )
    (tmp_path / "broker.conf").write_text(conf)
    if not is_nats:
        (tmp_path / "passwords").write_text("e1:correct horse\n")
        subprocess.run(["mosquitto_passwd", "-U", tmp_path / "passwords"], check=True)
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    settings = BrokerSettings(
        url=f"mqtt://127.0.0.1:{port}",
        protocol=link.protocol,
        username="e1",
        password_file=password,
    )
    with (
        running([program, "-c", tmp_path / "broker.conf"], port),
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        capture_logs() as logs,
        running_uplink(outbox, settings) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is refused")
        wait_until(lambda: uplink.counts["attempts"] > 2, "it tries again")
        assert [log["state"] for log in logs if log["event"] == "uplink"] == ["refused"]
        password.unlink()
        wait_until(lambda: str(password) in uplink.detail, "the missing file is named")
        password.write_text("correct horse")
        wait_until(lambda: uplink.state is UplinkState.ONLINE, "it is let in")
    assert "hunter2" not in str(logs)
    assert "correct horse" not in str(logs)


class Certificates:
    """What `shelfwatch provision` makes, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._authority = Authority.create(folder / "pki", "Test CA", 30, now())
        (folder / "ca.crt").write_bytes(self._authority.certificate)
        self._copy_revoked()

    def issue(self, name: str, holder: Holder) -> None:
        """Make ``name``.crt and ``name``.key."""
        pair = self._authority.issue(holder, 30, now())
        (self.folder / f"{name}.crt").write_bytes(pair.certificate)
        (self.folder / f"{name}.key").write_bytes(pair.key)

    def revoke(self, common_name: str, but: str | None = None) -> None:
        """Take back what a name has, but for the certificate in ``but``.crt."""
        keep = None
        if but is not None:
            text = (self.folder / f"{but}.crt").read_bytes()
            keep = x509.load_pem_x509_certificate(text).serial_number
        assert self._authority.revoke(common_name, now(), keep)
        self._copy_revoked()

    def _copy_revoked(self) -> None:
        (self.folder / "ca.crl").write_bytes(self._authority.revoked)


def now() -> datetime:
    return datetime.now(UTC)


HOLDERS = {
    "server": Holder(Role.BROKER, "127.0.0.1", hosts=("127.0.0.1",)),
    "node": Holder(Role.NODE, "s0421-e1", "acme", "s0421"),
    "central": Holder(Role.CLIENT, "shelfwatch-central"),
}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    made = Certificates(tmp_path / "certs")
    for name, holder in HOLDERS.items():
        made.issue(name, holder)
    return made


@dataclass(frozen=True)
class Production:
    """A running broker."""

    port: int
    process: subprocess.Popen[str]

    def reload(self) -> None:
        """Have it read its lists again."""
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture
def production(tmp_path: Path, certificates: Certificates) -> Iterator[Production]:
    """A broker with the configuration that is shipped, but for its paths."""
    program, port = find(Program.MOSQUITTO), free_port("127.0.0.1")
    conf = (DEPLOY / "mosquitto.conf").read_text()
    changes = {
        "listener 8883": f"user {getuser()}\nlistener {port} 127.0.0.1",
        "/etc/mosquitto/shelfwatch/certs": str(certificates.folder),
        "/etc/mosquitto/shelfwatch/acl": str(DEPLOY / "acl"),
        "/var/lib/mosquitto/": f"{tmp_path}/",
    }
    for old, new in changes.items():
        assert old in conf
        conf = conf.replace(old, new)
    (tmp_path / "mosquitto.conf").write_text(conf)
    with running([program, "-c", tmp_path / "mosquitto.conf"], port) as broker:
        yield Production(port, broker)


def tls(certificates: Certificates, name: str, port: int) -> dict[str, object]:
    folder = certificates.folder
    return {
        "url": f"mqtts://127.0.0.1:{port}",
        "ca_file": folder / "ca.crt",
        "cert_file": folder / f"{name}.crt",
        "key_file": folder / f"{name}.key",
    }


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_shipped_configuration_lets_events_and_watermarks_pass(
    tmp_path: Path,
    node: Node,
    certificates: Certificates,
    production: Production,
    protocol: Protocol,
) -> None:
    """With client certificates and the access list a node delivers and is told so."""
    database = tmp_path / "central.sqlite"
    theirs = {**tls(certificates, "central", production.port), "protocol": protocol}
    ours = {**tls(certificates, "node", production.port), "protocol": protocol}
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_collector(database, CentralBroker.model_validate(theirs)),
        running_uplink(outbox, BrokerSettings.model_validate(ours)) as uplink,
    ):
        outbox.append([slot_changed(n) for n in range(1, 11)])
        uplink.notify()
        wait_until(lambda: is_empty(outbox), "all is committed")
        assert committed(database) == [(outbox.epoch, n) for n in range(1, 11)]


def test_the_calibration_tool_hears_its_own_node(
    tmp_path: Path, node: Node, certificates: Certificates, production: Production
) -> None:
    """With the node's certificate, beside its agent; of another node it hears nothing."""
    settings = BrokerSettings.model_validate(tls(certificates, "node", production.port))
    own = AgentListener(node, settings, ["a12"])
    other = AgentListener(Node("acme", "s0421", "s0421-e2"), settings, ["a12"])
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, settings) as uplink,
        ExitStack() as stack,
    ):
        stack.callback(own.stop)
        stack.callback(other.stop)
        own.start()
        other.start()
        wait_until(lambda: uplink.state is UplinkState.ONLINE, "the agent is online")
        wait_until(lambda: own.fault() == "", "the tool knows that its agent is online")
        event = slot_changed(1)
        outbox.append([event])
        uplink.notify()
        slot = SlotId.parse(event.subject.partition("/")[2])
        wait_until(lambda: own.heard("a12", slot), "the tool hears the alert")
        assert uplink.state is UplinkState.ONLINE
        assert other.fault() != ""


def test_a_node_cannot_speak_for_another(
    tmp_path: Path, certificates: Certificates, production: Production
) -> None:
    """A certificate lets its owner write below its own name only, and the node is told."""
    other = Node("acme", "s0421", "s0421-e2")
    settings = BrokerSettings.model_validate(tls(certificates, "node", production.port))
    with (
        Outbox.open(tmp_path / "outbox.sqlite", other) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        outbox.append([slot_changed(1)])
        uplink.notify()
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is refused")
        assert "publishing: Not authorized" in uplink.detail


class Client:
    """A client of the broker that may try anything."""

    def __init__(self, settings: dict[str, object], protocol: MQTTProtocolVersion) -> None:
        reached = BrokerSettings.model_validate(settings)
        self.heard: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
        self._client.tls_set_context(reached.tls_context())
        self._client.on_message = lambda _client, _data, message: self.heard.append(message.topic)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._subscribed = threading.Event()
        self._client.connect(*reached.address)
        self._client.loop_start()

    def subscribe(self, *topics: str) -> None:
        """Return when the broker has answered."""
        self._client.subscribe([(topic, 1) for topic in topics])
        assert self._subscribed.wait(20)

    def publish(self, *topics: str) -> None:
        """Return when the broker has taken or dropped all."""
        for topic in topics:
            self._client.publish(topic, b"{}", qos=1).wait_for_publish(20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.mark.parametrize("protocol", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311])
def test_a_node_reads_and_writes_its_own_only(
    node: Node,
    certificates: Certificates,
    production: Production,
    protocol: MQTTProtocolVersion,
) -> None:
    """Neither another node's topics, nor what tells it to delete events, nor those of people."""
    other = Node("acme", "s0421", "s0421-e2")
    agent = Client(tls(certificates, "node", production.port), protocol)
    center = Client(tls(certificates, "central", production.port), protocol)
    forbidden = [
        other.events("a12"),
        other.status,
        node.watermark,
        node.desired_config,
        "shelf/v1/acme/_staff/s0421/alerts/a12",
        "shelf/v1/acme/_staff/s0421/actions/anna",
        "shelf/v1/acme/_agg/site/s0421/kpi",
    ]
    try:
        center.subscribe(ALL_UP, "shelf/v1/+/_staff/+/actions/+", "shelf/v1/+/+/+/dn/#")
        agent.subscribe(node.watermark, *(topic for topic in forbidden if topic != node.watermark))
        agent.publish(*forbidden, node.events("a12"))
        wait_until(lambda: node.events("a12") in center.heard, "what it may say arrives")
        assert center.heard == [node.events("a12")]
        told = [other.watermark, "shelf/v1/acme/_agg/site/s0421/kpi", node.watermark]
        center.publish("shelf/v1/acme/_staff/s0421/alerts/a12", *told)
        wait_until(lambda: node.watermark in agent.heard, "what it may hear arrives")
        assert agent.heard == [node.watermark]
    finally:
        agent.close()
        center.close()


def test_a_broker_that_nobody_vouches_for_is_not_trusted(
    tmp_path: Path, node: Node, certificates: Certificates, production: Production
) -> None:
    """A broker with a certificate of another authority gets nothing."""
    stranger = Certificates(tmp_path / "stranger")
    settings = BrokerSettings.model_validate(
        {
            **tls(certificates, "node", production.port),
            "ca_file": stranger.folder / "ca.crt",
        }
    )
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is refused")
        assert "the broker's certificate" in uplink.detail


def is_let_in(settings: BrokerSettings) -> bool:
    """True when the broker answers to this certificate."""
    with (
        socket.create_connection(settings.address, 10) as plain,
        settings.tls_context().wrap_socket(plain, server_hostname=settings.address[0]) as secured,
    ):
        secured.settimeout(0.5)
        try:
            return secured.recv(1) != b""
        except TimeoutError:
            return True  # it waits for the first packet
        except ssl.SSLError:
            return False


def test_a_revoked_node_is_let_in_with_a_new_certificate_only(
    tmp_path: Path, node: Node, certificates: Certificates, production: Production
) -> None:
    """After the broker has read the new list; both are valid until then, so nothing is lost."""
    old = BrokerSettings.model_validate(tls(certificates, "node", production.port))
    certificates.issue("renewed", HOLDERS["node"])
    new = BrokerSettings.model_validate(tls(certificates, "renewed", production.port))
    for settings in (old, new):
        with (
            Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
            running_uplink(outbox, settings) as uplink,
        ):
            wait_until(lambda: uplink.state is UplinkState.ONLINE, "both are valid")
    certificates.revoke("s0421-e1", but="renewed")
    production.reload()
    wait_until(lambda: not is_let_in(old), "the broker has read the list")
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, old) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "the old one is refused")
        assert "revoked" in uplink.detail
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, new) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.ONLINE, "the new one is let in")


def test_a_node_is_no_broker(tmp_path: Path, node: Node, certificates: Certificates) -> None:
    """Whoever steals a node's key cannot stand in for the broker with it."""
    holder = replace(HOLDERS["node"], hosts=("127.0.0.1",))
    certificates.issue("thief", holder)
    port, folder = free_port("127.0.0.1"), certificates.folder
    (tmp_path / "broker.conf").write_text(
        f"user {getuser()}\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
        f"certfile {folder}/thief.crt\nkeyfile {folder}/thief.key\n"
    )
    settings = BrokerSettings.model_validate(tls(certificates, "node", port))
    with (
        running([find(Program.MOSQUITTO), "-c", tmp_path / "broker.conf"], port),
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is not trusted")
        assert "the broker's certificate" in uplink.detail
