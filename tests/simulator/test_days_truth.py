"""The truth about days: recorded, written, read again."""

from itertools import pairwise
from pathlib import Path

import pytest

from shelf import SlotId, State
from simulator.days import (
    DaysShop,
    Life,
    Observer,
    Truth,
    TruthError,
    can_see,
    design_of,
    load_truth,
    record,
)

BUSY = Life(starts_hour=10.0, sell_outs=120.0, misplaced=60.0, parked=40.0)


@pytest.fixture(scope="module")
def shop() -> DaysShop:
    """Five minutes of a busy store with one camera."""
    return DaysShop(design_of(1), 4, 300 * 12 / 86_400, BUSY)


@pytest.fixture(scope="module")
def truth(shop: DaysShop) -> Truth:
    return record(shop)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """A second store of the same seed has the same truth file, one of another seed has not."""
    texts = []
    for seed in (4, 4, 5):
        record(DaysShop(design_of(1), seed, 40 * 12 / 86_400, BUSY)).write(tmp_path / "truth")
        texts.append((tmp_path / "truth").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_what_is_written_is_read(truth: Truth, tmp_path: Path) -> None:
    """The file holds all of the truth."""
    truth.write(tmp_path / "truth.jsonl")
    assert load_truth(tmp_path / "truth.jsonl") == truth


def test_spans_have_no_gaps(shop: DaysShop, truth: Truth) -> None:
    """Each slot and camera has a span for every moment, and neighbours differ."""
    assert set(truth.slots) == {slot.id for slot in shop.design.planogram.slots}
    for spans in truth.slots.values():
        assert spans[0].since_secs == 0.0
        assert spans[-1].until_secs == truth.about.duration_secs
        for before, after in pairwise(spans):
            assert before.until_secs == after.since_secs
            assert before.facts != after.facts


def test_truth_tells_each_kind_of_trouble(truth: Truth) -> None:
    """A busy store has all states, and things before its slots."""
    states = {span.facts.state for spans in truth.slots.values() for span in spans}
    assert states >= {State.STOCKED, State.LOW, State.OUT_OF_STOCK, State.MISPLACED}
    assert min(share for changes in truth.visible.values() for _, share in changes) < 0.3


def test_states_are_told_by_what_stands_there(shop: DaysShop, truth: Truth) -> None:
    """At any time the SKUs that truth tells are those of the front units."""
    for secs in (0.0, 123.0, 270.5):
        contents = shop.at(secs).contents
        for slot in truth.slots:
            fronts = {items[0].sku for f, items in contents.items() if f.slot == slot and items}
            assert {sku for sku, _ in truth.state_at(slot, secs).found} == fronts


def test_who_stands_before_a_slot_is_in_the_truth(shop: DaysShop, truth: Truth) -> None:
    """With nobody and nothing in the aisle every slot is seen; else some may not be."""
    rules = Observer()
    quiet = next(t for t in range(300) if not (shop.at(t).people or shop.at(t).obstacles))
    assert all(can_see(truth, slot, quiet, rules) for slot in truth.slots)
    hidden = [t for t in range(300) if not can_see(truth, SlotId(1, 1, 2), t, rules)]
    assert hidden
    assert all(shop.at(t).people or shop.at(t).obstacles for t in hidden)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("", "cut off"),
        ("hello\n", "line 1"),
        ('{"kind":"about","format":9}\n', "another format"),
        ('{"kind":"cloud"}\n', "kind 'cloud'"),
        ('{"kind":"slot","slot":"b1"}\n', "line 1"),
        ("[1]\n", "line 1"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """The message names the file, and the line where there is one."""
    path = tmp_path / "truth.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TruthError, match=words) as caught:
        load_truth(path)
    assert "truth.jsonl" in str(caught.value)
