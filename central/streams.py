"""Which events of a source and epoch the database holds."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from central import tables
from central.sequences import Committed
from shelf.wire import OutboxDropped, type_of

_DROPPED_TYPE = type_of(OutboxDropped(first=0, last=0, reason="full"))

STREAMS_A_QUERY = 500

Stream = tuple[str, int]
"""Source and epoch."""


def load_stream(connection: Connection, source: str, epoch: int) -> Committed:
    """Return what is committed of a stream: events, ranges that were given up, dead letters."""
    marks, events, dead = tables.watermarks.c, tables.events.c, tables.dead_letters.c
    watermark = connection.execute(
        select(marks.sequence).where(marks.source == source, marks.epoch == epoch)
    ).scalar_one_or_none()
    committed = Committed(watermark or 0)
    beyond = connection.execute(
        select(events.sequence, events.type, events.data).where(
            events.source == source,
            events.epoch == epoch,
            events.sequence > committed.watermark,
        )
    ).all()
    for sequence, kind, data in beyond:
        is_range = kind == _DROPPED_TYPE and data["reason"] != "corrupt"
        is_range = is_range and data["last"] == sequence
        committed.add(max(data["first"], 1) if is_range else sequence, sequence)
    buried = connection.execute(
        select(dead.sequence).where(
            dead.source == source, dead.epoch == epoch, dead.sequence > committed.watermark
        )
    ).scalars()
    for sequence in buried.all():
        committed.add(sequence, sequence)
    return committed


def load_watermarks(connection: Connection, streams: Sequence[Stream]) -> dict[Stream, int]:
    """Return up to where each of ``streams`` that is known is committed."""
    marks = tables.watermarks.c
    found: dict[Stream, int] = {}
    for start in range(0, len(streams), STREAMS_A_QUERY):
        part = streams[start : start + STREAMS_A_QUERY]
        query = select(marks.source, marks.epoch, marks.sequence).where(
            tuple_(marks.source, marks.epoch).in_(part)
        )
        found |= {(row.source, row.epoch): row.sequence for row in connection.execute(query)}
    return found
