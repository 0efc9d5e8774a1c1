"""The calibration file of one camera.

```yaml
camera: c1
version: c1-1
picture: {width_px: 1280, height_px: 720}
lens: {fx: 0.9, fy: 1.6, cx: 0.5, cy: 0.5, k1: -0.1, k2: 0.0}    # optional
bays:
  - bay: 1
    bay_from_image: [[1000, 0, 0], [0, -2000, 2000], [0, 0, 1]]
    error_mm: 0.0
    error_px: 0.0
```

All else is optional: who approved it and when, the score with its reason, and what was adjusted
by hand (`Board`, `Place`). `calibration.history` writes the file and keeps its earlier versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from calibration.lens import Lens
from calibration.verdict import Verdict
from calibration.view import BayView
from shelf import Bay, PlannedSlot, Shelf, SlotId
from shelf.errors import ShelfwatchError
from shelf.settings import Settings, load_settings

ASPECT_TOLERANCE = 0.02
"""How far the proportions of a picture may be from the calibrated ones (a share)."""

_WORST_CONDITION = 1e8

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[_Finite, _Finite, _Finite]
_Side = Annotated[int, Field(ge=16, le=65536)]
_Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Length = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]

SAME_MM = 0.5
"""Boards planned closer than this are planned alike."""


class CalibrationError(ShelfwatchError):
    """A calibration that does not fit what it is asked for."""


class PictureSize(Settings):
    """The size of the picture that was calibrated; only its proportions matter."""

    width_px: _Side
    height_px: _Side


class BaySize(Settings):
    """The size of a bay whose planogram gives none: what the mm of its calibration mean."""

    width_mm: _Length
    height_mm: _Length


class Board(Settings):
    """A shelf whose board is not where the planogram says.

    It holds for a board that is planned at ``planned_y_mm``; one that is planned elsewhere, as in
    a later version of the planogram, is left there.
    """

    shelf: int = Field(ge=1, le=999)
    planned_y_mm: _Finite
    y_mm: _Finite = Field(description="Its upper face above the bay's bottom.")


class Place(Settings):
    """A slot that is not where the planogram says.

    It holds while the slot is planned for this SKU with as many facings side by side.
    """

    slot: str = Field(description="Like b01/s3/p02.")
    sku: str
    facings_wide: int = Field(ge=1)
    x_mm: _Finite = Field(description="Its left edge from the bay's left.")
    width_mm: _Length
    y_mm: _Finite | None = Field(None, description="Its lower edge above its board.")
    height_mm: _Length | None = Field(None, description="As planned if absent.")

    @field_validator("slot")
    @classmethod
    def _must_be_a_slot(cls, text: str) -> str:
        return str(SlotId.parse(text))


class Approval(Settings):
    """Who says that a calibration is right, and when."""

    by: str | None = None
    at_utc: datetime
    note: str = ""


class BayCalibration(Settings):
    """Where one bay's front plane is."""

    bay: int = Field(ge=1, le=999, description="Number of the bay in the planogram.")
    bay_from_image: tuple[_Row, _Row, _Row] = Field(
        description="Homography from undistorted normalised image coordinates (u right, v down, "
        "both 0..1 over the picture) to mm on the bay's front plane (x right, y up, from the "
        "bay's bottom left)."
    )
    error_mm: _Error = Field(
        0.0, description="Usual error, on the bay, of points that were not used for the fit."
    )
    error_px: _Error = Field(0.0, description="The same in the picture.")
    score: Verdict | None = Field(None, description="How good it is, with the reason.")
    reason: str = ""
    size_mm: BaySize | None = Field(
        None, description="For a planogram without sizes; its slots are all placed."
    )
    boards: tuple[Board, ...] = ()
    places: tuple[Place, ...] = ()

    @field_validator("bay_from_image")
    @classmethod
    def _must_be_a_view(cls, rows: tuple[_Row, _Row, _Row]) -> tuple[_Row, _Row, _Row]:
        fault = homography_fault(np.array(rows))
        if fault:
            raise ValueError(f"a homography from the picture to the bay ({fault})")
        return rows

    def adjusted(self, bay: Bay) -> Bay:
        """Return the planned ``bay`` with its boards and slots where they were found.

        For a bay with ``size_mm``, what is not placed keeps its share of the bay's width, and
        the heights of boards that were not found are estimates.
        """
        if self.size_mm is not None:
            bay = _resized(bay, self.size_mm)
        places = {place.slot: place for place in self.places}
        if not (self.boards or places):
            return bay
        shelves = tuple(
            replace(
                self._on_its_board(shelf),
                slots=tuple(_placed(slot, places.get(str(slot.id))) for slot in shelf.slots),
            )
            for shelf in bay.shelves
        )
        return replace(bay, shelves=shelves)

    def _on_its_board(self, shelf: Shelf) -> Shelf:
        for board in self.boards:
            if board.shelf == shelf.number and abs(board.planned_y_mm - shelf.y_mm) < SAME_MM:
                return replace(shelf, y_mm=board.y_mm, y_is_given=True)
        return shelf


