"""What is made of strangers, of parts of packages, and of rows that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector import GAP, PRODUCT, Detections, Detector
from edge_agent.match import Observed, PlannedBay, read_bay
from edge_agent.observing import observe_picture, without_phantoms
from shelf import Planogram, SlotId, SlotReading, State
from shelf.planogram_csv import parse_csv

HEIGHT = 300.0
PLANOGRAM = parse_csv(
    "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,shelf_y_mm\n"
    "1,1,1,A,Apples,3,0,300,200,0\n"
    "1,1,2,B,Beans,3,300,300,150,0\n",
    "p.csv",
    "p",
)
STACKED = parse_csv(
    "bay,shelf,slot,sku,name,facings_wide,facings_high,x_mm,width_mm,height_mm,shelf_y_mm\n"
    "1,1,1,A,Apples,3,2,0,300,150,0\n"
    "1,1,2,B,Beans,3,1,300,300,150,0\n",
    "p.csv",
    "p",
)
"""Apples in cans on top of each other, two as tall as one of the beans."""

SIZES = {"A": (100.0, 200.0), "B": (100.0, 150.0)}


def box(left: float, width: float, height: float) -> list[float]:
    """A box that stands on the shelf board; one px a mm."""
    return [left, HEIGHT - height, left + width, HEIGHT]


STOCKED = [box(100.0 * k, 100, 200 if k < 3 else 150) for k in range(6)]


def read(
    boxes: list[list[float]],
    shows: str,
    gaps: list[list[float]] | None = None,
    planogram: Planogram = PLANOGRAM,
    colours: float | None = None,
) -> dict[SlotId, SlotReading]:
    """Read the shelf; ``shows`` names the product of each box."""
    similarity = np.array([[0.95, 0.2] if sku == "A" else [0.2, 0.95] for sku in shows])
    observed = Observed(
        size_px=(600, 300),
        facings_xyxy_px=np.array(boxes).reshape(-1, 4),
        facing_scores=np.full(len(boxes), 0.8),
        gaps_xyxy_px=np.array(gaps or []).reshape(-1, 4),
        gap_scores=np.full(len(gaps or []), 0.5),
        skus=("A", "B"),
        similarity=similarity.reshape(-1, 2),
        names=planogram.names,
        sizes=SIZES,
        place_colours=None if colours is None else np.full(6, colours),
    )

    def flipped(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points * (1.0, -1.0) + (0.0, HEIGHT))

    reading = read_bay(observed, PlannedBay(planogram.bays[0]), flipped, flipped, lambda _box: 1.0)
    return {slot.slot: slot for slot in reading.slots}


APPLES, BEANS = SlotId(1, 1, 1), SlotId(1, 1, 2)


def test_a_stranger_in_place_of_a_facing_is_named() -> None:
    """Beans among the apples: misplaced, by the product's name."""
    boxes = [*STOCKED]
    boxes[1] = box(100, 100, 150)
    reading = read(boxes, "ABABBB")[APPLES]
    assert reading.state is State.MISPLACED
    assert reading.facings_seen == 2
    assert "Beans" in reading.reason


def test_a_stranger_before_full_facings_is_found() -> None:
    """An item put down in front answers no planned facing, yet it does not belong there."""
    reading = read([*STOCKED, box(125, 90, 150)], "AAABBBB")[APPLES]
    assert reading.state is State.MISPLACED
    assert {item.sku for item in reading.found} == {"A", "B"}


def test_a_facing_beside_its_own_empty_place_is_no_stranger() -> None:
    """Beans pushed to the empty end of the apples: these are missing, nothing is misplaced."""
    one_each = parse_csv(
        "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,shelf_y_mm\n"
        "1,1,1,A,Apples,3,0,300,200,0\n1,1,2,B,Beans,1,300,100,150,0\n",
        "p.csv",
        "p",
    )
    gaps = [[0.0, 100.0, 215.0, 300.0], [335.0, 150.0, 600.0, 300.0]]
    readings = read([box(230, 100, 150)], "B", gaps, planogram=one_each)
    assert [readings[slot].state for slot in (APPLES, BEANS)] == [State.OUT_OF_STOCK, State.STOCKED]
    readings = read([box(105, 90, 150)], "B", gaps[1:], planogram=one_each)
    assert readings[APPLES].state is State.MISPLACED


