"""Rows as objects for programs. Keys are added, never renamed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from central.alerts import Step
from central.web import words
from central.web.language import ENGLISH
from central.web.rows import AlertRow, CameraRow, DeadPush, NodeRow, Site, SlotRow


def row_json(site: Site, row: AlertRow | CameraRow | NodeRow | SlotRow) -> dict[str, Any]:
    """Return a row with its site; times are ISO 8601."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in (asdict(site) | asdict(row)).items()
    }


def slot_json(site: Site, row: SlotRow) -> dict[str, Any]:
    """Return a slot; ``slot`` is ``a12/b01/s3/p02``."""
    return row_json(site, row) | {"slot": f"{row.aisle}/{row.slot}"}


def alert_json(site: Site, row: AlertRow, rank: float) -> dict[str, Any]:
    """Return an alert with its place in words, its urgency and the paths of its pictures."""
    picture = f"/evidence/{row.picture}" if row.picture else None
    return row_json(site, row) | {
        "slot": f"{row.aisle}/{row.slot}",
        "place": words.place(ENGLISH, row.aisle, row.slot),
        "now": f"{picture}/now.jpg" if picture else None,
        "rank": round(rank, 4),
        "before": f"{picture}/before.jpg" if picture and row.has_before else None,
    }


def step_json(step: Step) -> dict[str, Any]:
    """Return a step in the life of an alert."""
    return {
        "step": step.step.value,
        "time_utc": step.time_utc.isoformat(),
        "by": step.by,
        "detail": step.detail,
    }


def push_json(push: DeadPush) -> dict[str, Any]:
    """Return a message that could not be sent."""
    return asdict(push.site) | {
        "push": push.push,
        "person": push.person,
        "kind": push.kind,
        "alerts": list(push.alerts),
        "created_utc": push.created_utc.isoformat(),
        "attempts": push.attempts,
        "error": push.error,
    }
