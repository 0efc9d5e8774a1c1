"""PTS files: what is read of them, what is told and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelf import PlanogramError, Problem, SlotId, Units
from shelf.planogram import Planogram
from shelf.planogram_file import read_planograms
from shelf.planogram_pts import parse_pts

HEADINGS = (
    "棚台番号,棚段番号,棚位置,商品コード,フェース数,フェース面,フェース回転,積上数,陳列種別\n"
)
V1 = f"共通棚割情報,V1.0,IC\n飲料 3尺\n{HEADINGS}"
V3 = (
    "共通棚割情報,V3.0,\n飲料 3尺,\n"
    "台番号,台高さ,台幅,台奥行,台名称\n1,1800,900,450,左\n2,1800,900,450,右\n"
    "台番号,棚段番号,棚高さ,棚幅,棚奥行,棚厚さ,棚種別\n"
    "1,1,100,900,450,20,0\n1,2,500,900,450,20,0\n1,3,900,900,450,20,0\n2,1,100,900,450,20,0\n"
) + HEADINGS.replace("棚台番号", "台番号")
ROWS = (
    "1,1,1,4901234567894,3,1,0,1,0\n"
    "1,1,2,4006381333931,2,1,0,2,0\n"
    "1,3,1,123456,4,1,0,1,0\n"
    "2,1,1,4901234567894,1,1,0,0,0\n"
)


def read(text: str) -> tuple[Planogram, list[str]]:
    """The planogram of a file, and its warnings."""
    warnings: list[Problem] = []
    found = parse_pts(text, "a.csv", "a", warnings)
    return found, [str(warning) for warning in warnings]


@pytest.mark.parametrize("head", [V1, V3, V1.replace("V1.0", "Ｖ２．０")])
def test_every_version_gives_the_same_slots(head: str) -> None:
    """Bays from the left, tiers from the bottom; facings side by side and stacked."""
    found, warnings = read(head + ROWS)
    assert [
        (str(slot.id), slot.sku, slot.gtin, slot.facings_wide, slot.facings_high)
        for slot in found.slots
    ] == [
        ("b01/s1/p01", "4901234567894", "4901234567894", 3, 1),
        ("b01/s1/p02", "4006381333931", "4006381333931", 2, 2),
        ("b01/s3/p01", "123456", None, 4, 1),
        ("b02/s1/p01", "4901234567894", "4901234567894", 1, 1),
    ]
    assert (found.id, found.units) == ("飲料 3尺", Units.RELATIVE)
    assert [text for text in warnings if "shelf 2" not in text] == []


def test_furniture_is_laid_out_in_facings() -> None:
    """Without product sizes lengths are proportions: the fullest shelf just fits its bay."""
    found, warnings = read(V3 + ROWS)
    bay = found.bay(1)
    assert (bay.width_mm, bay.height_mm) == pytest.approx((500, 1000))
    assert [shelf.y_mm for shelf in bay.shelves] == pytest.approx([100 / 1.8, 500])
    assert found.has_heights and not found.has_sizes
    assert warnings == [
        "a.csv: line 8: expected at least one position, found none; the board counts as "
        "shelf 2, which has no slots and is not watched"
    ]


def test_heights_that_do_not_rise_are_estimated() -> None:
    """Whatever they mean, they are no heights above the floor."""
    found, warnings = read(V3.replace("1,3,900", "1,3,400") + ROWS)
    assert not found.has_heights
    assert any("line 7: 棚高さ: expected heights above the floor" in text for text in warnings)


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig", "utf-16"])
def test_code_pages(tmp_path: Path, encoding: str) -> None:
    """Shift_JIS, as the format is defined, or Unicode; the content tells the form."""
    path = tmp_path / "shelf.csv"
    path.write_bytes((V1 + ROWS).replace("\n", "\r\n").encode(encoding))
    assert read_planograms(path).only().id == "飲料 3尺"


def test_full_width_digits_and_quotes() -> None:
    """Numbers typed in Japanese and quoted cells are the same numbers."""
    found, _ = read(
        '"共通棚割情報","V1.0",""\n""\n' + HEADINGS + '"１","２","３","123","４",1,0,1,0\n'
    )
    (slot,) = found.slots
    assert (slot.id, slot.facings_wide, found.id) == (SlotId(1, 2, 1), 4, "a")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,1,2,9,0,1,0,1,0", "line 5: フェース数: expected 1 or more, found 0; the position"),
        ("1,1,1,9,2,1,0,1,0", "line 5: 棚位置: expected one product at each place, found '9' at 1"),
    ],
)
def test_what_cannot_be_watched_is_left_out(row: str, words: str) -> None:
    """A warning names line and heading; no slot is made up that could raise a wrong alert."""
    found, warnings = read(f"{V1}1,1,1,8,2,1,0,1,0\n{row}\n")
    assert [slot.sku for slot in found.slots] == ["8"]
    assert words in warnings[0]


def test_a_wrong_check_digit_is_told() -> None:
    """The code stays the SKU, and is no GTIN."""
    found, warnings = read(f"{V1}1,1,1,4901234567890,2,1,0,1,0\n")
    (slot,) = found.slots
    assert (slot.sku, slot.gtin) == ("4901234567890", None)
    assert "line 4: 商品コード: expected a valid JAN code" in warnings[0]


def test_a_version_not_known_is_read_by_its_headings() -> None:
    """And told."""
    found, warnings = read(V1.replace("V1.0", "V9") + ROWS)
    assert len(found) == 4
    assert warnings == [
        "a.csv: line 1: expected a version of V1.0, V2.0, V3.0, found 'V9'; read by its headings"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("共通棚割情報,V1.0", "expected rows under the heading 商品コード, found none"),
        (V1, "expected rows under the heading 商品コード, found none"),
        ("共通棚割情報,V1.0\nname\n1,1,1,8\n", "line 3: expected headings from 台番号 on"),
        (f"{V1}x,1,1,8,1,1,0,1,0\n", "line 4: 台番号: expected a whole number 1-999, found 'x'"),
        (f"{V1}1,,1,8,1,1,0,1,0\n", "line 4: 棚段番号: expected a value, found nothing"),
        (f"{V1}1,1,1,,1,1,0,1,0\n", "line 4: 商品コード: expected a value, found nothing"),
        (f"{V1}1,1,1,8,1,1,0,1,0\n1,1,2,49", "line 5: expected 9 cells as in the line before"),
    ],
)
def test_unusable_files_are_refused_in_words(text: str, words: str) -> None:
    """No rows, no headings, no numbers, half a row."""
    with pytest.raises(PlanogramError) as caught:
        read(text)
    assert words in str(caught.value)


def test_a_file_cut_off_anywhere_is_refused_or_whole() -> None:
    """It never gives a slot that the whole file does not have."""
    text = V1 + ROWS
    slots = {(slot.id, slot.sku, slot.facings) for slot in read(text)[0].slots}
    for end in range(len(text)):
        try:
            part, _ = read(text[:end])
        except PlanogramError:
            continue
        assert {(slot.id, slot.sku, slot.facings) for slot in part.slots} <= slots, text[:end][-40:]
