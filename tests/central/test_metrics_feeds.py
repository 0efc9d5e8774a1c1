"""The figures of stores and regions as messages, and as JSON for whoever may see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from metric_messages import START, at, changed, status
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from central.accounts import Role
from central.database import Database
from central.desk import Actor, Desk
from central.ingest import Ingest
from central.metric_settings import Region
from central.metrics.feeds import Feeds
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.products import Products
from central.web.access import User
from central.web.metrics_api import MetricsApi
from shelf.kpi import Kpi
from shelf.states import State
from shelf.topics import Node
from shelf.wire import ActionKind, StaffAction, parse

S, L, E, U = State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.UNKNOWN
NOW = at(7200)
"""8:30 UTC."""

GTIN = "4006381333931"
NORTH = Region(tenant="acme", id="north", name="Region North", sites=("s1", "s2"))


def zone_of(_tenant: str, site: str) -> tzinfo:
    return ZoneInfo("Asia/Kolkata") if site == "s3" else UTC


GROUPING = Grouping.of(
    [NORTH],
    Products({"1001": GTIN}, {"1001": "tea", "1002": "coffee"}),
    {("acme", "s1"): "Main street"},
    zone_of,
)


@pytest.fixture
def stores(database: Database) -> Database:
    """Two hours of three stores of one tenant, and one of another."""
    ingest = Ingest(database)
    for number, (tenant, site) in enumerate(
        (("acme", "s1"), ("acme", "s2"), ("acme", "s3"), ("other", "s1"))
    ):
        node = Node(tenant, site, "e1")
        slots = {"slot": "b01/s1/p01"}, {"slot": "b02/s1/p01", "sku": "1002"}
        messages = [
            status("online", 0, node),
            changed(1, S, 0, 0, node=node, **slots[0]),
            changed(2, S, 0, 0, node=node, **slots[1]),
            changed(3, E, 3600, 3660, node=node, **slots[0]),
        ]
        if number == 0:
            messages.append(changed(4, S, 5400, 5420, node=node, **slots[0]))
            messages.append(changed(5, U, 6300, 6300, node=node, **slots[1]))
        ingest.apply(messages)
    Roller(database, zone_of).run(NOW)
    return database


def published(database: Database, now: datetime = NOW) -> dict[str, Kpi]:
    found = {}
    for topic, payload in Feeds(database, GROUPING).read(now):
        found[topic] = parse(Kpi, payload)
    return found


def test_a_store_is_told(stores: Database) -> None:
    """Availability over what was seen, how much that was, and what the shop may sell."""
    kpi = published(stores)["shelf/v1/acme/_agg/site/s1/kpi"]
    assert (kpi.name, kpi.slots.stocked, kpi.slots.unknown) == ("Main street", 1, 1)
    today = kpi.today
    observed = 7200 + 6300
    assert (today.planned_secs, today.observed_secs) == (14_400, observed)
    assert today.availability == pytest.approx((observed - 1800) / observed, abs=1e-6)
    assert today.coverage == pytest.approx(observed / 14_400, abs=1e-6)
    assert today.stock_outs == 1
    assert today.time_to_detect_secs is not None
    assert today.time_to_restock_secs is not None
    assert (today.time_to_detect_secs.median, today.time_to_restock_secs.p90) == (60, 1800)
    assert kpi.products == {GTIN: "available"}
    assert kpi.sites is None


def test_a_region_is_its_stores_together(stores: Database) -> None:
    """With each store beside it; a store that is in no region is in none."""
    found = published(stores)
    region = found["shelf/v1/acme/_agg/region/north/kpi"]
    assert sorted(found) == [
        "shelf/v1/acme/_agg/region/north/kpi",
        "shelf/v1/acme/_agg/site/s1/kpi",
        "shelf/v1/acme/_agg/site/s2/kpi",
        "shelf/v1/acme/_agg/site/s3/kpi",
        "shelf/v1/other/_agg/site/s1/kpi",
    ]
    assert region.sites is not None
    assert [site.site for site in region.sites] == ["s1", "s2"]
    assert region.today.planned_secs == 2 * 14_400
    assert region.today.out_of_stock_secs == 1800 + 3600
    assert region.slots.out_of_stock == 1


def test_a_product_may_be_on_sale_while_nobody_knows(stores: Database) -> None:
    """Empty is out; a store that cannot be heard is unknown, not empty and not available."""
    assert published(stores)["shelf/v1/acme/_agg/site/s2/kpi"].products == {GTIN: "out"}
    Ingest(stores).apply([status("offline", 7000, Node("acme", "s2", "e1"))])
    kpi = published(stores)["shelf/v1/acme/_agg/site/s2/kpi"]
    assert (kpi.products, kpi.slots.unknown) == ({GTIN: "unknown"}, 2)
    assert kpi.today.observed_secs == 14_000


def test_today_begins_at_midnight_of_the_store(stores: Database) -> None:
    """At 18:40 UTC it is ten past midnight in Kolkata."""
    now = START.replace(hour=18, minute=40)
    Roller(stores, zone_of).run(now)
    found = published(stores, now)
    assert found["shelf/v1/acme/_agg/site/s3/kpi"].today.planned_secs == 2 * 600
    assert found["shelf/v1/acme/_agg/site/s3/kpi"].today.availability == 0.5
    assert found["shelf/v1/acme/_agg/site/s2/kpi"].today.planned_secs > 80_000


class SomebodyIn:
    """Every request comes from one person."""

    def __init__(self, app: ASGIApp, user: User) -> None:
        self._app, self._user = app, user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = self._user
        await self._app(scope, receive, send)


def client(database: Database, role: Role = Role.ADMIN, *stores: str) -> TestClient:
    user = User("anna", role, frozenset(stores) if stores else None)
    routes = MetricsApi(database, GROUPING, lambda: NOW).routes()
    return TestClient(Starlette(routes=routes, middleware=[Middleware(SomebodyIn, user=user)]))


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_everybody_sees_their_own_stores(stores: Database) -> None:
    """A store's people their store, a regional manager the region's; others do not exist."""
    path = "/api/metrics.json?by=site"
    assert [r["site"] for r in rows(client(stores, Role.STAFF, "acme/s2").get(path))] == ["s2"]
    manager = client(stores, Role.MANAGER, "acme/s1", "acme/s2")
    assert [row["site"] for row in rows(manager.get(path))] == ["s1", "s2"]
    assert manager.get("/api/metrics.json?site=s3").status_code == 404
    assert manager.get("/api/metrics.json?site=nowhere").status_code == 404
    assert [s["site"] for s in manager.get("/api/products.json").json()["stores"]] == ["s1", "s2"]
    (region,) = client(stores, Role.STAFF, "acme/s2").get("/api/regions.json").json()["regions"]
    assert (region["id"], region["sites"]) == ("north", ["s2"])


def test_figures_are_grouped_by_what_is_asked(stores: Database) -> None:
    """Every dimension, and two at once; parts add up to the whole."""
    asking = client(stores)
    (whole,) = rows(asking.get("/api/metrics.json?tenant=acme&region=north"))
    for by in ("site", "slot", "bay", "aisle", "sku", "category", "planogram", "day", "hour",
               "region", "category,hour", "site,slot,day"):  # fmt: skip
        parts = rows(asking.get(f"/api/metrics.json?tenant=acme&region=north&by={by}"))
        for name in ("planned_secs", "observed_secs", "out_of_stock_secs", "stock_outs"):
            assert sum(part[name] for part in parts) == whole[name], by
    by_hour = rows(asking.get("/api/metrics.json?tenant=acme&site=s1&by=hour&category=tea"))
    assert [(row["hour"][11:16], row["out_of_stock_secs"]) for row in by_hour] == [
        ("06:00", 0),
        ("07:00", 1800),
        ("08:00", 0),
    ]
    some = "/api/metrics.json?tenant=acme&site=s1&by=hour&hours=8-9&from=2026-11-21T06:00Z"
    assert [row["hour"][11:16] for row in rows(asking.get(some))] == ["08:00"]


def test_wrong_alarms_are_counted(stores: Database) -> None:
    """Of the alerts that ended filled or as wrong; those of a product count with it."""
    with stores.write() as connection:
        action = StaffAction(action="phone-1-1", alert="acme-s2-1-3", kind=ActionKind.WRONG_ALARM)
        answers = Desk().act(connection, Actor("anna"), [action], at(7000)).answers
    assert answers[0].outcome == "applied"
    (row,) = rows(client(stores).get("/api/metrics.json?tenant=acme&region=north&sku=1001"))
    assert (row["alerts_closed"], row["wrong_alarms"], row["wrong_alarm_rate"]) == (2, 1, 0.5)


def test_chronic_slots_come_worst_first(stores: Database) -> None:
    """Those that were empty for a fifth of the time; a full one is not among them."""
    found = rows(client(stores).get("/api/chronic.json?tenant=acme&region=north"))
    assert [(row["site"], row["slot"]) for row in found] == [
        ("s2", "a12/b01/s1/p01"),
        ("s1", "a12/b01/s1/p01"),
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("by=shop", "expected some of region, site, .* got 'shop'"),
        ("by=site,site", "each once"),
        ("by=site,sku,day,hour", "up to 3"),
        ("from=yesterday", "from: expected a time like"),
        ("from=2026-11-21T06:00", "with its zone"),
        ("from=2026-11-21T06:00Z&until=2026-11-20T06:00Z", "in order"),
        ("hours=22-7", "hours of the day like 7-22"),
        ("hours=x", "hours of the day like 7-22"),
    ],
)
def test_a_wrong_question_is_told(tmp_path: Path, query: str, message: str) -> None:
    """With what was expected, and what was asked."""
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    answer = client(database).get(f"/api/metrics.json?{query}")
    database.close()
    assert answer.status_code == 400
    assert re.search(message, answer.text)
