"""Which broker the collector listens to: one of its own, or one that is there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from shelf.broker import BrokerAccess
from shelf.topics import name_fault

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
        "shelfwatch-central", description="One collector at a time may connect with it."
    )
    embedded: bool = Field(False, description="Start a broker beside the collector.")
    host: str = Field("127.0.0.1", description="Address that the embedded broker listens on.")
    port: Port = Field(1883, description="Port of the embedded broker; 0 takes a free one.")
    folder: Path = Field(Path("broker"), description="What the embedded broker keeps.")
    program: Program = Field(Program.AUTO, description="Which broker to embed.")

    @field_validator("client_id")
    @classmethod
    def _check_client_id(cls, client_id: str) -> str:
        if fault := name_fault(client_id):
            raise ValueError(f"expected {fault}")
        return client_id

    @model_validator(mode="after")
    def _check_one_broker(self) -> Self:
        if self.embedded == (self.url is not None):
            raise ValueError("expected either a url or embedded: true")
        return self
