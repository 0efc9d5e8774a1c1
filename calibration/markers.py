"""Printed marks of known size: a board for the lens, and strips that are put on a bay.

A strip carries four AprilTags (family 36h11) in a row. It is hung on the front edge of a board
with its left end at a known place of the bay; two strips on different boards give the bay to a
millimetre or two, whatever stands on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import CalibrationError
from calibration.fit import fit_view
from calibration.fit_model import Marks, ViewFit
from calibration.lens import Lens, Points
from calibration.rectify import ImageBgr
from calibration.view import BayView

MM_PER_INCH = 25.4
TAGS = 4
"""Tags on a strip."""

STRIPS = 40
"""Different strips that can be printed."""

MIN_TAGS = 3

_DICTIONARY = cv2.aruco.DICT_APRILTAG_36H11
_BOARD_DICTIONARY = cv2.aruco.DICT_5X5_250


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """A ChArUco board: squares across and down, and their sides in mm. It fits on A4."""

    across: int = 8
    down: int = 6
    square_mm: float = 25.0
    marker_mm: float = 18.0

    def charuco(self) -> cv2.aruco.CharucoBoard:
        """Return OpenCV's board."""
        dictionary = cv2.aruco.getPredefinedDictionary(_BOARD_DICTIONARY)
        size = (self.across, self.down)
        return cv2.aruco.CharucoBoard(size, self.square_mm, self.marker_mm, dictionary)

    def picture(self, dpi: int = 300) -> NDArray[np.uint8]:
        """Return the board (H,W) to print at ``dpi`` without scaling, one square of margin."""
        px_per_mm = dpi / MM_PER_INCH
        size = tuple(round(n * self.square_mm * px_per_mm) for n in (self.across, self.down))
        drawn = self.charuco().generateImage((size[0], size[1]))
        margin = round(self.square_mm * px_per_mm)
        return np.asarray(np.pad(drawn, margin, constant_values=255), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip of `TAGS` tags; ``number`` 1 to `STRIPS` chooses its tags.

    Tags are ``tag_mm`` wide, their left edges ``step_mm`` apart, in the middle of a strip that is
    ``height_mm`` high; the first begins ``lead_mm`` from the strip's left end.
    """

    number: int
    tag_mm: float = 28.0
    step_mm: float = 60.0
    height_mm: float = 38.0
    lead_mm: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.number <= STRIPS:
            raise CalibrationError(f"strip: expected a number 1-{STRIPS}, found {self.number}")

    @property
    def width_mm(self) -> float:
        """The strip's whole width."""
        return 2 * self.lead_mm + (TAGS - 1) * self.step_mm + self.tag_mm

    @property
    def tags(self) -> range:
        """The ids of its tags, from the left."""
        return range((self.number - 1) * TAGS, self.number * TAGS)

    def corners_mm(self) -> Points:
        """Return each tag's corners (n,4,2) from the strip's bottom left: clockwise from the
        tag's top left, x right, y up."""
        bottom = (self.height_mm - self.tag_mm) / 2
        left = self.lead_mm + self.step_mm * np.arange(TAGS)
        square = np.array([[0, 1], [1, 1], [1, 0], [0, 0]]) * self.tag_mm
        return np.asarray(square[None] + np.column_stack([left, np.full(TAGS, bottom)])[:, None])

    def picture(self, dpi: int = 300) -> NDArray[np.uint8]:
        """Return the strip (H,W) to print at ``dpi`` without scaling, with its number."""
        px_per_mm = dpi / MM_PER_INCH
        size = round(self.height_mm * px_per_mm), round(self.width_mm * px_per_mm)
        out = np.full(size, 255, dtype=np.uint8)
        side = round(self.tag_mm * px_per_mm)
        for tag, corners in zip(self.tags, self.corners_mm(), strict=True):
            left = round(float(corners[0, 0]) * px_per_mm)
            top = round((self.height_mm - float(corners[0, 1])) * px_per_mm)
            out[top : top + side, left : left + side] = _tag(tag, side)
        out[[0, -1], :] = 160
        out[:, [0, -1]] = 160
        text_at = (round(self.tag_mm * 1.4 * px_per_mm), size[0] - round(1.2 * px_per_mm))
        cv2.putText(out, f"{self.number}", text_at, 0, px_per_mm / 9, 90, 2, cv2.LINE_AA)
        return out

    def svg(self) -> str:
        """Return the strip as SVG in mm, which prints at its size everywhere."""
        cells = []
        for tag, corners in zip(self.tags, self.corners_mm(), strict=True):
            bits = _tag(tag, 8)
            cell = self.tag_mm / 8
            x0, y0 = float(corners[0, 0]), self.height_mm - float(corners[0, 1])
            cells += [
                f'<rect x="{x0 + x * cell:.3f}" y="{y0 + y * cell:.3f}" '
                f'width="{cell:.3f}" height="{cell:.3f}"/>'
                for y, x in zip(*np.nonzero(bits == 0), strict=True)
            ]
        size = f'width="{self.width_mm}mm" height="{self.height_mm}mm"'
        view = f'viewBox="0 0 {self.width_mm} {self.height_mm}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view}>'
            f'<rect width="100%" height="100%" fill="white" stroke="#999" stroke-width="0.3"/>'
            f'<g shape-rendering="crispEdges">{"".join(cells)}</g></svg>\n'
        )


