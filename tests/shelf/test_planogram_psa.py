"""ProSpace files: what is read of them, what is told and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from psa_files import (
    HEAD,
    PRODUCTS,
    TWO_BAYS,
    fixture,
    planogram,
    position,
    product,
    project,
    psa_row,
    segment,
)

from shelf import PlanogramError, Problem, SlotId, Units, load_planogram
from shelf.planogram import PlannedSlot, Planogram
from shelf.planogram_file import read_planograms
from shelf.planogram_psa import parse_psa
from shelf.planogram_psa_rows import read_rows, split_cells


def read(text: str) -> tuple[Planogram, list[str]]:
    """The only planogram of a file, and its warnings."""
    warnings: list[Problem] = []
    (found,) = parse_psa(text, "a.psa", "a", warnings)
    return found, [str(warning) for warning in warnings]


def one_bay(*positions: str, products: str = PRODUCTS) -> str:
    return (
        HEAD
        + project()
        + products
        + planogram("P", 100, 180)
        + fixture(0, 100, 10)
        + "".join(positions)
    )


def only_slot(text: str) -> tuple[PlannedSlot, list[str]]:
    found, warnings = read(text)
    (slot,) = found.slots
    return slot, warnings


def test_bays_shelves_and_slots_are_numbered_from_the_left_and_the_bottom() -> None:
    """Segments become bays, boards shelves; a board over both bays is a shelf of each."""
    found, warnings = read(HEAD + project() + PRODUCTS + TWO_BAYS)
    assert warnings == []
    assert [(str(slot.id), slot.sku, slot.facings_wide) for slot in found.slots] == [
        ("b01/s1/p01", "200", 4),
        ("b01/s2/p01", "100", 3),
        ("b01/s2/p02", "200", 2),
        ("b02/s1/p01", "200", 6),
        ("b02/s2/p01", "100", 4),
    ]
    assert (found.id, found.valid_from, found.valid_until) == (
        "Juice 2 m",
        date(2026, 11, 16),
        date(2026, 12, 31),
    )


def test_lengths_are_in_mm_from_the_bays_left_edge() -> None:
    """Centimetres become mm; a second bay starts at zero again; boards are upper faces."""
    found, _ = read(HEAD + project() + PRODUCTS + TWO_BAYS)
    slot = found.slot(SlotId(2, 2, 1))
    assert (slot.x_mm, slot.width_mm, slot.height_mm) == (100, 320, 200)
    assert [shelf.y_mm for shelf in found.bay(2).shelves] == [120, 500]
    assert (found.bay(1).width_mm, found.bay(1).height_mm, found.units) == (1000, 1800, Units.MM)


def test_inches_become_mm() -> None:
    """The project's measurement says which."""
    found, _ = read(HEAD + project(0) + PRODUCTS + TWO_BAYS)
    assert found.bay(1).width_mm == pytest.approx(2540)
    assert found.slot(SlotId(2, 2, 1)).x_mm == pytest.approx(254)


def test_a_file_without_a_unit_is_relative() -> None:
    """Nobody guesses between inches and centimetres."""
    found, warnings = read(HEAD + project("") + PRODUCTS + TWO_BAYS)
    assert found.units is Units.RELATIVE
    assert warnings == [
        "a.psa: line 4 Project.Measurement: expected 0 (inches) or 1 (cm), found nothing; "
        "lengths are used as proportions only"
    ]


def test_escapes() -> None:
    """Commas, backslashes, quotes and line breaks within a cell; anything else stays."""
    assert split_cells(r"a\,b,\\,\"c\",d\r\ne,\x,\\\,,") == (
        "a,b",
        "\\",
        '"c"',
        "d\r\ne",
        r"\x",
        "\\,",
        "",
    )
    slot, _ = only_slot(one_bay(position("4006381333931", "100", 0, 12, 1)))
    assert slot.name == "Apple juice, cloudy"


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (HEAD, "cp1252"),
        (HEAD, "utf-8"),
        (HEAD, "utf-8-sig"),
        (HEAD, "utf-16"),
        (HEAD.replace("1252", "850"), "cp850"),
        ("PROSPACE SCHEMATIC FILE; Version 2024.1.0\n", "cp1252"),
        ("PROSPACE SCHEMATIC FILE   \n;V8.0.1.2\n", "cp1252"),
        (HEAD.replace("1252", "9999"), "cp1252"),
    ],
)
def test_versions_and_code_pages(tmp_path: Path, head: str, encoding: str) -> None:
    """The heads of several versions, and text in the named code page or in Unicode."""
    path = tmp_path / "store.psa"
    text = one_bay(position("", "200", 0, 12, 1)).replace(HEAD, head)
    path.write_bytes(text.encode(encoding))
    (slot,) = load_planogram(path).slots
    assert slot.name == "Crème brûlée"


