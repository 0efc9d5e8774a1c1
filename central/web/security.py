"""What every response passes: headers that keep the page to its own files, and compression."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def origin_of(url: str) -> str:
    """Return the origin of an http URL as a content security policy names it.

    Raises ``ValueError`` for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected an http:// or https:// URL, got {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if any(character in host for character in " ;,'\""):
        raise ValueError(f"expected a host name, got {host!r}")
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


class SecurityHeaders:
    """Adds the headers to every response; pictures may also come from ``picture_origins``."""

    def __init__(self, app: ASGIApp, picture_origins: Iterable[str] = ()) -> None:
        pictures = " ".join(["'self'", *sorted(set(picture_origins))])
        self._app = app
        self._headers = {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; "
                f"img-src {pictures}; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
                "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers)


AS_THEY_ARE = ("/events", "/evidence/")
"""Streams must not wait for a compressor, and pictures are compressed."""


class Compressed:
    """Sends pages and their files with gzip to whoever takes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=1000, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        as_it_is = scope["type"] != "http" or scope["path"].startswith(AS_THEY_ARE)
        await (self._app if as_it_is else self._gzip)(scope, receive, send)
