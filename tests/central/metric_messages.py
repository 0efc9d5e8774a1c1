"""Messages of nodes, and what the tables of figures hold after them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from central import tables
from central.database import Database
from central.intake import Received
from shelf.states import State
from shelf.topics import Node
from shelf.wire import Event, Facings, NodeStatus, OutboxDropped, SlotChanged, type_of

START = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
NODE = Node("acme", "s1", "e1")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def changed(
    sequence: int,
    state: State,
    since: float,
    time: float,
    *,
    slot: str = "b01/s1/p01",
    aisle: str = "a12",
    sku: str = "1001",
    planogram: str = "pg-1",
    node: Node = NODE,
    epoch: int = 1,
    received: datetime | None = None,
) -> Received:
    data = SlotChanged(
        state=state,
        previous=State.UNKNOWN,
        since=at(since),
        sku=sku,
        facings=Facings(expected=4, seen=0),
        confidence=0.9,
        observed_secs=60,
        planogram=planogram,
        model="sha256:0",
        calibration="c1",
    )
    event = Event(
        id=f"{node.tenant}-{node.site}-{epoch}-{sequence}",
        source=node.source,
        type=type_of(data),
        subject=f"{aisle}/{slot}",
        time=at(time),
        epoch=epoch,
        sequence=sequence,
        data=data.model_dump(mode="json", exclude_none=True),
    )
    return Received(node.events(aisle), event.to_json(), received or at(time))


def given_up(sequence: int, time: float) -> Received:
    data = OutboxDropped(first=sequence, last=sequence, reason="full")
    event = Event(
        id=f"dropped-{sequence}",
        source=NODE.source,
        type=type_of(data),
        subject=NODE.node,
        time=at(time),
        epoch=1,
        sequence=sequence,
        data=data.model_dump(mode="json"),
    )
    return Received(NODE.events("a12"), event.to_json(), at(time))


def status(state: str, time: float, node: Node = NODE) -> Received:
    message = NodeStatus.model_validate({"state": state, "time": at(time), "epoch": 1})
    return Received(node.status, message.to_json(), at(time))


def derived(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return intervals, stock-outs and hours by the names of places, in order."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    places = tables.places.c
    names: Sequence[Any] = (places.tenant, places.site, places.aisle, places.slot)
    with database.read() as connection:
        for table in (tables.slot_intervals, tables.stock_outs, tables.slot_hours):
            columns = [column for column in table.columns if column.name != "place"]
            query = select(*names, *columns).join_from(
                tables.places, table, table.c.place == places.id
            )
            found[table.name] = sorted(tuple(row) for row in connection.execute(query))
    return found
