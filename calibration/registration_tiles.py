"""Pieces of a picture that are looked for in another one, and turns of a camera.

Pictures are normalised to local contrast, so that light does not count. Points are px of the
picture they belong to; rays are (n,2), x and y at depth 1 before the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens, Points

Floats = NDArray[np.float64]
Grey = NDArray[np.uint8]
Known = NDArray[np.bool_]
Contrast = NDArray[np.float32]
"""Local contrast, float32 (H,W): mean 0 and standard deviation about 1 everywhere."""

Turn = NDArray[np.float64]
"""How a camera has turned, float64 (4,): pan and tilt of what it sees (to the right and down in
the picture), roll (clockwise), in radians, and the logarithm of its zoom."""

NO_TURN: Turn = np.zeros(4)

_NOISE_GREY = 4.0
_FLAT = 0.35
_SOFT = 0.01
_VOTE_FROM = 0.35
"""A correlation below this tells nothing of where a tile is."""

_PAD_PX = 15
_NEAR_PX = 4
NEAR_ROLLS_DEG = (-2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25)
NEAR_ZOOMS = (0.975, 1.0, 1.025)


def contrast(grey: Grey, reach_px: int) -> Contrast:
    """Return what a picture shows, whatever the light: each pixel against ``reach_px`` around."""
    values = grey.astype(np.float32)
    side = 2 * reach_px + 1
    apart = values - cv2.blur(values, (side, side))
    power = cv2.blur(apart * apart, (2 * side - 1, 2 * side - 1))
    return np.clip(apart / (np.sqrt(np.maximum(power, 0)) + _NOISE_GREY), -2.5, 2.5).astype(
        np.float32
    )


def rays_of(lens: Lens, points_uv: Points) -> Floats:
    """Return the rays (n,2) of points in shares of the picture."""
    ideal = lens.undistort(points_uv)
    return (ideal - (lens.cx, lens.cy)) / (lens.fx, lens.fy)


def turn_matrix(turn: Turn) -> Floats:
    """Return the (3,3) map from rays before a turn to rays after it."""
    rotation, _ = cv2.Rodrigues(np.array([-turn[1], turn[0], turn[2]]))
    zoom = np.exp(turn[3])
    return np.diag([zoom, zoom, 1.0]) @ np.asarray(rotation, dtype=np.float64)


def seen_at(lens: Lens, rays: Floats, turn: Turn) -> Points:
    """Return where things at ``rays`` lie after a turn, in shares of the picture (n,2)."""
    turned = np.column_stack([rays, np.ones(len(rays))]) @ turn_matrix(turn).T
    ideal = turned[:, :2] / turned[:, 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    return lens.distort(ideal)


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Square pieces of a picture that show something.

    ``corners_px`` (n,2) are their top left pixels, ``pieces`` (n,side,side) their contrast.
    ``certainty`` (n,2,2) weighs a distance in px: near 1 across the texture of a tile, near 0
    along an edge, on which it may slide.
    """

    side: int
    size_px: tuple[int, int]
    corners_px: NDArray[np.int64]
    pieces: Contrast
    certainty: Floats

    @classmethod
    def of(cls, picture: Contrast, known: Known, side: int) -> Tiles:
        """Cut a picture into tiles side by side; those with anything unknown are left out."""
        height, width = picture.shape
        corners, pieces, certainty = [], [], []
        for y, x in product(_starts(height, side), _starts(width, side)):
            cut = np.s_[y : y + side, x : x + side]
            piece = picture[cut]
            if not known[cut].all() or piece.std() < _FLAT:
                continue
            across, down = (cv2.Sobel(piece, cv2.CV_32F, *way) / 8 for way in ((1, 0), (0, 1)))
            mixed = float((across * down).mean())
            tensor = np.array(
                [[float((across**2).mean()), mixed], [mixed, float((down**2).mean())]]
            )
            corners.append((x, y))
            pieces.append(piece)
            certainty.append(tensor @ np.linalg.inv(tensor + _SOFT * np.eye(2)))
        return cls(
            side,
            (width, height),
            np.array(corners, np.int64).reshape(-1, 2),
            np.array(pieces, np.float32).reshape(-1, side, side),
            np.array(certainty, np.float64).reshape(-1, 2, 2),
        )

    def __len__(self) -> int:
        return len(self.corners_px)

    @property
    def centres_uv(self) -> Points:
        """Their middles (n,2) in shares of the picture."""
        return (self.corners_px + self.side / 2) / self.size_px


