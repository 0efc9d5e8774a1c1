"""What a node says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.outbox import NewEvent, Outbox
from edge_agent.self_report import REPORT_SECS, SelfReport
from shelf.node_health import NodeHealth
from shelf.topics import Node
from shelf.wire import OutboxDropped, parse

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_report_counts_looks_and_what_waits(tmp_path: Path) -> None:
    """Looks since the last report, the outbox's depth and age; a silent camera is there, too."""
    with Outbox.open(tmp_path / "outbox.sqlite", Node("acme", "s1", "e1")) as outbox:
        report = SelfReport(outbox, ["c1", "c2"], 100.0)
        for second in range(6):
            report.looked("c1", NOW + timedelta(seconds=second))
        assert not report.is_due(100.0 + REPORT_SECS - 1)
        assert report.is_due(100.0 + REPORT_SECS)
        waiting = OutboxDropped(first=0, last=0, reason="full")
        outbox.append([NewEvent(name, NOW, "a12", "e1", waiting) for name in ("x", "y")])
        made = report.make(160.0, NOW, {"c1": "abc"}, {"c2": "no model"}, {"a12": "pg-1"})
        assert parse(NodeHealth, made.to_json()) == made
        assert (made.outbox_events, made.outbox_oldest) == (2, NOW)
        assert made.outbox_bytes > 0
        first, second_camera = made.cameras["c1"], made.cameras["c2"]
        assert (first.looks_per_minute, first.last_look) == (6, NOW + timedelta(seconds=5))
        assert (second_camera.last_look, second_camera.refused) == (None, "no model")
        again = report.make(220.0, NOW, {}, {}, {})
        assert again.cameras["c1"].looks_per_minute == 0
        assert again.cameras["c1"].last_look == NOW + timedelta(seconds=5)
