"""The turn of a camera that explains where its tiles were found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens, Points
from calibration.registration_tiles import Floats, Tiles, Turn, rays_of, seen_at

Mask = NDArray[np.bool_]

LEAST_NOISE_PX = 0.2
"""No tile is placed more exactly than this."""

_INLIER_PX = 1.2
_ZOOM_PRIOR = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A turn that explains where tiles were found.

    ``inliers`` (n,) are the tiles that agree, ``residual_px`` their rms distance; ``cost`` is in
    px^2 over all tiles, ``covariance`` (4,4) that of the turn, and ``halves`` are the turns that
    the left and the right of the tiles ask for.
    """

    lens: Lens
    turn: Turn
    inliers: Mask
    cost: float
    residual_px: float
    covariance: Floats
    halves: tuple[Turn, Turn]


def fitted(lens: Lens, tiles: Tiles, places: Points, found: Mask, turn: Turn) -> Fit:
    """Fit a turn to where tiles were found; those that are far off count little."""
    rays = rays_of(lens, tiles.centres_uv)[found]
    at, certainty = places[found], tiles.certainty[found]
    slopes = slopes_of(lens, rays, turn, tiles.size_px)
    prior = np.diag([0.0, 0.0, 0.0, 1 / _ZOOM_PRIOR**2]) + 1e-9 * np.eye(4)
    scale = 4.0
    for _ in range(10):
        apart = at - seen_at(lens, rays, turn) * tiles.size_px
        far = np.einsum("ni,nij,nj->n", apart, certainty, apart)
        weights = certainty / np.square(1 + far / scale**2)[:, None, None]
        normal = np.einsum("nik,nij,njl->nkl", slopes, weights, slopes)
        pull = np.einsum("nik,nij,nj->nk", slopes, weights, apart)
        step = np.linalg.solve(normal.sum(0) + prior, pull.sum(0) - prior @ turn)
        turn = turn + step
        scale = max(0.7, 0.6 * scale)
    apart = at - seen_at(lens, rays, turn) * tiles.size_px
    far = np.einsum("ni,nij,nj->n", apart, certainty, apart)
    agree = far < _INLIER_PX**2
    residual = float(np.sqrt(far[agree].mean())) if agree.any() else np.inf
    inliers = found.copy()
    inliers[found] = agree
    left = rays[:, 0] < np.median(rays[agree, 0]) if agree.any() else agree
    halves = [
        turn + np.linalg.solve(normal[part].sum(0) + prior, pull[part].sum(0) - prior @ turn)
        for part in (left, ~left)
    ]
    noise = max(residual, LEAST_NOISE_PX) if np.isfinite(residual) else 1e3
    return Fit(
        lens,
        turn,
        inliers,
        float(np.minimum(far, _INLIER_PX**2).sum()),
        residual,
        np.linalg.inv(normal.sum(0) + prior) * noise**2,
        (halves[0], halves[1]),
    )


def slopes_of(lens: Lens, rays: Floats, turn: Turn, size_px: tuple[int, int]) -> Floats:
    """Return how far px of the picture go with each of the turn's numbers, (n,2,4)."""
    step = 1e-4
    at = seen_at(lens, rays, turn)
    moved = [seen_at(lens, rays, turn + way) for way in step * np.eye(4)]
    return np.stack([(there - at) * size_px / step for there in moved], axis=2)