def _resized(bay: Bay, size: BaySize) -> Bay:
    wide, tall = size.width_mm / bay.width_mm, size.height_mm / bay.height_mm

    def slots_of(shelf: Shelf) -> Iterable[PlannedSlot]:
        for slot in shelf.slots:
            yield replace(
                slot,
                x_mm=slot.x_mm * wide,
                width_mm=slot.width_mm * wide,
                y_mm=slot.y_mm * tall,
                height_mm=slot.height_mm * tall,
            )

    shelves = tuple(
        replace(
            shelf,
            y_mm=shelf.y_mm * tall,
            height_mm=shelf.height_mm * tall,
            slots=tuple(slots_of(shelf)),
            y_is_given=False,
        )
        for shelf in bay.shelves
    )
    return replace(bay, width_mm=size.width_mm, height_mm=size.height_mm, shelves=shelves)


def _placed(slot: PlannedSlot, place: Place | None) -> PlannedSlot:
    if place is None or (place.sku, place.facings_wide) != (slot.sku, slot.facings_wide):
        return slot
    return replace(
        slot,
        x_mm=place.x_mm,
        width_mm=place.width_mm,
        y_mm=slot.y_mm if place.y_mm is None else place.y_mm,
        height_mm=slot.height_mm if place.height_mm is None else place.height_mm,
    )


class Calibration(Settings):
    """One camera's calibration, as its file says it."""

    camera: str = Field(min_length=1, description="Id of the camera.")
    version: str = Field(min_length=1, description="Named by every event that rests on it.")
    picture: PictureSize
    lens: Lens | None = Field(None, description="Absent for a picture without distortion.")
    planogram: str | None = Field(None, description="Id and version of the one it was made with.")
    approved: Approval | None = None
    bays: tuple[BayCalibration, ...] = Field(min_length=1)

    @field_validator("bays")
    @classmethod
    def _must_name_a_bay_once(cls, bays: tuple[BayCalibration, ...]) -> tuple[BayCalibration, ...]:
        numbers = [bay.bay for bay in bays]
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        if twice:
            raise ValueError(f"each bay once (bay {', '.join(map(str, twice))} comes again)")
        return bays

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Return the calibration in ``path``; raises ``ConfigError`` with every problem."""
        return load_settings(Path(path), cls)

    @property
    def bay_numbers(self) -> tuple[int, ...]:
        """The bays that this camera sees, as the file orders them."""
        return tuple(bay.bay for bay in self.bays)

    def view(self, bay: int, size_px: tuple[int, int]) -> BayView:
        """Return how ``bay`` is seen in pictures of ``size_px`` (width, height).

        Raises `CalibrationError` for a bay that is not calibrated and for a picture whose
        proportions differ by more than `ASPECT_TOLERANCE` (cropped, or another sensor mode).
        """
        found = self.of_bay(bay)
        self.check_picture(size_px)
        return BayView(np.array(found.bay_from_image), self.lens, size_px)

    def of_bay(self, bay: int) -> BayCalibration:
        """Return one bay's entry; raises `CalibrationError` for one that is not calibrated."""
        for entry in self.bays:
            if entry.bay == bay:
                return entry
        raise CalibrationError(
            f"calibration {self.version} of camera {self.camera}: expected bay {bay}, "
            f"found bays {', '.join(map(str, self.bay_numbers))}"
        )

    def check_picture(self, size_px: tuple[int, int]) -> None:
        """Raise `CalibrationError` when pictures of ``size_px`` cannot be the calibrated ones."""
        width_px, height_px = size_px
        if width_px < 1 or height_px < 1:
            raise CalibrationError(
                f"camera {self.camera}: expected a picture, found {width_px}x{height_px} px"
            )
        calibrated = self.picture.width_px / self.picture.height_px
        if abs(width_px / height_px / calibrated - 1) > ASPECT_TOLERANCE:
            raise CalibrationError(
                f"camera {self.camera}: expected pictures with the proportions of "
                f"{self.picture.width_px}x{self.picture.height_px} px, which calibration "
                f"{self.version} was made for, found {width_px}x{height_px} px; set the camera "
                "back or calibrate it again"
            )


def homography_fault(bay_from_image: NDArray[np.float64]) -> str:
    """Return what is wrong with a (3, 3) homography as a view of a bay, or an empty string."""
    scaled = np.diag([1e-3, 1e-3, 1.0]) @ bay_from_image
    if np.linalg.cond(scaled) > _WORST_CONDITION:
        return "singular: it maps the picture onto a line or a point"
    image_from_bay = np.linalg.inv(scaled)
    # With a negative determinant (y turns over, and nothing else) the third coordinate is
    # positive in front of the camera.
    if image_from_bay[2, 2] * np.linalg.det(scaled) >= 0:
        return "mirrored, or the bay's bottom left corner is behind the camera"
    return ""


def adjusted(bay: Bay, calibration: Calibration) -> Bay:
    """Return the planned ``bay`` as ``calibration`` found it; unchanged where it says nothing."""
    for entry in calibration.bays:
        if entry.bay == bay.number:
            return entry.adjusted(bay)
    return bay