class Ballot:
    """Lets tiles vote for the turn under which most of them are found.

    The tiles' correlations are summed over shifts of up to ``reach_px`` on each side, over rolls
    and over zooms.
    """

    def __init__(
        self,
        tiles: Tiles,
        lens: Lens,
        reach_px: int,
        rolls_deg: Sequence[float] = NEAR_ROLLS_DEG,
        zooms: Sequence[float] = NEAR_ZOOMS,
    ) -> None:
        self._tiles = tiles
        self._reach_px = reach_px
        self._focal_px = np.array([lens.fx, lens.fy]) * tiles.size_px
        rays = rays_of(lens, tiles.centres_uv)
        self._ways: list[tuple[float, float, NDArray[np.int64]]] = []
        for roll, zoom in product(np.radians(rolls_deg), np.log(zooms)):
            turned = seen_at(lens, rays, np.array([0.0, 0.0, roll, zoom]))
            off = np.nan_to_num((turned - tiles.centres_uv) * tiles.size_px)
            whole = np.clip(np.round(off), -_PAD_PX, _PAD_PX).astype(np.int64) + _PAD_PX
            self._ways.append((float(roll), float(zoom), whole))

    def turn(self, picture: Contrast) -> tuple[Turn, float]:
        """Return the turn with the most votes, and how near another one comes (0..1).

        Another one puts the picture's middle more than `_NEAR_PX` away.
        """
        surfaces = self._surfaces(picture)
        span = 2 * self._reach_px + 1
        most = np.zeros((span, span), np.float32)
        best, turn = -1.0, NO_TURN
        for roll, zoom, offs in self._ways:
            votes = np.zeros((span, span), np.float32)
            for surface, (x, y) in zip(surfaces, offs, strict=True):
                votes += surface[y : y + span, x : x + span]
            np.maximum(most, votes, out=most)
            _, top, _, (x, y) = cv2.minMaxLoc(votes)
            if top > best:
                best, at = top, (x, y)
                pan, tilt = (np.array(at) - self._reach_px) / self._focal_px
                turn = np.array([pan, tilt, roll, zoom])
        if best <= 0:
            return NO_TURN, 1.0
        ground = float(np.median(most))
        x, y = at
        most[max(0, y - _NEAR_PX) : y + _NEAR_PX + 1, max(0, x - _NEAR_PX) : x + _NEAR_PX + 1] = 0
        return turn, max(0.0, float(most.max()) - ground) / max(best - ground, 1e-6)

    def _surfaces(self, picture: Contrast) -> Contrast:
        """Return the correlation of each tile at each shift, with a border of 0."""
        tiles, reach = self._tiles, self._reach_px
        span = 2 * reach + 1
        around = _bordered(picture, reach)
        side = span + 2 * _PAD_PX
        surfaces = np.zeros((len(tiles), side, side), np.float32)
        chosen = zip(tiles.corners_px, tiles.pieces, strict=True)
        for surface, ((x, y), piece) in zip(surfaces, chosen, strict=True):
            window = around[y : y + tiles.side + 2 * reach, x : x + tiles.side + 2 * reach]
            found = cv2.matchTemplate(window, piece, cv2.TM_CCOEFF_NORMED)
            surface[_PAD_PX:-_PAD_PX, _PAD_PX:-_PAD_PX] = np.maximum(found - _VOTE_FROM, 0)
        return surfaces


def place(
    tiles: Tiles, picture: Contrast, expected_px: Points, search_px: int
) -> tuple[Points, Floats]:
    """Look for each tile within ``search_px`` of where it is expected.

    Returns the middles (n,2) in px, to a fraction, and the correlations (n,); NaN and 0 for a
    tile that is not found or would lie more than a quarter outside.
    """
    width, height = tiles.size_px
    side = tiles.side
    places = np.full((len(tiles), 2), np.nan)
    sure = np.zeros(len(tiles))
    margin = side + search_px
    around = _bordered(picture, margin)
    least, most = -side // 4, (width - 3 * side // 4, height - 3 * side // 4)
    for index, (piece, at) in enumerate(zip(tiles.pieces, expected_px, strict=True)):
        if not np.isfinite(at).all():
            continue
        x, y = (int(v) for v in np.round(at - side / 2))
        if min(x, y) < least or x > most[0] or y > most[1]:
            continue
        left, top = x + side, y + side
        window = around[top : top + side + 2 * search_px, left : left + side + 2 * search_px]
        found = cv2.matchTemplate(window, piece, cv2.TM_CCOEFF_NORMED)
        _, score, _, (px, py) = cv2.minMaxLoc(found)
        if not (0 < px < 2 * search_px and 0 < py < 2 * search_px):
            continue
        dx, dy = _peak(found[py, px - 1 : px + 2]), _peak(found[py - 1 : py + 2, px])
        places[index] = (x - search_px + px + dx + side / 2, y - search_px + py + dy + side / 2)
        sure[index] = score
    return places, sure


def _starts(extent: int, side: int) -> NDArray[np.int64]:
    count = max(2, round((extent - side) / side) + 1)
    return np.round(np.linspace(0, extent - side, count)).astype(np.int64)


def _bordered(picture: Contrast, width_px: int) -> Contrast:
    edges = (width_px, width_px, width_px, width_px)
    return np.asarray(
        cv2.copyMakeBorder(picture, *edges, cv2.BORDER_CONSTANT, value=0), dtype=np.float32
    )


def _peak(three: cv2.typing.MatLike) -> float:
    """Return where a parabola through three values has its top, from the middle one."""
    left, middle, right = (float(value) for value in three)
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
