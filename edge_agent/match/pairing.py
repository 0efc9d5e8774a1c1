"""Rows of a picture paired with planned rows, and in each the facings with the planned ones.

By order, width, height and identity alone: nothing is known yet of where the bay lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import (
    PRICES,
    Items,
    Kind,
    costs_by_order,
    make_items,
    with_holes,
)
from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level
from edge_agent.match.rows import Row
from edge_agent.match.sequence import Alignment, Costs, align

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOLE_WIDTHS = 0.6
"""Bare space is counted in holes of this many usual widths of its row: rather a hole too many,
which costs next to nothing, than one too few for what is missing."""


RowAligner = Callable[[Level, Items, Observed, float], Alignment]
"""Level, items, what was seen and scale (px per planned length) to an alignment."""


@dataclass(frozen=True, slots=True, eq=False)
class RowPair:
    """A planned row and the row of the picture that answers it.

    ``item_of`` (facings of the level,) indexes ``items``, -1 for a facing that nothing answers.
    """

    level: int
    row: Row
    items: Items
    item_of: Ints

    def facing_of(self, k: int) -> int:
        """Return the facing of the picture that answers planned facing ``k``, or -1."""
        item = int(self.item_of[k])
        if item < 0 or self.items.kind[item] != Kind.FACING:
            return -1
        return int(self.items.source[item])


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """The cheapest pairing; ``cost`` is per planned facing."""

    pairs: tuple[RowPair, ...]
    cost: float


def pair_rows(
    observed: Observed,
    levels: Sequence[Level],
    rows: Sequence[Row],
    scales: Sequence[float],
    align_row: RowAligner,
) -> Pairing:
    """Return the cheapest pairing over the candidate ``scales`` (px per planned length).

    ``levels`` and ``rows`` run from the bottom up and are not empty. ``align_row`` aligns one
    planned row to the items of one row of the picture.
    """
    items = _items_of_rows(observed, rows)
    found = [_pair_at(observed, levels, rows, items, scale, align_row) for scale in scales]
    return min(found, key=lambda pairing: pairing.cost)


def align_facings(level: Level, items: Items, observed: Observed, scale: float) -> Alignment:
    """Align a row facing by facing, by the sizes that are planned."""
    return align(costs_by_order(level, items, observed, scale))


def candidate_scales(
    observed: Observed, levels: Sequence[Level], rows: Sequence[Row]
) -> list[float]:
    """Candidate px per planned length: a few quantiles of what each row would suggest."""
    boxes = observed.facings_xyxy_px
    wide = np.array([np.median(boxes[r.members, 2] - boxes[r.members, 0]) for r in rows])
    planned = np.array([level.width for level in levels])
    ratios = np.log((wide[:, None] / planned[None, :]).ravel())
    weights = np.array([[len(r.members) for _ in levels] for r in rows]).ravel()
    order = np.argsort(ratios)
    share = np.cumsum(weights[order]) / weights.sum()
    picks = np.interp((0.1, 0.3, 0.5, 0.7, 0.9), share, ratios[order])
    return [float(scale) for scale in np.exp(np.unique(np.round(picks, 2)))]


def _pair_at(
    observed: Observed,
    levels: Sequence[Level],
    rows: Sequence[Row],
    items: Sequence[Items],
    scale: float,
    align_row: RowAligner,
) -> Pairing:
    inner = {}
    pair = np.empty((len(levels), len(rows)))
    for i, level in enumerate(levels):
        for j, row_items in enumerate(items):
            inner[i, j] = align_row(level, row_items, observed, scale)
            pair[i, j] = inner[i, j].cost
    facings = np.array([len(level.facings) for level in levels])
    outer = align(
        Costs(
            pair,
            PRICES.missing * facings,
            PRICES.extra * np.array([len(row.members) for row in rows]),
            cut_off=PRICES.cut_off * facings,
        )
    )
    pairs = tuple(
        RowPair(i, rows[j], items[j], inner[i, int(j)].item_of)
        for i, j in enumerate(outer.item_of)
        if j >= 0
    )
    return Pairing(pairs, outer.cost / int(facings.sum()))


def _items_of_rows(observed: Observed, rows: Sequence[Row]) -> list[Items]:
    boxes = turned(observed.facings_xyxy_px)
    left = min(float(boxes[row.members, 0].min()) for row in rows)
    right = max(float(boxes[row.members, 2].max()) for row in rows)
    return [_row_items(observed, row, left, right) for row in rows]


def _row_items(observed: Observed, row: Row, left: float, right: float) -> Items:
    boxes = turned(observed.facings_xyxy_px[row.members])
    widths = boxes[:, 2] - boxes[:, 0]
    gaps = observed.gaps_xyxy_px
    centers = (gaps[:, 0] + gaps[:, 2]) / 2
    line = row.slope * centers + row.offset_px
    # A gap belongs to the row whose band its middle lies in.
    middle = (gaps[:, 1] + gaps[:, 3]) / 2
    inside = np.flatnonzero((middle < line) & (middle > line - 1.2 * row.height_px))
    unit = HOLE_WIDTHS * float(np.median(widths))
    items = make_items(boxes, row.members, turned(gaps[inside]), inside, unit)
    return with_holes(items, unit, left, right)


def turned(boxes_xyxy_px: Floats) -> Floats:
    """Boxes (n,4) with y up: left, bottom, right, top."""
    return np.asarray(boxes_xyxy_px[:, [0, 3, 2, 1]] * np.array([1.0, -1.0, 1.0, -1.0]))
