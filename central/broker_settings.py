"""Which broker the collector listens to: one of its own, or one that is there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from shelf.settings import Settings
from shelf.topics import name_fault

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}

Port = Annotated[int, Field(ge=0, le=65535)]


class Program(StrEnum):
    """The broker to embed; ``auto`` takes Mosquitto where it is installed."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    NATS = "nats"


class BrokerSettings(Settings):
    """Either ``url`` with its credentials, or ``embedded: true`` with host, port and folder.

    Files are relative to the configuration.
    """

    url: str | None = Field(None, description="mqtt://host:port, or mqtts://host:port for TLS.")
    protocol: Literal["5", "3.1.1"] = Field("5", description="Version of MQTT.")
    client_id: str = Field(
        "shelfwatch-central", description="One collector at a time may connect with it."
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
    embedded: bool = Field(False, description="Start a broker beside the collector.")
    host: str = Field("127.0.0.1", description="Address that the embedded broker listens on.")
    port: Port = Field(1883, description="Port of the embedded broker; 0 takes a free one.")
    folder: Path = Field(Path("broker"), description="What the embedded broker keeps.")
    program: Program = Field(Program.AUTO, description="Which broker to embed.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
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

    @field_validator("client_id")
    @classmethod
    def _check_client_id(cls, client_id: str) -> str:
        if fault := name_fault(client_id):
            raise ValueError(f"expected {fault}")
        return client_id

    @model_validator(mode="after")
    def _check_together(self) -> BrokerSettings:
        if self.embedded == (self.url is not None):
            raise ValueError("expected either a url or embedded: true")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected cert_file and key_file together")
        if self.password_file is not None and self.username is None:
            raise ValueError("expected a username with password_file")
        if not self.uses_tls and (self.ca_file or self.cert_file):
            raise ValueError("expected an mqtts:// url with ca_file or cert_file")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect: host and port."""
        if self.url is None:
            return self.host, self.port
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def uses_tls(self) -> bool:
        """True for ``mqtts://``."""
        return self.url is not None and urlsplit(self.url).scheme == "mqtts"

    def beside(self, folder: Path) -> BrokerSettings:
        """Return the settings with relative paths taken from ``folder``."""
        names = ("password_file", "ca_file", "cert_file", "key_file", "folder")
        paths = {name: getattr(self, name) for name in names}
        return self.model_copy(
            update={name: folder / path for name, path in paths.items() if path is not None}
        )
