"""Snapshots from a real HTTP server on this machine."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pictures import jpeg, number_in

from edge_agent.sources import HttpSettings, SourceError, open_source

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def camera(answer: Answer) -> Iterator[str]:
    """Serve ``answer`` to every GET; gives the address without a scheme."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sends(body: bytes, kind: str = "image/jpeg", status: int = 200, length: int | None = None):  # type: ignore[no-untyped-def]
    """Return an answer with this body; ``length`` is what it announces."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


def grab(url: str, timeout_secs: float = 5.0, **more: object) -> int:
    """Return the number in the snapshot at ``url``."""
    settings = HttpSettings.model_validate(
        {"type": "http", "url": url, "timeout_secs": timeout_secs, **more}
    )
    source = open_source(settings)
    found = source.grab()
    source.close()
    assert found.captured_at_utc is not None and found.captured_at_utc.tzinfo is not None
    return number_in(found.image_bgr)


def test_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture arrives, and a proxy in the environment is not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with camera(sends(jpeg(42))) as host:
        assert grab(f"http://{host}/snap.jpg") == 42


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sends(b"<html>login</html>", "text/html"), "expected a picture, found text/html"),
        (sends(b"", status=503), "HTTP 503"),
        (sends(b""), "found no data"),
        (sends(b"\xff\xd8\xff" + b"\0" * 50), "without its end"),
        (sends(jpeg(1)[:-500]), "without its end"),
        (sends(jpeg(1)[:-500], length=len(jpeg(1))), "hung up"),
        (sends(b"\0" * (21 * 1024 * 1024)), "20971520 bytes"),
    ],
)
def test_answers_that_are_no_snapshot(answer: Answer, words: str) -> None:
    """Each is named for what it is."""
    with camera(answer) as host, pytest.raises(SourceError, match=words):
        grab(f"http://{host}/snap.jpg")


def test_nobody_listens() -> None:
    """A refused connection is a source error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceError, match=f"127.0.0.1:{port}/x: no snapshot: Connection refused"):
        grab(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize("drips", [False, True])
def test_a_camera_that_hangs(drips: bool) -> None:
    """Silence and a drip of bytes both end at the time limit."""
    end = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "image/jpeg")
        request.end_headers()
        try:
            while not end.wait(0.05):
                if drips:
                    request.wfile.write(b"\xff")
        except OSError:
            pass

    with camera(answer) as host:
        with pytest.raises(SourceError, match=r"within 0\.3 s"):
            grab(f"http://{host}/snap.jpg", timeout_secs=0.3)
        end.set()


def _basic(header: str) -> bool:
    return header == "Basic " + base64.b64encode(b"me:p@ss word").decode()


def _digest(header: str) -> bool:
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', header))
    first = hashlib.md5(b"me:shelf:p@ss word").hexdigest()
    second = hashlib.md5(f"GET:{fields.get('uri')}".encode()).hexdigest()
    middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return fields.get("response") == hashlib.md5(f"{first}:{middle}:{second}".encode()).hexdigest()


@pytest.mark.parametrize(
    ("challenge", "accepts"),
    [
        ('Basic realm="shelf"', _basic),
        ('Digest realm="shelf", nonce="abc", qop="auth", algorithm=MD5', _digest),
    ],
)
def test_authentication(tmp_path: Path, challenge: str, accepts: Callable[[str], bool]) -> None:
    """Both kinds work, from the URL and from a file; a wrong password is told without it."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if accepts(request.headers.get("Authorization", "")):
            sends(jpeg(8))(request)
            return
        request.send_response(401)
        request.send_header("WWW-Authenticate", challenge)
        request.send_header("Content-Length", "0")
        request.end_headers()

    (tmp_path / "password").write_text("p@ss word\n")
    with camera(answer) as host:
        assert grab(f"http://me:p%40ss%20word@{host}/snap.jpg?channel=1") == 8
        in_file = {"username": "me", "password_file": tmp_path / "password"}
        assert grab(f"http://{host}/snap.jpg", **in_file) == 8
        with pytest.raises(SourceError, match=r"401.*check username") as caught:
            grab(f"http://me:hunter2@{host}/snap.jpg")
        assert "hunter2" not in str(caught.value)
        with pytest.raises(SourceError, match="401"):
            grab(f"http://{host}/snap.jpg")


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    """The error says which setting is wrong."""
    with pytest.raises(SourceError, match="password_file cannot be read"):
        grab("http://127.0.0.1/x", username="me", password_file=tmp_path / "none")
