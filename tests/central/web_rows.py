"""A small store for the tests of the page: two bays, made-up rows, pictures of four bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from central.web.rows import AlertRow, SlotRow
from shelf import Planogram, SlotId, State
from shelf.planogram_csv import parse_csv

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)

PLANOGRAM_CSV = """\
# id: a12
# version: w47
bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,priority,shelf_y_mm
1,1,1,100,Oat crackers,3,0,300,200,1,100
1,1,2,101,Green tea,2,300,200,180,1,100
1,2,1,102,Honey,4,0,400,150,5,450
2,1,1,103,Cocoa,2,0,250,200,1,100
"""


def planogram() -> Planogram:
    """Four slots in two bays."""
    return parse_csv(PLANOGRAM_CSV, "a12.csv", "a12")


def slot_row(slot: str = "b01/s1/p01", **changes: Any) -> SlotRow:
    """Return a stocked slot, changed as asked."""
    values: dict[str, Any] = {
        "aisle": "a12",
        "slot": SlotId.parse(slot),
        "state": State.STOCKED,
        "since_utc": NOW,
        "sku": "100",
        "name": "Oat crackers",
        "facings_expected": 3,
        "facings_seen": 3,
        "confidence": 0.9,
    }
    return SlotRow(**(values | changes))


def alert_row(id: str = "e1", slot: str = "b01/s1/p01", **changes: Any) -> AlertRow:
    """Return an open alert of an empty slot, changed as asked."""
    values: dict[str, Any] = {
        "id": id,
        "aisle": "a12",
        "slot": SlotId.parse(slot),
        "state": State.OUT_OF_STOCK,
        "since_utc": NOW,
        "opened_utc": NOW,
        "sku": "100",
        "name": "Oat crackers",
        "facings_expected": 3,
        "facings_seen": 0,
        "confidence": 0.9,
        "reason": "gap seen, 0 of 3 facings",
    }
    return AlertRow(**(values | changes))


def stored_slot(slot: str = "b01/s1/p01", **changes: Any) -> dict[str, Any]:
    """Return a row of ``slot_states``."""
    values: dict[str, Any] = {
        "tenant": "demo",
        "site": "s0001",
        "aisle": "a12",
        "slot": slot,
        "state": "stocked",
        "previous": "unknown",
        "since_utc": NOW,
        "sku": "100",
        "name": "Oat crackers",
        "facings_expected": 3,
        "facings_seen": 3,
        "confidence": 0.9,
        "reason": "all facings seen",
        "found": [],
        "camera": "c1",
        "planogram": "a12-w47",
        "source": "/demo/s0001/e1",
        "epoch": 1,
        "sequence": 1,
        "time_utc": NOW,
    }
    return values | changes


def stored_alert(alert: str = "e1", slot: str = "b01/s1/p01", **changes: Any) -> dict[str, Any]:
    """Return a row of ``alerts``."""
    values: dict[str, Any] = {
        "alert": alert,
        "tenant": "demo",
        "site": "s0001",
        "aisle": "a12",
        "slot": slot,
        "state": "out_of_stock",
        "sku": "100",
        "name": "Oat crackers",
        "since_utc": NOW,
        "opened_utc": NOW,
        "updated_utc": NOW,
        "closed_utc": None,
        "closed_reason": None,
        "facings_expected": 3,
        "facings_seen": 0,
        "confidence": 0.9,
        "reason": "gap seen, 0 of 3 facings",
        "found": [],
        "evidence": alert,
        "node": "e1",
        "camera": "c1",
        "phase": "closed" if changes.get("closed_utc") else "open",
        "by": None,
        "phase_utc": NOW,
        "until_utc": None,
        "held_by": None,
        "is_blind": False,
        "active_utc": NOW,
        "turn": 0,
        "escalated": 0,
        "notified_utc": None,
        "steps": 1,
        "undo": None,
    }
    return values | changes
