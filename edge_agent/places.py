"""What the rectified picture of a bay shows in the places of its planned facings.

A detector errs in two ways that the plan can mend. It boxes the label and the neck of a bottle as
two products; where one facing is planned that is as tall as both, they are one. And it overlooks
a package; but a package is printed in colours, and a bare place, its wall and its board, is plain.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.frames import ImageBgr

Floats = NDArray[np.float64]

_INNER = (0.2, 0.15, 0.8, 0.75)
"""The part of a place that neighbours and depth leave alone: left, bottom, right, top."""

PART_OF_HEIGHT = 0.72
"""A part is at most so much of the facing's height."""

WHOLE_OF_HEIGHT = (0.8, 1.25)
"""Two parts together have the facing's height, between these multiples."""

JOINT_OF_HEIGHT = 0.2
"""Two parts meet, and the lower one stands on the board, within this much of the height."""


def colour_spread(frontal_bgr: ImageBgr, places_px: Floats) -> Floats:
    """Return how far the colours within each place (n,4) x1, y1, x2, y2 spread, in units of Lab.

    Lightness does not count. 0 for a place of which the picture shows less than 4 px.
    """
    lab = cv2.cvtColor(frontal_bgr, cv2.COLOR_BGR2LAB)[..., 1:]
    height, width = lab.shape[:2]
    wide, tall = places_px[:, 2] - places_px[:, 0], places_px[:, 3] - places_px[:, 1]
    left, bottom, right, top = _INNER
    x1, x2 = places_px[:, 0] + left * wide, places_px[:, 0] + right * wide
    y1, y2 = places_px[:, 3] - top * tall, places_px[:, 3] - bottom * tall
    x = np.clip(np.round([x1, x2]), 0, width).astype(int)
    y = np.clip(np.round([y1, y2]), 0, height).astype(int)
    sums, squares = cv2.integral2(lab, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    count = (x[1] - x[0]) * (y[1] - y[0])
    shown = np.maximum(count, 1)[:, None]

    def mean(table: cv2.typing.MatLike) -> Floats:
        whole = table[y[1], x[1]] - table[y[0], x[1]] - table[y[1], x[0]] + table[y[0], x[0]]
        return np.asarray(whole / shown, dtype=np.float64)

    variance = np.maximum(mean(squares) - mean(sums) ** 2, 0.0).sum(axis=1)
    return np.where(count >= 4, np.sqrt(variance), 0.0)


def joined_parts(boxes: Floats, places_px: Floats) -> list[tuple[int, int]]:
    """Return which boxes (n,4) are the lower and the upper part of one planned facing.

    ``places_px`` (m,4) are the facings' places; all are x1, y1, x2, y2 with y down. Each box
    belongs to one pair at most.
    """
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    centers = (boxes[:, 0] + boxes[:, 2]) / 2
    heights, widths = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
    for x1, y1, x2, y2 in places_px.tolist():
        wide, tall = x2 - x1, y2 - y1
        small = (
            (np.abs(centers - (x1 + x2) / 2) < wide / 2)
            & (heights < PART_OF_HEIGHT * tall)
            & (widths < 1.5 * wide)
        )
        stands = small & (np.abs(boxes[:, 3] - y2) < JOINT_OF_HEIGHT * tall)
        for lower in np.flatnonzero(stands & (widths > wide / 2)).tolist():
            whole = boxes[lower, 3] - boxes[:, 1]
            above = (
                small
                & (np.abs(boxes[:, 3] - boxes[lower, 1]) < JOINT_OF_HEIGHT * tall)
                & (whole > WHOLE_OF_HEIGHT[0] * tall)
                & (whole < WHOLE_OF_HEIGHT[1] * tall)
                & (_beside(boxes, lower) > 0.6)
            )
            for upper in np.flatnonzero(above).tolist():
                if upper != lower and not {upper, lower} & used:
                    pairs.append((lower, upper))
                    used |= {upper, lower}
    return pairs


def _beside(boxes: Floats, one: int) -> Floats:
    """How much of the narrower of each box and ``one`` they share along the shelf."""
    shared = np.minimum(boxes[:, 2], boxes[one, 2]) - np.maximum(boxes[:, 0], boxes[one, 0])
    narrow = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[one, 2] - boxes[one, 0])
    return np.asarray(shared / np.maximum(narrow, 1e-9), dtype=np.float64)