@dataclass(frozen=True, slots=True)
class HungStrip:
    """A strip on a bay: its bottom left at ``x_mm``, ``y_mm`` of the bay."""

    strip: Strip
    x_mm: float
    y_mm: float


def find_tags(image_bgr: ImageBgr) -> dict[int, Points]:
    """Return the corners (4,2) in px of each tag in a picture, by its id.

    (0, 0) is the picture's corner; corners run clockwise from the tag's top left.
    """
    dictionary = cv2.aruco.getPredefinedDictionary(_DICTIONARY)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(dictionary, parameters)
    corners, ids, _ = detector.detectMarkers(image_bgr)
    if ids is None:
        return {}
    return {
        int(tag): np.asarray(found, dtype=np.float64).reshape(4, 2) + 0.5
        for tag, found in zip(ids.ravel(), corners, strict=True)
    }


def view_from_strips(
    image_bgr: ImageBgr, strips: Sequence[HungStrip], lens: Lens | None = None
) -> ViewFit:
    """Return the view of a bay from the strips that hang on it.

    Its errors are of tags that were not used for the fit. Raises `CalibrationError` for fewer
    than `MIN_TAGS` tags, and for tags on one line only, which give no plane.
    """
    seen = find_tags(image_bgr)
    points_mm, points_px, groups = [], [], []
    for hung in strips:
        for tag, corners in zip(hung.strip.tags, hung.strip.corners_mm(), strict=True):
            if tag in seen:
                points_mm.append(corners + np.array([hung.x_mm, hung.y_mm]))
                points_px.append(seen[tag])
                groups += [tag] * 4
    if len(points_mm) < MIN_TAGS:
        raise CalibrationError(
            f"strips: expected {MIN_TAGS} tags or more in the picture, found {len(points_mm)}; "
            "hang them flat, without glare, where nothing covers them"
        )
    mm, px = np.concatenate(points_mm), np.concatenate(points_px)
    if np.ptp(mm[:, 1]) < 3 * strips[0].strip.tag_mm:
        raise CalibrationError(
            "strips: expected tags at two heights or more, found them on one line; hang another "
            "strip on another board"
        )
    size_px = (image_bgr.shape[1], image_bgr.shape[0])
    marks = Marks.points(mm, px)
    marks = Marks(marks.rects_mm, marks.boxes_px, marks.weights, np.array(groups))
    found, _ = cv2.findHomography(px / size_px, mm, cv2.RANSAC, 20.0)
    if found is None:
        raise CalibrationError("strips: their tags do not agree; check the places they hang at")
    start = BayView(np.asarray(found, dtype=np.float64), None, size_px)
    return fit_view(marks, size_px, start, lens=lens)


def _tag(tag: int, side_px: int) -> NDArray[np.uint8]:
    dictionary = cv2.aruco.getPredefinedDictionary(_DICTIONARY)
    return np.asarray(cv2.aruco.generateImageMarker(dictionary, tag, side_px), dtype=np.uint8)
