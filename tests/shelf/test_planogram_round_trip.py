"""Writing a planogram and reading it back are inverses."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from shelf import Planogram, SlotId, Units
from shelf.gtin import gtin_fault
from shelf.planogram_build import BoardRow, Row, build_planogram
from shelf.planogram_csv import parse_csv, write_csv
from shelf.planogram_json import parse_json, write_json
from shelf.planogram_service_json import parse_service_json

lengths = st.floats(0.01, 5000.0)
numbers = st.lists(st.integers(1, 999), min_size=1, max_size=3, unique=True).map(sorted)
texts = st.text(min_size=1, max_size=12).filter(lambda text: text.strip())


def gtin_of(bay: int, shelf: int, position: int) -> str:
    """A valid GTIN of its own for each slot."""
    digits = f"{bay:04d}{shelf:04d}{position:04d}"
    return next(digits + check for check in "0123456789" if not gtin_fault(digits + check))


@st.composite
def shelf_rows(draw: st.DrawFn, bay: int, shelf: int) -> list[Row]:
    """Slots that do not overlap: those whose place is given stand right of all before them."""
    placed = draw(st.booleans())
    right = draw(st.floats(-500.0, 500.0))
    rows = []
    for position in draw(numbers):
        width = draw(lengths if placed else st.none() | lengths)
        wide, high = draw(st.integers(1, 12)), draw(st.integers(1, 4))
        sku = draw(st.text(max_size=8)) + f"{bay}-{shelf}-{position}"
        rows.append(
            Row(
                where="row",
                id=SlotId(bay, shelf, position),
                sku=sku,
                name=draw(texts),
                facings_wide=wide,
                gtin=draw(st.sampled_from([None, gtin_of(bay, shelf, position)])),
                facings_high=high,
                min_facings=draw(st.none() | st.integers(1, wide * high)),
                priority=draw(st.floats(0.0, 100.0)),
                substitutes=tuple(
                    draw(st.lists(texts.filter(lambda text: "|" not in text), max_size=3))
                ),
                x_mm=right if placed else None,
                y_mm=draw(st.just(0.0) | lengths),
                width_mm=width,
                height_mm=draw(st.none() | lengths),
            )
        )
        if width is not None:
            right += width + draw(st.just(0.0) | lengths)
    return rows


@st.composite
def planograms(draw: st.DrawFn) -> Planogram:
    """Whatever a file can describe, sizes and board heights given in part."""
    rows: list[Row] = []
    boards: list[BoardRow] = []
    sizes = {}
    for bay in draw(numbers):
        board_y = draw(st.floats(-100.0, 1000.0))
        for shelf in draw(numbers):
            rows += draw(shelf_rows(bay, shelf))
            if draw(st.booleans()):
                boards.append(BoardRow(bay, shelf, board_y))
                board_y += draw(lengths)
        if draw(st.booleans()):
            sizes[bay] = (draw(lengths), draw(lengths))
    days = sorted(draw(st.lists(st.dates(date(1900, 1, 1)), min_size=2, max_size=2)))
    return build_planogram(
        "drawn",
        rows,
        id=draw(texts),
        version=draw(st.just("") | texts),
        units=draw(st.none() | st.sampled_from(Units)),
        boards=boards,
        bay_sizes_mm=sizes,
        valid_from=draw(st.sampled_from([None, days[0]])),
        valid_until=draw(st.sampled_from([None, days[1]])),
    )


@settings(deadline=None)
@given(planograms())
def test_csv_reads_back_what_was_written(planogram: Planogram) -> None:
    """Every field, what was given and what estimated, and the content hash."""
    again = parse_csv(write_csv(planogram), "again.csv", "another")
    assert again == planogram
    assert again.content_hash == planogram.content_hash
    assert (again.has_heights, again.has_sizes) == (planogram.has_heights, planogram.has_sizes)


@settings(deadline=None)
@given(planograms())
def test_native_json_reads_back_what_was_written(planogram: Planogram) -> None:
    """Every field, what was given and what estimated, and the content hash."""
    again = parse_json(json.loads(write_json(planogram)), "again.json", "another")
    assert again == planogram
    assert again.content_hash == planogram.content_hash
    assert (again.has_heights, again.has_sizes) == (planogram.has_heights, planogram.has_sizes)


@settings(deadline=None, max_examples=40)
@given(name=st.text(max_size=8), sku=texts, size=st.floats(0.001, 0.1))
def test_service_json_becomes_the_same_csv(name: str, sku: str, size: float) -> None:
    """Sizes in metres, nameless products and texts of any kind survive the conversion."""
    raw = {
        "Products": [{"Id": sku, "Name": name, "W": size, "H": size / 3}],
        "Fixtures": [{"Id": "f", "X": 0, "Y": 1.7, "W": 1.2, "H": 0.02}],
        "Positions": [
            {"Id": "p", "ProductId": sku, "FixtureId": "f", "X": size / 7, "Y": 1.7 - size / 3}
        ],
    }
    planogram = parse_service_json(raw, "p.json", "p")
    again = parse_csv(write_csv(planogram), "again.csv", "another")
    assert again == planogram
    assert again.content_hash == planogram.content_hash


def test_a_bay_whose_boards_are_below_its_foot_has_a_height() -> None:
    """Feet are measured from anywhere; a bay's height is what its boards take up."""
    row = Row("row", SlotId(1, 1, 1), "s", "Name", 1, height_mm=100.0, width_mm=80.0)
    low = build_planogram("f", [row], id="p", version="1", boards=[BoardRow(1, 1, -600.0)])
    assert low.bays[0].height_mm > 100
    assert parse_csv(write_csv(low), "again.csv", "p") == low
