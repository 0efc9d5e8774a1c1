"""How much room a row takes in PostgreSQL, with its indexes: what docs/scale.md calculates with.

``python benchmarks/storage.py [--quick] [--json OUT]``. Rows as `central` writes them, with texts
of the usual length, are put into the real tables.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "central")]

from metric_messages import changed  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402

from central import tables  # noqa: E402
from central.database import Database, insert_new  # noqa: E402
from central.partitions import make_partitions  # noqa: E402
from shelf.states import State  # noqa: E402

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SOURCE, PLANOGRAM = "/acme/s0421/s0421-e1", "pg-2026w47-3"
BATCH = 5000


def row_of(table: str, number: int) -> dict[str, Any]:
    """Return one row, different for each number."""
    sku, slot = (
        f"4006381{number:06d}",
        f"b{number // 60 % 90 + 10}/s{number % 5}/p{number % 12:02d}",
    )
    at = NOW + timedelta(milliseconds=number)
    sums = {"stocked_ms": 3_600_000, "low_ms": 0, "out_of_stock_ms": 0}
    sums |= {"misplaced_ms": 0, "unknown_ms": 0}
    numbered = {"source": SOURCE, "epoch": 17, "sequence": number}
    if table == "slot_hours":
        return {"place": number, "hour_utc": NOW, "sku": sku, "planogram": PLANOGRAM, **sums}
    if table == "slot_days":
        return {"place": number, "day": "2026-11-21", "sku": sku, **sums}
    if table == "slot_intervals":
        times = dict.fromkeys(("since_utc", "time_utc", "from_utc", "until_utc"), at)
        return (
            {"place": number, **numbered, "state": "low", "sku": sku}
            | times
            | {"planogram": PLANOGRAM}
        )
    said = json.loads(changed(number + 1, State.LOW, 0, 0, sku=sku).payload)
    return {
        **numbered,
        "id": f"0190a3f0-0000-7000-8000-{number:012d}",
        "type": said["type"],
        "subject": f"a12/{slot}",
        "aisle": "a12",
        "time_utc": at,
        "received_utc": at,
        "data": said["data"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    rows = 20_000 if arguments.quick else 200_000
    figures: dict[str, object] = {}
    server = PostgresServer()
    try:
        database = Database.open(server.make())
        for name in ("events", "slot_intervals", "slot_hours", "slot_days"):
            table = tables.metadata.tables[name]
            for start in range(0, rows, BATCH):
                with database.write() as connection:
                    make_partitions(connection, [NOW], NOW, set())
                    batch = [row_of(name, number) for number in range(start, start + BATCH)]
                    insert_new(connection, table, batch)
            figures[f"{name}_bytes_a_row"] = round(size_of(database, name) / rows)
        database.close()
    finally:
        server.stop()
    figures |= {
        "rows": rows,
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "command": " ".join(["python", "benchmarks/storage.py", *sys.argv[1:]]),
    }
    for key, value in figures.items():
        print(f"{key:32} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def size_of(database: Database, table: str) -> int:
    """Return the bytes of a table, its partitions and its indexes."""
    query = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(:name)"
    plain = "SELECT pg_total_relation_size(:name)"
    with database.read() as connection:
        parts = connection.execute(text(query), {"name": table}).scalar()
        return int(parts or connection.execute(text(plain), {"name": table}).scalar_one())


if __name__ == "__main__":
    main()
