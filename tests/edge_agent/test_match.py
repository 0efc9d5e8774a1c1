"""Ordered alignment: random bays through random cameras, and the real photographed bay."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_bays import Seen, random_planogram, see

from edge_agent.audit import audit_photo, place_bays
from edge_agent.match import BayReading, Observed, PlannedBay, read_bay
from edge_agent.match.pose import project
from edge_agent.match.rows import find_rows
from edge_agent.match.sequence import Costs, align
from shelf import State, load_planogram
from shelf.planogram_csv import parse_csv

costs = st.floats(0, 3, allow_nan=False).map(lambda value: round(value, 2))


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_alignment_is_the_cheapest(data: st.DataObject) -> None:
    """Against all order-preserving alignments of short sequences, tried one by one."""
    n, m = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    pair = np.array(data.draw(st.lists(costs, min_size=n * m, max_size=n * m))).reshape(n, m)
    missing = np.array(data.draw(st.lists(costs, min_size=n, max_size=n)))
    extra = np.array(data.draw(st.lists(costs, min_size=m, max_size=m)))
    found = align(Costs(pair, missing, extra))
    cheapest = min(
        sum(pair[i, j] for i, j in zip(rows, columns, strict=True))
        + missing.sum()
        - missing[list(rows)].sum()
        + extra.sum()
        - extra[list(columns)].sum()
        for size in range(min(n, m) + 1)
        for rows in combinations(range(n), size)
        for columns in combinations(range(m), size)
    )
    assert found.cost == pytest.approx(cheapest)
    paired = [j for j in found.item_of if j >= 0]
    assert paired == sorted(set(paired))


def _empty(audit_slots: object) -> set[object]:
    return {slot.slot for slot in audit_slots if slot.state is State.OUT_OF_STOCK}  # type: ignore[attr-defined]


def _read_in_place(seen: Seen, visible: float) -> BayReading:
    """Read a bay by the true plane, each slot being visible to this share."""
    inverse = np.linalg.inv(seen.image_from_bay)
    return read_bay(
        seen.observed,
        PlannedBay(seen.bay),
        lambda px: project(inverse, px),
        lambda mm: project(seen.image_from_bay, mm),
        lambda _box: visible,
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("gap_share", [0.0, 0.7])
def test_empty_slots_of_an_unknown_view_are_found(seed: int, gap_share: float) -> None:
    """No calibration, rows that drift: exactly the empty slots are out of stock.

    Where no gap was seen in a row that is mostly empty, they may be unknown instead.
    """
    rng = np.random.default_rng(1000 + seed)
    seen = see(rng, random_planogram(rng), gap_share=gap_share)
    slots = audit_photo(seen.observed, seen.planogram).slots
    unknown = {slot.slot for slot in slots if slot.state is State.UNKNOWN}
    assert _empty(slots) == seen.empty - unknown
    assert len(unknown) <= (2 if gap_share == 0 else 0)


def test_a_faulty_detector_costs_little() -> None:
    """Missed facings, shaky boxes and phantom ones: at most one slot in fifty is wrong."""
    wrong = slots = 0
    for seed in range(8):
        rng = np.random.default_rng(2000 + seed)
        seen = see(rng, random_planogram(rng), missed_share=0.05, jitter_px=3.0, extra=4)
        wrong += len(_empty(audit_photo(seen.observed, seen.planogram).slots) ^ seen.empty)
        slots += len(seen.planogram)
    assert wrong <= 0.02 * slots


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap_share", [0.0, 0.7])
def test_a_planogram_without_sizes_is_enough(seed: int, gap_share: float) -> None:
    """Order and facings alone, no widths: at most one slot is taken for its neighbour."""
    rng = np.random.default_rng(7000 + seed)
    seen = see(rng, random_planogram(rng), gap_share=gap_share)
    header = "bay,shelf,slot,sku,name,facings_wide"
    rows = [
        f"1,{slot.id.shelf},{slot.id.position},{slot.sku},{slot.name},{slot.facings_wide}"
        for slot in seen.planogram.slots
    ]
    bare = parse_csv("\n".join([header, *rows]), "bare.csv", "bare")
    assert len(_empty(audit_photo(seen.observed, bare).slots) ^ seen.empty) <= 2


def test_another_bays_planogram_is_refused() -> None:
    """Of bays audited with the planogram of another, most are said to be not found."""
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(500 + seed)
        seen = see(rng, random_planogram(rng))
        other = random_planogram(np.random.default_rng(900 + seed))
        found += bool(audit_photo(seen.observed, other).poses)
    assert found <= 4


@pytest.mark.parametrize("seed", range(5))
def test_two_bays_in_one_picture_are_told_apart(seed: int) -> None:
    """Side by side, of other heights and widths: each is found, and read without the other."""
    rng = np.random.default_rng(4000 + seed)
    left, right = (see(rng, random_planogram(rng), tilt=0.01) for _ in range(2))
    shift = np.array([1200.0, 0.0, 1200.0, 0.0])
    both = Observed(
        (2400, 1600),
        np.concatenate((left.observed.facings_xyxy_px, right.observed.facings_xyxy_px + shift)),
        np.concatenate((left.observed.facing_scores, right.observed.facing_scores)),
        np.concatenate((left.observed.gaps_xyxy_px, right.observed.gaps_xyxy_px + shift)),
        np.concatenate((left.observed.gap_scores, right.observed.gap_scores)),
    )
    wrong = 0
    for seen, bay in ((left, left.bay), (right, right.bay)):
        other = right.bay if seen is left else left.bay
        bays = [replace(bay, number=1), replace(other, number=2)]
        placed = place_bays(both, bays)[0]
        assert placed.pose is not None
        wrong += len(_empty(placed.slots) ^ seen.empty)
    assert wrong <= 2


@pytest.mark.parametrize("seed", range(4))
def test_a_known_view_reads_the_same(seed: int) -> None:
    """With the true plane given, drift of half a facing is still only drift."""
    rng = np.random.default_rng(3000 + seed)
    seen = see(rng, random_planogram(rng), drift_mm=35.0)
    reading = _read_in_place(seen, visible=1.0)
    assert len(_empty(reading.slots) ^ seen.empty) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_a_nearly_empty_bay_is_read(seed: int) -> None:
    """More gaps than facings: exactly the empty slots are out of stock."""
    rng = np.random.default_rng(seed)
    seen = see(rng, random_planogram(rng), empty_share=0.85, gap_share=1.0)
    reading = _read_in_place(seen, visible=1.0)
    assert _empty(reading.slots) == seen.empty
    audit_photo(seen.observed, seen.planogram)


def test_what_cannot_be_seen_is_unknown() -> None:
    """An empty slot behind a shopper is unknown, never out of stock."""
    rng = np.random.default_rng(5)
    seen = see(rng, random_planogram(rng), empty_share=0.3)
    reading = _read_in_place(seen, visible=0.2)
    assert {slot.state for slot in reading.slots} == {State.UNKNOWN}


def test_a_bay_that_is_cut_off_is_unknown_there() -> None:
    """Slots beyond the picture's edge are unknown; those inside are read."""
    rng = np.random.default_rng(11)
    seen = see(rng, random_planogram(rng), empty_share=0.0, tilt=0.0, drift_mm=0.0)
    width = 700
    boxes = seen.observed.facings_xyxy_px
    inside = boxes[:, 2] < width
    cut = Observed(
        (width, seen.observed.size_px[1]),
        boxes[inside],
        seen.observed.facing_scores[inside],
        seen.observed.gaps_xyxy_px,
        seen.observed.gap_scores,
    )
    states = {slot.slot: slot for slot in audit_photo(cut, seen.planogram).slots}
    assert {slot.state for slot in states.values()} == {State.STOCKED, State.UNKNOWN}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pictures_of_nothing_are_unknown(count: int) -> None:
    """Too few boxes to find a bay: every slot is unknown, with the reason."""
    rng = np.random.default_rng(1)
    planogram = random_planogram(rng)
    boxes = np.array([[100.0 * k, 100, 100.0 * k + 50, 200] for k in range(count)]).reshape(-1, 4)
    observed = Observed((800, 600), boxes, np.ones(count), np.zeros((0, 4)), np.zeros(0))
    slots = audit_photo(observed, planogram).slots
    assert {slot.state for slot in slots} == {State.UNKNOWN}
    assert "was not found" in slots[0].reason


