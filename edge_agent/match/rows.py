"""Rows of facings in a picture: boxes that stand side by side on one board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME_BOTTOM_SHARE = 0.3
"""Neighbours of a row have bottoms that differ by less than this share of the lower height."""

REACH_WIDTHS = 6.0
"""How far, in widths, the next facing of a row is looked for across a gap."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row: ``members`` (n,) index the boxes from left to right.

    The row's lower line is ``bottom_px = slope * x_px + offset_px`` (y down); ``height_px`` is
    the median height of its boxes.
    """

    members: Ints
    slope: float
    offset_px: float
    height_px: float

    def bottom_px(self, x_px: float) -> float:
        """The lower line's y at ``x_px``."""
        return self.slope * x_px + self.offset_px


def find_rows(boxes_xyxy_px: Floats) -> tuple[Row, ...]:
    """Return the rows from the lowest to the highest (in the picture's middle).

    Each box is linked to the nearest box to its right whose bottom lies on the line that the
    picture's tilt predicts, then chains on one line are joined. ``boxes_xyxy_px`` is (n,4).
    """
    if len(boxes_xyxy_px) == 0:
        return ()
    slope = _usual_slope(boxes_xyxy_px)
    chains = _chains(boxes_xyxy_px, slope)
    rows = [_row(boxes_xyxy_px, chain, slope) for chain in chains]
    rows = _join(boxes_xyxy_px, rows, slope)
    middle = float(boxes_xyxy_px[:, [0, 2]].mean())
    return tuple(sorted(rows, key=lambda row: -row.bottom_px(middle)))


def _geometry(boxes: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    return (
        (boxes[:, 0] + boxes[:, 2]) / 2,
        boxes[:, 3],
        boxes[:, 2] - boxes[:, 0],
        boxes[:, 3] - boxes[:, 1],
    )


def _usual_slope(boxes: Floats) -> float:
    """The median tilt between close neighbours of like height."""
    x, bottom, width, height = _geometry(boxes)
    slopes = []
    for i in range(len(boxes)):
        dx = x - x[i]
        near = (dx > 0) & (dx < 2.5 * np.maximum(width, width[i]))
        alike = np.abs(height - height[i]) < 0.3 * np.minimum(height, height[i])
        level = np.abs(bottom - bottom[i]) < 0.4 * np.minimum(height, height[i])
        found = np.flatnonzero(near & alike & level)
        if len(found):
            j = found[np.argmin(dx[found])]
            slopes.append((bottom[j] - bottom[i]) / dx[j])
    return float(np.median(slopes)) if slopes else 0.0


def _chains(boxes: Floats, slope: float) -> list[list[int]]:
    x, bottom, width, height = _geometry(boxes)
    level = bottom - slope * x
    parent = list(range(len(boxes)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i in range(len(boxes)):
        dx = x - x[i]
        limit = SAME_BOTTOM_SHARE * np.minimum(height, height[i])
        candidates = np.flatnonzero(
            (dx > 0.3 * np.minimum(width, width[i]))
            & (dx < REACH_WIDTHS * np.maximum(width, width[i]))
            & (np.abs(level - level[i]) < limit)
        )
        if len(candidates):
            j = candidates[np.argmin(dx[candidates])]
            parent[root(int(j))] = root(i)
    chains: dict[int, list[int]] = {}
    for i in range(len(boxes)):
        chains.setdefault(root(i), []).append(i)
    return list(chains.values())


def _row(boxes: Floats, members: list[int], slope: float) -> Row:
    x, bottom, _, height = _geometry(boxes)
    order = np.array(sorted(members, key=lambda i: x[i]), dtype=np.int64)
    fitted = slope
    if len(order) >= 4 and np.ptp(x[order]) > 0:
        fitted = _median_slope(x[order], bottom[order], slope)
    offset = float(np.median(bottom[order] - fitted * x[order]))
    return Row(order, fitted, offset, float(np.median(height[order])))


def _median_slope(x: Floats, y: Floats, usual: float) -> float:
    """Theil-Sen: the median slope over pairs; kept near the picture's usual tilt."""
    i, j = np.triu_indices(len(x), k=1)
    far = np.abs(x[j] - x[i]) > 1e-6
    fitted = float(np.median((y[j] - y[i])[far] / (x[j] - x[i])[far]))
    return float(np.clip(fitted, usual - 0.1, usual + 0.1))


def _join(boxes: Floats, rows: list[Row], slope: float) -> list[Row]:
    """Join rows whose lines meet: a wide gap splits a row, a depth step does too."""
    x, _, width, _ = _geometry(boxes)
    joined = True
    while joined:
        joined = False
        for a in range(len(rows)):
            for b in range(a + 1, len(rows)):
                if _on_one_line(rows[a], rows[b], x, width):
                    members = [*rows[a].members.tolist(), *rows[b].members.tolist()]
                    rows = [r for k, r in enumerate(rows) if k not in (a, b)]
                    rows.append(_row(boxes, members, slope))
                    joined = True
                    break
            if joined:
                break
    return rows


def _on_one_line(a: Row, b: Row, x: Floats, width: Floats) -> bool:
    left, right = (a, b) if x[a.members].mean() < x[b.members].mean() else (b, a)
    middle = float((x[left.members].max() + x[right.members].min()) / 2)
    apart = abs(a.bottom_px(middle) - b.bottom_px(middle))
    if apart > SAME_BOTTOM_SHARE * min(a.height_px, b.height_px):
        return False
    # Rows that overlap sideways stand in front of each other or on each other.
    overlap = x[left.members].max() - x[right.members].min()
    return bool(overlap < float(np.median(width[left.members])))
