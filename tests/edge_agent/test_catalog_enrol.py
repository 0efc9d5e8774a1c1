"""Which facings of a stocked bay become pictures of their product."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from detector import Catalog, ColourLayoutEmbedder
from edge_agent.catalog_enrol import PER_SKU, Enrolment, enrol
from edge_agent.catalog_sheet import NEW, OLD, REFUSED, TILE_PX, contact_sheet
from shelf import Found, Planogram, SlotId, SlotReading, State
from shelf.planogram_csv import parse_csv

EMBEDDER = ColourLayoutEmbedder()
WIDE, TALL = 60, 90


def package(seed: int) -> np.ndarray:
    """A package of coloured patches; two seeds look nothing alike."""
    patches = np.random.default_rng(seed).integers(0, 255, (5, 3, 3), dtype=np.uint8)
    return cv2.resize(patches, (WIDE, TALL), interpolation=cv2.INTER_LINEAR)


def planogram(count: int) -> Planogram:
    """Apples and beans, ``count`` facings each."""
    return parse_csv(
        "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,shelf_y_mm\n"
        f"1,1,1,A,Apples,{count},0,{count * WIDE},{TALL},0\n"
        f"1,1,2,B,Beans,{count},{count * WIDE},{count * WIDE},{TALL},0\n",
        "p.csv",
        "p",
    )


def enrolled(
    shows: Sequence[int],
    catalog: dict[str, int] | None = None,
    *,
    new_look: Sequence[str] = (),
    **changes: object,
) -> Enrolment:
    """A row of packages; ``changes`` are made to the reading of the apples."""
    count = len(shows) // 2
    picture = np.full((TALL + 20, len(shows) * WIDE + 20, 3), 128, np.uint8)
    for k, seed in enumerate(shows):
        picture[10 : 10 + TALL, 10 + k * WIDE : 10 + (k + 1) * WIDE] = package(seed)
    boxes = [(10.0 + k * WIDE, 10.0, 10.0 + (k + 1) * WIDE, 10.0 + TALL) for k in range(len(shows))]
    readings = []
    for number, sku in enumerate("AB"):
        mine = boxes[number * count : (number + 1) * count]
        values: dict[str, object] = {
            "slot": SlotId(1, 1, number + 1),
            "state": State.STOCKED,
            "confidence": 0.9,
            "facings_expected": count,
            "facings_seen": count,
            "visibility": 1.0,
            "reason": "seen",
            "found": tuple(Found(sku, 0.9 - k / 100, box) for k, box in enumerate(mine)),
        }
        readings.append(SlotReading(**(values | changes if sku == "A" else values)))
    known = None
    if catalog is not None:
        vectors = EMBEDDER.embed([package(seed) for seed in catalog.values()])
        known = Catalog(vectors, list(catalog), EMBEDDER.identity, EMBEDDER.known)
    return enrol(picture, readings, planogram(count), EMBEDDER, known, new_look)


def taken(enrolment: Enrolment) -> str:
    return "".join(crop.sku for crop in enrolment.taken)


def test_facings_of_a_stocked_bay_are_taken() -> None:
    """All of them, each under its planned SKU, also without a catalogue."""
    result = enrolled([1, 1, 2, 2])
    assert taken(result) == "AABB"
    assert result.refused == ()
    assert result.left_out == ()


def test_no_more_than_a_few_of_each_are_taken() -> None:
    """The most certain ones."""
    result = enrolled([1] * 6 + [2] * 6)
    assert taken(result) == "A" * PER_SKU + "B" * PER_SKU
    assert [crop.confidence for crop in result.taken[:2]] == [0.9, 0.89]


def test_a_crop_that_looks_like_the_neighbour_is_refused() -> None:
    """One of the beans stands among the apples: its place does not make it an apple."""
    result = enrolled([1, 1, 2, 2, 2, 2])
    assert taken(result) == "AABBB"
    (refused,) = result.refused
    assert refused.crop.slot == SlotId(1, 1, 1)
    assert "looks like Beans" in refused.reason


def test_a_crop_much_unlike_its_pictures_is_refused_unless_it_is_a_new_look() -> None:
    """The catalogue's apples look otherwise; who says that this is the new package, gets it."""
    catalog = {"A": 7, "B": 2}
    result = enrolled([1, 1, 2, 2], catalog)
    assert taken(result) == "BB"
    assert "looks little like the catalogue's pictures of it" in result.refused[0].reason
    assert "--new-look A takes it" in result.refused[0].reason
    assert taken(enrolled([1, 1, 2, 2], catalog, new_look=["A"])) == "AABB"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": State.LOW, "reason": "gap seen"}, "low: gap seen"),
        ({"facings_seen": 1}, "1 of 2 facings seen"),
        ({"confidence": 0.4}, "read with confidence 0.40"),
        ({"found": (Found("A", 0.9, (0.0, 10.0, 60.0, 100.0)),)}, "cut off by the picture's edge"),
        ({"found": (Found("A", 0.9, (10.0, 10.0, 22.0, 100.0)),)}, "smaller than 20 px"),
        ({"found": (Found("A", 0.9, (10.0, 10.0, 130.0, 100.0)),)}, "not of the planned shape"),
    ],
)
def test_what_is_not_sure_is_left_out_and_named(changes: dict[str, object], words: str) -> None:
    """The slot, its product and the reason; the other slot is used."""
    result = enrolled([1, 1, 2, 2], **changes)
    assert taken(result) == "BB"
    (left_out,) = result.left_out
    assert left_out.startswith("b01/s1/p01 Apples: ")
    assert words in left_out


def test_a_bay_that_is_not_found_is_said_once() -> None:
    """Not once a slot."""
    unseen = {"state": State.UNKNOWN, "reason": "bay 1 was not found", "box_xyxy_px": None}
    assert enrolled([1, 1, 2, 2], **unseen).left_out == ("b01: 1 slots: bay 1 was not found",)


def test_the_sheet_frames_old_new_and_refused() -> None:
    """A row per product with its name; what is refused is seen as well."""
    result = enrolled([1, 1, 2, 2, 2, 2])
    sheet = contact_sheet(result, {"A": "Äpfel", "B": "Beans"}, {"B": [package(9)]})
    assert sheet.shape[1] >= 5 * TILE_PX
    for colour in (OLD, NEW, REFUSED):
        assert (sheet == colour).all(axis=2).any()
