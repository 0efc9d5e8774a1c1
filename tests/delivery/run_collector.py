"""A collector, until it is killed. Arguments: database file, broker's URL, version of MQTT."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from collectors import running_collector

from central.broker_settings import BrokerSettings


def main(database: str, url: str, protocol: str) -> None:
    settings = BrokerSettings.model_validate({"url": url, "protocol": protocol})
    with running_collector(Path(database), settings):
        signal.pause()


main(*sys.argv[1:])
