"""Snapshots over HTTP."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

from edge_agent.sources.decode import decoded
from edge_agent.sources.settings import HttpSettings
from edge_agent.sources.source import Grab, SourceError

LARGEST_BYTES = 20 * 1024 * 1024
"""The largest answer that is taken for a snapshot."""

_CHUNK_BYTES = 64 * 1024


class HttpSource:
    """Asks a camera for a snapshot at every grab.

    Basic and digest authentication (MD5 and SHA). Proxies in the environment are not used: a
    camera is next door. The time limit covers the whole answer, however slowly it drips.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._name = settings.shown
        context = ssl.create_default_context()
        if settings.tls == "unverified":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
        ]
        try:
            credentials = settings.credentials()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{self._name}: password_file cannot be read: {error}") from error
        if credentials is not None:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, settings.address, *credentials)
            handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
            handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        self._opener = urllib.request.build_opener(*handlers)

    def grab(self) -> Grab:
        """Return a snapshot taken now; see `Source.grab`."""
        request = urllib.request.Request(
            self._settings.address,
            headers={"Accept": "image/jpeg, image/*;q=0.8", "Cache-Control": "no-cache"},
        )
        end_secs = time.monotonic() + self._settings.timeout_secs
        try:
            with self._opener.open(request, timeout=self._settings.timeout_secs) as answer:
                asked_at_utc = datetime.now(UTC)
                data = self._body(answer, end_secs)
                kind = answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            error.close()
            hint = "; check username and password_file" if error.code in (401, 403) else ""
            raise SourceError(f"{self._name}: HTTP {error.code} {error.reason}{hint}") from None
        except TimeoutError:
            raise self._late() from None
        except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late() from None
            words = getattr(reason, "strerror", None) or type(reason).__name__
            raise SourceError(f"{self._name}: no snapshot: {words}") from None
        if not kind.startswith("image/") and kind != "application/octet-stream":
            raise SourceError(f"{self._name}: expected a picture, found {kind} ({len(data)} bytes)")
        return Grab(decoded(data, self._name), asked_at_utc)

    def close(self) -> None:
        """Nothing is held between snapshots."""

    def _body(self, answer: http.client.HTTPResponse, end_secs: float) -> bytes:
        announced = answer.length
        parts: list[bytes] = []
        size_bytes = 0
        while part := answer.read1(_CHUNK_BYTES):
            parts.append(part)
            size_bytes += len(part)
            if size_bytes > LARGEST_BYTES:
                raise SourceError(
                    f"{self._name}: expected a snapshot of at most {LARGEST_BYTES} bytes, "
                    "found more; is this a video stream?"
                )
            if time.monotonic() > end_secs:
                raise TimeoutError
        if announced is not None and size_bytes < announced:
            raise SourceError(
                f"{self._name}: expected {announced} bytes, found {size_bytes}; the camera hung up"
            )
        return b"".join(parts)

    def _late(self) -> SourceError:
        return SourceError(
            f"{self._name}: no whole snapshot within {self._settings.timeout_secs:g} s"
        )
