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
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from calibration.lens import Lens
from calibration.view import BayView
from shelf.errors import ShelfwatchError
from shelf.settings import Settings, load_settings

ASPECT_TOLERANCE = 0.02
"""How far the proportions of a picture may be from the calibrated ones (a share)."""

_WORST_CONDITION = 1e8

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[_Finite, _Finite, _Finite]
_Side = Annotated[int, Field(ge=16, le=65536)]
_Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CalibrationError(ShelfwatchError):
    """A calibration that does not fit what it is asked for."""


class PictureSize(Settings):
    """The size of the picture that was calibrated; only its proportions matter."""

    width_px: _Side
    height_px: _Side


class BayCalibration(Settings):
    """Where one bay's front plane is."""

    bay: int = Field(ge=1, le=999, description="Number of the bay in the planogram.")
    bay_from_image: tuple[_Row, _Row, _Row] = Field(
        description="Homography from undistorted normalised image coordinates (u right, v down, "
        "both 0..1 over the picture) to mm on the bay's front plane (x right, y up, from the "
        "bay's bottom left)."
    )
    error_mm: _Error = Field(0.0, description="Mean error of the marks on the bay.")
    error_px: _Error = Field(0.0, description="Mean error of the marks in the picture.")

    @field_validator("bay_from_image")
    @classmethod
    def _must_be_a_view(cls, rows: tuple[_Row, _Row, _Row]) -> tuple[_Row, _Row, _Row]:
        fault = homography_fault(np.array(rows))
        if fault:
            raise ValueError(f"a homography from the picture to the bay ({fault})")
        return rows


class Calibration(Settings):
    """One camera's calibration, as its file says it."""

    camera: str = Field(min_length=1, description="Id of the camera.")
    version: str = Field(min_length=1, description="Named by every event that rests on it.")
    picture: PictureSize
    lens: Lens | None = Field(None, description="Absent for a picture without distortion.")
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
        found = next((entry for entry in self.bays if entry.bay == bay), None)
        if found is None:
            raise CalibrationError(
                f"calibration {self.version} of camera {self.camera}: expected bay {bay}, "
                f"found bays {', '.join(map(str, self.bay_numbers))}"
            )
        self.check_picture(size_px)
        return BayView(np.array(found.bay_from_image), self.lens, size_px)

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
