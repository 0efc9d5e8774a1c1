"""Append until killed, and say each sequence once it is on the disk. Argument: outbox file."""

from __future__ import annotations

import sys
from pathlib import Path

from slot_events import slot_changed

from edge_agent.outbox import Outbox, StateRow
from shelf.topics import Node


def main(path: str) -> None:
    outbox = Outbox.open(Path(path), Node("acme", "s0421", "s0421-e1"))
    while True:
        number = outbox.last_sequence + 1
        state = StateRow("a12/b03/s2/p07", str(number + 1))
        sequences = outbox.append([slot_changed(number), slot_changed(number + 1)], [state])
        sys.stdout.write(f"{sequences[-1]}\n")
        sys.stdout.flush()


main(*sys.argv[1:])
