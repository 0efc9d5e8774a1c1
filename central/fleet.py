"""How nodes and cameras are, and which of them needs somebody; docs/fleet.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select, tuple_

from central import tables
from shelf.states import CameraState, State

SiteKey = tuple[str, str]
"""Tenant and site."""

SILENT_AFTER = timedelta(minutes=5)
"""A node reports once a minute."""

WAITS_AFTER = timedelta(minutes=10)
"""An event that waits for longer is one that the center does not get."""

LOW_COVERAGE = 0.5
KEYS_A_QUERY = 400


class Need(StrEnum):
    """Why somebody has to look after a node or a camera, the most urgent first."""

    NODE_OFFLINE = "node_offline"
    EVENTS_LOST = "events_lost"
    NODE_SILENT = "node_silent"
    EVENTS_WAIT = "events_wait"
    CAMERA_OFFLINE = "camera_offline"
    CAMERA_MOVED = "camera_moved"
    CAMERA_STALE = "camera_stale"
    UNCALIBRATED = "uncalibrated"
    CAMERA_DARK = "camera_dark"
    LOW_COVERAGE = "low_coverage"
    REFUSED = "refused"
    DRIFTED = "drifted"
    OLD_VERSION = "old_version"

    @property
    def is_grave(self) -> bool:
        """True when shelves are not watched, or events are lost."""
        return self in _GRAVE


_GRAVE = frozenset(
    {Need.NODE_OFFLINE, Need.EVENTS_LOST, Need.CAMERA_OFFLINE, Need.CAMERA_MOVED, Need.CAMERA_STALE}
)
_ORDER = {need: number for number, need in enumerate(Need)}
_OF_STATE = {
    CameraState.OFFLINE: Need.CAMERA_OFFLINE,
    CameraState.MOVED: Need.CAMERA_MOVED,
    CameraState.STALE: Need.CAMERA_STALE,
    CameraState.DARK: Need.CAMERA_DARK,
}


@dataclass(frozen=True, slots=True)
class FleetNode:
    """One node. What is None was not said: by an older agent, or not yet."""

    tenant: str
    site: str
    node: str
    is_online: bool
    since_utc: datetime
    version: str
    reported_utc: datetime | None = None
    outbox_events: int | None = None
    outbox_bytes: int | None = None
    outbox_oldest_utc: datetime | None = None
    dropped_events: int | None = None
    planograms: Mapping[str, str | None] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """One camera; ``coverage`` is the share of its slots whose state is known."""

    tenant: str
    site: str
    node: str
    camera: str
    state: CameraState
    since_utc: datetime
    detail: str
    slots: int = 0
    coverage: float | None = None
    last_look_utc: datetime | None = None
    looks_per_minute: float | None = None
    model: str = ""
    refused: str = ""
    calibration: str | None = None
    calibration_since_utc: datetime | None = None
    calibration_score: float | None = None
    drift_px: float | None = None
    drift_since_utc: datetime | None = None
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """Nodes and cameras, those first that need somebody."""

    nodes: tuple[FleetNode, ...] = ()
    cameras: tuple[FleetCamera, ...] = ()

    @property
    def units(self) -> tuple[FleetNode | FleetCamera, ...]:
        """Nodes, then cameras."""
        return (*self.nodes, *self.cameras)

    @property
    def needs(self) -> dict[Need, int]:
        """How many nodes and cameras have each need, the most urgent first."""
        counts = Counter(need for unit in self.units for need in unit.needs)
        return {need: counts[need] for need in Need if counts[need]}

    def with_need(self, need: Need) -> Fleet:
        """Return those that have ``need``."""
        return Fleet(
            tuple(node for node in self.nodes if need in node.needs),
            tuple(camera for camera in self.cameras if need in camera.needs),
        )


def read_fleet(connection: Connection, sites: Collection[SiteKey], now: datetime) -> Fleet:
    """Return nodes and cameras of ``sites``."""
    newest = _newest_version(connection)
    nodes: list[FleetNode] = []
    cameras: list[FleetCamera] = []
    wanted = sorted(sites)
    for start in range(0, len(wanted), KEYS_A_QUERY):
        part = wanted[start : start + KEYS_A_QUERY]
        health = {
            (row.tenant, row.site, row.node): row
            for row in connection.execute(
                select(tables.node_health).where(_at(tables.node_health.c, part))
            )
        }
        online = set()
        for row in connection.execute(select(tables.nodes).where(_at(tables.nodes.c, part))):
            key = (row.tenant, row.site, row.node)
            nodes.append(_node(row, health.get(key), newest, now))
            if row.state == "online":
                online.add(key)
        seen = _coverage(connection, part)
        for row in connection.execute(select(tables.cameras).where(_at(tables.cameras.c, part))):
            key = (row.tenant, row.site, row.node)
            slots, known = seen.get((*key, row.camera), (0, 0))
            cameras.append(_camera(row, health.get(key), slots, known, key in online))
    return Fleet(tuple(_sorted(nodes)), tuple(_sorted(cameras)))


def _node(row: Row[Any], health: Row[Any] | None, newest: str, now: datetime) -> FleetNode:
    said: dict[str, Any] = {}
    needs: list[Need] = []
    is_online = row.state == "online"
    if not is_online:
        needs.append(Need.NODE_OFFLINE)
    if health is not None:
        said = {
            "reported_utc": health.time_utc,
            "outbox_events": health.outbox_events,
            "outbox_bytes": health.outbox_bytes,
            "outbox_oldest_utc": health.outbox_oldest_utc,
            "dropped_events": health.dropped_events,
            "planograms": health.planograms,
        }
        oldest = health.outbox_oldest_utc
        if health.dropped_events:
            needs.append(Need.EVENTS_LOST)
        if is_online and now - health.time_utc > SILENT_AFTER:
            needs.append(Need.NODE_SILENT)
        elif is_online and oldest is not None and health.time_utc - oldest > WAITS_AFTER:
            needs.append(Need.EVENTS_WAIT)
    if row.version and row.version != newest:
        needs.append(Need.OLD_VERSION)
    return FleetNode(
        row.tenant,
        row.site,
        row.node,
        is_online,
        row.time_utc,
        row.version,
        needs=tuple(needs),
        **said,
    )


def _camera(
    row: Row[Any], health: Row[Any] | None, slots: int, known: int, is_online: bool
) -> FleetCamera:
    said = (health.cameras if health is not None else {}).get(row.camera, {})
    state, last_look = CameraState(row.state), said.get("last_look")
    coverage = known / slots if slots else None
    is_ok = state is CameraState.OK
    needs = []
    if is_online:  # of a node that is away nothing is known of its cameras
        needs = [
            need
            for need, holds in (
                (_OF_STATE.get(state, Need.CAMERA_STALE), not is_ok),
                (Need.UNCALIBRATED, health is not None and row.calibration is None),
                (Need.LOW_COVERAGE, is_ok and coverage is not None and coverage < LOW_COVERAGE),
                (Need.REFUSED, bool(said.get("refused"))),
                (Need.DRIFTED, row.drift_px is not None),
            )
            if holds
        ]
    return FleetCamera(
        row.tenant,
        row.site,
        row.node,
        row.camera,
        state,
        row.since_utc,
        row.detail,
        slots=slots,
        coverage=coverage,
        last_look_utc=None if last_look is None else datetime.fromisoformat(last_look),
        looks_per_minute=said.get("looks_per_minute"),
        model=said.get("model", ""),
        refused=said.get("refused", ""),
        calibration=row.calibration,
        calibration_since_utc=row.calibration_since_utc,
        calibration_score=row.calibration_score,
        drift_px=row.drift_px,
        drift_since_utc=row.drift_since_utc,
        needs=tuple(sorted(needs, key=_ORDER.__getitem__)),
    )


def _newest_version(connection: Connection) -> str:
    """Return the newest version that any node runs; numbers are compared as numbers."""
    versions = connection.execute(select(tables.nodes.c.version).distinct()).scalars()
    return max(versions, key=_version_key, default="")


def _version_key(version: str) -> tuple[tuple[int, str], ...]:
    parts = version.replace("-", ".").replace("+", ".").split(".")
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _coverage(
    connection: Connection, sites: Collection[SiteKey]
) -> dict[tuple[str, str, str, str], tuple[int, int]]:
    """Return how many slots each camera watches, and of how many the state is known."""
    slots = tables.slot_states.c
    is_known = case((slots.state == State.UNKNOWN.value, 0), else_=1)
    group = (slots.tenant, slots.site, slots.source, slots.camera)
    query = (
        select(*group, func.count().label("slots"), func.sum(is_known).label("known"))
        .where(_at(slots, sites), slots.camera.is_not(None), slots.sku != "")
        .group_by(*group)
    )
    return {
        (row.tenant, row.site, row.source.rpartition("/")[2], row.camera): (row.slots, row.known)
        for row in connection.execute(query)
    }


def _at(columns: Any, sites: Collection[SiteKey]) -> ColumnElement[bool]:
    return tuple_(columns.tenant, columns.site).in_(list(sites))


def _sorted(units: Iterable[Any]) -> list[Any]:
    """Return nodes or cameras, the most urgent need first, and then what has it for longest."""
    return sorted(
        units,
        key=lambda unit: (
            _ORDER[unit.needs[0]] if unit.needs else len(_ORDER),
            unit.since_utc,
            unit.tenant,
            unit.site,
            unit.node,
            getattr(unit, "camera", ""),
        ),
    )
