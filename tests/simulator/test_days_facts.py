"""What is true of a shelf's slots, and what a camera can see of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shelf import SlotId, State
from simulator.days.facts import SlotFacts, shelf_facts
from simulator.days.stock import Stock, unit_of
from simulator.days.stores import StoreDesign, design_of
from simulator.items import Item
from simulator.layout import FacingId

DESIGN = design_of(6)
CAMERA = DESIGN.cameras["c1"]
SLOT = next(
    slot
    for slot in DESIGN.planogram.bays[0].slots
    if slot.facings_wide >= 2 and slot.facings_high == 1
)
FULL = [unit_of(SLOT, 0), unit_of(SLOT, 1)]
OTHER = Item("x.1", "Other", 60.0, 100.0, 0)


def facts(
    columns: Sequence[Sequence[Item]], top: Sequence[Item] = (), design: StoreDesign = DESIGN
) -> SlotFacts:
    """Return the facts of `SLOT` when all others are full."""
    contents = dict(Stock(design.places, 1).start)
    for column in range(SLOT.facings_wide):
        items = columns[column] if column < len(columns) else FULL
        contents[FacingId(SLOT.id, column)] = tuple(items)
    contents[FacingId(SLOT.id, 0, 1)] = tuple(top)
    place = design.places[0]
    planned = next(s for s in place.bay.shelves if s.number == SLOT.id.shelf).slots
    found = shelf_facts(place, SLOT.id.shelf, planned, contents, CAMERA, 26.0)
    return dict(zip((slot.id for slot in planned), found, strict=True))[SLOT.id]


def test_a_full_slot_is_stocked_and_plain() -> None:
    """Every facing counts, none is hidden or set back."""
    full = facts([])
    assert (full.state, full.facings, full.hidden, full.set_back) == (
        State.STOCKED,
        SLOT.facings,
        0,
        0,
    )
    assert full.found == ((SLOT.sku, SLOT.facings),)
    assert full.is_plain


def test_an_empty_slot_is_out_of_stock() -> None:
    """Nothing stands there."""
    empty = facts([[]] * SLOT.facings_wide)
    assert (empty.state, empty.found) == (State.OUT_OF_STOCK, ())


@pytest.mark.parametrize("on_top", [False, True])
def test_a_foreign_unit_makes_a_slot_misplaced(on_top: bool) -> None:
    """Wherever it stands, before the others or on top of them."""
    found = facts([], [OTHER]) if on_top else facts([[OTHER, *FULL[1:]]])
    assert found.state is State.MISPLACED
    assert ("x.1", 1) in found.found


def test_what_stands_far_back_is_there_but_hidden() -> None:
    """Units pushed to the back wall of a deep shelf count, though no camera sees them."""
    deep = [replace(FULL[0], back_mm=3000.0)]
    pushed = facts([deep] * SLOT.facings_wide)
    assert (pushed.state, pushed.facings) == (State.STOCKED, SLOT.facings)
    assert pushed.hidden == pushed.set_back == SLOT.facings
    assert not pushed.is_plain


def test_slots_do_not_share_facts() -> None:
    """The next slot stays as it is."""
    assert SlotId(1, SLOT.id.shelf, 1) in {slot.id for slot in DESIGN.planogram.slots}
    assert facts([[]]).facings == SLOT.facings - 1
