"""The document of the HTTP API says what there is, and what is answered fits it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import fleet_store
import pytest
from fleet_store import fill
from jsonschema import Draft202012Validator
from metric_messages import changed
from page_store import FakeCollector, insert
from starlette.routing import Route
from starlette.testclient import TestClient
from test_dead_letters import BAD, KNOWN, received
from web_rows import stored_alert

from central.accounts import Accounts, Role
from central.config import Login
from central.database import Database
from central.ingest import Ingest
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.products import Products
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.fleet import COLUMNS
from central.web.openapi import OPERATIONS, document
from shelf.states import State

PASSWORD = "seven brown shelves"
NORTH = Region(tenant="acme", id="north", sites=("s1",))
GROUPING = Grouping.of([NORTH], Products({"1001": "4006381333931"}), {}, lambda *_: UTC)
QUERIES = {
    "/api/alerts.json": "?site=s0001",
    "/api/slots.json": "?site=s0001",
    "/api/alert.json": "?alert=e1",
    "/api/metrics.json": "?by=region,sku,day&from=2026-11-21T00:00Z&until=2026-11-22T00:00Z",
    "/api/chronic.json": "?from=2026-11-21T00:00Z&until=2026-11-22T00:00Z",
}
BODIES: dict[str, Any] = {
    "/api/actions": {"actions": [{"action": "12345678", "alert": "e1", "kind": "claim"}]},
    "/api/resets": {
        "tenant": "demo",
        "site": "s0001",
        "aisle": "a12",
        "until": "2026-11-21T12:00Z",
    },
    "/api/people": {"name": "sam", "role": "staff", "stores": ["demo/s0001"]},
    "/api/people/remove": {"name": "sam"},
}
ASKED = [operation.path for operation in OPERATIONS]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A program that is logged in as admin, over a database in which there is something."""
    folder = tmp_path_factory.mktemp("api")
    database = Database.open(f"sqlite:///{folder / 'central.sqlite'}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet_store, "NOW", datetime.now(UTC))
        fill(database)
    fill_rows(database)
    accounts = Accounts(database)
    token = accounts.put("root", Role.ADMIN, None)
    assert token is not None
    accounts.use_link(token, PASSWORD)
    entrance = Entrance(accounts, Login())
    app = make_app(database, {}, (), FakeCollector(), entrance=entrance, grouping=GROUPING)
    with TestClient(app) as client:
        client.post("/login", data={"name": "root", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = client.get("/api/me").json()["csrf"]
        yield client
    database.close()


def fill_rows(database: Database) -> None:
    now = datetime.now(UTC)
    messages = [received(*message) for message in BAD.values()]
    states = [(State.STOCKED, 0), (State.OUT_OF_STOCK, 60), (State.STOCKED, 40_000)]
    messages += [changed(n, state, at, at) for n, (state, at) in enumerate(states, 1)]
    Ingest(database, admission=KNOWN).apply(messages)
    Roller(database, GROUPING.zone_of).step(now)
    found = [{"sku": "101", "confidence": 0.5}]
    insert(database, "alerts", stored_alert("e1", found=found), stored_alert("e2", closed_utc=now))
    step = {"alert": "e1", "number": 1, "step": "opened", "time_utc": now}
    insert(database, "alert_steps", step | {"by": None, "detail": None, "action": None})
    push = {"push": "p1", "tenant": "demo", "site": "s0001", "person": "anna", "kind": "new"}
    times = {"created_utc": now, "next_utc": now, "ended_utc": now}
    ends = {"aisle": "a12", "alerts": ["e1"], "state": "dead", "attempts": 12, "sent_to": []}
    insert(database, "pushes", push | times | ends | {"error": "refused"})


def closed(schema: Any) -> Any:
    """Return a schema that allows no keys but its own: what is answered is described."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def test_every_route_is_described(client: TestClient) -> None:
    """And nothing that is not there."""
    served = {
        f"{method} {route.path}"
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or ()) - {"HEAD"}
    }
    assert served == set(ASKED)


@pytest.mark.parametrize("operation", OPERATIONS, ids=ASKED)
def test_what_is_answered_fits_the_document(client: TestClient, operation: Any) -> None:
    """Every key is described, every described key is there; dates are dates."""
    method, path = operation.path.split()
    answer = client.request(method, path + QUERIES.get(path, ""), json=BODIES.get(path))
    described = document()["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in described, answer.text
    assert answer.is_success, answer.text
    content = described[str(answer.status_code)].get("content")
    if content is None:
        assert answer.content == b""
        return
    (kind,) = content
    assert answer.headers["content-type"].startswith(kind)
    if kind != "application/json":
        return
    whole = {"components": closed(document()["components"])}
    schema = whole | content[kind]["schema"]
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        answer.json()
    )
    lists = [value for value in answer.json().values() if isinstance(value, list)]
    assert all(lists), "an empty list proves nothing"


@pytest.mark.parametrize("operation", OPERATIONS, ids=ASKED)
def test_every_parameter_is_taken(client: TestClient, operation: Any) -> None:
    """A filter that fits nothing finds less, or says so; none is overlooked."""
    method, path = operation.path.split()
    described = document()["paths"][path][method.lower()]
    own = QUERIES.get(path, "?").removeprefix("?")
    for parameter in described.get("parameters", []):
        name = parameter["name"]
        value = {"from": "x", "until": "x", "by": "x", "hours": "x"}.get(name, "0")
        answer = client.get(f"{path}?{own}&{name}={value}")
        changed_answer = answer.text != client.get(f"{path}?{own}").text
        assert changed_answer, name


def test_the_document_is_one(client: TestClient) -> None:
    """References lead somewhere, and names of operations are there once."""
    text = client.get("/api/openapi.json").json()
    names = text["components"]["schemas"]
    found = [part.split('"')[0] for part in str(text).replace("'", '"').split("schemas/")[1:]]
    assert set(found) <= set(names)
    ids = [op["operationId"] for path in text["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    for schema in names.values():
        Draft202012Validator.check_schema(schema)


def test_the_csv_has_every_key_of_the_json(client: TestClient) -> None:
    """Of nodes and of cameras."""
    answer = client.get("/api/fleet.json").json()
    keys = {key for unit in (*answer["nodes"], *answer["cameras"]) for key in unit}
    table = csv.reader(io.StringIO(client.get("/api/fleet.csv").text))
    assert tuple(next(table)) == COLUMNS
    assert set(COLUMNS) == keys
