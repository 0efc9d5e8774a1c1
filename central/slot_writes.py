"""New slot states, written in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, tuple_

from central import tables
from central.database import upsert
from central.intake import Snapshot, StateEvent
from central.slot_rows import SlotRow
from shelf.states import State

SlotKey = tuple[str, str, str, str]
"""Tenant, site, aisle, slot."""

KEYS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A state to write if it is newer; ``is_summary`` when it comes from a snapshot.

    A summary has fewer fields and matters only where it says something else than is known:
    the event of that change was dropped on its way.
    """

    row: SlotRow
    event_id: str
    is_summary: bool = False


def change_of_event(meaning: StateEvent) -> Change:
    """Return the change that a ``slot.changed`` event says."""
    event, change, node = meaning.event, meaning.change, meaning.node
    row = SlotRow(
        tenant=node.tenant,
        site=node.site,
        aisle=meaning.aisle,
        slot=meaning.slot,
        state=change.state,
        previous=change.previous,
        since_utc=change.since,
        sku=change.sku,
        name=change.name,
        facings_expected=change.facings.expected,
        facings_seen=change.facings.seen,
        confidence=change.confidence,
        reason=change.reason,
        found=[item.model_dump(mode="json", exclude_none=True) for item in change.found],
        camera=change.camera,
        planogram=change.planogram,
        source=event.source,
        epoch=event.epoch,
        sequence=event.sequence,
        time_utc=event.time,
    )
    return Change(row, event.id)


def changes_of_snapshot(meaning: Snapshot) -> Iterator[Change]:
    """Yield what a bay's snapshot says of each slot."""
    snapshot, node = meaning.snapshot, meaning.node
    for place, slot in snapshot.slots.items():
        row = SlotRow(
            tenant=node.tenant,
            site=node.site,
            aisle=snapshot.aisle,
            slot=f"{snapshot.bay}/{place}",
            state=slot.state,
            previous=State.UNKNOWN,
            since_utc=slot.since,
            sku=slot.sku,
            name=None,
            facings_expected=slot.facings.expected,
            facings_seen=slot.facings.seen,
            confidence=slot.confidence,
            reason=None,
            found=[],
            camera=None,
            planogram=snapshot.planogram,
            source=node.source,
            epoch=snapshot.epoch,
            sequence=snapshot.sequence,
            time_utc=snapshot.time,
        )
        number = f"{snapshot.epoch}/{snapshot.sequence}"
        yield Change(row, f"snapshot:{node.source}/{number}/{row.aisle}/{row.slot}", True)


def write_changes(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """Write the changes that are newer than what is known, and return those, in order."""
    keys = sorted({change.row.key for change in changes})
    states = _load_states(connection, keys)
    written: list[Change] = []
    for change in changes:
        row = _resolve(change, states.get(change.row.key))
        if row is None:
            continue
        states[row.key] = row
        written.append(replace(change, row=row))
    newest = {change.row.key: change.row for change in written}
    upsert(connection, tables.slot_states, [row.to_row() for row in newest.values()])
    return written


def _resolve(change: Change, known: SlotRow | None) -> SlotRow | None:
    """Return the row to write, or None when what is known stays."""
    row = change.row
    if known is None:
        return row
    if not row.is_newer_than(known):
        return None
    if not change.is_summary:
        return row
    if (row.state, row.sku) == (known.state, known.sku):
        return None
    name = known.name if row.sku == known.sku else None
    return replace(row, previous=known.state, name=name, camera=known.camera)


def _load_states(connection: Connection, keys: Sequence[SlotKey]) -> dict[SlotKey, SlotRow]:
    states: dict[SlotKey, SlotRow] = {}
    columns = tables.slot_states.c
    place = tuple_(columns.tenant, columns.site, columns.aisle, columns.slot)
    for start in range(0, len(keys), KEYS_A_QUERY):
        query = select(tables.slot_states).where(place.in_(keys[start : start + KEYS_A_QUERY]))
        for found in connection.execute(query):
            row = SlotRow.from_row(found._asdict())
            states[row.key] = row
    return states
