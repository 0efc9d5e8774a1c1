"""Which broker the collector listens to: one of its own, or one that is there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from shelf.broker import BrokerAccess
from shelf.topics import name_fault

DEFAULT_CLIENT_ID = "shelfwatch-central"

Port = Annotated[int, Field(ge=0, le=65535)]


class Program(StrEnum):
    """The broker to embed; ``auto`` takes Mosquitto where it is installed."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    NATS = "nats"


class BrokerSettings(BrokerAccess):
    """Either ``url`` with its credentials, or ``embedded: true`` with host, port and folder.

    Files are relative to the configuration.
    """

    client_id: str = Field(
        DEFAULT_CLIENT_ID, description="One collector at a time may connect with it."
    )
    share_group: str | None = Field(
        None,
        description="Collectors with the same share_group, each with a client_id of its own, "
        "share one feed (MQTT 5).",
    )
    embedded: bool = Field(False, description="Start a broker beside the collector.")
    host: str = Field("127.0.0.1", description="Address that the embedded broker listens on.")
    port: Port = Field(1883, description="Port of the embedded broker; 0 takes a free one.")
    folder: Path = Field(Path("broker"), description="What the embedded broker keeps.")
    program: Program = Field(Program.AUTO, description="Which broker to embed.")

    @field_validator("client_id", "share_group")
    @classmethod
    def _check_names(cls, name: str | None) -> str | None:
        if name is not None and (fault := name_fault(name)):
            raise ValueError(f"expected {fault}")
        return name

    @model_validator(mode="after")
    def _check_one_broker(self) -> Self:
        if self.embedded == (self.url is not None):
            raise ValueError("expected either a url or embedded: true")
        if self.share_group is None:
            return self
        if self.protocol == "3.1.1" or self.embedded:
            raise ValueError("expected a broker of its own that speaks MQTT 5 with share_group")
        if self.client_id == DEFAULT_CLIENT_ID:
            raise ValueError("expected a client_id of its own for each collector of a share_group")
        return self
