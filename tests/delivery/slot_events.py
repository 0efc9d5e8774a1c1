"""Events to send in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.outbox import NewEvent
from shelf.ids import uuid7
from shelf.states import State
from shelf.wire import Facings, SlotChanged

START = datetime(2026, 11, 21, 8, tzinfo=UTC)


def slot_changed(number: int = 1, state: State = State.LOW, padding: str = "") -> NewEvent:
    """Return event ``number`` of a series: one a second, over 1000 slots."""
    time = START + timedelta(seconds=number)
    data = SlotChanged(
        state=state,
        previous=State.STOCKED,
        since=time,
        sku="1001",
        facings=Facings(expected=4, seen=1),
        confidence=0.9,
        observed_secs=60,
        reason=padding or None,
        planogram="pg-1",
        model="sha256:0",
        calibration="c1",
    )
    subject = f"a12/b03/s2/p{number % 900 + 1:02d}"
    return NewEvent(str(uuid7()), time, "a12", subject, data)
