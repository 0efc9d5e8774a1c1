"""The lens of a camera model: from pictures of a printed board, or from straight shelf edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import CalibrationError
from calibration.fit_solve import USUAL_FOCAL
from calibration.lens import Lens, Points
from calibration.markers import BoardSpec
from calibration.rectify import ImageBgr

Floats = NDArray[np.float64]

MIN_PICTURES = 4
MIN_CORNERS = 8
REACHED = 0.6
"""Corners should be found in this share of the picture's width and height at least."""

LARGEST_DISTORTION = 0.3
MIN_LINES, MIN_LINE_POINTS = 2, 5


@dataclass(frozen=True, slots=True)
class LensFit:
    """A measured lens; ``error_px`` is the rms distance of its marks from where it puts them.

    ``left_out`` says in words which pictures were of no use.
    """

    lens: Lens
    error_px: float
    pictures: int
    left_out: tuple[str, ...] = ()


def lens_from_board(pictures_bgr: Sequence[ImageBgr], board: BoardSpec) -> LensFit:
    """Return the lens from pictures of a ChArUco board, held at many angles all over the picture.

    Once for a camera model at a zoom and focus: normalised, it holds at every resolution. Raises
    `CalibrationError` for fewer than `MIN_PICTURES` usable pictures, pictures of several sizes,
    and corners that reach too little of the picture.
    """
    sizes = {(picture.shape[1], picture.shape[0]) for picture in pictures_bgr}
    if len(sizes) > 1:
        found = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise CalibrationError(f"lens: expected pictures of one size, found {found} px")
    detector = cv2.aruco.CharucoDetector(board.charuco())
    places = board.charuco().getChessboardCorners()
    objects: list[NDArray[np.float32]] = []
    images: list[NDArray[np.float32]] = []
    left_out: list[str] = []
    for number, picture in enumerate(pictures_bgr, 1):
        corners, ids, _, _ = detector.detectBoard(picture)
        count = 0 if ids is None else len(ids)
        if count < MIN_CORNERS:
            left_out.append(f"picture {number}: {count} corners of the board, {MIN_CORNERS} wanted")
            continue
        objects.append(np.asarray(places, np.float32)[np.ravel(ids)])
        images.append(np.asarray(corners, np.float32).reshape(-1, 2))
    if len(objects) < MIN_PICTURES:
        raise CalibrationError(
            f"lens: expected {MIN_PICTURES} pictures or more that show the board, found "
            f"{len(objects)}" + "".join(f"; {words}" for words in left_out)
        )
    (size_px,) = sizes
    seen = np.concatenate(images)
    reach = np.ptp(seen, axis=0) / size_px
    if reach.min() < REACHED:
        raise CalibrationError(
            f"lens: expected the board in {REACHED:.0%} of the picture's width and height, found "
            f"it in {reach[0]:.0%} and {reach[1]:.0%}; hold it into the corners too"
        )
    # The third radial term and the tangential ones follow noise where pictures are few.
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    start = np.eye(3)
    error, matrix, coefficients, _, _ = cv2.calibrateCamera(
        objects, images, size_px, start, np.zeros(5), flags=flags
    )
    width, height = size_px
    k1, k2 = (float(value) for value in np.ravel(coefficients)[:2])
    try:
        # OpenCV counts from the middle of the first pixel, a calibration from its corner.
        lens = Lens(
            fx=float(matrix[0, 0]) / width,
            fy=float(matrix[1, 1]) / height,
            cx=(float(matrix[0, 2]) + 0.5) / width,
            cy=(float(matrix[1, 2]) + 0.5) / height,
            k1=k1,
            k2=k2,
        )
    except ValueError as error_of_lens:
        raise CalibrationError(
            "lens: the pictures give a lens that folds the picture over; take more of them, with "
            "the board in the corners"
        ) from error_of_lens
    return LensFit(lens, float(error), len(objects), tuple(left_out))


def lens_from_edges(lines_px: Sequence[Points], size_px: tuple[int, int]) -> LensFit:
    """Return the one-term distortion that makes straight edges straight.

    ``lines_px`` are points (n,2) along each edge: of boards, uprights. The focal length cannot be
    told from them; the usual one is taken, with which the distortion belongs. Raises
    `CalibrationError` for fewer than `MIN_LINES` edges, edges that are short or run through the
    middle only, and a distortion beyond `LARGEST_DISTORTION` at the picture's corner.
    """
    width, height = size_px
    longer = max(size_px)
    lines = [np.asarray(line, dtype=np.float64).reshape(-1, 2) for line in lines_px]
    good = [
        (line - (width / 2, height / 2)) / (USUAL_FOCAL * longer)
        for line in lines
        if len(line) >= MIN_LINE_POINTS and np.ptp(line, axis=0).max() > 0.3 * min(size_px)
    ]
    if len(good) < MIN_LINES:
        raise CalibrationError(
            f"lens: expected {MIN_LINES} long edges of {MIN_LINE_POINTS} points or more, found "
            f"{len(good)}"
        )
    corner = float(np.hypot(width, height)) / 2 / (USUAL_FOCAL * longer)

    def bow(distortion: float) -> Floats:
        out = []
        for line in good:
            radius = np.maximum(np.linalg.norm(line, axis=1), 1e-9)
            straight = line * (_ideal(radius / corner, distortion) / radius * corner)[:, None]
            middle = straight - straight.mean(axis=0)
            normal = np.linalg.svd(middle, full_matrices=False)[2][-1]
            out.append(middle @ normal)
        return np.concatenate(out)

    def cost(distortion: float) -> float:
        off = np.abs(bow(distortion))
        # Straight runs count, a point that sits on something else hardly.
        scale = 1.5 / (USUAL_FOCAL * longer)
        return float(np.minimum(off, 3 * scale).sum())

    tries = np.linspace(-LARGEST_DISTORTION, LARGEST_DISTORTION, 121)
    costs = [cost(float(value)) for value in tries]
    best = float(tries[int(np.argmin(costs))])
    fine = np.linspace(best - 0.005, best + 0.005, 41)
    best = float(fine[int(np.argmin([cost(float(value)) for value in fine]))])
    if max(costs) - min(costs) <= 0.02 * max(costs):
        raise CalibrationError(
            "lens: expected edges away from the picture's middle, where distortion bends them"
        )
    if abs(best) > LARGEST_DISTORTION - 0.006:
        raise CalibrationError(
            f"lens: expected a distortion below {LARGEST_DISTORTION:.0%} at the corner; these "
            "edges are not straight, or not on one board each"
        )
    error = float(np.sqrt(np.mean(np.square(bow(best)))) * USUAL_FOCAL * longer)
    lens = Lens(
        fx=USUAL_FOCAL * longer / width,
        fy=USUAL_FOCAL * longer / height,
        k1=round(best / corner**2, 6),
    )
    return LensFit(lens, error, 1)


def _ideal(radius: Floats, distortion: float) -> Floats:
    """Return where radii (in units of the corner's) would be without the distortion."""
    ideal = np.linspace(0.0, 2.5, 2001)
    bent = ideal * (1 + distortion * ideal**2)
    folds = np.flatnonzero(np.diff(bent) <= 0)
    end = int(folds[0]) + 1 if len(folds) else len(ideal)
    return np.asarray(np.interp(np.maximum(radius, 1e-9), bent[:end], ideal[:end]))
