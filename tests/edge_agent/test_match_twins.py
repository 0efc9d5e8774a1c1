"""Near-twins in a slot: what is planned decides, and where it cannot, that is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge_agent.match import Observed, PlannedBay, read_bay
from shelf import SlotReading, State
from shelf.planogram_csv import parse_csv

HEIGHT = 200.0
SKUS = ("A", "B", "L", "M")
NAMES = {"A": "Apples", "B": "Beans", "L": "Lemon", "M": "Lime"}
TWINS = frozenset({frozenset(("L", "M"))})
LIKE = {
    "A": (0.95, 0.2, 0.1, 0.1),
    "B": (0.2, 0.95, 0.1, 0.1),
    "lemon or lime": (0.1, 0.2, 0.9, 0.88),
    "lemon": (0.1, 0.2, 0.95, 0.6),
    "lime": (0.1, 0.2, 0.6, 0.95),
}
"""How alike a facing is to each SKU."""


def read(
    shows: Sequence[str], planned: str = "A", also: str = "B", *, twins: bool = True
) -> SlotReading:
    """Three facings of ``planned``, then three of ``also``; the first slot's reading."""
    rows = "".join(
        f"1,1,{number},{sku},{NAMES[sku]},3,{300 * (number - 1)},300,{HEIGHT:.0f},0\n"
        for number, sku in enumerate((planned, also), 1)
    )
    head = "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,shelf_y_mm\n"
    planogram = parse_csv(head + rows, "p.csv", "p")
    boxes = np.array([[100.0 * k, 0.0, 100.0 * k + 100, HEIGHT] for k in range(len(shows))])
    observed = Observed(
        size_px=(600, 200),
        facings_xyxy_px=boxes,
        facing_scores=np.full(len(shows), 0.8),
        gaps_xyxy_px=np.zeros((0, 4)),
        gap_scores=np.zeros(0),
        skus=SKUS,
        similarity=np.array([LIKE[name] for name in shows]),
        twins=TWINS if twins else frozenset(),
        names=NAMES,
    )

    def flipped(points: np.ndarray) -> np.ndarray:
        return np.asarray(points * (1.0, -1.0) + (0.0, HEIGHT))

    return read_bay(
        observed, PlannedBay(planogram.bays[0]), flipped, flipped, lambda _box: 1.0
    ).slots[0]


@pytest.mark.parametrize("seen", ["lemon", "lime", "lemon or lime"])
def test_a_twin_of_the_planned_product_is_taken_for_it(seen: str) -> None:
    """A facing cannot say otherwise: the slot is stocked."""
    reading = read([seen] * 3 + ["B"] * 3, planned="L")
    assert reading.state is State.STOCKED
    assert {item.sku for item in reading.found} == {"L"}


def test_without_twins_a_clear_lead_is_a_stranger() -> None:
    """The same facing, when the catalogue can tell the products apart."""
    reading = read(["lime"] * 3 + ["B"] * 3, planned="L", twins=False)
    assert reading.state is State.MISPLACED
    assert {item.sku for item in reading.found} == {"M"}


def test_one_of_two_twins_is_said_to_be_undecided() -> None:
    """Neither is planned in the bay: another product, one of these two."""
    reading = read(["A", "lemon or lime", "A", "B", "B", "B"])
    assert reading.state is State.MISPLACED
    assert [item.sku for item in reading.found] == ["A", None, "A"]
    assert "Lemon or Lime (too alike to tell)" in reading.reason


def test_a_clear_twin_is_named() -> None:
    """When the facing leads clearly, it is that product."""
    reading = read(["A", "lime", "A", "B", "B", "B"])
    assert [item.sku for item in reading.found] == ["A", "M", "A"]
    assert "Lime" in reading.reason
    assert "Lemon" not in reading.reason


def test_the_twin_that_is_planned_in_the_bay_is_the_likely_one() -> None:
    """Lime stands one slot on; what looks like either is lime."""
    reading = read(["A", "lemon or lime", "A", "lime", "lime", "lime"], also="M")
    assert reading.state is State.MISPLACED
    assert [item.sku for item in reading.found] == ["A", "M", "A"]
