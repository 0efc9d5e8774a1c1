"""How the node reaches its broker."""

from __future__ import annotations

from pydantic import Field

from shelf.broker import URL_DESCRIPTION, BrokerAccess, BrokerUrl


class BrokerSettings(BrokerAccess):
    """Address and credentials of an MQTT broker; files are relative to the configuration."""

    url: BrokerUrl = Field(description=URL_DESCRIPTION)
