"""What it costs to decide: from boxes to slot readings and states, without any picture.

``python benchmarks/match.py [--quick] [--json OUT]``. A bay of 50 and one of 500 slots, one facing
each: 5 % of the facings are missing, 5 % are of another product, all are seen a little beside
their place. ``identity`` compares each facing with 200 products. Times are processor time of one
core, of the fastest tenth of the runs, for other programs only add to it. Memory is what Python
allocates for the states of 25,000 slots, each with a candidate for another state.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from measuring import write_record
from numpy.typing import NDArray

from edge_agent.ledger import Ledger, Watch
from edge_agent.match import Observed, PlannedBay, read_bay
from edge_agent.occupancy import Rules
from shelf import Found, Planogram, PlanogramVersions, SlotId, SlotReading, State
from shelf.planogram_build import BoardRow, Row, build_planogram

Floats = NDArray[np.float64]

PRODUCTS = 200
PITCH_MM, WIDTH_MM, HEIGHT_MM, SHELF_MM = 80.0, 78.0, 200.0, 260.0
UTC_START = datetime(2026, 11, 21, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    runs = 25 if arguments.quick else 400
    figures: dict[str, float] = {}
    for slots, shelves in ((50, 5), (500, 6)):
        for identity in (False, True):
            name = f"{slots}_slots{'_with_identity' * identity}"
            figures |= looks(name, plan(1, shelves, slots), identity, runs)
    figures |= memory(plan(50, 5, 500))
    for key, value in figures.items():
        print(f"{key:40} {value:.2f}")
    if arguments.json:
        command = " ".join(["python", "benchmarks/match.py", *sys.argv[1:]])
        write_record(arguments.json, figures, numpy=np.__version__, command=command)


def plan(bays: int, shelves: int, slots: int) -> Planogram:
    """``slots`` slots a bay, over its shelves."""
    rows, boards = [], []
    for bay in range(1, bays + 1):
        for k in range(slots):
            position, shelf = divmod(k, shelves)
            sku = f"k{k % PRODUCTS}"
            rows.append(
                Row(
                    "plan",
                    SlotId(bay, shelf + 1, position + 1),
                    sku,
                    f"Product {sku}",
                    1,
                    x_mm=position * PITCH_MM,
                    width_mm=WIDTH_MM,
                    height_mm=HEIGHT_MM,
                )
            )
        boards += [BoardRow(bay, shelf + 1, 100 + shelf * SHELF_MM) for shelf in range(shelves)]
    return build_planogram("plan", rows, id="plan", boards=boards)


def upside_down(points: Floats) -> Floats:
    """The camera sees the bay frontally, 1 px a mm, with y down."""
    return np.asarray(points * np.array([1.0, -1.0]))


def seen(planogram: Planogram, identity: bool) -> Observed:
    rng = np.random.default_rng(1)
    boxes, gaps, shows = [], [], []
    for shelf in planogram.bays[0].shelves:
        for slot in shelf.slots:
            box = [slot.x_mm, -shelf.y_mm - HEIGHT_MM, slot.x_mm + WIDTH_MM, -shelf.y_mm]
            if rng.random() < 0.05:
                gaps.append(box)
                continue
            boxes.append(np.array(box) + rng.normal(0, 2, 4))
            shows.append(int(slot.sku[1:]) + int(rng.random() < 0.05))
    similarity = rng.uniform(0, 0.5, (len(boxes), PRODUCTS))
    similarity[np.arange(len(boxes)), np.array(shows) % PRODUCTS] = 0.9
    return Observed(
        size_px=(8000, 3000),
        facings_xyxy_px=np.array(boxes),
        facing_scores=rng.uniform(0.5, 0.95, len(boxes)),
        gaps_xyxy_px=np.array(gaps).reshape(-1, 4),
        gap_scores=rng.uniform(0.3, 0.9, len(gaps)),
        skus=tuple(f"k{k}" for k in range(PRODUCTS)) if identity else (),
        similarity=similarity if identity else None,
    )


def looks(name: str, planogram: Planogram, identity: bool, runs: int) -> dict[str, float]:
    planned = PlannedBay(planogram.bays[0])

    def look() -> tuple[SlotReading, ...]:
        observed = seen(planogram, identity)
        began = time.thread_time()
        read = read_bay(observed, planned, upside_down, upside_down, lambda _box: 1.0)
        taken["match"].append(time.thread_time() - began)
        return read.slots

    ledger, watch = ledger_of(planogram)
    taken: dict[str, list[float]] = {"match": [], "decide": []}
    for run in range(runs + 1):
        readings = look()
        began = time.thread_time()
        ledger.take(watch, readings, 10.0 * run, UTC_START + timedelta(seconds=10 * run))
        taken["decide"].append(time.thread_time() - began)
    usual = {part: float(np.percentile(secs[1:], 10)) * 1e3 for part, secs in taken.items()}
    return {f"{part}_{name}_ms": value for part, value in usual.items()}


def ledger_of(planogram: Planogram) -> tuple[Ledger, Watch]:
    bays = tuple(bay.number for bay in planogram.bays)
    watch = Watch("camera", "aisle", bays, "model", "calibration", 30.0)
    versions = PlanogramVersions([planogram], ZoneInfo("UTC"))
    return Ledger({"aisle": versions}, [watch], Rules(), 0.0, UTC_START), watch


def memory(planogram: Planogram) -> dict[str, float]:
    """Fill a ledger with states, each with another one as its candidate."""

    def readings(state: State, reason: str) -> list[SlotReading]:
        return [
            SlotReading(slot.id, state, 0.8, 1, 1, 1.0, reason, found_of(slot.sku), (0, 0, 1.5, 1))
            for slot in planogram.slots
        ]

    tracemalloc.start()
    ledger, watch = ledger_of(planogram)
    for k in range(6):
        now = UTC_START + timedelta(seconds=10 * k)
        state, reason = (State.STOCKED, "seen") if k < 5 else (State.OUT_OF_STOCK, "gap seen")
        ledger.take(watch, readings(state, reason), 10.0 * k, now)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"slots_in_memory": float(len(planogram)), "memory_mb": held / 1e6}


def found_of(sku: str) -> tuple[Found, ...]:
    return (Found(sku, 0.8, (float(len(sku)), 0.0, 1.5, 1.0)),)


if __name__ == "__main__":
    main()