def test_observed_refuses_shapes_that_do_not_fit() -> None:
    """A recogniser's answer for another number of facings is a fault of the caller."""
    boxes = np.array([[0.0, 0, 4, 4], [4, 0, 8, 4]])
    nothing = (np.zeros((0, 4)), np.zeros(0))
    with pytest.raises(ValueError, match="similarity: expected"):
        Observed((8, 8), boxes, np.ones(2), *nothing, ("a", "b"), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="finite boxes"):
        Observed((8, 8), boxes * 0, np.ones(2), *nothing)


def _recognition(folder: Path) -> Observed:
    raw = json.loads((folder / "recognition.json").read_text())

    def boxes(key: str) -> np.ndarray:
        found = [[item["boundingBox"][side] for side in "xywh"] for item in raw[key]]
        table = np.array(found, dtype=float)
        table[:, 2:] += table[:, :2]
        return table

    facings, gaps = boxes("products"), boxes("gaps")
    size = (raw["imageMetadata"]["width"], raw["imageMetadata"]["height"])
    return Observed(size, facings, np.full(len(facings), 0.8), gaps, np.full(len(gaps), 0.7))


def test_the_real_bay_from_another_systems_boxes(crackers: Path) -> None:
    """Rows found, stacked boxes told apart, and the three empty places named."""
    observed = _recognition(crackers)
    rows = find_rows(observed.facings_xyxy_px)
    assert [len(row.members) for row in rows] == [9, 9, 10, 8, 6, 6, 7]
    slots = audit_photo(observed, load_planogram(crackers / "planogram.json")).slots
    assert [str(slot.slot) for slot in slots if slot.state is State.OUT_OF_STOCK] == [
        "b01/s1/p03",
        "b01/s4/p01",
        "b01/s6/p06",
    ]
    assert sum(slot.state is State.STOCKED for slot in slots) == 55
