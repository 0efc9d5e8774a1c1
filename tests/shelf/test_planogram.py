"""Planogram files: what is read, what is refused and with which words."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from shelf import PlanogramError, Problem, SlotId, Units, load_planogram
from shelf.planogram_csv import parse_csv, write_csv
from shelf.planogram_service_json import parse_service_json

HEADER = "bay,shelf,slot,sku,name,facings_wide"
SMALL = f"""{HEADER},facings_high,width_mm,height_mm,min_facings
1,1,1,A,Apple juice,3,1,240,200,2
1,1,2,B,Beans,2,2,150,220,
1,2,1,C,Corn,4,1,320,180,
2,1,1,A,Apple juice,3,1,240,200,
"""


def test_csv_layout() -> None:
    """Slots are laid side by side, shelves above each other, and ids follow the columns."""
    planogram = parse_csv(SMALL, "small.csv", "small")
    beans = planogram.slot(SlotId(1, 1, 2))
    assert planogram.units is Units.MM
    assert (beans.x_mm, beans.facings, beans.facing_width_mm) == (240, 4, 75)
    assert planogram.bay(1).shelves[1].y_mm > beans.height_mm
    assert planogram.slot(SlotId(1, 1, 1)).min_facings == 2


def test_csv_without_sizes_is_relative() -> None:
    """Facings alone give a layout that is right in its proportions."""
    planogram = parse_csv(f"{HEADER}\n1,1,1,A,a,1\n1,1,2,B,b,3\n", "x.csv", "x")
    a, b = planogram.slots
    assert planogram.units is Units.RELATIVE
    assert b.width_mm == pytest.approx(3 * a.width_mm)
    assert b.x_mm == pytest.approx(a.x_mm + a.width_mm)


def test_csv_round_trip_keeps_the_content_hash() -> None:
    """What is written reads back as the same planogram."""
    planogram = parse_csv("# id: aisle\n# version: v3\n" + SMALL, "small.csv", "x")
    again = parse_csv(write_csv(planogram), "again.csv", "y")
    assert again == planogram
    assert again.content_hash == planogram.content_hash


def test_substitutes_are_told_apart_by_bars_only() -> None:
    """A SKU may hold a space; one with a bar cannot be written and is not split silently."""
    text = f"{HEADER},substitutes\n1,1,1,A,a,1,B 1 | C\n"
    planogram = parse_csv(text, "s.csv", "s")
    (slot,) = planogram.slots
    assert slot.substitutes == ("B 1", "C")
    assert parse_csv(write_csv(planogram), "again.csv", "s") == planogram
    (shelf,) = planogram.bays[0].shelves
    barred = replace(shelf, slots=(replace(slot, substitutes=("B|1",)),))
    with pytest.raises(PlanogramError, match=r"'B\|1'; convert to JSON instead"):
        write_csv(replace(planogram, bays=(replace(planogram.bays[0], shelves=(barred,)),)))


def test_a_quoted_cell_may_span_lines() -> None:
    """Its line break becomes a space, its `#` is no remark, and rows keep their numbers."""
    text = f'{HEADER}\n1,1,1,A,"Apple\n# 1",1\n\n# a remark\n1,1,x,B,b,1\n'
    with pytest.raises(PlanogramError, match="row 6: slot"):
        parse_csv(text, "q.csv", "q")
    assert parse_csv(text.replace("x", "2"), "q.csv", "q").names["A"] == "Apple # 1"


def test_estimates_are_told_from_what_a_file_gives(crackers: Path) -> None:
    """Board heights and widths that a file leaves out stay left out when it is written."""
    silent = parse_csv(SMALL, "small.csv", "p")
    assert (silent.has_heights, silent.has_sizes) == (False, True)
    some = parse_csv(f"{HEADER},width_mm,shelf_y_mm\n1,1,1,A,a,1,,100\n1,2,1,B,b,1,80,", "s", "p")
    assert (some.has_heights, some.has_sizes) == (False, False)
    given = parse_csv(f"{HEADER},width_mm,shelf_y_mm\n1,1,1,A,a,1,80,100\n", "g.csv", "p")
    assert (given.has_heights, given.has_sizes) == (True, True)
    full = load_planogram(crackers / "planogram.json")
    assert (full.has_heights, full.has_sizes) == (True, True)
    for planogram in (silent, some, given):
        again = parse_csv(write_csv(planogram), "again.csv", "p")
        assert again == planogram
        assert (again.has_heights, again.has_sizes) == (
            planogram.has_heights,
            planogram.has_sizes,
        )


def test_being_estimated_does_not_change_the_content_hash() -> None:
    """A file that spells out what was estimated before says the same."""
    silent = parse_csv(f"{HEADER}\n1,1,1,A,a,1\n", "s.csv", "p")
    spelt = parse_csv(
        f"# units: relative\n{HEADER},width_mm,shelf_y_mm\n1,1,1,A,a,1,100,0\n", "g.csv", "p"
    )
    assert not silent.has_heights and spelt.has_heights
    assert silent.content_hash == spelt.content_hash


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_of_other_delimiters_and_code_pages(tmp_path: Path, delimiter: str) -> None:
    """Semicolons, tabs, a byte order mark and Western code pages are read."""
    text = "\ufeff" + SMALL.replace(",", delimiter).replace("Beans", "Käse")
    for encoding in ("utf-8", "cp1252"):
        path = tmp_path / "p.csv"
        path.write_bytes(text.removeprefix("\ufeff").encode(encoding))
        assert "Käse" in load_planogram(path).names.values()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        (HEADER, "at least one slot"),
        ("bay,shelf\n1,1", "a column 'slot'"),
        (f"{HEADER},widht_mm\n", "did you mean 'width_mm'?"),
        (f"{HEADER}\n1,1,1,A,a,1\n1,1,1,B,b,1", "each slot once"),
        (f"{HEADER}\n1,1,0,A,a,1", "row 2: slot: expected a whole number 1-999, found '0'"),
        (f"{HEADER}\n1,1,1,A,a,many", "row 2: facings_wide"),
        (f"{HEADER}\n1,1,1,,a,1", "row 2: sku: expected a text"),
        (f"{HEADER}\n1,1,1,A,a", "6 cells as in the header, found 5"),
        (f"{HEADER},gtin\n1,1,1,A,a,1,4006381333930", "check digit 0 where 1 belongs"),
        (f"{HEADER},min_facings\n1,1,1,A,a,1,2", "at most the 1 planned facings"),
        (f"{HEADER}\n1,1,1,A,a,1\n1,1,2,A,b,1", "one name for each SKU"),
        (f"{HEADER},x_mm,width_mm\n1,1,1,A,a,1,0,100\n1,1,2,B,b,1,20,100", "right of slot"),
        (f"# bay_mm: 1 wide high\n{HEADER}\n1,1,1,A,a,1", "line 1: bay_mm: expected bay, width"),
        (f"# bay_mm: 1 0 9\n{HEADER}\n1,1,1,A,a,1", "found '1 0 9'"),
        (f"# bay_mm: 1 8 9\n# bay_mm: 1 8 9\n{HEADER}\n1,1,1,A,a,1", "each bay once"),
        (f"# bay_mm: 2 8 9\n{HEADER}\n1,1,1,A,a,1", "a bay that has slots, found 2"),
        (f"# valid_from: soon\n{HEADER}\n1,1,1,A,a,1", "a date like"),
        (f"{HEADER},width_mm\n1,1,1,A,a,1,nan", "a number above 0, found 'nan'"),
        (
            f"{HEADER},shelf_y_mm\n1,1,1,A,a,1,400\n1,2,1,B,b,1,100",
            "shelf 2: expected more than the 400 of shelf 1 below it, found 100",
        ),
    ],
)
def test_bad_csv_is_refused_in_words(text: str, words: str) -> None:
    """Each fault names file, place, what was expected and what was found."""
    with pytest.raises(PlanogramError) as caught:
        parse_csv(text, "bad.csv", "bad")
    assert words in str(caught.value)
    assert str(caught.value).startswith("bad.csv")


def test_impossible_slots_are_told() -> None:
    """A slot beside its bay or taller than the room above it is doubtful, and is named."""
    warnings: list[Problem] = []
    text = (
        f"# bay_mm: 1 1000 2000\n{HEADER},x_mm,width_mm,height_mm,shelf_y_mm\n"
        "1,1,1,A,a,1,0,100,290,100\n1,1,2,B,b,1,950,100,900,100\n1,2,1,C,c,1,0,100,200,400\n"
    )
    parse_csv(text, "p.csv", "p", warnings)
    assert [str(warning) for warning in warnings] == [
        "p.csv: row 4: x_mm and width_mm of slot b01/s1/p02: expected a slot within the bay's "
        "0 to 1000, found 950 to 1050",
        "p.csv: row 4: height_mm of slot b01/s1/p02: expected at most the 300 up to shelf 2, "
        "found 900",
    ]


def test_the_work_grows_with_the_slots_not_with_their_square() -> None:
    """Four times the slots take about four times the lines run."""

    def lines_run(shelves: int) -> int:
        rows = [
            f"1,{shelf},{slot},S{shelf}-{slot},n,1,{100 * slot},100,{300 * shelf}"
            for shelf in range(1, shelves + 1)
            for slot in range(1, 11)
        ]
        text = f"{HEADER},x_mm,width_mm,shelf_y_mm\n" + "\n".join(rows)
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> object:
            nonlocal count
            count += event == "line"
            return trace if "planogram" in frame.f_code.co_filename else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            parse_csv(text, "big.csv", "big", [])
        finally:
            sys.settrace(before)
        return count

    assert lines_run(200) < 4.5 * lines_run(50)


def test_all_bad_rows_are_told_at_once() -> None:
    """A file is mended in one go."""
    with pytest.raises(PlanogramError) as caught:
        parse_csv(f"{HEADER}\n1,1,1,A,a,0\n1,x,2,B,b,1\n1,1,1,C,c,1\n1,1,1,D,d,1", "b.csv", "b")
    text = str(caught.value)
    assert "row 2" in text and "row 3" in text and "row 5: slot" in text


def test_json_of_a_matching_service(crackers: Path) -> None:
    """The real bay: six shelves from the bottom, 58 positions, stacked slots told apart."""
    planogram = load_planogram(crackers / "planogram.json")
    assert len(planogram) == 58
    assert [len(shelf.slots) for shelf in planogram.bays[0].shelves] == [10, 9, 10, 9, 12, 8]
    bottom = planogram.slot(SlotId(1, 1, 1))
    assert bottom.name == "Triscuit Cracked Pepper & Olive Oil Crackers"
    stacked = planogram.slot(SlotId(1, 5, 2))
    assert stacked.name.endswith("Side") and stacked.y_mm > 7


def test_a_fixture_without_positions_keeps_its_number() -> None:
    """The shelf above an empty board is still the second from the bottom."""
    raw = {
        "Products": [{"Id": "A", "Name": "a", "W": 1, "H": 1}],
        "Fixtures": [
            {"Id": "low", "X": 0, "Y": 9, "W": 5, "H": 1},
            {"Id": "high", "X": 0, "Y": 5, "W": 5, "H": 1},
        ],
        "Positions": [{"Id": "1", "ProductId": "A", "FixtureId": "high", "X": 0, "Y": 4}],
    }
    warnings: list[Problem] = []
    planogram = parse_service_json(raw, "p.json", "p", warnings)
    assert [slot.id for slot in planogram.slots] == [SlotId(1, 2, 1)]
    assert [str(w) for w in warnings] == [
        "p.json: fixture low: expected at least one position, found none; the board counts as "
        "shelf 1, which has no slots and is not watched"
    ]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("{", "line 1 column 2"),
        ("[]", "an object with bays, or with Products, Fixtures and Positions, found a list"),
        ("[" * 100_000, "JSON"),
        ("{}", "Fixtures and Positions, found the keys (none)"),
        ('{"hello": 1}', "Fixtures and Positions, found the keys hello"),
        ('{"Fixtures": []}', "Products: expected a value, found nothing"),
        ('{"bays": [], "vaild_from": 1}', "vaild_from: expected a known key"),
        ('{"bays": []}', "at least one slot"),
        ('{"bays": [{"bay": 1, "shelves": []}, {"bay": 1, "shelves": []}]}', "each bay once"),
        (
            '{"bays": [{"bay": 1, "shelves": [{"shelf": 1, "slots": [{"slot": 1, "sku": "A",'
            ' "name": "a", "facings_wide": 0}]}]}]}',
            "bays[0].shelves[0].slots[0].facings_wide: expected greater than or equal to 1",
        ),
        (
            json.dumps(
                {
                    "Products": [{"Id": "1", "Name": "a", "W": 0, "H": 1}],
                    "Fixtures": [],
                    "Positions": [],
                }
            ),
            "Products[0].W",
        ),
        (
            json.dumps(
                {
                    "Products": [],
                    "Fixtures": [],
                    "Positions": [{"Id": "1", "ProductId": "9", "FixtureId": "8", "X": 0, "Y": 0}],
                }
            ),
            "Positions[0].ProductId: expected the Id of a product, found '9'",
        ),
    ],
)
def test_bad_json_is_refused_in_words(raw: str, words: str, tmp_path: Path) -> None:
    """Broken JSON, missing keys and dangling ids are named."""
    path = tmp_path / "bad.json"
    path.write_text(raw)
    with pytest.raises(PlanogramError) as caught:
        load_planogram(path)
    assert words in str(caught.value)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    """A picture given as a planogram is no planogram."""
    path = tmp_path / "p.csv"
    path.write_bytes(b"\x89PNG\r\n\0\0")
    with pytest.raises(PlanogramError, match="text file"):
        load_planogram(path)
