"""What a batch of messages tells of slots, written for the roller in the batch's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, literal, select, tuple_

from central import tables
from central.database import insert_new
from central.metrics.intervals import OPEN
from central.slot_rows import SlotRow
from central.tables import UtcTime
from shelf.topics import Node

SlotKey = tuple[str, str, str, str]
"""Tenant, site, aisle, slot."""

KEYS_A_QUERY = 200


def record(
    connection: Connection,
    rows: Sequence[SlotRow],
    known: Mapping[SlotKey, int],
) -> dict[SlotKey, int]:
    """Write claims that are not there yet; return the numbers of places that are not ``known``.

    The numbers hold once the transaction is committed.
    """
    missing = sorted({row.key for row in rows if row.key not in known})
    found = _number(connection, missing)
    numbers = {row.key: known.get(row.key) or found[row.key] for row in rows}
    insert_new(connection, tables.slot_intervals, [_claim(numbers[row.key], row) for row in rows])
    _mark(connection, numbers.values())
    return found


def node_is_back(connection: Connection, node: Node, away_since: datetime) -> None:
    """Have the hours looked at again in which a node could not be heard but may have watched."""
    places, intervals = tables.places.c, tables.slot_intervals.c
    query = (
        select(intervals.place, literal(away_since, UtcTime))
        .join_from(tables.places, tables.slot_intervals, intervals.place == places.id)
        .where(
            places.tenant == node.tenant,
            places.site == node.site,
            intervals.until_utc == OPEN,
            intervals.source == node.source,
        )
    )
    statement = tables.metrics_due.insert().from_select(["place", "from_utc"], query)
    connection.execute(statement)


def _claim(place: int, row: SlotRow) -> dict[str, Any]:
    return {
        "place": place,
        "source": row.source,
        "epoch": row.epoch,
        "sequence": row.sequence,
        "state": row.state.value,
        "sku": row.sku,
        "planogram": row.planogram,
        "since_utc": row.since_utc,
        "time_utc": row.time_utc,
        "from_utc": None,
        "until_utc": None,
    }


def _mark(connection: Connection, places: Iterable[int]) -> None:
    rows = [{"place": place, "from_utc": None} for place in sorted(set(places))]
    if rows:
        connection.execute(tables.metrics_due.insert(), rows)


def _number(connection: Connection, keys: Sequence[SlotKey]) -> dict[SlotKey, int]:
    """Return the numbers of places, giving out new ones."""
    names = ("tenant", "site", "aisle", "slot")
    columns = tables.places.c
    found: dict[SlotKey, int] = {}
    insert_new(connection, tables.places, [dict(zip(names, key, strict=True)) for key in keys])
    for start in range(0, len(keys), KEYS_A_QUERY):
        place = tuple_(columns.tenant, columns.site, columns.aisle, columns.slot)
        query = select(tables.places).where(place.in_(keys[start : start + KEYS_A_QUERY]))
        for row in connection.execute(query):
            found[row.tenant, row.site, row.aisle, row.slot] = row.id
    return found
