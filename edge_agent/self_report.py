"""How the node is, for the center: once a minute, and not kept where there is no connection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from edge_agent.outbox import Outbox
from shelf.node_health import CameraLooks, NodeHealth

REPORT_SECS = 60.0


class SelfReport:
    """Counts looks between one report and the next. For one thread."""

    def __init__(self, outbox: Outbox, cameras: list[str], started_secs: float) -> None:
        self._outbox = outbox
        self._cameras = cameras
        self._looks: Counter[str] = Counter()
        self._last_look: dict[str, datetime] = {}
        self._since_secs = started_secs

    def looked(self, camera: str, at_utc: datetime) -> None:
        """Take note of a look."""
        self._looks[camera] += 1
        self._last_look[camera] = at_utc

    def is_due(self, now_secs: float) -> bool:
        """True a minute after the last report; the first comes after a minute, too."""
        return now_secs - self._since_secs >= REPORT_SECS

    def make(
        self,
        now_secs: float,
        now_utc: datetime,
        models: Mapping[str, str],
        refused: Mapping[str, str],
        planograms: Mapping[str, str | None],
    ) -> NodeHealth:
        """Return the report and begin the next. ``models`` and ``refused`` are by camera.

        Raises `edge_agent.outbox.OutboxError`.
        """
        minutes = max(now_secs - self._since_secs, 1.0) / 60
        first = self._outbox.first_sequence
        report = NodeHealth(
            time=now_utc,
            outbox_events=max(self._outbox.last_sequence - first + 1, 0),
            outbox_bytes=self._outbox.bytes_used,
            outbox_oldest=self._oldest(first),
            dropped_events=sum(self._outbox.drops.values()),
            cameras={
                camera: CameraLooks(
                    last_look=self._last_look.get(camera),
                    looks_per_minute=round(self._looks[camera] / minutes, 1),
                    model=models.get(camera, ""),
                    refused=refused.get(camera, ""),
                )
                for camera in self._cameras
            },
            planograms=dict(planograms),
        )
        self._looks.clear()
        self._since_secs = now_secs
        return report

    def _oldest(self, first: int) -> datetime | None:
        for row in self._outbox.read(first - 1, 1):
            try:
                moment = datetime.fromisoformat(json.loads(row.payload)["time"])
            except (ValueError, KeyError, TypeError):
                return None
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return None
