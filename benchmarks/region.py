"""How long the pages over all stores take: a thousand stores of a thousand slots, thirty days.

``python benchmarks/region.py [--quick] [--json OUT]``. The sums by day of all stores, and those of
the slots of one region of fifty, are written as the roller leaves them; then each page is asked
for in turn, without a network, on SQLite and on PostgreSQL. A store has 60 stock-outs a day.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "central")]

from postgres_server import PostgresMissingError, PostgresServer  # noqa: E402

from central import tables  # noqa: E402
from central.database import Database  # noqa: E402
from central.metric_settings import Region  # noqa: E402
from central.metrics.days import pack_counts, pack_durations  # noqa: E402
from central.metrics.grouping import Grouping  # noqa: E402
from central.products import Products  # noqa: E402
from central.web.app import make_app  # noqa: E402

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
DAYS = 30
SLOTS = 1000
STOCK_OUTS = 60
REGIONS = 20
HOUR_MS = 3_600_000

PAGES = {
    "overview": "/region?days=30",
    "region": "/region?region=r00&days=30",
    "store": "/region/store?site=s0000&days=30",
    "aisle": "/region/store?site=s0000&aisle=a01&days=30",
    "category": "/region/store?site=s0000&category=c1&days=30",
    "stores_csv": "/region/table.csv?table=stores&days=30",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundred stores")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    stores, runs = (100, 10) if arguments.quick else (1000, 20)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        figures |= measure("sqlite", f"sqlite:///{name}/central.sqlite", stores, runs)
    try:
        server = PostgresServer()
    except PostgresMissingError as error:
        print(f"PostgreSQL left out: {error}")
    else:
        try:
            figures |= measure("postgresql", server.make(), stores, runs)
        finally:
            server.stop()
    figures |= {
        "stores": stores,
        "slots": stores * SLOTS,
        "days": DAYS,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": ", ".join(f"{n} {version(n)}" for n in ("sqlalchemy", "psycopg", "starlette")),
        "command": " ".join(["python", "benchmarks/region.py", *sys.argv[1:]]),
    }
    for key, value in figures.items():
        print(f"{key:32} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure(name: str, url: str, stores: int, runs: int) -> dict[str, float]:
    """Return the 95th percentile of each page in milliseconds."""
    database = Database.open(url)
    names = [f"s{number:04d}" for number in range(stores)]
    fill(database, names)
    size = stores // REGIONS
    regions = [
        Region(tenant="acme", id=f"r{n:02d}", sites=tuple(names[n * size : (n + 1) * size]))
        for n in range(REGIONS)
    ]
    categories = {f"sku{number:04d}": f"c{number % 20}" for number in range(SLOTS)}
    grouping = Grouping.of(regions, Products({}, categories), {}, lambda *_: UTC)
    app = make_app(database, {}, grouping=grouping, clock=lambda: NOW)
    taken: dict[str, list[float]] = {page: [] for page in PAGES}
    with TestClient(app) as client:
        for _ in range(runs + 1):
            for page, path in PAGES.items():
                began = time.perf_counter()
                answer = client.get(path)
                taken[page].append((time.perf_counter() - began) * 1000)
                assert answer.status_code == 200, answer.text
    database.close()
    return {
        f"{name}_{page}_p95_ms": round(float(np.percentile(times[1:], 95)), 1)
        for page, times in taken.items()
    } | {f"{name}_first_{page}_ms": round(times[0], 1) for page, times in taken.items()}


def fill(database: Database, names: list[str]) -> None:
    """Write sums by day: of all stores, and of the slots of the first region."""
    rng = np.random.default_rng(1)
    with database.write() as connection:
        sites = [{"tenant": "acme", "site": n, "rolled_until_utc": NOW} for n in names]
        connection.execute(tables.metric_sites.insert(), sites)
        first = names[: max(1, len(names) // REGIONS)]
        places = [
            {"tenant": "acme", "site": site, "aisle": f"a{n // 100:02d}", "slot": slot_name(n)}
            for site in first
            for n in range(SLOTS)
        ]
        connection.execute(tables.places.insert(), places)
    for number in range(DAYS):
        day = NOW.date() - timedelta(days=number)
        with database.write() as connection:
            connection.execute(tables.site_days.insert(), list(site_rows(rng, names, day)))
            rows = list(slot_rows(rng, len(places), day))
            connection.execute(tables.slot_days.insert(), rows)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
            plain.exec_driver_sql("ANALYZE")


def slot_name(number: int) -> str:
    return f"b{number % 100 // 20 + 1:02d}/s{number % 20 // 5 + 1}/p{number % 5 + 1:02d}"


def site_rows(rng: np.random.Generator, names: list[str], day: date) -> Iterator[dict[str, Any]]:
    for site in names:
        by_hour = rng.integers(0, HOUR_MS * 20, (24, 7))
        by_hour[:, 0] = HOUR_MS * SLOTS * rng.uniform(0.7, 0.98)
        by_hour[:, 5:] = 3, 1
        packed = [
            pack_durations(
                zip(
                    rng.integers(0, 24, STOCK_OUTS).tolist(),
                    rng.integers(1000, longest, STOCK_OUTS).tolist(),
                    strict=True,
                )
            )
            for longest in (200_000, 20_000_000)
        ]
        yield {
            "tenant": "acme",
            "site": site,
            "day": day.isoformat(),
            "rows": SLOTS,
            "by_hour": pack_counts(by_hour),
            "detected": packed[0],
            "restocked": packed[1],
        }


def slot_rows(rng: np.random.Generator, places: int, day: date) -> Iterator[dict[str, Any]]:
    times = rng.integers(0, HOUR_MS, (places, 5)).tolist()
    for place, (stocked, low, out, misplaced, unknown) in enumerate(times, 1):
        yield {
            "place": place,
            "day": day.isoformat(),
            "sku": f"sku{(place - 1) % SLOTS:04d}",
            "stocked_ms": stocked + 20 * HOUR_MS,
            "low_ms": low,
            "out_of_stock_ms": out,
            "misplaced_ms": misplaced,
            "unknown_ms": unknown,
        }


if __name__ == "__main__":
    main()
