"""Where a camera looks now, compared with its reference picture.

A bump turns a camera, so two of its pictures differ by a homography ``K R K^-1`` with three
angles; a fourth number, the zoom, takes up breathing lenses and small steps along the view. With
so few parameters the places that have stayed the same fix the whole picture.

The reference is cut into tiles, and each is looked for in the new picture. Products are sold,
moved and replaced: a tile may match nowhere or, among equal facings, at several places. So tiles
vote: the sum of their correlations is highest for the turn on which boards, uprights, labels and
whatever else has stayed agree; a second turn that is nearly as good (off by one facing) means
that nobody knows. Then the tiles are placed to a fraction of a pixel and the turn is fitted to
those that agree. What is not certain is ``unknown``, never a correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import Calibration
from calibration.lens import Lens, Points
from calibration.registration_fit import LEAST_NOISE_PX, Fit, fitted, slopes_of
from calibration.registration_reference import Reference, halved, known_in, small_grey
from calibration.registration_tiles import (
    NO_TURN,
    Contrast,
    Floats,
    Known,
    Turn,
    contrast,
    place,
    rays_of,
    seen_at,
    turn_matrix,
)

__all__ = [
    "Reference",
    "Registration",
    "RegistrationKind",
    "corrected",
    "register",
    "small_grey",
    "still_below_px",
]

ImageBgr = NDArray[np.uint8]
Mask = NDArray[np.bool_]

STILL_PX = 2.0
"""A shift of the farthest mark below this is no movement."""

CORRECTABLE_SHARE = 0.06
"""A shift of the farthest mark by more than this share of the width is not corrected."""

GUESSED_LENS_SHARE = 0.04
"""The same for a lens that is not known: the farther the turn, the more the lens counts."""

MIN_INLIERS = 16
MIN_INLIER_SHARE = 0.12
MIN_AGREEMENT = 0.6
"""So many tiles must agree, of those that show something, and of those that were found."""

GUESS_SHARE = 0.7
"""When so many agree with a guess, no other turn is looked for."""

MAX_RIVAL = 0.8
"""A second turn with more than this share of the best one's votes makes it ambiguous."""

MAX_SPREAD_PX = 0.7
MAX_RESIDUAL_PX = 0.8
MAX_HALVES_PX = 1.5

_FINE_PX = 1920
"""In wider pictures more than `STILL_PX` is no movement either."""

_SEARCH_PX = 6
_FOUND = 0.55


