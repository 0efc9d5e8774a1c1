"""From messages to the rows that keep them. Pure."""

from __future__ import annotations

from typing import Any

from central.intake import (
    MAX_NUMBER,
    Camera,
    Dead,
    EvidenceEvent,
    Health,
    Received,
    Status,
)
from shelf.wire import Event

MAX_DEAD_PAYLOAD_BYTES = 64 * 1024
"""A dead letter keeps this much of its payload: enough to see what was wrong with it."""


def event_row(event: Event, received: Received, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what is kept of its ``data``."""
    return {
        "source": event.source,
        "epoch": event.epoch,
        "sequence": event.sequence,
        "id": event.id,
        "type": event.type,
        "subject": event.subject,
        "aisle": received.topic.rpartition("/")[2],
        "time_utc": event.time,
        "received_utc": received.received_utc,
        "data": data,
    }


def dead_row(dead: Dead) -> dict[str, Any]:
    """Return a message that cannot be used, with its reason."""
    received, number = dead.received, dead.number
    return {
        "topic": received.topic,
        "payload": received.payload[:MAX_DEAD_PAYLOAD_BYTES],
        "reason": dead.reason,
        "kind": dead.kind.value,
        "size_bytes": len(received.payload),
        "received_utc": received.received_utc,
        "source": dead.sender.source if dead.sender else None,
        "epoch": number.epoch if number else None,
        "sequence": number.sequence if number else None,
    }


def node_row(meaning: Status, received: Received) -> dict[str, Any]:
    """Return birth or last will; a will says when the node connected, not when it was lost."""
    node, status = meaning.node, meaning.status
    is_will = status.state == "offline" and not received.retained
    return {
        "tenant": node.tenant,
        "site": node.site,
        "node": node.node,
        "state": status.state,
        "time_utc": received.received_utc if is_will else min(status.time, received.received_utc),
        "epoch": status.epoch,
        "version": status.version,
    }


def evidence_row(meaning: EvidenceEvent) -> dict[str, Any]:
    """Return the pictures of a change."""
    return {
        "event_id": meaning.changed,
        "now": meaning.now,
        "before": meaning.before,
        "time_utc": meaning.event.time,
    }


def camera_row(meaning: Camera, received: Received) -> dict[str, Any]:
    """Return what a camera's looks are worth; nothing began later than it was told."""
    node, status = meaning.node, meaning.status
    at_utc = min(status.time, received.received_utc)
    return {
        "tenant": node.tenant,
        "site": node.site,
        "node": node.node,
        "camera": status.camera,
        "state": status.state.value,
        "since_utc": min(status.since, received.received_utc),
        "time_utc": at_utc,
        "detail": status.detail,
        "calibration_score": status.calibration_score,
        "calibration": status.calibration,
        "calibration_since_utc": None if status.calibration is None else at_utc,
        "drift_px": status.drift_px,
        "drift_since_utc": status.drift_since,
    }


def health_row(meaning: Health, received: Received) -> dict[str, Any]:
    """Return how a node is, by the time at which it was heard: its own clock may be wrong."""
    node, health = meaning.node, meaning.health
    plain = health.model_dump(mode="json")
    return {
        "tenant": node.tenant,
        "site": node.site,
        "node": node.node,
        "time_utc": received.received_utc,
        "outbox_events": min(health.outbox_events, MAX_NUMBER),
        "outbox_bytes": min(health.outbox_bytes, MAX_NUMBER),
        "outbox_oldest_utc": health.outbox_oldest,
        "dropped_events": min(health.dropped_events, MAX_NUMBER),
        "cameras": plain["cameras"],
        "planograms": plain["planograms"],
    }
