"""Several collectors on one feed: who writes what of a store, and what each of them hears.

Events are shared out among the collectors, so that two parts of one node's stream are in two
processes. Whoever commits a batch locks its stores first and reads in the database what is
committed of their streams: the order is restored there, by the sequence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, text

from central.intake import Received
from shelf.topics import ALL_STAFF_ACTIONS, ROOT

_NODES = f"{ROOT}/+/+/+/up"

SHARED = (f"{_NODES}/evt/+", f"{_NODES}/metrics", ALL_STAFF_ACTIONS)
"""Each message to one of the collectors. What is retained never comes this way."""

HEARD_BY_ALL = (f"{_NODES}/status", f"{_NODES}/cam/+", f"{_NODES}/state/+/+", f"{_NODES}/rsp/+")
"""Every collector hears these in the broker's order, and what is retained of them at its start:
the last that each writes is the newest. Replies concern only who has asked."""


def subscriptions(group: str) -> list[str]:
    """Return what a collector of a group subscribes to."""
    return [*(f"$share/{group}/{topic}" for topic in SHARED), *HEARD_BY_ALL]


def lock_stores(connection: Connection, batch: Iterable[Received]) -> None:
    """Keep other collectors from the stores of a batch until the transaction ends.

    In order, so that no two wait for each other. SQLite has one writer anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    stores = {_store(received.topic) for received in batch}
    keys = sorted(
        int.from_bytes(hashlib.sha256(store.encode()).digest()[:8], signed=True) for store in stores
    )
    for key in keys:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _store(topic: str) -> str:
    levels = topic.split("/")
    if levels[3:4] == ["_staff"]:
        return "/".join([*levels[2:3], *levels[4:5]])
    return "/".join(levels[2:4])