class RegistrationKind(StrEnum):
    """What a comparison with the reference picture says."""

    STILL = "still"
    CORRECTED = "corrected"
    MOVED = "moved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where a camera looks, compared with its reference picture.

    ``reference_from_now`` is a (3,3) homography on undistorted normalised image coordinates (those
    of `BayCalibration.bay_from_image`). ``shift_px`` (n,2) is how far the reference's marks have
    moved, in px of the new picture; ``turn`` and ``lens`` say the same. For ``unknown`` they are
    the identity, zeros and no turn. ``inliers`` of ``tiles`` that show something agree; their rms
    distance is ``residual_px``, ``spread_px`` is one standard deviation of the shift at the worst
    mark, and ``halves_px`` how far the picture's halves disagree there, in px of a picture
    `WIDTH_PX` wide. ``rival`` (0..1) is how near the votes of another turn came.
    """

    kind: RegistrationKind
    reason: str
    reference_from_now: Floats
    shift_px: Floats
    turn: Turn
    lens: Lens
    tiles: int
    inliers: int = 0
    rival: float = 0.0
    spread_px: float = 0.0
    residual_px: float = 0.0
    halves_px: float = 0.0

    @property
    def largest_shift_px(self) -> float:
        """Shift of the mark that has moved farthest."""
        return float(np.linalg.norm(self.shift_px, axis=1).max(initial=0.0))

    @property
    def is_known(self) -> bool:
        """True when it is certain where the camera looks."""
        return self.kind is not RegistrationKind.UNKNOWN


def register(
    reference: Reference,
    now_bgr: ImageBgr,
    ignore_mask: Mask | None = None,
    guess: Turn | None = None,
) -> Registration:
    """Return where the camera looks now.

    ``ignore_mask`` (H,W) is true where the new picture says nothing, under masks. ``guess`` is a
    turn that is tried first: when most tiles are found there, the search is saved.
    """
    grey = small_grey(now_bgr)
    known = known_in(ignore_mask, grey.shape)
    if grey.shape != reference.grey.shape:
        return _unknown(reference, "the picture's proportions are not those of the reference")
    if not len(reference.tiles):
        return _unknown(reference, "the reference picture shows too little")
    fine = contrast(grey, 8)
    size_px = (now_bgr.shape[1], now_bgr.shape[0])
    if guess is not None:
        near = _near(reference, fine, known, guess, 0.0, size_px)
        if near.is_known and near.inliers >= GUESS_SHARE * near.tiles:
            return near
    half = contrast(halved(grey), 5)
    turn, rival = reference.near.turn(half)
    found = _near(reference, fine, known, turn, rival, size_px)
    if found.is_known:
        return found
    turn, rival = reference.far.turn(contrast(halved(halved(grey)), 4))
    far = _near(reference, fine, known, turn, rival, size_px)
    return far if far.kind is RegistrationKind.MOVED else found


def corrected(calibration: Calibration, reference_from_now: Floats) -> Calibration:
    """Return the calibration of a camera that has turned since it was calibrated."""
    bays = []
    for bay in calibration.bays:
        matrix = np.array(bay.bay_from_image) @ reference_from_now
        bays.append(bay.model_copy(update={"bay_from_image": tuple(map(tuple, matrix.tolist()))}))
    return calibration.model_copy(update={"bays": tuple(bays)})


def still_below_px(width_px: int) -> float:
    """Return the shift that is no movement in a picture so wide."""
    return STILL_PX * max(1.0, width_px / _FINE_PX)


def _near(
    reference: Reference,
    picture: Contrast,
    known: Known,
    turn: Turn,
    rival: float,
    size_px: tuple[int, int],
) -> Registration:
    """Place the tiles near where ``turn`` puts them, fit, and judge."""
    tiles = reference.tiles
    lens = reference.lenses[0]
    expected = seen_at(lens, rays_of(lens, tiles.centres_uv), turn) * tiles.size_px
    places, sure = place(tiles, picture, expected, _SEARCH_PX)
    found = (sure >= _FOUND) & _are_known(places, known)
    if found.sum() < MIN_INLIERS:
        return _unknown(reference, f"only {found.sum()} of {len(tiles)} places are found again")
    fits = [fitted(lens, tiles, places, found, turn) for lens in reference.lenses]
    best = min(fits, key=lambda fit: fit.cost)
    # Lenses that explain the picture as well, within four standard deviations.
    near = best.cost + 16 * max(best.residual_px, LEAST_NOISE_PX) ** 2
    others = [fit for fit in fits if fit is not best and fit.cost < near]
    return _judged(reference, best, others, found, rival, size_px)


def _judged(
    reference: Reference,
    fit: Fit,
    others: list[Fit],
    found: Mask,
    rival: float,
    size_px: tuple[int, int],
) -> Registration:
    marks_uv, small = reference.marks_uv, reference.tiles.size_px

    def marks(lens: Lens, turn: Turn) -> Floats:
        return seen_at(lens, rays_of(lens, marks_uv), turn)

    def apart(one: Floats, other: Floats) -> float:
        return float(np.linalg.norm((one - other) * small, axis=1).max())

    at = marks(fit.lens, fit.turn)
    slopes = slopes_of(fit.lens, rays_of(fit.lens, marks_uv), fit.turn, small)
    spread = float(np.sqrt(np.einsum("nik,kl,nil->n", slopes, fit.covariance, slopes).max()))
    spread = max([spread, *(apart(at, marks(other.lens, other.turn)) for other in others)])
    halves = apart(marks(fit.lens, fit.halves[0]), marks(fit.lens, fit.halves[1]))
    inliers, tiles = int(fit.inliers.sum()), len(reference.tiles)
    shift_px = (at - marks_uv) * size_px
    farthest = float(np.linalg.norm(shift_px, axis=1).max())
    doubts = [
        (inliers < max(MIN_INLIERS, MIN_INLIER_SHARE * tiles), f"only {inliers} of {tiles} agree"),
        (inliers < MIN_AGREEMENT * found.sum(), f"{found.sum() - inliers} places contradict"),
        (rival > MAX_RIVAL, "another shift fits nearly as well"),
        (not spread <= MAX_SPREAD_PX, "what agrees does not reach across the bays"),
        (fit.residual_px > MAX_RESIDUAL_PX, "the places do not fit one turn of the camera"),
        (not halves <= MAX_HALVES_PX, "the picture's halves say different things"),
    ]
    doubt = next((words for is_so, words in doubts if is_so), "")
    still_px = still_below_px(size_px[0])
    correctable = CORRECTABLE_SHARE if len(reference.lenses) == 1 else GUESSED_LENS_SHARE
    if doubt:
        kind, reason = RegistrationKind.UNKNOWN, doubt
    elif farthest < still_px:
        kind, reason = RegistrationKind.STILL, ""
    elif farthest <= correctable * size_px[0]:
        kind, reason = RegistrationKind.CORRECTED, f"the camera has turned by {farthest:.0f} px"
    else:
        kind, reason = RegistrationKind.MOVED, f"the camera has moved by {farthest:.0f} px"
    is_known = kind is not RegistrationKind.UNKNOWN
    return Registration(
        kind,
        reason,
        _homography(fit.lens, fit.turn) if is_known else np.eye(3),
        shift_px if is_known else np.zeros_like(shift_px),
        fit.turn if is_known else NO_TURN,
        fit.lens,
        tiles,
        inliers,
        rival,
        spread,
        fit.residual_px,
        halves,
    )


def _homography(lens: Lens, turn: Turn) -> Floats:
    camera = np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])
    found: Floats = camera @ np.linalg.inv(turn_matrix(turn)) @ np.linalg.inv(camera)
    return found


def _unknown(reference: Reference, reason: str) -> Registration:
    return Registration(
        RegistrationKind.UNKNOWN,
        reason,
        np.eye(3),
        np.zeros_like(reference.marks_uv),
        NO_TURN,
        reference.lenses[0],
        len(reference.tiles),
    )


def _are_known(places: Points, known: Known) -> Mask:
    """Return which places lie where the picture is known."""
    good = np.isfinite(places[:, 0])
    whole = np.nan_to_num(places).astype(int)
    x = np.clip(whole[:, 0], 0, known.shape[1] - 1)
    y = np.clip(whole[:, 1], 0, known.shape[0] - 1)
    return np.asarray(good & known[y, x])
