"""The tables. Times are aware UTC; ``slot`` is ``b03/s2/p07``, without its aisle.

They are made and changed by `central.migrations`, never from here.
"""

from central.tables.alerts import alert_sites, alert_steps, alerts, pushes, staff_actions
from central.tables.columns import UtcTime, metadata
from central.tables.messages import (
    cameras,
    dead_letters,
    digests,
    events,
    evidence,
    node_health,
    nodes,
    slot_states,
    watermarks,
)
from central.tables.metrics import (
    days_due,
    metric_sites,
    metrics_due,
    places,
    site_days,
    slot_days,
    slot_hours,
    slot_intervals,
    stock_outs,
)
from central.tables.people import login_links, secrets, sessions, users

__all__ = [
    "UtcTime",
    "alert_sites",
    "alert_steps",
    "alerts",
    "cameras",
    "days_due",
    "dead_letters",
    "digests",
    "events",
    "evidence",
    "login_links",
    "metadata",
    "metric_sites",
    "metrics_due",
    "node_health",
    "nodes",
    "places",
    "pushes",
    "secrets",
    "sessions",
    "site_days",
    "slot_days",
    "slot_hours",
    "slot_intervals",
    "slot_states",
    "staff_actions",
    "stock_outs",
    "users",
    "watermarks",
]
