"""How the node reaches its broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from shelf.settings import Settings

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerSettings(Settings):
    """Address and credentials of an MQTT broker; files are relative to the configuration."""

    url: str = Field(description="mqtt://host:port, or mqtts://host:port for TLS.")
    protocol: Literal["5", "3.1.1"] = Field("5", description="Version of MQTT.")
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

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
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

    @model_validator(mode="after")
    def _check_pairs(self) -> BrokerSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected cert_file and key_file together")
        if self.password_file is not None and self.username is None:
            raise ValueError("expected a username with password_file")
        if not self.uses_tls and (self.ca_file or self.cert_file):
            raise ValueError("expected an mqtts:// url with ca_file or cert_file")
        return self

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port; 1883, or 8883 with TLS, when the URL has none."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def uses_tls(self) -> bool:
        """True for ``mqtts://``."""
        return urlsplit(self.url).scheme == "mqtts"

    def beside(self, folder: Path) -> BrokerSettings:
        """Return the settings with relative files taken from ``folder``."""
        names = ("password_file", "ca_file", "cert_file", "key_file")
        files = {name: getattr(self, name) for name in names}
        return self.model_copy(
            update={name: folder / file for name, file in files.items() if file is not None}
        )