def test_bytes_outside_the_code_page_are_told(tmp_path: Path) -> None:
    """They spoil a name, not the file."""
    path = tmp_path / "store.psa"
    path.write_bytes(
        one_bay(position("", "200", 0, 12, 1)).encode("cp1252").replace(b"\xe8", b"\x81")
    )
    (warning,) = read_planograms(path).warnings
    assert "line 6: expected text in cp1252 or UTF-8, found the byte 0x81" in str(warning)


def test_several_planograms_in_a_file(tmp_path: Path) -> None:
    """Each is read; asking for one without a name is answered with their names."""
    path = tmp_path / "store.psa"
    text = HEAD + project() + PRODUCTS + TWO_BAYS + TWO_BAYS.replace("Juice", "Tea") + TWO_BAYS
    path.write_text(text)
    file = read_planograms(path)
    assert [p.id for p in file.planograms] == ["Juice 2 m", "Tea 2 m", "Juice 2 m (2)"]
    assert file.only("Tea 2 m").id == "Tea 2 m"
    with pytest.raises(PlanogramError, match=r"found 3: 'Juice 2 m', 'Tea 2 m'.*--only NAME"):
        load_planogram(path)
    with pytest.raises(PlanogramError, match="a planogram 'Coffee', found 'Juice 2 m'"):
        file.only("Coffee")


def test_a_bad_planogram_does_not_hide_the_others() -> None:
    """It is left out, and the warning says why; alone it is refused."""
    bad = planogram("Empty", 100, 180) + fixture(0, 100, 10)
    found, warnings = read(HEAD + project() + PRODUCTS + TWO_BAYS + bad)
    assert found.id == "Juice 2 m"
    assert any("'Empty': expected at least one slot, found none" in text for text in warnings)
    with pytest.raises(PlanogramError, match="'Empty': expected at least one slot"):
        read(HEAD + project() + PRODUCTS + bad)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Project,x\n", "line 1: expected the words 'PROSPACE SCHEMATIC FILE', found 'Project,x'"),
        (HEAD + project() + PRODUCTS, "expected at least one Planogram row, found none"),
        (
            one_bay(position("", "200", 0, 12, 4), position("", "200", 5, 12, 4)),
            "line 10 Position: x_mm: expected 200 or more, right of slot b01/s1/p01 "
            "(a.psa: line 9 Position), found 50",
        ),
    ],
)
def test_unusable_files_are_refused_in_words(text: str, words: str) -> None:
    """No schematic, no planogram, slots on top of each other."""
    with pytest.raises(PlanogramError) as caught:
        read(text)
    assert words in str(caught.value)


def test_a_file_cut_off_at_any_byte_is_refused_or_whole() -> None:
    """It never gives a slot that the whole file does not have."""
    text = one_bay(position("", "200", 0, 12, 2), position("4006381333931", "100", 20, 12, 3))
    whole, _ = read(text)
    slots = {slot.id: slot for slot in whole.slots}
    for end in range(len(text)):
        try:
            part, _ = read(text[:end])
        except PlanogramError:
            continue
        assert all(slots[slot.id] == slot for slot in part.slots), text[:end][-60:]


def test_half_a_row_is_told_with_its_line() -> None:
    """A planner learns that the copy is broken, not that a field is."""
    text = one_bay(position("", "200", 0, 12, 2), position("", "200", 20, 12, 2))
    with pytest.raises(PlanogramError, match=r"line 10: expected a whole row.*the file is cut off"):
        read_rows(text[: text.rindex("20,")], "a.psa")


@pytest.mark.parametrize(
    ("orientation", "size_mm"),
    [
        (0, (50, 100)),
        (1, (100, 50)),
        (2, (120, 100)),
        (4, (50, 120)),
        (9, (100, 120)),
        (13, (100, 50)),
    ],
)
def test_orientations_turn_the_product(orientation: int, size_mm: tuple[int, int]) -> None:
    """Front, side and top, upright or turned by 90 degrees: what the camera sees of 5 x 10 x 12."""
    slot, warnings = only_slot(one_bay(position("", "200", 0, 12, 1, Orientation=orientation)))
    assert (slot.width_mm, slot.height_mm) == size_mm
    assert warnings == []


