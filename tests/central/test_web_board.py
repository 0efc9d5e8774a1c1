"""What the page says, from rows and planograms."""

from __future__ import annotations

from datetime import timedelta

import pytest
from web_rows import NOW, alert_row, planogram, slot_row

from central.web.board import build_board
from central.web.rows import AlertRow, CameraRow, FoundProduct, NodeRow, SiteRows
from shelf import CameraState, State
from shelf.wire import AlertPhase

PLANOGRAMS = {"a12": planogram()}


def rank(row: AlertRow) -> float:
    return {State.OUT_OF_STOCK: 2.0, State.MISPLACED: 1.0}.get(row.state, 0.0)


def test_a_planned_slot_without_a_report_is_not_seen_and_not_empty() -> None:
    """Before the first event all slots are unknown, and there is no availability to tell."""
    summary = build_board(SiteRows(), PLANOGRAMS, rank).summary
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
    summary = build_board(rows, PLANOGRAMS, rank).summary
    assert (summary.slots, summary.seen, summary.osa_percent) == (4, 3, 66)


def test_the_most_urgent_alert_comes_first() -> None:
    """Among equals the older, and the order never depends on the order of the rows."""
    later = NOW + timedelta(minutes=5)
    rows = SiteRows(
        open_alerts=(
            alert_row("low", "b01/s1/p02", state=State.LOW, opened_utc=later),
            alert_row("new", "b02/s1/p01", opened_utc=later),
            alert_row("old", "b01/s1/p01"),
        )
    )
    cards = build_board(rows, PLANOGRAMS, rank).alerts
    assert [card.row.id for card in cards] == ["old", "new", "low"]


def test_what_has_an_answer_comes_last() -> None:
    """However urgent: there is nothing to do about it now."""
    rows = SiteRows(
        open_alerts=(
            alert_row("done", phase=AlertPhase.DONE, by="anna"),
            alert_row("low", state=State.LOW),
            alert_row("claimed", phase=AlertPhase.CLAIMED, by="ben"),
        )
    )
    cards = build_board(rows, PLANOGRAMS, rank).alerts
    assert [card.row.id for card in cards] == ["claimed", "low", "done"]


def test_who_has_taken_an_alert_is_said() -> None:
    """And what keeps it from being told; what somebody has done cannot be done again."""
    rows = SiteRows(
        open_alerts=(
            alert_row("a", phase=AlertPhase.CLAIMED, by="anna"),
            alert_row("b", phase=AlertPhase.DONE, by="ben", held_by="camera"),
        )
    )
    first, second = build_board(rows, PLANOGRAMS, rank).alerts
    assert (first.phase, first.can_be_done) == ("Claimed by anna", True)
    assert second.phase.startswith("Done, says ben; waiting for the camera. Not told: the camera")
    assert not second.can_be_done


def test_an_alert_is_said_in_words() -> None:
    """Name, place and what is left, as one says them in the aisle."""
    rows = SiteRows(open_alerts=(alert_row(state=State.LOW, facings_seen=1),))
    (card,) = build_board(rows, PLANOGRAMS, rank).alerts
    assert card.name == "Oat crackers"
    assert card.place == "aisle a12, bay 1, shelf 1 from the bottom, 1st from the left"
    assert card.headline == "Low: 1 of 3 left"


def test_a_misplaced_product_is_named() -> None:
    """The planogram knows the name of the SKU that was found; each product is said once."""
    found = (
        FoundProduct("103", 0.7),
        FoundProduct("103", 0.84),
        FoundProduct("100", 0.9),
        FoundProduct(None, 0.4),
    )
    rows = SiteRows(open_alerts=(alert_row(state=State.MISPLACED, found=found),))
    (card,) = build_board(rows, PLANOGRAMS, rank).alerts
    assert (
        card.found
        == "Cocoa (84\N{NO-BREAK SPACE}%) and a product that is not known (40\N{NO-BREAK SPACE}%)"
    )


def test_a_closed_alert_says_how_long_it_was_open() -> None:
    """From the first evidence to the closing."""
    rows = SiteRows(closed_alerts=(alert_row(closed_utc=NOW + timedelta(minutes=65)),))
    (card,) = build_board(rows, PLANOGRAMS, rank).closed
    assert card.open_for == "1 h 05 min"


@pytest.mark.parametrize("state", [s for s in CameraState if s is not CameraState.OK])
def test_a_camera_that_cannot_see_is_said_in_words(state: CameraState) -> None:
    """Each state but ok gives a notice, and the camera no longer counts as watching."""
    rows = SiteRows(
        nodes=(NodeRow("e1", True, NOW),),
        cameras=(CameraRow("e1", "c1", state, NOW), CameraRow("e1", "c2", CameraState.OK, NOW)),
    )
    summary = build_board(rows, PLANOGRAMS, rank).summary
    assert [notice.key for notice in summary.notices] == ["camera-e1-c1"]
    assert "c1" in summary.notices[0].text
    assert summary.watched_by == "Watched by camera c2."


def test_an_offline_node_is_one_notice() -> None:
    """What its cameras last said is of no more use."""
    rows = SiteRows(
        nodes=(NodeRow("e1", False, NOW),),
        cameras=(CameraRow("e1", "c1", CameraState.DARK, NOW),),
    )
    summary = build_board(rows, PLANOGRAMS, rank).summary
    assert [notice.key for notice in summary.notices] == ["node-e1"]
    assert summary.watched_by == "No camera can see at present."


def test_a_reported_slot_that_is_not_planned_is_not_lost() -> None:
    """A node may judge by another version of the planogram than the center has."""
    rows = SiteRows(slots=(slot_row("b01/s1/p09", name="Rye crisps"),))
    board = build_board(rows, PLANOGRAMS, rank)
    (aisle,) = board.aisles
    assert aisle.unplanned == (
        "Rye crisps, bay 1, shelf 1 from the bottom, 9th from the left: Stocked",
    )
    assert board.summary.slots == 5


def test_an_aisle_without_a_planogram_is_drawn_by_its_slot_ids() -> None:
    """Every slot has its place, in equal widths."""
    rows = SiteRows(slots=(slot_row("b01/s1/p01"), slot_row("b01/s1/p02"), slot_row("b03/s2/p01")))
    (aisle,) = build_board(rows, {}, rank).aisles
    assert [bay.drawn.number for bay in aisle.bays] == [1, 3]
    widths = {slot.drawn.box.width for slot in aisle.bays[0].slots}
    assert len(widths) == 1


def test_a_drawn_slot_shows_what_is_left() -> None:
    """Two of three facings are filled, and the label says the count."""
    rows = SiteRows(slots=(slot_row(state=State.LOW, facings_seen=2),))
    slot = build_board(rows, PLANOGRAMS, rank).aisles[0].bays[0].slots[0]
    assert (slot.filled, len(slot.drawn.facings)) == (2, 3)
    assert slot.label.startswith("2/3")
    assert "Running low, 2 of 3 facings seen" in slot.spoken
