"""The tool as a program: its address, the link in the terminal, and the web server."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import segno
import uvicorn

from calibration.tool.app import create_app
from calibration.tool.door import Door
from calibration.tool.site import SiteParts
from calibration.tool.workshop import Workshop
from shelf.errors import ConfigError, Problem

GRACE_SECS = 3
ANY = ("0.0.0.0", "::")


def serve(
    parts: SiteParts, host: str, port: int, say: Callable[[str], None], camera: str | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; for the main thread, which alone handles signals.

    ``say`` gets what the terminal shows: the link, its QR code, and a new one when it has been
    used. With ``camera`` the link leads to that camera. Raises `ConfigError` for an address that
    cannot be had.
    """
    with _listen(host, port) as listening:
        base = f"http://{_reached_at(host)}:{listening.getsockname()[1]}"
        door = Door()

        def show_link() -> None:
            url = base + door.new_link() + (f"?camera={camera}" if camera else "")
            code = segno.make(url, error="l")
            say(f"{_drawn(code)}\n{url}")

        def used(name: str) -> None:
            say(f"\n{name} has come in. For another device:")
            show_link()

        door.used = used
        server = _Server(
            uvicorn.Config(
                create_app(Workshop(parts), door),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECS,
                proxy_headers=False,
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        say(f"Calibration of {parts.name}. Open this link on the phone or laptop; it works once.")
        if host not in ("127.0.0.1", "::1", "localhost"):
            say("It is not encrypted: use it in a network that you trust, and stop it afterwards.")
        show_link()
        say("Ctrl-C stops.")
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, so that they are handled before it has started."""

    def install_signal_handlers(self) -> None:
        """Nothing: `serve` has."""


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        where = f"--host {host} --port {port}"
        problem = Problem(where, "an address to listen on", error.strerror or str(error))
        raise ConfigError([problem]) from error


def _reached_at(host: str) -> str:
    """Return the name under which other devices reach this one."""
    if host in ANY:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # documentation's network: nothing is sent
                host = str(probe.getsockname()[0])
            except OSError:
                host = socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _drawn(code: segno.QRCode) -> str:
    """Return the code in half blocks, dark on light whatever the terminal's colours are."""
    rows = [list(row) for row in code.matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        cells = "".join(" ▀▄█"[bool(a) + 2 * bool(b)] for a, b in zip(upper, lower, strict=True))
        lines.append(f"\x1b[30;107m{cells}\x1b[0m")
    return "\n".join(lines)
