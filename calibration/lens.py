"""Lens distortion in normalised image coordinates.

The model is that of Brown and Conrady as OpenCV writes it (k1 k2 p1 p2 k3). Image coordinates
are normalised: u = x_px / width_px, v = y_px / height_px, so that a lens holds at every
resolution of the same picture.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from shelf.settings import Settings

Points = NDArray[np.float64]
"""Points, float64, shape (n, 2): x or u first. NaN, NaN marks a point that has no image."""

_NEWTON_STEPS = 30
_CONVERGED = 1e-10
_NO_COEFFICIENT = 1e-12
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Focal = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Lens(Settings):
    """A camera matrix and distortion coefficients; refuses a lens that folds the picture."""

    fx: _Focal = Field(description="Focal length in units of the picture's width.")
    fy: _Focal = Field(description="Focal length in units of the picture's height.")
    cx: _Finite = Field(0.5, description="Principal point in units of the picture's width.")
    cy: _Finite = Field(0.5, description="Principal point in units of the picture's height.")
    k1: _Finite = Field(0.0, description="Radial distortion, r^2.")
    k2: _Finite = Field(0.0, description="Radial distortion, r^4.")
    p1: _Finite = Field(0.0, description="Tangential distortion.")
    p2: _Finite = Field(0.0, description="Tangential distortion.")
    k3: _Finite = Field(0.0, description="Radial distortion, r^6.")

    @model_validator(mode="after")
    def _border_must_be_invertible(self) -> Self:
        ends = np.linspace(0.0, 1.0, 9)
        zero, one = np.zeros_like(ends), np.ones_like(ends)
        border = np.concatenate(
            [
                np.stack(pair, axis=1)
                for pair in ((ends, zero), (ends, one), (zero, ends), (one, ends))
            ]
        )
        if not np.isfinite(self.undistort(border)).all():
            raise ValueError(
                "a lens whose distortion grows all the way to the picture's corners "
                "(these coefficients fold the picture over; calibrate with marks near the corners)"
            )
        return self

    def distort(self, points_uv: Points) -> Points:
        """Return where the ideal points ``points_uv`` appear in the picture.

        Points so far out that the model folds them back into the picture become NaN.
        """
        rays = self._rays(points_uv)
        with np.errstate(invalid="ignore", over="ignore"):
            out = self._picture(_bend(rays, self))
            out[~(np.square(rays).sum(axis=1) < self._fold_radius_squared)] = np.nan
        return out

    def undistort(self, points_uv: Points) -> Points:
        """Return the ideal points that appear at ``points_uv``; NaN where there are none."""
        wanted = self._rays(points_uv)
        rays = wanted.copy()
        with np.errstate(all="ignore"):
            for _ in range(_NEWTON_STEPS):
                missing = _bend(rays, self) - wanted
                if not (np.abs(missing) > _CONVERGED).any():
                    break
                rays = rays - _solve(rays, missing, self)
            off = np.abs(_bend(rays, self) - wanted).max(axis=1) if len(rays) else np.zeros(0)
            good = (off < 1e-7) & (np.square(rays).sum(axis=1) < self._fold_radius_squared)
        out = self._picture(rays)
        out[~good] = np.nan
        return out

    def _rays(self, points_uv: Points) -> Points:
        return (points_uv - (self.cx, self.cy)) / (self.fx, self.fy)

    def _picture(self, rays: Points) -> Points:
        return rays * (self.fx, self.fy) + (self.cx, self.cy)

    @cached_property
    def _fold_radius_squared(self) -> float:
        """The r^2 at which the radial distortion stops growing, or infinity."""
        slope = np.array([7 * self.k3, 5 * self.k2, 3 * self.k1, 1.0])
        slope[np.abs(slope) < _NO_COEFFICIENT] = 0.0
        roots = np.roots(slope)
        real = roots[np.abs(roots.imag) < 1e-12].real
        return float(min(real[real > 0], default=np.inf))


def _bend(rays: Points, lens: Lens) -> Points:
    x, y = rays[:, 0], rays[:, 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    cross = 2 * x * y
    return np.stack(
        [
            x * radial + lens.p1 * cross + lens.p2 * (r2 + 2 * x * x),
            y * radial + lens.p1 * (r2 + 2 * y * y) + lens.p2 * cross,
        ],
        axis=1,
    )


def _solve(rays: Points, missing: Points, lens: Lens) -> Points:
    """Return the Newton step: the inverse of the 2x2 derivative of `_bend` times ``missing``."""
    x, y = rays[:, 0], rays[:, 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    slope = lens.k1 + r2 * (2 * lens.k2 + r2 * 3 * lens.k3)
    xx = radial + 2 * x * x * slope + 2 * lens.p1 * y + 6 * lens.p2 * x
    yy = radial + 2 * y * y * slope + 6 * lens.p1 * y + 2 * lens.p2 * x
    xy = 2 * x * y * slope + 2 * lens.p1 * x + 2 * lens.p2 * y
    determinant = xx * yy - xy * xy
    across, down = missing[:, 0], missing[:, 1]
    return np.stack(
        [(yy * across - xy * down) / determinant, (xx * down - xy * across) / determinant], axis=1
    )
