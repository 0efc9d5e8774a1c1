"""Credentials, certificates and the access list that `deploy/mosquitto` ships."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from getpass import getuser
from pathlib import Path

import pytest
from collectors import running_collector
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
from shelf.topics import Node

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
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._openssl("req", "-x509", *self._new_key("ca"), "-out", "ca.crt", "-subj", "/CN=CA")

    def issue(self, name: str, common_name: str) -> None:
        """Make ``name``.crt and ``name``.key."""
        subject = f"/CN={common_name}"
        self._openssl("req", "-new", *self._new_key(name), "-out", f"{name}.csr", "-subj", subject)
        (self.folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext"]
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signing)

    def _new_key(self, name: str) -> list[str]:
        curve = "ec_paramgen_curve:prime256v1"
        return ["-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", f"{name}.key"]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("tls") / "certs")
    names = {"server": "127.0.0.1", "node": "s0421-e1", "central": "shelfwatch-central"}
    for name, common_name in names.items():
        made.issue(name, common_name)
    return made


@pytest.fixture
def production_port(tmp_path: Path, certificates: Certificates) -> Iterator[int]:
    """The port of a broker with the configuration that is shipped, but for its paths."""
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
    with running([program, "-c", tmp_path / "mosquitto.conf"], port):
        yield port


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
    production_port: int,
    protocol: Protocol,
) -> None:
    """With client certificates and the access list a node delivers and is told so."""
    database = tmp_path / "central.sqlite"
    theirs = {**tls(certificates, "central", production_port), "protocol": protocol}
    ours = {**tls(certificates, "node", production_port), "protocol": protocol}
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
    tmp_path: Path, node: Node, certificates: Certificates, production_port: int
) -> None:
    """With the node's certificate, beside its agent; of another node it hears nothing."""
    settings = BrokerSettings.model_validate(tls(certificates, "node", production_port))
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
    tmp_path: Path, certificates: Certificates, production_port: int
) -> None:
    """A certificate lets its owner write below its own name only, and the node is told."""
    other = Node("acme", "s0421", "s0421-e2")
    settings = BrokerSettings.model_validate(tls(certificates, "node", production_port))
    with (
        Outbox.open(tmp_path / "outbox.sqlite", other) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        outbox.append([slot_changed(1)])
        uplink.notify()
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is refused")
        assert "publishing: Not authorized" in uplink.detail


def test_a_broker_that_nobody_vouches_for_is_not_trusted(
    tmp_path: Path, node: Node, certificates: Certificates, production_port: int
) -> None:
    """A broker with a certificate of another authority gets nothing."""
    stranger = Certificates(tmp_path / "stranger")
    settings = BrokerSettings.model_validate(
        {
            **tls(certificates, "node", production_port),
            "ca_file": stranger.folder / "ca.crt",
        }
    )
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.REFUSED, "it is refused")
        assert "the broker's certificate" in uplink.detail
