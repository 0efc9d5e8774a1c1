"""What the page asks of the database. The only module of the page that knows the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, or_, select, union

from central import tables
from central.web.rows import (
    AlertRow,
    CameraRow,
    DeadPush,
    FoundProduct,
    NodeRow,
    Site,
    SiteRows,
    SlotRow,
)
from shelf import CameraState, SlotId, State
from shelf.topics import Node
from shelf.wire import AlertPhase

CLOSED_ALERTS = 10
"""How many of the last closed alerts are shown."""

DEAD_PUSHES = 100
"""How many of the last messages that could not be sent are told."""


class Moment(StrEnum):
    """Which of the two pictures of an event."""

    NOW = "now"
    BEFORE = "before"


def read_sites(connection: Connection) -> list[Site]:
    """Return every site that anything was heard of, in order."""
    known = union(
        *(
            select(table.c.tenant, table.c.site)
            for table in (tables.slot_states, tables.nodes, tables.cameras, tables.alerts)
        )
    )
    return sorted(Site(row.tenant, row.site) for row in connection.execute(known))


def read_site(connection: Connection, site: Site) -> SiteRows:
    """Return everything that the page shows of ``site``."""
    open_alerts, closed_alerts = _alerts(connection, site)
    nodes, cameras = tables.nodes, tables.cameras
    return SiteRows(
        # A slot without a product is planned no more.
        slots=tuple(
            _slot(row) for row in _of_site(connection, tables.slot_states, site) if row["sku"]
        ),
        open_alerts=open_alerts,
        closed_alerts=closed_alerts,
        nodes=tuple(
            NodeRow(row["node"], row["state"] == "online", row["time_utc"])
            for row in sorted(_of_site(connection, nodes, site), key=lambda row: row["node"])
        ),
        cameras=tuple(
            CameraRow(
                row["node"],
                row["camera"],
                CameraState(row["state"]),
                row["since_utc"],
                row["detail"],
            )
            for row in sorted(
                _of_site(connection, cameras, site), key=lambda row: (row["camera"], row["node"])
            )
        ),
    )


def read_picture(connection: Connection, event_id: str, moment: Moment) -> bytes | None:
    """Return a JPEG, or None when there is none."""
    evidence = tables.evidence
    query = select(evidence.c[moment.value]).where(evidence.c.event_id == event_id)
    picture: bytes | None = connection.execute(query).scalar_one_or_none()
    return picture


def read_alert_site(connection: Connection, alert: str) -> Site | None:
    """Return the site of an alert, or None when there is no such alert."""
    columns = tables.alerts.c
    row = connection.execute(
        select(columns.tenant, columns.site).where(columns.alert == alert)
    ).one_or_none()
    return Site(row.tenant, row.site) if row else None


def read_alert(connection: Connection, alert: str) -> AlertRow | None:
    """Return one alert, open or closed."""
    query = _alert_query().where(tables.alerts.c.alert == alert)
    row = connection.execute(query).mappings().one_or_none()
    return _alert(row) if row else None


def read_slot_alerts(
    connection: Connection,
    site: Site,
    aisle: str,
    slot: str,
    since: datetime,
    until: datetime,
    limit: int,
) -> list[AlertRow]:
    """Return the last alerts of a slot that were open between two times, the newest first."""
    alerts = tables.alerts.c
    query = (
        _alert_query()
        .where(
            alerts.tenant == site.tenant,
            alerts.site == site.site,
            alerts.aisle == aisle,
            alerts.slot == slot,
            alerts.opened_utc < until,
            or_(alerts.closed_utc.is_(None), alerts.closed_utc >= since),
        )
        .order_by(alerts.opened_utc.desc())
        .limit(limit)
    )
    return [_alert(row) for row in connection.execute(query).mappings()]


def read_dead_pushes(connection: Connection) -> list[DeadPush]:
    """Return the last messages to people that were given up, the newest first."""
    pushes = tables.pushes
    query = (
        select(pushes)
        .where(pushes.c.state == "dead")
        .order_by(pushes.c.created_utc.desc())
        .limit(DEAD_PUSHES)
    )
    return [
        DeadPush(
            row.push,
            Site(row.tenant, row.site),
            row.person,
            row.kind,
            tuple(row.alerts),
            row.created_utc,
            row.attempts,
            row.error or "",
        )
        for row in connection.execute(query)
    ]


def read_picture_sites(connection: Connection, event_id: str) -> set[Site]:
    """Return the sites that a picture's event came from."""
    query = select(tables.events.c.source).where(tables.events.c.id == event_id).distinct()
    nodes = [Node.from_source(source) for source in connection.execute(query).scalars()]
    return {Site(node.tenant, node.site) for node in nodes}


def _of_site(connection: Connection, table: Table, site: Site) -> Iterator[RowMapping]:
    query = select(table).where(table.c.tenant == site.tenant, table.c.site == site.site)
    yield from connection.execute(query).mappings()


def _alerts(
    connection: Connection, site: Site
) -> tuple[tuple[AlertRow, ...], tuple[AlertRow, ...]]:
    """Return open alerts, and the last closed ones, newest first."""
    alerts = tables.alerts
    query = _alert_query().where(alerts.c.tenant == site.tenant, alerts.c.site == site.site)
    is_open = alerts.c.closed_utc.is_(None)
    opened = query.where(is_open).order_by(alerts.c.opened_utc.desc())
    closed = query.where(~is_open).order_by(alerts.c.closed_utc.desc()).limit(CLOSED_ALERTS)
    return (
        tuple(_alert(row) for row in connection.execute(opened).mappings()),
        tuple(_alert(row) for row in connection.execute(closed).mappings()),
    )


def _alert_query() -> Select[Any]:
    """Select alerts, each with whether there are pictures of it."""
    alerts, evidence = tables.alerts, tables.evidence
    return select(
        alerts,
        evidence.c.event_id.label("picture"),
        evidence.c.before.is_not(None).label("has_before"),
    ).outerjoin(evidence, evidence.c.event_id == alerts.c.evidence)


def _found(items: Sequence[Mapping[str, Any]] | None) -> tuple[FoundProduct, ...]:
    return tuple(FoundProduct(item.get("sku"), float(item["confidence"])) for item in items or ())


def _seen(row: RowMapping) -> dict[str, Any]:
    """Return what a slot and the alert of it have in common."""
    same = ("aisle", "since_utc", "sku", "name", "facings_expected", "facings_seen")
    return {name: row[name] for name in (*same, "confidence", "reason")} | {
        "slot": SlotId.parse(row["slot"]),
        "state": State(row["state"]),
        "found": _found(row["found"]),
    }


def _slot(row: RowMapping) -> SlotRow:
    return SlotRow(**_seen(row))


def _alert(row: RowMapping) -> AlertRow:
    return AlertRow(
        **_seen(row),
        id=row["alert"],
        opened_utc=row["opened_utc"],
        closed_utc=row["closed_utc"],
        closed_reason=row["closed_reason"],
        picture=row["picture"],
        has_before=bool(row["has_before"]),
        phase=AlertPhase(row["phase"]),
        phase_utc=row["phase_utc"],
        by=row["by"],
        until_utc=row["until_utc"],
        held_by=row["held_by"],
        notified_utc=row["notified_utc"],
    )
