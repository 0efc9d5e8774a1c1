"""How a client reaches an MQTT broker: the settings of both sides, and which version to speak."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from shelf.settings import Settings

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}

FAILURES_BEFORE_FIVE = 5
"""Attempts with the older version that fail, one after the other, before 5 is tried again."""

FIVE_REFUSED = 'the broker refuses MQTT 5; set protocol: "3.1.1" or "auto" for this broker'

_TLS_ALERT = re.compile(r"\[SSL: (?:\w+_ALERT_)?(\w+)\]")

Version = Literal["5", "3.1.1"]
Protocol = Literal["auto", "5", "3.1.1"]


def tls_refusal(logged: str) -> str | None:
    """Return why the other side has broken TLS, from a line of the MQTT client's log.

    A broker judges a client's certificate after the handshake. The client reads its answer where
    it expects a packet, and tells it nowhere else.
    """
    found = _TLS_ALERT.search(logged)
    return None if found is None else f"TLS: refused: {found[1].replace('_', ' ').lower()}"


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0:
        raise ValueError("expected mqtt://host:port or mqtts://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no user in the URL; use username and password_file")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected nothing after the port")
    return url


BrokerUrl = Annotated[str, AfterValidator(_check_url)]
"""``mqtt://host:port`` or ``mqtts://host:port``; the port may be left out."""

URL_DESCRIPTION = "mqtt://host:port, or mqtts://host:port for TLS."


class BrokerAccess(Settings):
    """Address and credentials of an MQTT broker; files are relative to the configuration."""

    url: BrokerUrl | None = Field(None, description=URL_DESCRIPTION)
    protocol: Protocol = Field(
        "auto", description="Version of MQTT; auto: 5, or 3.1.1 where the broker refuses 5."
    )
    username: str | None = Field(None, description="User name, where the broker asks for one.")
    password_file: Path | None = Field(None, description="File that holds the password only.")
    ca_file: Path | None = Field(
        None, description="Certificates that the broker's is checked with; the system's if absent."
    )
    cert_file: Path | None = Field(None, description="The client's certificate.")
    key_file: Path | None = Field(None, description="The client certificate's key.")
    keepalive_secs: Annotated[int, Field(ge=5, le=3600)] = Field(
        30, description="A connection that is silent for 1.5 times as long counts as lost."
    )

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected cert_file and key_file together")
        if self.password_file is not None and self.username is None:
            raise ValueError("expected a username with password_file")
        if not self.uses_tls and (self.ca_file or self.cert_file):
            raise ValueError("expected an mqtts:// url with ca_file or cert_file")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the URL; the port is 1883, or 8883 with TLS, when it has none."""
        parts = urlsplit(self.url or "")
        return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)

    @property
    def uses_tls(self) -> bool:
        """True for ``mqtts://``."""
        return urlsplit(self.url or "").scheme == "mqtts"

    def read_password(self) -> str | None:
        """Return what ``password_file`` holds, without its line end; None without a file.

        Raises ``OSError`` or ``UnicodeDecodeError``.
        """
        if self.password_file is None:
            return None
        return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")

    def tls_context(self) -> ssl.SSLContext:
        """Return how the broker is checked and this client shows itself: TLS 1.2 or newer.

        Raises ``OSError`` for a file that cannot be read, ``ssl.SSLError`` for one that is no
        certificate or key.
        """
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class VersionChoice:
    """Which version of MQTT the next attempt to connect speaks.

    With ``auto`` it is 5 until the broker refuses that, then 3.1.1; after
    `FAILURES_BEFORE_FIVE` failures in a row it is 5 again, because another broker may stand at
    the address by then. Tell it how each attempt ends.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._is_auto = protocol == "auto"
        self._version: Version = "3.1.1" if protocol == "3.1.1" else "5"
        self._failures = 0
        self._is_known_to_refuse = False

    @property
    def version(self) -> Version:
        """What to speak now."""
        return self._version

    def refused(self) -> bool:
        """The broker refuses this version. Returns whether to try at once with another."""
        if not self._is_auto or self._version == "3.1.1":
            return False
        self._version, self._failures = "3.1.1", 0
        return True

    def take_news(self) -> bool:
        """Return whether a refusal is news: True once, until 5 has worked again."""
        is_news, self._is_known_to_refuse = not self._is_known_to_refuse, True
        return is_news

    def failed(self) -> None:
        """The attempt failed for another reason."""
        self._failures += 1
        if self._is_auto and self._failures >= FAILURES_BEFORE_FIVE:
            self._version, self._failures = "5", 0

    def succeeded(self) -> None:
        """The broker has let us in."""
        self._failures = 0
        if self._version == "5":
            self._is_known_to_refuse = False
