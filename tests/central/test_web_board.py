"""What the page says of a whole site, and how it draws the shelves."""

from __future__ import annotations

import pytest
from web_rows import NOW, planogram, slot_row

from central.web.board import summarise
from central.web.layouts import Layouts
from central.web.rows import CameraRow, NodeRow, SiteRows
from central.web.shelves import view_shelves
from shelf import CameraState, State

LAYOUTS = Layouts({"a12": planogram()})


def test_a_planned_slot_without_a_report_is_not_seen_and_not_empty() -> None:
    """Before the first event all slots are unknown, and there is no availability to tell."""
    summary = summarise(SiteRows(), LAYOUTS)
    assert (summary.slots, summary.seen, summary.osa_percent) == (4, 0, None)
    assert dict(summary.counts)[State.OUT_OF_STOCK] == 0
    assert summary.is_blind


def test_availability_counts_only_what_could_be_seen() -> None:
    """One stocked, one low, one empty and one unknown slot give two of three."""
    rows = SiteRows(
        slots=(
            slot_row("b01/s1/p01"),
            slot_row("b01/s1/p02", state=State.LOW),
            slot_row("b01/s2/p01", state=State.OUT_OF_STOCK),
            slot_row("b02/s1/p01", state=State.UNKNOWN),
        )
    )
    summary = summarise(rows, LAYOUTS)
    assert (summary.slots, summary.seen, summary.osa_percent) == (4, 3, 66)


@pytest.mark.parametrize("state", [s for s in CameraState if s is not CameraState.OK])
def test_a_camera_that_cannot_see_is_said_in_words(state: CameraState) -> None:
    """Each state but ok gives a notice, and the camera no longer counts as watching."""
    rows = SiteRows(
        nodes=(NodeRow("e1", True, NOW),),
        cameras=(CameraRow("e1", "c1", state, NOW), CameraRow("e1", "c2", CameraState.OK, NOW)),
    )
    summary = summarise(rows, LAYOUTS)
    assert [notice.key for notice in summary.notices] == ["camera-e1-c1"]
    assert "c1" in summary.notices[0].text
    assert summary.watched_by == "Watched by camera c2."


def test_an_offline_node_is_one_notice() -> None:
    """What its cameras last said is of no more use."""
    rows = SiteRows(
        nodes=(NodeRow("e1", False, NOW),),
        cameras=(CameraRow("e1", "c1", CameraState.DARK, NOW),),
    )
    summary = summarise(rows, LAYOUTS)
    assert [notice.key for notice in summary.notices] == ["node-e1"]
    assert summary.watched_by == "No camera can see at present."


def test_a_reported_slot_that_is_not_planned_is_not_lost() -> None:
    """A node may judge by another version of the planogram than the center has."""
    rows = SiteRows(slots=(slot_row("b01/s1/p09", name="Rye crisps"),))
    (aisle,) = view_shelves(rows, LAYOUTS)
    assert aisle.unplanned == (
        "Rye crisps, bay 1, shelf 1 from the bottom, 9th from the left: Stocked",
    )
    assert summarise(rows, LAYOUTS).slots == 5


def test_an_aisle_without_a_planogram_is_drawn_by_its_slot_ids() -> None:
    """Every slot has its place, in equal widths."""
    rows = SiteRows(slots=(slot_row("b01/s1/p01"), slot_row("b01/s1/p02"), slot_row("b03/s2/p01")))
    (aisle,) = view_shelves(rows, Layouts({}))
    assert [bay.drawn.number for bay in aisle.bays] == [1, 3]
    widths = {slot.drawn.box.width for slot in aisle.bays[0].slots}
    assert len(widths) == 1


def test_a_drawn_slot_shows_what_is_left() -> None:
    """Two of three facings are filled, and the label says the count."""
    rows = SiteRows(slots=(slot_row(state=State.LOW, facings_seen=2),))
    slot = view_shelves(rows, LAYOUTS)[0].bays[0].slots[0]
    assert (slot.filled, len(slot.drawn.facings)) == (2, 3)
    assert slot.label.startswith("2/3")
    assert "Running low, 2 of 3 facings seen" in slot.spoken
