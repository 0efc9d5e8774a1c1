"""One of several collectors, until it is killed. Arguments: database's URL, broker's, client id.

Says how many events it committed, one line each batch.
"""

from __future__ import annotations

import signal
import sys

from central.broker_settings import BrokerSettings
from central.collector import Collector
from central.database import Database


def main(database: str, url: str, client_id: str) -> None:
    settings = BrokerSettings(url=url, protocol="5", client_id=client_id, share_group="center")
    collector = Collector(Database.open(database), settings)
    told = 0

    def tell() -> None:
        nonlocal told
        if (events := collector.counts["events"]) != told:
            told = events
            sys.stdout.write(f"{events}\n")
            sys.stdout.flush()

    collector.on_commit(tell)
    collector.start()
    signal.pause()


main(*sys.argv[1:])
