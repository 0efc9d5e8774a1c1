"""From messages to the rows that keep them. Pure."""

from __future__ import annotations

from typing import Any

from central.intake import Camera, Dead, EvidenceEvent, Received, Status
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
        "received_utc": received.received_utc,
        "source": number.source if number else None,
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
        "time_utc": received.received_utc if is_will else status.time,
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


def camera_row(meaning: Camera) -> dict[str, Any]:
    """Return what a camera's looks are worth."""
    node, status = meaning.node, meaning.status
    return {
        "tenant": node.tenant,
        "site": node.site,
        "node": node.node,
        "camera": status.camera,
        "state": status.state.value,
        "since_utc": status.since,
        "time_utc": status.time,
        "detail": status.detail,
        "calibration_score": status.calibration_score,
    }
