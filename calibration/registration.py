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

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.calibration_file import Calibration
from calibration.lens import Lens, Points
from calibration.registration_fit import LEAST_NOISE_PX, Fit, fitted, slopes_of
from calibration.registration_tiles import (
    NO_TURN,
    Ballot,
    Contrast,
    Floats,
    Grey,
    Known,
    Tiles,
    Turn,
    contrast,
    place,
    rays_of,
    seen_at,
    turn_matrix,
)

ImageBgr = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WIDTH_PX = 640
"""Pictures are compared at this width, and at a half and a quarter of it for votes."""

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

_TILE_PX = 48
_VOTE_TILE_PX = 32
_NEAR_PX = 32
_FAR_TILE_PX = 20
_FAR_PX = 64
"""Reach of the votes, on pictures a half and a quarter of `WIDTH_PX`: 0.1 and 0.4 of the width."""

_FAR_ROLLS_DEG = (-2.0, -1.0, 0.0, 1.0, 2.0)
_SEARCH_PX = 6
_FOUND = 0.55
_FOCALS = (0.9, 0.5, 0.6, 0.75, 1.1, 1.4, 1.8)
"""Focal lengths in picture widths that are tried for a camera whose lens is not known."""

_WHOLE_PICTURE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


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


class Reference:
    """What a camera saw when its calibration was approved, as registration needs it.

    ``grey`` is that picture, `WIDTH_PX` wide; ``known`` (same shape) is false where nothing is
    known of it. ``marks_uv`` (n,2) are the points, in shares of the picture, at which shifts are
    told: the corners of the bays.
    """

    def __init__(
        self,
        grey: Grey,
        known: Known,
        lens: Lens | None = None,
        marks_uv: ArrayLike = _WHOLE_PICTURE,
    ) -> None:
        height, width = grey.shape
        self.grey, self.known = grey, known
        self.marks_uv = np.asarray(marks_uv, np.float64).reshape(-1, 2)
        self.lenses = (lens,) if lens else tuple(_guess(f, width / height) for f in _FOCALS)
        self.tiles = Tiles.of(contrast(grey, 8), known, _TILE_PX)
        half = _halved(grey)
        size = (half.shape[1], half.shape[0])
        known_half = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        tiles = Tiles.of(contrast(half, 5), known_half >= 1, _VOTE_TILE_PX)
        self.near = Ballot(tiles, self.lenses[0], _NEAR_PX)
        quarter = _halved(half)
        known_quarter = cv2.resize(known_half, quarter.shape[::-1], interpolation=cv2.INTER_AREA)
        tiles = Tiles.of(contrast(quarter, 4), known_quarter >= 1, _FAR_TILE_PX)
        self.far = Ballot(tiles, self.lenses[0], _FAR_PX, _FAR_ROLLS_DEG, (1.0,))

    @classmethod
    def of(
        cls,
        image_bgr: ImageBgr,
        lens: Lens | None = None,
        marks_uv: ArrayLike = _WHOLE_PICTURE,
        ignore_mask: Mask | None = None,
    ) -> Reference:
        """Return the reference that a picture gives; ``ignore_mask`` (H,W) is true under masks."""
        grey = small_grey(image_bgr)
        return cls(grey, _known(ignore_mask, grey.shape), lens, marks_uv)


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
    known = _known(ignore_mask, grey.shape)
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
    half = contrast(_halved(grey), 5)
    turn, rival = reference.near.turn(half)
    found = _near(reference, fine, known, turn, rival, size_px)
    if found.is_known:
        return found
    turn, rival = reference.far.turn(contrast(_halved(_halved(grey)), 4))
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


def small_grey(image_bgr: ImageBgr) -> Grey:
    """Return a picture in grey, `WIDTH_PX` wide."""
    height, width = image_bgr.shape[:2]
    size = (WIDTH_PX, max(2 * _TILE_PX, round(height * WIDTH_PX / width)))
    how = cv2.INTER_AREA if width > WIDTH_PX else cv2.INTER_LINEAR
    small = cv2.resize(image_bgr, size, interpolation=how)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


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


def _guess(focal: float, aspect: float) -> Lens:
    return Lens(fx=focal, fy=focal * aspect)


def _halved(grey: Grey) -> Grey:
    size = (grey.shape[1] // 2, grey.shape[0] // 2)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _known(ignore_mask: Mask | None, shape: tuple[int, ...]) -> Known:
    """Return where nothing of a mask falls on a smaller picture, with a margin."""
    if ignore_mask is None or not ignore_mask.any():
        return np.ones(shape, np.bool_)
    size = (shape[1], shape[0])
    ignored = cv2.resize(ignore_mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    wide = cv2.dilate(ignored.astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(wide == 0)


def _are_known(places: Points, known: Known) -> Mask:
    """Return which places lie where the picture is known."""
    good = np.isfinite(places[:, 0])
    whole = np.nan_to_num(places).astype(int)
    x = np.clip(whole[:, 0], 0, known.shape[1] - 1)
    y = np.clip(whole[:, 1], 0, known.shape[0] - 1)
    return np.asarray(good & known[y, x])
