"""The geometry of the drawn bays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_rows import planogram

from central.web.drawing import BAY_UNITS, MARGIN, Box, Weight, draw
from shelf import Bay, PlannedSlot, Planogram, Shelf, SlotId, Units


def contains(outer: Box, inner: Box) -> bool:
    slack = 1e-6
    return (
        outer.x <= inner.x + slack
        and outer.y <= inner.y + slack
        and inner.x + inner.width <= outer.x + outer.width + slack
        and inner.y + inner.height <= outer.y + outer.height + slack
    )


@given(
    wide=st.integers(1, 12),
    high=st.integers(1, 4),
    x_mm=st.floats(0, 700),
    width_mm=st.floats(1, 300),
    height_mm=st.floats(1, 300),
)
def test_every_facing_lies_in_its_slot(
    wide: int, high: int, x_mm: float, width_mm: float, height_mm: float
) -> None:
    """Facings, box and what can be tapped lie within each other, whatever the sizes."""
    slot = PlannedSlot(SlotId(1, 1, 1), "1", "x", wide, x_mm, width_mm, height_mm, 0.0, high)
    bay = Bay(1, 1000, 400, (Shelf(1, 50, 350, (slot,)),))
    (drawn,) = draw(Planogram("p", "1", (bay,)))
    (shape,) = drawn.slots
    assert len(shape.facings) == wide * high
    assert all(contains(shape.box, facing) for facing in shape.facings)
    assert contains(shape.area, shape.box)
    assert contains(drawn.frame, shape.area)


def test_slots_are_to_scale_and_the_right_way_up() -> None:
    """300 mm of a bay of 500 mm are three fifths, and a higher shelf is further up."""
    first = draw(planogram())[0]
    by_id = {str(slot.id): slot for slot in first.slots}
    low, other, high = (by_id[i] for i in ("b01/s1/p01", "b01/s1/p02", "b01/s2/p01"))
    assert low.box.width / other.box.width == pytest.approx(300 / 200)
    assert low.box.height / other.box.height == pytest.approx(200 / 180)
    assert high.box.y < low.box.y
    assert low.box.x == pytest.approx(MARGIN)


def test_all_bays_of_a_planogram_have_one_scale() -> None:
    """The widest bay fills the drawing, whatever unit the planogram is in."""
    narrow = Bay(1, 5.0, 7.0, (_one_slot_shelf(1),))
    wide = Bay(2, 10.0, 7.0, (_one_slot_shelf(2),))
    first, second = draw(Planogram("p", "1", (narrow, wide), Units.RELATIVE))
    assert second.frame.width == pytest.approx(BAY_UNITS)
    assert first.frame.width == pytest.approx(BAY_UNITS / 2)
    assert first.slots[0].box.width == pytest.approx(second.slots[0].box.width)


def test_a_label_is_cut_to_its_strip() -> None:
    """A long name ends in an ellipsis; one that fits is left alone."""
    slot = draw(planogram())[0].slots[0]
    assert slot.label("Tea", Weight.PLAIN) == "Tea"
    assert slot.label("x" * 500, Weight.PLAIN).endswith("…")
    assert len(slot.label("x" * 500, Weight.BOLD)) < len(slot.label("x" * 500, Weight.PLAIN))


def _one_slot_shelf(bay: int) -> Shelf:
    return Shelf(1, 1.0, 3.0, (PlannedSlot(SlotId(bay, 1, 1), "1", "x", 1, 0.0, 2.0, 2.0),))
