"""Changes of a draft: what they do, and that they can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from tool_site import KnowingProposer, true_calibration

from calibration import CalibrationError
from calibration.edit import Side
from calibration.tool.draft import MAX_STEPS, Draft
from calibration.tool.drawing import BayPicture, border_mm
from calibration.tool.edits import Check, Editor, MoveBoard, MoveBorder, MoveCorner, Plane
from shelf import SlotId
from simulator.site import demo_planogram

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SIZE = (1600, 1200)


def new_draft() -> Draft:
    return Draft(
        base_version=None,
        taken_at_utc=NOW,
        changed_at_utc=NOW,
        by="Ana",
        calibration=true_calibration(),
    )


def picture_of(draft: Draft) -> BayPicture:
    calibration = draft.calibration
    return BayPicture(demo_planogram().bay(1), calibration.of_bay(1), calibration, SIZE)


def apply(draft: Draft, edit: object, facings: np.ndarray | None = None) -> Draft:
    boxes = np.zeros((0, 4)) if facings is None else facings
    return Editor("Ben", NOW, lambda _bay: picture_of(draft), boxes).apply(draft, edit)


def slot_x(draft: Draft, slot: SlotId, side: Side) -> float:
    planned = next(one for one in picture_of(draft).bay.slots if one.id == slot)
    return border_mm(planned, side)


def test_a_corner_goes_where_it_was_put_and_the_others_stay() -> None:
    """Only the moved corner is elsewhere, through the lens and back."""
    before = picture_of(new_draft()).drawn(None, ())["corners"]
    after = apply(new_draft(), MoveCorner(do="corner", bay=1, corner=2, x=1100, y=1000))
    corners = picture_of(after).drawn(None, ())["corners"]
    assert corners[2] == pytest.approx([1100, 1000], abs=0.2)
    for corner in (0, 1, 3):
        assert corners[corner] == pytest.approx(before[corner], abs=0.2)
    assert (after.revision, after.by) == (2, "Ben")


def test_corners_that_cross_are_refused_in_words() -> None:
    """The left top corner beyond the right one is no bay."""
    with pytest.raises(CalibrationError, match=r"corners: expected .* found"):
        apply(new_draft(), MoveCorner(do="corner", bay=1, corner=0, x=1500, y=100))


def test_a_shelf_follows_a_point_of_the_frontal_picture() -> None:
    """30 px lower in the frontal picture is that many mm lower on the bay."""
    draft = new_draft()
    seen = picture_of(draft)
    before = seen.bay.shelves[2].y_mm
    (_, y), _ = seen.frontal([(0, before), (1000, before)])
    moved = apply(draft, MoveBoard(do="board", bay=1, shelf=3, x=10, y=y + 30))
    after = picture_of(moved).bay.shelves[2].y_mm
    assert after == pytest.approx(before - 30 / seen.px_per_mm, abs=0.1)


def test_a_border_snaps_to_the_edge_of_a_facing() -> None:
    """Dropped 9 mm beside a facing's edge, the border lies on that edge."""
    draft = new_draft()
    proposer = KnowingProposer(demo_planogram())
    facings = proposer.judge(np.zeros((1200, 1600, 3), np.uint8), draft.calibration)
    slot = SlotId(1, 2, 1)
    true_mm = slot_x(draft, slot, Side.RIGHT)
    off = apply(draft, MoveBorder(do="border", slot=str(slot), side=Side.RIGHT, by_mm=-60))
    assert slot_x(off, slot, Side.RIGHT) == pytest.approx(true_mm - 60, abs=0.1)
    seen = picture_of(off)
    (x, y) = seen.frontal([(true_mm + 9, seen.bay.shelves[1].y_mm + 100)])[0]
    edit = MoveBorder(do="border", slot=str(slot), side=Side.RIGHT, plane=Plane.FRONTAL, x=x, y=y)
    snapped = apply(off, edit, facings.facings_xyxy_px)
    assert slot_x(snapped, slot, Side.RIGHT) == pytest.approx(true_mm, abs=3)


def test_steps_are_taken_back_and_made_again() -> None:
    """Undo gives the former entry, redo the later one."""
    first = new_draft()
    second = apply(first, MoveCorner(do="corner", bay=1, corner=0, x=500, y=100))
    third = apply(second, MoveBoard(do="board", bay=1, shelf=2, by_mm=12))
    back = third.undone("Ana", NOW)
    assert back.calibration == second.calibration
    start = back.undone("Ana", NOW)
    assert start.calibration == first.calibration
    assert start.undone("Ana", NOW) is start
    again = start.redone("Ana", NOW).redone("Ana", NOW)
    assert again.calibration == third.calibration
    assert again.redone("Ana", NOW) is again
    assert again.undo[-1].words == "shelf 2 of bay 1"


def test_a_drag_is_one_step_and_a_new_change_ends_redo() -> None:
    """Twenty positions of one gesture are taken back at once."""
    draft = new_draft()
    for x in range(20):
        edit = MoveCorner(do="corner", bay=1, corner=0, x=500 + x, y=100, gesture="g1")
        draft = apply(draft, edit)
    assert len(draft.undo) == 1
    back = draft.undone("Ana", NOW)
    assert back.calibration == true_calibration()
    changed = apply(back, MoveBoard(do="board", bay=1, shelf=2, by_mm=12))
    assert changed.redo == ()


def test_steps_do_not_grow_for_ever() -> None:
    """The oldest steps are given up."""
    draft = new_draft()
    for n in range(MAX_STEPS + 5):
        draft = apply(draft, MoveBoard(do="board", bay=1, shelf=2, by_mm=1 + n % 2))
    assert len(draft.undo) == MAX_STEPS


def test_what_is_not_planned_is_refused_in_words() -> None:
    """A slot, a shelf and a form that do not exist are named."""
    with pytest.raises(CalibrationError, match="expected a slot id like"):
        apply(new_draft(), MoveBorder(do="border", slot="x", side=Side.LEFT, by_mm=1))
    with pytest.raises(CalibrationError, match="expected a slot of bay 1, found b01/s9/p01"):
        apply(new_draft(), MoveBorder(do="border", slot="b01/s9/p01", side=Side.LEFT, by_mm=1))
    with pytest.raises(CalibrationError, match="expected a planned shelf, found 9"):
        apply(new_draft(), MoveBoard(do="board", bay=1, shelf=9, by_mm=1))
    with pytest.raises(CalibrationError, match="expected x and y, or by_mm"):
        apply(new_draft(), MoveBoard(do="board", bay=1, shelf=1))


def test_a_draft_outlives_its_json() -> None:
    """What is kept on disk is the whole draft, its steps too."""
    draft = apply(new_draft(), MoveCorner(do="corner", bay=1, corner=0, x=500, y=100))
    draft = apply(draft, Check(do="check", slots=("b01/s3/p02",)))
    assert Draft.model_validate_json(draft.model_dump_json()) == draft
    assert draft.checked == ("b01/s3/p02",)