@pytest.mark.parametrize(
    ("tray_size", "size_mm"), [((16, 11), (320, 110)), ((0, 0), (300, 100)), (("", ""), (300, 100))]
)
def test_trays_count_their_units(
    tray_size: tuple[object, object], size_mm: tuple[int, int]
) -> None:
    """Two trays of three by one units show six facings, in the trays' width or their units'."""
    tray = product(
        "",
        "T",
        "Tray",
        (5, 10, 12),
        TrayWidth=tray_size[0],
        TrayHeight=tray_size[1],
        TrayNumberWide=3,
        TrayNumberHigh=1,
    )
    slot, _ = only_slot(one_bay(position("", "T", 0, 12, 2, MerchStyle=1), products=tray))
    assert (slot.facings_wide, slot.facings_high) == (6, 1)
    assert (slot.width_mm, slot.height_mm) == size_mm


@pytest.mark.parametrize(
    ("written", "mm"), [("", 150), (15, 150), (16.2, 162), (5, 150), (40, 150), ("nan", 150)]
)
def test_a_positions_own_width_counts_when_its_facings_agree(written: object, mm: float) -> None:
    """Three facings of 5 cm with air between them, or one facing's width, or nonsense."""
    slot, _ = only_slot(one_bay(position("", "200", 0, 12, 3, Width=written)))
    assert slot.width_mm == pytest.approx(mm)


def test_a_product_on_another_stands_above_it() -> None:
    """The raised position keeps its height above the board and overlaps nothing."""
    found, _ = read(
        one_bay(position("", "200", 0, 12, 2), position("4006381333931", "100", 0, 22, 1))
    )
    assert [slot.y_mm for slot in found.slots] == [0, 100]


def test_positions_counted_from_their_board() -> None:
    """Some files count X from the fixture; then all positions are read so, with a warning."""
    text = (
        HEAD + project() + PRODUCTS + planogram("P", 200, 180)
        + segment(0, 100, 180) + segment(100, 100, 180)
        + fixture(0, 100, 10) + position("", "200", 50, 12, 1)
        + fixture(100, 100, 10) + position("", "200", 20, 12, 1)
    )  # fmt: skip
    found, warnings = read(text)
    assert [(str(slot.id), slot.x_mm) for slot in found.slots] == [
        ("b01/s1/p01", 500),
        ("b02/s1/p01", 200),
    ]
    assert "found X from each fixture's left edge; read so" in warnings[0]


@pytest.mark.parametrize(
    ("column", "places"), [("OffsetX", (0, 100)), ("X", (0, 100)), ("", ("", ""))]
)
def test_segments_place_themselves_in_several_ways(column: str, places: tuple[object, ...]) -> None:
    """By OffsetX, by X, or one beside the other."""
    cells = [{"OffsetX": "", "X": ""} | ({column: place} if column else {}) for place in places]
    segments = "".join(psa_row("Segment", {**c, "Width": 100, "Height": 180}) for c in cells)
    found, _ = read(
        HEAD + project() + PRODUCTS + planogram("P", 200, 180) + segments
        + fixture(100, 100, 10) + position("", "200", 100, 12, 1)
    )  # fmt: skip
    assert [str(slot.id) for slot in found.slots] == ["b02/s1/p01"]


def test_an_empty_board_keeps_its_number() -> None:
    """The shelf above it is still the second; the board is named."""
    found, warnings = read(
        HEAD + project() + PRODUCTS + planogram("P", 100, 180)
        + fixture(0, 100, 10) + fixture(0, 100, 60) + position("", "200", 0, 62, 1)
    )  # fmt: skip
    assert [str(slot.id) for slot in found.slots] == ["b01/s2/p01"]
    assert (
        "line 8 Fixture: expected at least one position, found none; the board counts as shelf 1"
        in warnings[0]
    )


LEFT_OUT = [
    (
        position("", "200", 0, 12, 0),
        "line 10 Position.HFacings: expected a whole number 1-999, found 0",
    ),
    (
        position("", "200", 0, 12, 1, VFacings=1.5),
        "line 10 Position.VFacings: expected a whole number 1-999, found 1.5",
    ),
    (
        position("", "200", 0, 12, 1, RankZ=2),
        "line 10 Position.RankZ: expected 1 (the front), found 2",
    ),
    (
        position("", "", 0, 12, 1),
        "line 10 Position.UPC: expected the UPC or ID of a product, found neither",
    ),
    (
        fixture(0, 50, 90, Type=7) + position("", "200", 0, 92, 1),
        "line 10 Fixture.Type: expected a shelf, found 7 (pegboard); its 1 positions are left out",
    ),
]


