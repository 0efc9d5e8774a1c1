"""A node: append events up to a sequence, publish them, end when all are committed.

Arguments: outbox file, broker's URL, version of MQTT, last sequence.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from slot_events import slot_changed
from uplinks import is_empty, running_uplink

from edge_agent.broker_settings import BrokerSettings
from edge_agent.outbox import Outbox
from shelf.topics import Node


def main(path: str, url: str, protocol: str, last: str) -> None:
    settings = BrokerSettings.model_validate({"url": url, "protocol": protocol})
    with (
        Outbox.open(Path(path), Node("acme", "s0421", "s0421-e1")) as outbox,
        running_uplink(outbox, settings) as uplink,
    ):
        while (number := outbox.last_sequence + 1) <= int(last):
            outbox.append([slot_changed(n) for n in range(number, min(number + 5, int(last) + 1))])
            uplink.notify()
            time.sleep(0.01)
        while not is_empty(outbox):
            time.sleep(0.02)


main(*sys.argv[1:])
