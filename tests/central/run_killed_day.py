"""Applies a shelf's messages to a database from where it stands; killed by its parent at will."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

from store_day import AISLES, NODE, OPENS, Edge, all_slots

from central.database import Database
from central.desk import Desk
from central.ingest import Ingest
from central.intake import Received
from shelf.states import State

BATCH = 4


def messages() -> list[Received]:
    """Return the same 400 messages each time: slots that run low, are hidden and filled."""
    rng, sent = random.Random(3), []
    edge = Edge(lambda batch: sent.append(batch[0]), rng)
    for number in range(400):
        now = OPENS + timedelta(seconds=40 * number)
        aisle = rng.choice(AISLES[:2])
        slot = rng.choice(all_slots(aisle)[:5])
        edge.slot(now, aisle, slot, rng.choice(list(State)))
    return sent


def apply_all(url: str) -> None:
    """Apply what the database does not hold yet, in batches that never change."""
    database = Database.open(url)
    ingest = Ingest(database, Desk())
    _, done = database.watermarks().get(NODE.source, (1, 0))
    todo = messages()
    for start in range(done // BATCH * BATCH, len(todo), BATCH):
        ingest.apply(todo[start : start + BATCH])
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()
    database.close()


if __name__ == "__main__":
    apply_all(sys.argv[1])
