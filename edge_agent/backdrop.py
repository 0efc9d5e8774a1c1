"""A picture of the scene to compare looks with: what has changed in it, and what is only light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.bool_]
"""A grid over the whole picture, bool, shape (rows, columns), row 0 on top."""

Floats = NDArray[np.float32]

CELL_PX = 4
"""Side of a cell of the grid, in pixels of the colours compared."""

DARK_OFFSET = 16.0
"""Added to greys before their logarithm, so that noise in the dark is small."""

_NEARLY_WHITE = float(np.log(235 + DARK_OFFSET))


@dataclass(frozen=True, slots=True)
class LightLimits:
    """Which changes of a cell count, and which of them are light.

    Changes are in log units (0.1 is 10 %). A change of more than ``changed_above`` is light where
    it lies within ``lit_between``, its colours differ by less than ``tint_below``, and the fine
    structure stays: a correlation above ``alike_above``, a contrast above ``structure_above``.
    """

    changed_above: float = 0.15
    lit_between: tuple[float, float] = (-1.5, 0.7)
    tint_below: float = 0.12
    alike_above: float = 0.8
    structure_above: float = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """The scene as it was.

    ``colours`` (H,W,3) are logarithms of blue, green and red, ``detail`` (2H,2W) the fine
    structure of grey, see `detail_of`.
    """

    colours: Floats
    detail: Floats

    def compared(
        self, colours: Floats, detail: Floats, limits: LightLimits
    ) -> tuple[Backdrop, Cells]:
        """Return this scene in the light of a look, and the cells in which the look is another."""
        light = _light(colours, self.colours)
        relit = Backdrop((self.colours + light).astype(np.float32), self.detail)
        is_other = _apart(colours, self.colours, light) > limits.changed_above
        if is_other.any():
            is_other &= ~relit._is_lit_otherwise(colours, detail, limits)
        return relit, np.asarray(is_other, dtype=np.bool_)

    def followed(self, colours: Floats, detail: Floats, weight: NDArray[np.float64]) -> Backdrop:
        """Return this scene moved towards a look, by the weight (0..1) of each cell."""
        return Backdrop(_moved(self.colours, colours, weight), _moved(self.detail, detail, weight))

    def _is_lit_otherwise(self, colours: Floats, detail: Floats, limits: LightLimits) -> Cells:
        gain = _in_cells(colours - self.colours, colours)
        level = gain.mean(axis=2)
        is_lit = (level > limits.lit_between[0]) & (level < limits.lit_between[1])
        is_grey = np.ptp(gain, axis=2) < limits.tint_below
        both, new, old = (
            _in_cells(part, colours)
            for part in (detail * self.detail, detail * detail, self.detail * self.detail)
        )
        spread = np.sqrt(new * old)
        is_alike = (both > limits.alike_above * spread) & (spread > limits.structure_above**2)
        return np.asarray(is_lit & is_grey & is_alike, dtype=np.bool_)


def changes(now: Floats, then: Floats) -> Floats:
    """Return the change of each cell between two looks' colours, in log units."""
    return _apart(now, then, _light(now, then))


def detail_of(grey: cv2.typing.MatLike) -> Floats:
    """Return the fine structure of a grey picture in log units, whatever light falls on it."""
    logs = np.log(np.asarray(grey, np.float32) + DARK_OFFSET)
    side = 2 * CELL_PX + 1
    return np.asarray(logs - cv2.blur(logs, (side, side)), np.float32)


def grid_of(colours: Floats) -> tuple[int, int]:
    """Return the rows and columns of cells over a look's colours."""
    return max(1, colours.shape[0] // CELL_PX), max(1, colours.shape[1] // CELL_PX)


def _light(now: Floats, then: Floats) -> Floats:
    """Return what the whole picture has gained in each colour."""
    return np.asarray(np.median((now - then)[::3, ::3].reshape(-1, 3), axis=0), np.float32)


def _apart(now: Floats, then: Floats, light: Floats) -> Floats:
    apart = np.abs(now - then - light)
    # Where a colour is at its end, what the exposure has gained or lost does not show.
    apart -= np.where(np.maximum(now, then) > _NEARLY_WHITE, np.abs(light), 0)
    return _in_cells(np.maximum(apart, 0).max(axis=2).astype(np.float32), now)


def _in_cells(values: Floats, colours: Floats) -> Floats:
    size = grid_of(colours)[::-1]
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _moved(known: Floats, now: Floats, weight: NDArray[np.float64]) -> Floats:
    size = (now.shape[1], now.shape[0])
    weights = cv2.resize(weight.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    if now.ndim == 3:
        weights = weights[..., None]
    return np.asarray(known + weights * (now - known), np.float32)