@pytest.mark.parametrize(("rows", "words"), LEFT_OUT)
def test_what_cannot_be_watched_is_left_out(rows: str, words: str) -> None:
    """A warning names row and field; no slot is made up that could raise a wrong alert."""
    found, warnings = read(one_bay(position("", "200", 80, 12, 1), rows))
    assert len(found) == 1
    assert len(warnings) == 1 and words in warnings[0]


READ_OTHERWISE = [
    (
        position("", "999", 0, 12, 1, Width=5),
        "Position.ID: expected a product that has a Product row, found '999'",
    ),
    (
        position("", "200", 0, 12, 1, MerchStyle=2),
        "Position.MerchStyle: expected 0 (unit) or 1 (tray), found 2 (case)",
    ),
    (position("", "200", 0, 12, 1, YCapNum=2), "Position.YCapNum: expected 0, found 2"),
    (
        position("", "200", 0, 12, 1, Orientation=77),
        "Position.Orientation: expected 0-23, found 77; read as 0 (front)",
    ),
    (
        psa_row("Position", {"ID": "200", "X": 0, "Y": 12, "HFacings": "two"}),
        "Position.HFacings: expected a number, found 'two'; read as 1",
    ),
    (
        position("", "200", 170, 12, 1),
        "Position.X: expected 0 to 100, on its fixture, found 170",
    ),
]


@pytest.mark.parametrize(("row", "words"), READ_OTHERWISE)
def test_what_is_read_otherwise_is_told(row: str, words: str) -> None:
    """The slot is watched, and the warning says how it was understood."""
    found, warnings = read(one_bay(row))
    assert len(found) == 1
    assert words in warnings[0]


def test_barcodes() -> None:
    """A whole GTIN is used; a wrong check digit is told; one without check digit is not a GTIN."""
    products = (
        product("4006381333931", "1", "right", (5, 5, 5))
        + product("4006381333930", "2", "wrong", (5, 5, 5))
        + product("40063813339", "3", "short", (5, 5, 5))
        + product("4006381333931", "4", "again", (5, 5, 5))
    )
    placed = [position("", str(n), 10 * n, 12, 1) for n in range(1, 5)]
    found, warnings = read(one_bay(*placed, products=products))
    assert [slot.gtin for slot in found.slots] == ["4006381333931", None, None, None]
    assert "Product.UPC: expected a valid GTIN, found '4006381333930' (check digit 0" in warnings[0]
    assert "one product for each GTIN" in warnings[1]
    assert len(warnings) == 2


def test_products_that_share_an_id_are_told_apart_by_upc() -> None:
    """The ID is no SKU then."""
    products = product("11", "same", "one", (5, 5, 5)) + product("22", "same", "two", (5, 5, 5))
    found, _ = read(
        one_bay(
            position("11", "same", 0, 12, 1), position("22", "same", 10, 12, 1), products=products
        )
    )
    assert [(slot.sku, slot.name) for slot in found.slots] == [("11", "one"), ("22", "two")]


def test_a_date_of_another_form_leaves_the_validity_open() -> None:
    """It is told, not guessed."""
    text = (
        HEAD + project() + PRODUCTS + planogram("P", 100, 180, DateEffective="16/11/2026")
        + fixture(0, 100, 10) + position("", "200", 0, 12, 1)
    )  # fmt: skip
    found, warnings = read(text)
    assert found.valid_from is None
    assert (
        "Planogram.DateEffective: expected a day like 20261121, found '16/11/2026'" in warnings[0]
    )


def test_an_end_before_the_beginning_is_left_open() -> None:
    """A planogram that would never be valid is told, not refused."""
    text = TWO_BAYS.replace("20261231", "20261101")
    found, warnings = read(HEAD + project() + PRODUCTS + text)
    assert (found.valid_from, found.valid_until) == (date(2026, 11, 16), None)
    assert "Planogram.DateFinished: expected a day from 2026-11-16 on, found 2026" in warnings[0]


def test_more_slots_than_a_shelf_can_number() -> None:
    """A thousand positions on one board are refused, not a traceback."""
    rows = [position("", "200", n, 12, 1) for n in range(1000)]
    products = product("", "200", "thin", (0.5, 5, 5))
    text = HEAD + project() + products + planogram("P", 1000, 180) + fixture(0, 1000, 10)
    with pytest.raises(PlanogramError, match="at most 999 bays, shelves in a bay and slots"):
        read(text + "".join(rows))
