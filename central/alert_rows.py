"""What the tables hold of alerts, for whoever tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, select

from central import tables
from central.alerts import Alert, Step
from central.database import AisleKey
from shelf.wire import OpenAlerts

CLOSED_FOR = timedelta(hours=1)
"""How long a closed alert is published with the open ones, so that its end can be read too."""

IDS_A_QUERY = 500


def read_open(connection: Connection, aisle: AisleKey) -> list[Alert]:
    """Return the aisle's open alerts, by slot."""
    alerts = tables.alerts
    query = _of_aisle(aisle).where(alerts.c.closed_utc.is_(None)).order_by(alerts.c.slot)
    return [Alert.from_row(row._asdict()) for row in connection.execute(query)]


def read_closed_since(connection: Connection, aisle: AisleKey, since: datetime) -> list[Alert]:
    """Return the aisle's alerts that were closed after ``since``, the newest first."""
    closed = tables.alerts.c.closed_utc
    query = _of_aisle(aisle).where(closed > since).order_by(closed.desc())
    return [Alert.from_row(row._asdict()) for row in connection.execute(query)]


def read_steps(connection: Connection, alerts: Iterable[str]) -> dict[str, list[Step]]:
    """Return the life of each alert, in order."""
    names = list(alerts)
    steps: dict[str, list[Step]] = {name: [] for name in names}
    columns = tables.alert_steps.c
    for start in range(0, len(names), IDS_A_QUERY):
        query = (
            select(tables.alert_steps)
            .where(columns.alert.in_(names[start : start + IDS_A_QUERY]))
            .order_by(columns.alert, columns.number)
        )
        for row in connection.execute(query):
            steps[row.alert].append(Step.from_row(row._asdict()))
    return steps


def read_message(connection: Connection, aisle: AisleKey, now: datetime) -> OpenAlerts:
    """Return what is published of an aisle: each alert with its life so far."""
    open_alerts = read_open(connection, aisle)
    closed = read_closed_since(connection, aisle, now - CLOSED_FOR)
    steps = read_steps(connection, [alert.alert for alert in (*open_alerts, *closed)])
    return OpenAlerts(
        aisle=aisle.aisle,
        time=now,
        alerts=tuple(alert.to_wire(steps[alert.alert]) for alert in open_alerts),
        closed=tuple(alert.to_wire(steps[alert.alert]) for alert in closed),
    )


def read_aisles(connection: Connection) -> list[AisleKey]:
    """Return every aisle that has had an alert."""
    alerts = tables.alerts.c
    query = select(alerts.tenant, alerts.site, alerts.aisle).distinct()
    return [AisleKey(*row) for row in connection.execute(query)]


def _of_aisle(aisle: AisleKey) -> Select[Any]:
    alerts = tables.alerts
    return select(alerts).where(
        alerts.c.tenant == aisle.tenant,
        alerts.c.site == aisle.site,
        alerts.c.aisle == aisle.aisle,
    )
