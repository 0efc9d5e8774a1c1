"""What the rectified picture of a bay shows in the places of its planned facings.

A detector errs in three ways that the plan can mend. It boxes the label of a bottle, or label and
neck as two products; where a taller facing is planned, they may be its parts. It boxes a product
and a taller one behind it as one; then the lower part alone looks like a lower product. And it
overlooks a package; but a package is printed in colours, and a bare place, its wall and its board,
is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.frames import ImageBgr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HELD = 0.85
"""A box holds another of which this share lies in it."""

LEAST_OF_HEIGHT = 0.35
"""A lower part that is lower still says nothing of the whole."""

_INNER = (0.2, 0.15, 0.8, 0.75)
"""The part of a place that neighbours and depth leave alone: left, bottom, right, top."""

PART_OF_HEIGHT = 0.72
"""A part is at most so much of the facing's height."""

WHOLE_OF_HEIGHT = (0.8, 1.25)
"""Two parts together have the facing's height, between these multiples."""

JOINT_OF_HEIGHT = 0.2
"""Two parts meet, and the lower one stands on the board, within this much of the height."""

LOWER = 0.85
"""What stands before something taller has at most so much of the height of both."""

ALIKE_HEIGHT = 1.15
"""Products whose heights differ by no more than this factor are looked for in one part."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The places of a bay's planned facings in its rectified picture.

    ``boxes_px`` (n,4) are x1, y1, x2, y2 with y down, ``wanted`` (n) the planned SKUs.
    """

    boxes_px: Floats
    wanted: tuple[str, ...]


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
    for place in places_px:
        tall = place[3] - place[1]
        small = _is_low(boxes, place)
        for lower in np.flatnonzero(small & _stands(boxes, place)).tolist():
            whole = boxes[lower, 3] - boxes[:, 1]
            above = (
                small
                & (np.abs(boxes[:, 3] - boxes[lower, 1]) < JOINT_OF_HEIGHT * tall)
                & (whole > WHOLE_OF_HEIGHT[0] * tall)
                & (whole < WHOLE_OF_HEIGHT[1] * tall)
                & (_beside(boxes, boxes[lower]) > 0.6)
            )
            for upper in np.flatnonzero(above).tolist():
                if upper != lower and not {upper, lower} & used:
                    pairs.append((lower, upper))
                    used |= {upper, lower}
    return pairs


def nested_parts(boxes: Floats, places_px: Floats) -> list[int]:
    """Return the boxes (n,4) that are a part of a facing which another box holds as a whole."""
    gone: set[int] = set()
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for place in places_px:
        tall = place[3] - place[1]
        heights = boxes[:, 3] - boxes[:, 1]
        fits = (heights > WHOLE_OF_HEIGHT[0] * tall) & (heights < WHOLE_OF_HEIGHT[1] * tall)
        for whole in np.flatnonzero(fits & _stands(boxes, place)).tolist():
            low = np.maximum(boxes[:, :2], boxes[whole, :2])
            high = np.minimum(boxes[:, 2:], boxes[whole, 2:])
            inside = np.prod(np.clip(high - low, 0, None), axis=1) > HELD * area
            gone.update(np.flatnonzero(inside & _is_low(boxes, place)).tolist())
    return sorted(gone)


def lone_parts(boxes: Floats, places_px: Floats) -> list[tuple[int, int, Floats]]:
    """Return low boxes (n,4) that may be the lower part of a planned facing, as tall as that.

    Each is given as the box, the facing's place, and the box stretched up to the facing's height.
    Whether it is a part, or a lower product, only a look at the whole can tell.
    """
    found: dict[int, tuple[int, int, Floats]] = {}
    for index, place in enumerate(places_px):
        low = _is_low(boxes, place) & _stands(boxes, place)
        low &= boxes[:, 3] - boxes[:, 1] > LEAST_OF_HEIGHT * (place[3] - place[1])
        for part in np.flatnonzero(low).tolist():
            stretched = boxes[part].copy()
            stretched[1] = stretched[3] - (place[3] - place[1])
            found.setdefault(part, (part, index, stretched))
    return list(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class LowPart:
    """The lower part of a box, ``box_px`` (4,), as tall as the products ``skus``."""

    box: int
    box_px: Floats
    skus: frozenset[str]


def place_of(boxes: Floats, places_px: Floats) -> Ints:
    """Return the place (n,) that each box stands in and shares most of, -1 for none."""
    if len(boxes) == 0 or len(places_px) == 0:
        return np.full(len(boxes), -1, dtype=np.int64)
    shared = np.stack([_beside(places_px, box) for box in boxes])
    shared *= np.stack([_stands(boxes, place) for place in places_px], axis=1)
    return np.where(shared.max(axis=1) > 0, shared.argmax(axis=1), -1)


def low_parts(
    boxes: Floats, stands_in: Ints, places: Places, sizes: Mapping[str, tuple[float, float]]
) -> list[LowPart]:
    """Return the lower parts of boxes (n,4) that lower products may fill, one for each height.

    ``stands_in`` (n,) are the boxes' places, -1 for a box that is left out; ``sizes`` are the
    products' widths and heights in planogram lengths. A low product is about as wide as its box.
    """
    parts: list[LowPart] = []
    for index in np.flatnonzero(stands_in >= 0).tolist():
        box, place = boxes[index], stands_in[index]
        if places.wanted[place] not in sizes:
            continue
        per_px = sizes[places.wanted[place]][1] / (
            places.boxes_px[place, 3] - places.boxes_px[place, 1]
        )
        wide, tall = ((box[2:] - box[:2]) * per_px).tolist()
        low = sorted(
            (height, sku)
            for sku, (width, height) in sizes.items()
            if LEAST_OF_HEIGHT * tall < height < LOWER * tall and wide / 1.5 < width < 1.5 * wide
        )
        while low:
            alike = [one for one in low if one[0] < ALIKE_HEIGHT * low[0][0]]
            low = low[len(alike) :]
            part = box.copy()
            part[1] = part[3] - alike[len(alike) // 2][0] / per_px
            parts.append(LowPart(index, part, frozenset(sku for _, sku in alike)))
    return parts


def _is_low(boxes: Floats, place: Floats) -> NDArray[np.bool_]:
    """Which boxes are in the column of a place and too low for the facing planned there."""
    wide, tall = place[2] - place[0], place[3] - place[1]
    off = np.abs(boxes[:, 0] + boxes[:, 2] - place[0] - place[2]) / 2
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return np.asarray((off < wide / 2) & (heights < PART_OF_HEIGHT * tall) & (widths < 1.5 * wide))


def _stands(boxes: Floats, place: Floats) -> NDArray[np.bool_]:
    """Which boxes stand in a place and are about as wide as the facing planned there."""
    wide, tall = place[2] - place[0], place[3] - place[1]
    off = np.abs(boxes[:, 0] + boxes[:, 2] - place[0] - place[2]) / 2
    widths = boxes[:, 2] - boxes[:, 0]
    foot = np.abs(boxes[:, 3] - place[3]) < JOINT_OF_HEIGHT * tall
    return np.asarray((off < wide / 2) & (widths > wide / 2) & (widths < 1.5 * wide) & foot)


def _beside(boxes: Floats, one: Floats) -> Floats:
    """How much of the narrower of each box (n,4) and ``one`` (4,) they share along the shelf."""
    shared = np.minimum(boxes[:, 2], one[2]) - np.maximum(boxes[:, 0], one[0])
    narrow = np.minimum(boxes[:, 2] - boxes[:, 0], one[2] - one[0])
    return np.asarray(shared / np.maximum(narrow, 1e-9), dtype=np.float64)
