"""``shelfwatch central`` as a process, and its configuration."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from central.config import load_central
from shelf.errors import ConfigError

CONFIG = """\
broker: {embedded: true, port: 0}
http: {port: 0}
"""


class Service:
    """The command, and what it says."""

    def __init__(self, config: Path) -> None:
        program = "from shelf.cli import main; main()"
        command = [sys.executable, "-c", program, "central", "--config", str(config)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def wait_for(self, text: str) -> str:
        """Return the first line with ``text``."""
        assert self.process.stderr is not None
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stderr:
                self.lines.append(line)
                if text in line:
                    return line
        finally:
            watchdog.cancel()
        pytest.fail(f"ended without {text!r}: {''.join(self.lines)}")

    def wait(self) -> int:
        self.lines.append(self.process.communicate(timeout=60)[1])
        return self.process.returncode


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "central.yaml").write_text(CONFIG)
    service = Service(tmp_path / "central.yaml")
    yield service
    service.process.kill()
    service.process.communicate()


def broker_of(folder: Path) -> int:
    """Return the process id of the broker whose configuration lies in ``folder``."""
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = status.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(part.startswith(os.fsencode(folder / "broker")) for part in command):
            return int(status.parent.name)
    pytest.fail("no broker")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(
    service: Service, tmp_path: Path, number: signal.Signals
) -> None:
    """Pages are served; a signal ends pages, collector and broker with exit code 0."""
    url = service.wait_for("pages are served").split("url=")[1].strip()
    with urllib.request.urlopen(url, timeout=20) as response:
        assert response.status == 200
    broker = broker_of(tmp_path)
    service.process.send_signal(number)
    assert service.wait() == 0
    assert not Path(f"/proc/{broker}").exists()
    assert (tmp_path / "central.sqlite").exists()


def test_the_first_start_prints_a_link_that_lets_the_admin_in(
    service: Service, tmp_path: Path
) -> None:
    """It opens a form; another one can be had while the service runs, and ends the first."""
    link = service.wait_for("nobody can log in yet").split("link=")[1].strip()
    with urllib.request.urlopen(link, timeout=20) as response:
        assert "Your name here is <b>admin</b>" in response.read().decode()
    program = "from shelf.cli import main; main()"
    config = str(tmp_path / "central.yaml")
    command = [sys.executable, "-c", program, "central", "--config", config, "--admin-link"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "/link/" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(link, timeout=20)


def test_it_ends_when_its_broker_does(service: Service, tmp_path: Path) -> None:
    """Whoever supervises the service is told, instead of a page without news."""
    service.wait_for("pages are served")
    os.kill(broker_of(tmp_path), signal.SIGKILL)
    assert service.wait() == 1
    assert "the broker has ended" in service.lines[-1]


def test_a_port_in_use_is_one_message(tmp_path: Path) -> None:
    """The message names the field and the address, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "central.yaml").write_text(
            CONFIG.replace("http: {port: 0", f"http: {{port: {port}")
        )
        service = Service(tmp_path / "central.yaml")
        assert service.wait() == 2
    assert service.lines[-1].startswith(f"http: 127.0.0.1:{port}: expected an address")
    assert not (tmp_path / "broker").exists()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine; its key is ``own.key`` beside it."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=shelf", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(tmp_path / "own.key"), "-out", str(tmp_path / "own.crt")]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "own.crt"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_pages_are_served_over_tls(tmp_path: Path, certificate: Path) -> None:
    """To whoever trusts the certificate; the cookie stays off plain http."""
    tls = "http: {port: 0, tls: {certificate: own.crt, key: own.key}"
    (tmp_path / "central.yaml").write_text(CONFIG.replace("http: {port: 0", tls))
    service = Service(tmp_path / "central.yaml")
    try:
        link = service.wait_for("nobody can log in yet").split("link=")[1].strip()
        assert link.startswith("https://127.0.0.1:")
        form = {"username": "admin", "password": "ten letters", "again": "ten letters"}
        trust = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(verify=trust, timeout=20) as client:
            answer = client.post(link, data=form, headers={"Origin": link.partition("/link")[0]})
        assert answer.status_code == 303, answer.text
        assert "; secure" in answer.headers["set-cookie"].lower()
    finally:
        service.process.kill()
        service.process.communicate()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize(
    ("key", "found"),
    [("absent.key", "No such file"), ("own.crt", "PEM"), ("other.key", "KEY_VALUES_MISMATCH")],
)
def test_a_certificate_that_cannot_serve_is_one_message(
    tmp_path: Path, certificate: Path, key: str, found: str
) -> None:
    """It names the field and both files, and nothing was started."""
    command = ["openssl", "genrsa", "-out", str(tmp_path / "other.key"), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    tls = f"http: {{port: 0, tls: {{certificate: own.crt, key: {key}}}"
    (tmp_path / "central.yaml").write_text(CONFIG.replace("http: {port: 0", tls))
    service = Service(tmp_path / "central.yaml")
    assert service.wait() == 2
    assert service.lines[-1].startswith("http.tls: expected a certificate and its private key")
    assert found in service.lines[-1]
    assert str(tmp_path / key) in service.lines[-1]
    assert not (tmp_path / "broker").exists()


def test_paths_are_beside_the_configuration(tmp_path: Path) -> None:
    """Wherever the command is started, the files are the same."""
    (tmp_path / "central.yaml").write_text(
        "broker: {url: mqtts://b, ca_file: ca.crt}\n"
        "planograms: [{tenant: acme, site: s1, aisle: a12, file: a12.csv}]\n"
    )
    central = load_central(tmp_path / "central.yaml")
    assert central.database_url == f"sqlite:///{tmp_path / 'central.sqlite'}"
    assert central.broker.ca_file == tmp_path / "ca.crt"
    assert central.planograms[0].file == tmp_path / "a12.csv"
    assert (central.http.host, central.http.port) == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "broker: expected a value, found nothing"),
        ("broker: {}", "broker: expected either a url or embedded: true"),
        ("broker: {embeded: true}", "did you mean 'embedded'?"),
        ("broker: {url: 'mqtt://a:hunter2@b'}", "broker.url: expected no user in the URL"),
        (
            "broker: {embedded: true}\nplanograms: [{tenant: a/b, site: s, aisle: a, file: f}]",
            "planograms[0].tenant: expected 1-64 letters",
        ),
        (
            "broker: {embedded: true}\n"
            "planograms: [&p {tenant: t, site: s, aisle: a, file: f}, *p]",
            "planograms: expected each aisle once",
        ),
    ],
)
def test_a_wrong_configuration_is_told_by_field(tmp_path: Path, text: str, message: str) -> None:
    """The message names file and field, and holds no password."""
    (tmp_path / "central.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_central(tmp_path / "central.yaml")
    assert message in str(caught.value)
    assert "central.yaml" in str(caught.value)
    assert "hunter2" not in str(caught.value)
