"""Central's own health for Prometheus, on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from central import tables
from central.database import Database
from central.intake import DeadKind
from central.metric_settings import Prometheus
from central.metrics.rolling_rows import read_rolled
from shelf.errors import ConfigError, Problem

COUNTED = {
    "connections": "Connections to the broker that were made.",
    "batches": "Batches that were committed.",
    "events": "Events that were committed, repeats included.",
    "retries": "Batches that had to be written again.",
}


class Counting(Protocol):
    """What is told of the collector."""

    @property
    def counts(self) -> dict[str, int]:
        """What has happened since the start, by name."""

    @property
    def is_connected(self) -> bool:
        """True while the broker can be heard."""

    @property
    def dead_kinds(self) -> Mapping[DeadKind, int]:
        """How many messages could not be used since the start, by the reason's kind."""


class Health(Collector):
    """Reads the figures when they are asked for."""

    def __init__(self, database: Database, collector: Counting) -> None:
        self._database = database
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        """Yield every figure; those of the database only while it answers."""
        counts = self._collector.counts
        for name, words in COUNTED.items():
            yield CounterMetricFamily(f"shelfwatch_central_{name}", words, counts[name])
        dead = CounterMetricFamily(
            "shelfwatch_central_dead_letters", "Messages that could not be used.", labels=["kind"]
        )
        kinds = self._collector.dead_kinds
        for kind in DeadKind:
            dead.add_metric([kind.value], kinds.get(kind, 0))
        yield dead
        connected = float(self._collector.is_connected)
        yield _gauge("broker_connected", "1 while the broker can be heard.", connected)
        try:
            with self._database.read() as connection:
                found = list(_of_database(connection))
        except SQLAlchemyError:
            found = []
        yield _gauge("database_up", "1 while the database answers.", float(bool(found)))
        yield from found


def serve(settings: Prometheus, database: Database, collector: Counting) -> WSGIServer:
    """Listen in a thread, and return the server; raises `shelf.errors.ConfigError`."""
    registry = CollectorRegistry()
    registry.register(Health(database, collector))
    try:
        server, _ = start_http_server(settings.port, settings.host, registry)
    except OSError as error:
        where = f"prometheus: {settings.host}:{settings.port}"
        raise ConfigError([Problem(where, "an address to listen on", str(error))]) from error
    return server


def _of_database(connection: Connection) -> Iterator[Metric]:
    nodes = GaugeMetricFamily(
        "shelfwatch_central_nodes", "Nodes of a store by state.", labels=["tenant", "site", "state"]
    )
    columns = tables.nodes.c
    group = (columns.tenant, columns.site, columns.state)
    for row in connection.execute(select(*group, func.count().label("nodes")).group_by(*group)):
        nodes.add_metric([row.tenant, row.site, row.state], row.nodes)
    yield nodes
    cameras = GaugeMetricFamily(
        "shelfwatch_central_cameras",
        "Cameras of a store by state.",
        labels=["tenant", "site", "state"],
    )
    of_camera = tables.cameras.c
    states = (of_camera.tenant, of_camera.site, of_camera.state)
    counted = select(*states, func.count().label("cameras")).group_by(*states)
    for row in connection.execute(counted):
        cameras.add_metric([row.tenant, row.site, row.state], row.cameras)
    yield cameras
    waiting = GaugeMetricFamily(
        "shelfwatch_central_outbox_events",
        "Events that wait in a store's nodes, as they last said.",
        labels=["tenant", "site"],
    )
    said = tables.node_health.c
    summed = select(said.tenant, said.site, func.sum(said.outbox_events).label("events"))
    for row in connection.execute(summed.group_by(said.tenant, said.site)):
        waiting.add_metric([row.tenant, row.site], float(row.events))
    yield waiting
    alerts = tables.alerts.c
    opened = GaugeMetricFamily(
        "shelfwatch_central_open_alerts", "Open alerts of a store.", labels=["tenant", "site"]
    )
    is_open = select(alerts.tenant, alerts.site, func.count().label("alerts")).where(
        alerts.closed_utc.is_(None)
    )
    for row in connection.execute(is_open.group_by(alerts.tenant, alerts.site)):
        opened.add_metric([row.tenant, row.site], row.alerts)
    yield opened
    rolled = GaugeMetricFamily(
        "shelfwatch_central_hours_rolled_until_seconds",
        "Until when a store's hours are in the table, as seconds since 1970.",
        labels=["tenant", "site"],
    )
    for site, until in read_rolled(connection).items():
        rolled.add_metric(list(site), until.timestamp())
    yield rolled
    pushes = select(func.count()).select_from(tables.pushes)
    for name, words, query in (
        (
            "slots_due",
            "News of slots that figures do not know yet.",
            select(func.count()).select_from(tables.metrics_due),
        ),
        (
            "pushes_queued",
            "Messages to people that wait.",
            pushes.where(tables.pushes.c.state == "queued"),
        ),
        (
            "pushes_dead",
            "Messages to people that were given up.",
            pushes.where(tables.pushes.c.state == "dead"),
        ),
        (
            "digests_dead",
            "Digests that were given up.",
            select(func.count())
            .select_from(tables.digests)
            .where(tables.digests.c.state == "dead"),
        ),
    ):
        yield _gauge(name, words, _count(connection, query))


def _count(connection: Connection, query: Select[Any]) -> float:
    return float(connection.execute(query).scalar_one())


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"shelfwatch_central_{name}", words, value)
