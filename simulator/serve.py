"""The simulated cameras as what real ones are: snapshots over HTTP."""

from __future__ import annotations

import errno
import json
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from urllib.parse import urlsplit

import cv2

from shelf import ShelfwatchError
from simulator.site import demo_cameras, demo_store, demo_view
from simulator.truth import store_truth
from simulator.view import View

HOST = "127.0.0.1"
JPEG_QUALITY = 92


class PortError(ShelfwatchError):
    """The port of ``--serve`` cannot be had."""


class Shop:
    """The demo store with its cameras, for any thread; one picture of a camera at a time.

    The shop opens, at second 0, with the first picture or truth that is asked for: an agent
    that starts slowly misses nothing. ``speed`` is simulated seconds a second; ``monotonic``
    can be replaced for tests.
    """

    def __init__(
        self, seed: int, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.cameras = tuple(demo_cameras())
        self._store = demo_store(seed)
        self._views: dict[str, View] = {}
        self._speed = speed
        self._monotonic = monotonic
        self._opened_secs: float | None = None
        self._opening = threading.Lock()
        self._turns = {name: threading.Lock() for name in self.cameras}

    def warm_up(self) -> None:
        """Draw what the first pictures need, which takes seconds; the shop stays closed."""
        for camera in self.cameras:
            self._picture(camera, lambda: 0.0)

    def seconds(self) -> float:
        """Return the simulated seconds since the shop opened; the first call opens it."""
        with self._opening:
            now_secs = self._monotonic()
            if self._opened_secs is None:
                self._opened_secs = now_secs
            return (now_secs - self._opened_secs) * self._speed

    def picture(self, camera: str) -> bytes:
        """Return a JPEG of this moment; raises ``KeyError`` for an unknown camera."""
        return self._picture(camera, self.seconds)

    def truth(self) -> bytes:
        """Return what is true of every slot at this moment, as JSON."""
        now_utc = datetime.now(UTC)
        state = self._store.at(self.seconds())
        truths = store_truth(self._store, state, demo_cameras()).values()
        answer = {
            "time": now_utc.isoformat(timespec="milliseconds"),
            "secs": round(state.seconds, 3),
            "slots": [
                {
                    "slot": str(truth.slot),
                    "state": truth.state.value,
                    "facings_seen": truth.facings_seen,
                    "found": truth.found,
                    "visibility": {name: round(v, 3) for name, v in truth.visibility.items()},
                }
                for truth in truths
            ],
        }
        return json.dumps(answer).encode()

    def close(self) -> None:
        """Wait for pictures that are being drawn; none is drawn afterwards."""
        for turn in self._turns.values():
            turn.acquire()

    def _picture(self, camera: str, seconds: Callable[[], float]) -> bytes:
        with self._turns[camera]:
            view = self._views.get(camera)
            if view is None:
                view = self._views[camera] = demo_view(self._store, camera)
            picture = view.picture(self._store.at(seconds()))
            _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            return code.tobytes()


class CameraServer(ThreadingHTTPServer):
    """Serves the cameras of ``shop`` on this machine; port 0 is any free one.

    It holds its port until the end of its ``with`` block, but answers only while it runs.
    Raises `PortError`.
    """

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, port: int, shop: Shop) -> None:
        self.shop = shop
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            why = "in use" if error.errno == errno.EADDRINUSE else f"refused ({error.strerror})"
            raise PortError(
                f"--serve: expected a free port, found {port} {why}; choose another, or 0 for any"
            ) from error

    @property
    def url(self) -> str:
        """The address, with a slash at its end."""
        return f"http://{HOST}:{self.server_port}/"

    def run_until_stopped(self, say: Callable[[str], None]) -> None:
        """Answer until SIGINT or SIGTERM; ``say`` gets a line once it answers.

        For the main thread, which alone may handle signals.
        """
        stopped = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopped.set()

        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
        answering = threading.Thread(target=self.serve_forever, args=(0.1,), name="cameras")
        try:
            warming = threading.Thread(target=self.shop.warm_up, name="warm-up", daemon=True)
            warming.start()
            while warming.is_alive() and not stopped.is_set():
                warming.join(0.05)
            if stopped.is_set():
                return
            answering.start()
            say(f"{self.url}: cameras {', '.join(self.shop.cameras)}; Ctrl-C stops")
            stopped.wait()
            self.shutdown()
        finally:
            self.shop.close()
            for number, handler in before.items():
                signal.signal(number, handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0
    """Seconds after which a client that asks nothing is hung up on."""

    server: CameraServer

    def do_GET(self) -> None:
        """Send what the path names."""
        shop = self.server.shop
        path = urlsplit(self.path).path
        camera = path.removeprefix("/").removesuffix(".jpg")
        if camera in shop.cameras and path == f"/{camera}.jpg":
            self._send("image/jpeg", shop.picture(camera))
        elif path == "/truth.json":
            self._send("application/json", shop.truth())
        elif path == "/":
            self._send("text/html; charset=utf-8", _listing(shop.cameras))
        else:
            names = ", ".join(f"/{camera}.jpg" for camera in shop.cameras)
            message = f"expected {names}, /truth.json or /, found {path!r}\n"
            self._send("text/plain; charset=utf-8", message.encode(), HTTPStatus.NOT_FOUND)

    def handle(self) -> None:
        """Answer one client; one that hangs up misses nothing."""
        with suppress(ConnectionError):
            super().handle()

    def _send(self, kind: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: a camera is asked all day."""


def _listing(cameras: tuple[str, ...]) -> bytes:
    looks = "".join(
        f'<p><a href="/{name}.jpg">{name}.jpg<br><img src="/{name}.jpg" width="640"></a></p>'
        for name in cameras
    )
    return (
        "<!doctype html><html lang=en><title>Simulated cameras</title>"
        f'{looks}<p><a href="/truth.json">truth.json</a></p></html>\n'
    ).encode()