def test_one_box_around_several_facings_is_no_stranger() -> None:
    """A doubtful box that holds two facings, each seen for itself, shows no product of its own."""
    reading = read([*STOCKED, box(25, 150, 190)], "AAABBBB")[APPLES]
    assert reading.state is State.STOCKED


@pytest.mark.parametrize("height", [120, 150, 225], ids=["a part", "both", "and one behind"])
def test_one_box_around_a_stack_is_no_stranger(height: float) -> None:
    """Two cans in one box look like anything, also like what happens to be as tall as both."""
    cans = [[100.0 * k, HEIGHT - 75 * row, 100.0 * k + 100, HEIGHT - 75 * (row - 1)]
            for k in range(2) for row in (1, 2)]  # fmt: skip
    boxes = [*cans, box(200, 100, height), *STOCKED[3:]]
    reading = read(boxes, "AAAABBBB", planogram=STACKED)[APPLES]
    assert reading.state is not State.MISPLACED


def test_a_place_full_of_colour_is_not_empty() -> None:
    """Nothing was found in it, but it does not look bare; where a gap is seen it is empty."""
    apples = STOCKED[:3]
    assert read(apples, "AAA", colours=2.0)[BEANS].state is State.OUT_OF_STOCK
    assert read(apples, "AAA", colours=20.0)[BEANS].state is State.UNKNOWN
    gap = [[300.0, 150.0, 600.0, 300.0]]
    assert read(apples, "AAA", gap, colours=20.0)[BEANS].state is State.OUT_OF_STOCK


@pytest.mark.parametrize(("height", "is_stranger"), [(60, False), (110, False), (190, True)])
def test_a_part_of_a_package_is_no_stranger(height: float, is_stranger: bool) -> None:
    """Beans are 150 mm tall: a box may add what rises behind them, it is no smaller than they."""
    reading = read([*STOCKED, box(105, 90, height)], "AAABBBB")[APPLES]
    assert (reading.state is State.MISPLACED) == is_stranger


def test_a_row_of_which_nothing_is_seen_is_unknown_without_a_gap() -> None:
    """One facing of six and no gap: blind, not empty; with a gap seen it is empty."""
    assert read(STOCKED[:1], "A")[BEANS].state is State.UNKNOWN
    gap = [[300.0, 150.0, 600.0, 300.0]]
    assert read(STOCKED[:1], "A", gap)[BEANS].state is State.OUT_OF_STOCK


@pytest.mark.parametrize(("score", "kept"), [(0.28, 0), (0.9, 1)])
def test_a_facing_in_a_gap_must_be_the_surer(score: float, kept: int) -> None:
    """A doubtful facing inside a clear gap is a phantom, a clear one is not."""
    detector = Detector.load()
    names = detector.class_names
    found = Detections(
        boxes_xyxy_px=np.array([[10, 10, 60, 90], [0, 0, 70, 100]], dtype=np.float32),
        scores=np.array([score, 0.3], dtype=np.float32),
        class_ids=np.array([names.index(PRODUCT), names.index(GAP)]),
        class_names=names,
    )
    observed = observe_picture(np.zeros((100, 100, 3), np.uint8), found, detector, None)
    assert len(observed.facing_scores) == kept


def test_two_boxes_around_one_facing_are_one() -> None:
    """As a label that was stretched to the whole bottle, which was found too; stacked cans stay."""
    boxes = [[10.0, 10.0, 60.0, 200.0], [10.0, 50.0, 60.0, 200.0], [70.0, 10.0, 120.0, 120.0]]
    seen = Observed(
        size_px=(200, 220),
        facings_xyxy_px=np.array([*boxes, [70.0, 90.0, 120.0, 200.0]]),
        facing_scores=np.array([0.4, 0.5, 0.6, 0.7]),
        gaps_xyxy_px=np.zeros((0, 4)),
        gap_scores=np.zeros(0),
    )
    assert without_phantoms(seen, Detector.load()).facing_scores.tolist() == [0.5, 0.6, 0.7]
