"""What the page asks to be changed, as changes of a draft. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibration.calibration_file import BayCalibration, CalibrationError
from calibration.edit import (
    CORNERS,
    Side,
    corners_px,
    snapped,
    with_board,
    with_border,
    with_corners,
)
from calibration.tool.draft import Draft
from calibration.tool.drawing import BayPicture, shelf_of
from shelf import PlannedSlot, SlotId

SNAP_MM = 25.0
SNAP_SHARE = 0.3
"""A border snaps to a facing's edge this near, and no further than this share of a facing."""

_Px = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]


class Plane(StrEnum):
    """Which picture a point belongs to."""

    PICTURE = "picture"
    FRONTAL = "frontal"


class _Edit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    gesture: str = Field("", max_length=40)


class MoveCorner(_Edit):
    """A bay's corner goes to a point of the picture."""

    do: Literal["corner"]
    bay: int
    corner: int = Field(ge=0, le=3)
    x: _Px
    y: _Px


class _MoveLine(_Edit):
    """A line goes through the point ``x``, ``y`` of a picture, or aside by some mm."""

    plane: Plane = Plane.FRONTAL
    x: _Px | None = None
    y: _Px | None = None
    by_mm: _Px | None = None


class MoveBoard(_MoveLine):
    """A shelf's board; ``by_mm`` is up."""

    do: Literal["board"]
    bay: int
    shelf: int


class MoveBorder(_MoveLine):
    """A slot's border, which snaps to facings; ``by_mm`` is right."""

    do: Literal["border"]
    slot: str
    side: Side


class Check(_Edit):
    """Somebody has looked at slots and found them right."""

    do: Literal["check"]
    slots: tuple[str, ...]


Edit = Annotated[MoveCorner | MoveBoard | MoveBorder | Check, Field(discriminator="do")]


@dataclass(frozen=True, slots=True, eq=False)
class Editor:
    """Applies edits of one person at one moment.

    ``bay_picture`` gives a bay of the draft as it is; ``facings_xyxy_px`` (n,4) are what borders
    snap to.
    """

    by: str
    at_utc: datetime
    bay_picture: Callable[[int], BayPicture]
    facings_xyxy_px: NDArray[np.float64]

    def apply(self, draft: Draft, edit: Edit) -> Draft:
        """Return the draft after ``edit``; raises `CalibrationError` for one that cannot be."""
        if isinstance(edit, Check):
            return draft.with_checked(edit.slots, self.by, self.at_utc)
        if isinstance(edit, MoveCorner):
            words = f"{CORNERS[edit.corner]} corner of bay {edit.bay}"
            return self._changed(draft, edit.bay, self._corner(edit), words, edit.gesture)
        if isinstance(edit, MoveBoard):
            words = f"shelf {edit.shelf} of bay {edit.bay}"
            return self._changed(draft, edit.bay, self._board(edit), words, edit.gesture)
        slot = _slot_id(edit.slot)
        words = f"{edit.side.value} border of {slot}"
        return self._changed(draft, slot.bay, self._border(edit, slot), words, edit.gesture)

    def _changed(
        self,
        draft: Draft,
        bay: int,
        change: Callable[[BayCalibration], BayCalibration],
        words: str,
        gesture: str,
    ) -> Draft:
        return draft.changed(bay, change, words, by=self.by, at_utc=self.at_utc, gesture=gesture)

    def _corner(self, edit: MoveCorner) -> Callable[[BayCalibration], BayCalibration]:
        seen = self.bay_picture(edit.bay)

        def change(entry: BayCalibration) -> BayCalibration:
            lens = seen.calibration.lens
            corners = corners_px(entry, seen.bay, lens, seen.size_px)
            corners[edit.corner] = (edit.x, edit.y)
            return with_corners(entry, seen.planned, corners, lens, seen.size_px)

        return change

    def _board(self, edit: MoveBoard) -> Callable[[BayCalibration], BayCalibration]:
        seen = self.bay_picture(edit.bay)
        shelf = next((s for s in seen.bay.shelves if s.number == edit.shelf), None)
        if shelf is None:
            raise CalibrationError(f"bay {edit.bay}: expected a planned shelf, found {edit.shelf}")
        y_mm = _goal(edit, seen, shelf.y_mm, axis=1)
        return lambda entry: with_board(entry, seen.planned, edit.shelf, y_mm)

    def _border(self, edit: MoveBorder, slot: SlotId) -> Callable[[BayCalibration], BayCalibration]:
        seen = self.bay_picture(slot.bay)
        planned = _planned(seen, slot)
        at_mm = planned.x_mm + (planned.width_mm if edit.side is Side.RIGHT else 0.0)
        x_mm = _goal(edit, seen, at_mm, axis=0)
        if edit.by_mm is None:
            edges = seen.facing_edges_mm(self.facings_xyxy_px, shelf_of(seen.bay, planned))
            x_mm = snapped(x_mm, edges, min(SNAP_MM, SNAP_SHARE * planned.facing_width_mm))
        return lambda entry: with_border(entry, seen.planned, slot, edit.side, x_mm)


def _goal(edit: _MoveLine, seen: BayPicture, now_mm: float, axis: int) -> float:
    """Return where on the bay an edit leads, in mm along x (0) or y (1)."""
    if edit.by_mm is not None:
        return now_mm + edit.by_mm
    if edit.x is None or edit.y is None:
        raise CalibrationError("expected x and y, or by_mm, found neither")
    convert = seen.mm_from_frontal if edit.plane is Plane.FRONTAL else seen.mm_from_picture
    value = convert((edit.x, edit.y))[axis]
    if not np.isfinite(value):
        raise CalibrationError("expected a point on the bay, found one above its horizon")
    return value


def _slot_id(text: str) -> SlotId:
    try:
        return SlotId.parse(text)
    except ValueError as error:
        raise CalibrationError(f"slot: {error}") from error


def _planned(seen: BayPicture, slot: SlotId) -> PlannedSlot:
    for planned in seen.bay.slots:
        if planned.id == slot:
            return planned
    raise CalibrationError(f"expected a slot of bay {slot.bay}, found {slot}")
