"""The agent's own page for operators: health, metrics and the latest look of each camera.

It has no login and is bound to this machine unless told otherwise.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shelf.errors import ShelfwatchError
from shelf.states import CameraState

_log = structlog.get_logger(__name__)

_IDLE_SECS = 10.0
_LOST = (CameraState.STALE, CameraState.OFFLINE)
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


class HealthError(ShelfwatchError):
    """The address for the page cannot be used."""


class Uplink(StrEnum):
    """The connection to the broker."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """One camera's state and, when it is not ok, why."""

    state: CameraState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/healthz`` says. ``fault`` is why the agent itself does not work, if it does not.

    A disconnected uplink does not make the agent unwell: it keeps every event. Nor does one
    lost camera of several, or darkness. ``more`` are further figures (of JSON's types).
    """

    cameras: Mapping[str, CameraHealth]
    uplink: Uplink
    fault: str = ""
    more: Mapping[str, Any] | None = None

    @property
    def is_ok(self) -> bool:
        """True when the agent works and not all of its cameras are stale or offline."""
        if self.fault:
            return False
        return not self.cameras or any(
            camera.state not in _LOST for camera in self.cameras.values()
        )

    def to_json(self) -> bytes:
        """Return the answer's body."""
        body: dict[str, Any] = {
            "ok": self.is_ok,
            "uplink": self.uplink.value,
            "cameras": {
                name: {"state": camera.state.value, "detail": camera.detail}
                for name, camera in self.cameras.items()
            },
        }
        if self.fault:
            body["fault"] = self.fault
        body |= self.more or {}
        return json.dumps(body, indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    kind: str
    body: bytes


class HealthServer:
    """Serves ``/healthz``, ``/metrics`` and ``/cameras/<id>/look.jpg`` from a thread.

    ``health`` is asked at every request, in a server thread, and must return quickly. With
    port 0 the system chooses; ``port`` says which. Raises `HealthError` when the address is
    taken or is not this machine's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        health: Callable[[], Health],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._health = health
        self._registry = registry
        self._looks: dict[str, bytes] = {}
        try:
            self._server = _Server((host, port), self._handler())
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise HealthError(
                f"health: expected a free address, found {host}:{port}: {reason}; "
                "choose another health.port or stop what listens there"
            ) from error
        self.port = int(self._server.server_address[1])
        self._is_local = host in ("127.0.0.1", "localhost")
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="health", daemon=True
        )
        self._thread.start()

    def set_look(self, camera: str, jpeg: bytes) -> None:
        """Show ``jpeg`` as the latest look of ``camera``; it is kept until the next."""
        self._looks[camera] = jpeg

    def close(self) -> None:
        """Stop answering and give the port back; may be called twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, target: str, host: str) -> _Answer:
        # A web page elsewhere can point its own name at this machine and read what its
        # visitor's browser fetches; a request for another name than this machine's is refused.
        if self._is_local and urlsplit(f"//{host}").hostname not in ("127.0.0.1", "localhost"):
            return _words(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1 or localhost")
        path = unquote(urlsplit(target).path)
        if path == "/healthz":
            health = self._health()
            status = HTTPStatus.OK if health.is_ok else HTTPStatus.SERVICE_UNAVAILABLE
            return _Answer(status, _JSON, health.to_json())
        if path == "/metrics":
            return _Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))
        parts = path.split("/")
        if len(parts) == 4 and parts[1] == "cameras" and parts[3] == "look.jpg":
            return self._look(parts[2])
        return _words(
            HTTPStatus.NOT_FOUND, "here are /healthz, /metrics and /cameras/<id>/look.jpg"
        )

    def _look(self, camera: str) -> _Answer:
        jpeg = self._looks.get(camera)
        if jpeg is not None:
            return _Answer(HTTPStatus.OK, "image/jpeg", jpeg)
        known = self._health().cameras
        if camera in known:
            return _words(HTTPStatus.NOT_FOUND, f"camera {camera} has not given a look yet")
        names = ", ".join(known) or "none"
        return _words(HTTPStatus.NOT_FOUND, f"no such camera; the cameras are: {names}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            server_version = "shelfwatch"
            sys_version = ""
            timeout = _IDLE_SECS

            def do_GET(self) -> None:
                answer = server._answer(self.path, self.headers.get("Host", ""))
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(answer.body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Requests of a monitor every few seconds are no news."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On Linux this only lets a restart take a port whose old connections linger.
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.warning("request failed", client=str(client_address[0]), exc_info=True)


def _words(status: HTTPStatus, text: str) -> _Answer:
    return _Answer(status, _TEXT, text.encode() + b"\n")
