"""Every query of the Grafana dashboards is run against the real tables and metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from sqlalchemy import text

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "central"))

import fleet_store  # noqa: E402
from metric_messages import changed  # noqa: E402
from page_store import insert  # noqa: E402
from postgres_server import PostgresMissingError, PostgresServer  # noqa: E402
from web_rows import stored_alert  # noqa: E402

from central.broker import free_port  # noqa: E402
from central.database import Database  # noqa: E402
from central.ingest import Ingest  # noqa: E402
from central.intake import DeadKind, Received  # noqa: E402
from central.metric_settings import Prometheus  # noqa: E402
from central.metrics.roller import Roller  # noqa: E402
from central.prometheus import serve  # noqa: E402
from shelf.states import State  # noqa: E402

GRAFANA = HERE.parents[1] / "deploy" / "grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in GRAFANA.glob("dashboards/*.json")}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Counts:
    """What a collector says of itself."""

    is_connected = True
    counts = {"connections": 1, "batches": 2, "events": 3, "retries": 4}  # noqa: RUF012
    dead_kinds = {DeadKind.NOT_JSON: 1}  # noqa: RUF012


def targets(kind: str) -> list[Any]:
    """Return all queries for one kind of source, by board and panel."""
    return [
        pytest.param(target, id=f"{name}/{panel['title']}/{target['refId']}")
        for name, board in sorted(BOARDS.items())
        for panel in board["panels"]
        for target in panel["targets"]
        if target["datasource"]["type"] == kind
    ]


def fill(database: Database) -> None:
    fleet_store.fill(database)
    states = [(State.STOCKED, 0), (State.OUT_OF_STOCK, 3600), (State.STOCKED, 9000)]
    messages = [
        changed(number, state, at, at, node=fleet_store.GOOD)
        for number, (state, at) in enumerate(states, 1)
    ]
    bad = Received(fleet_store.GOOD.events("a12"), b"{", NOW - timedelta(hours=1))
    Ingest(database).apply([*messages, bad])
    roller = Roller(database, lambda *_: UTC)
    while roller.step(NOW):
        pass
    insert(database, "alerts", stored_alert("e9", slot="b02/s1/p01"))


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A PostgreSQL with something in it; skipped, with the reason, where there is none."""
    try:
        server = PostgresServer()
    except PostgresMissingError as error:
        pytest.skip(str(error))
    opened = Database.open(server.make())
    fill(opened)
    yield opened
    opened.close()
    server.stop()


def as_grafana_sends(query: str) -> str:
    """Return a query with Grafana's macros and the variable filled in."""
    since, until = NOW - timedelta(days=14), NOW
    return (
        query.replace("$__timeFrom()", f"'{since:%Y-%m-%dT%H:%M:%SZ}'")
        .replace("$__timeTo()", f"'{until:%Y-%m-%dT%H:%M:%SZ}'")
        .replace("$site", "'s0001','s0002','s0003'")
    )


@pytest.mark.parametrize("target", targets("postgres"))
def test_a_query_finds_something(database: Database, target: dict[str, Any]) -> None:
    """It runs on the tables as they are today, and its columns hold something."""
    query = as_grafana_sends(target["rawSql"])
    assert "$" not in query
    with database.read() as connection:
        rows = connection.execute(text(query.replace("::", r"\:\:"))).mappings().all()
    assert rows
    if target["format"] == "time_series":
        assert list(rows[0])[:2] == ["time", "metric"]
        values = [value for row in rows for value in list(row.values())[2:] if value is not None]
        assert values and all(0 <= value <= 1 for value in values)


def test_variables_find_something(database: Database) -> None:
    """The list of stores."""
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            with database.read() as connection:
                assert connection.execute(text(variable["query"])).all()


@pytest.fixture(scope="module")
def metrics_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where central's own health can be scraped."""
    folder = tmp_path_factory.mktemp("health")
    database = Database.open(f"sqlite:///{folder / 'central.sqlite'}")
    fill(database)
    server = serve(Prometheus(port=0), database, Counts())
    yield int(server.server_port)
    server.shutdown()
    server.server_close()
    database.close()


@pytest.mark.parametrize("target", targets("prometheus"))
def test_a_metric_is_there(metrics_port: int, target: dict[str, Any]) -> None:
    """Each that an expression names is scraped, with the labels that it uses."""
    scraped = urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30).read().decode()
    names = re.findall(r"shelfwatch_\w+", target["expr"])
    assert names
    for name in names:
        lines = [line for line in scraped.splitlines() if re.match(rf"{name}[{{ ]", line)]
        assert lines, name
        for group in re.findall(r"by \((\w+)\)", target["expr"]):
            assert group == "instance" or f'{group}="' in lines[0], (name, group)


@pytest.fixture(scope="module")
def prometheus(metrics_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes it; skipped where it is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs prometheus (Debian: prometheus)")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port("127.0.0.1")
    config = yaml.safe_load((GRAFANA / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{metrics_port}"]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [
        program,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while len(asked(url, "count_over_time(up[1m]) >= 3")) < 1:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def asked(url: str, expression: str) -> list[Any]:
    """Return what an expression finds; an empty list while nobody answers."""
    try:
        answer = urlopen(f"{url}/api/v1/query?{urlencode({'query': expression})}", timeout=10)
    except OSError as error:
        if getattr(error, "code", None) == 400:
            raise
        return []
    found: list[Any] = json.load(answer)["data"]["result"]
    return found


@pytest.mark.parametrize("target", targets("prometheus"))
def test_an_expression_finds_something(prometheus: str, target: dict[str, Any]) -> None:
    """Prometheus itself takes it, and finds a value for it."""
    assert asked(prometheus, target["expr"])


def test_what_is_provisioned_fits_together() -> None:
    """Dashboards use sources that are provisioned, and ids are there once."""
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/shelfwatch.yaml").read_text())
    known = {(source["type"], source["uid"]) for source in sources["datasources"]}
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 3
    for board in BOARDS.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        for panel in board["panels"]:
            for target in panel["targets"]:
                source = target["datasource"]
                assert (source["type"], source["uid"]) in known


def test_grafana_may_read_what_it_asks_for() -> None:
    """The grant that is shown names each table of the queries, and no more."""
    shown = (GRAFANA / "provisioning/datasources/shelfwatch.yaml").read_text()
    grant = re.search(r"GRANT SELECT ON ([\w, ]+) TO", shown)
    assert grant is not None
    queries = " ".join(str(target.values[0]["rawSql"]) for target in targets("postgres"))
    asked_for = set(re.findall(r"(?:FROM|JOIN) (\w+)", queries))
    assert set(grant[1].split(", ")) == asked_for
