"""The items of one row in the order in which they stand: facings, gaps and bare holes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level
from edge_agent.match.sequence import Costs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ItemRow = tuple[float, float, float, float, int, int]
"""Left, right, bottom, top, kind and source."""


class Kind(IntEnum):
    """What stands at a place of a row."""

    FACING = 0
    GAP = 1
    HOLE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Items of one row from left to right, all arrays (m,).

    ``left``, ``right``, ``bottom`` and ``top`` are lengths in one frame (the bay's, y up, or
    the picture's turned so that y is up); ``source`` is the index of the facing or gap in the
    picture, -1 for a hole.
    """

    kind: Ints
    source: Ints
    left: Floats
    right: Floats
    bottom: Floats
    top: Floats

    @property
    def centers(self) -> Floats:
        """The middle of each item along the row."""
        return (self.left + self.right) / 2

    @property
    def widths(self) -> Floats:
        """The width of each item."""
        return self.right - self.left

    def __len__(self) -> int:
        return len(self.kind)


IN_GAP_SHARE = 0.5
"""A facing takes the place of a gap when it fills this share of the gap's height."""


def make_items(
    boxes: Floats, facing_source: Ints, gaps: Floats, gap_source: Ints, unit_width: float
) -> Items:
    """Order facings and gaps of one row; a gap of several ``unit_width`` becomes several items.

    ``boxes`` (n,4) and ``gaps`` (m,4) are left, bottom, right, top with y up.
    """
    rows: list[ItemRow] = []
    tall = np.minimum(boxes[:, 3], gaps[:, 3:]) - np.maximum(boxes[:, 1], gaps[:, 1:2])
    before = tall > IN_GAP_SHARE * (gaps[:, 3:] - gaps[:, 1:2])
    before &= (boxes[:, 2] > gaps[:, :1]) & (boxes[:, 0] < gaps[:, 2:3])
    for k, (gap, source) in enumerate(zip(gaps.tolist(), gap_source.tolist(), strict=True)):
        for left, right in _free_parts(gap[0], gap[2], boxes[before[k]].tolist()):
            count = max(1, round((right - left) / unit_width))
            step = (right - left) / count
            if step < 0.35 * unit_width:
                continue
            rows += [
                (left + n * step, left + (n + 1) * step, gap[1], gap[3], Kind.GAP, source)
                for n in range(count)
            ]
    table = np.empty((len(boxes) + len(rows), 6))
    table[: len(boxes), :4] = boxes[:, [0, 2, 1, 3]]
    table[: len(boxes), 4] = Kind.FACING
    table[: len(boxes), 5] = facing_source
    if rows:
        table[len(boxes) :] = rows
    return _pack(table)


def with_holes(items: Items, unit_width: float, left: float, right: float) -> Items:
    """Return ``items`` with holes, each ``unit_width`` of the bare space in ``left`` to ``right``.

    Bare is what neither a facing nor a gap covers; the bottom and top of a hole are its
    neighbour's.
    """
    if len(items) == 0:
        return items
    rows = np.column_stack(
        (items.left, items.right, items.bottom, items.top, items.kind, items.source)
    )
    ends = (right, right, items.bottom[-1], items.top[-1])
    holes: list[ItemRow] = []
    reach = left
    for row in [*rows.tolist(), ends]:
        count = round((row[0] - reach) / unit_width - 0.1)
        step = (row[0] - reach) / count if count > 0 else 0.0
        holes += [
            (reach + k * step, reach + (k + 1) * step, row[2], row[3], int(Kind.HOLE), -1)
            for k in range(count)
        ]
        reach = max(reach, row[1])
    return _pack(np.concatenate((rows, np.array(holes).reshape(-1, 6))))


@dataclass(frozen=True, slots=True)
class Prices:
    """What makes up the costs of an alignment, in units of "certainly wrong" (1).

    ``place`` is per facing width off, up to two; ``width`` and ``height`` per doubling;
    ``doubt`` for a facing that the detector is not sure of, ``identity`` for one that looks like
    anything rather than the planned SKU. ``missing`` and ``extra`` together are more than a
    likely pair and less than an absurd one; ``outside`` is for a facing beside the bay, where a
    neighbour may stand, ``cut_off`` for a planned one that the picture's edge may hide.
    """

    place: float = 0.5
    width: float = 0.4
    height: float = 0.4
    raised: float = 0.8
    identity: float = 0.45
    doubt: float = 0.2
    gap: float = 0.1
    hole: float = 0.3
    missing: float = 0.65
    extra: float = 0.5
    outside: float = 0.08
    cut_off: float = 0.3
    extra_gap: float = 0.03


PRICES = Prices()


def costs_by_order(
    level: Level, items: Items, observed: Observed, scale: float, prices: Prices = PRICES
) -> Costs:
    """Return the costs by width, height and identity, as before the bay has been found.

    ``scale`` is item lengths per planned length. Beside the row a neighbour may stand, or the
    picture may end.
    """
    is_facing = items.kind == Kind.FACING
    return Costs(
        _unlike(level, items, observed, scale, 0.0, prices),
        np.full(len(level.facings), prices.missing),
        extra_prices(items, prices),
        outside=np.where(is_facing, prices.outside, 0.0),
        cut_off=np.full(len(level.facings), prices.cut_off),
    )


def costs_in_place(
    level: Level,
    items: Items,
    observed: Observed,
    is_beside: NDArray[np.bool_],
    prices: Prices = PRICES,
) -> Costs:
    """Return the costs without that of the place, for items in the bay's frame of reference.

    ``is_beside`` (m,) marks facings that stand beside the bay, where its neighbour's are.
    """
    return Costs(
        _unlike(level, items, observed, 1.0, prices.raised, prices),
        np.full(len(level.facings), prices.missing),
        np.where(is_beside, prices.outside, extra_prices(items, prices)),
    )


def any_place(costs: Costs, items: Items, prices: Prices = PRICES) -> Costs:
    """Return the costs of a row that may have drifted anywhere: its order alone counts."""
    outside = np.where(items.kind == Kind.FACING, prices.outside, prices.extra_gap)
    return replace(costs, outside=np.minimum(outside, costs.extra))


def with_places(
    costs: Costs, level: Level, items: Items, shift: Floats, prices: Prices = PRICES
) -> Costs:
    """Add the cost of the place, the row having drifted by ``shift`` (n,) at each facing."""
    off = np.abs(items.centers - (level.centers + shift)[:, None])
    off /= level.widths[:, None]
    np.minimum(off, 2.0, out=off)
    off *= prices.place
    off += costs.pair
    return replace(costs, pair=off)


def extra_prices(items: Items, prices: Prices = PRICES) -> Floats:
    """Return the costs (m,) of items that are not planned."""
    return np.where(items.kind == Kind.FACING, prices.extra, prices.extra_gap)


def _unlike(
    level: Level,
    items: Items,
    observed: Observed,
    scale: float,
    raised: float,
    prices: Prices,
) -> Floats:
    """What speaks against each pair (n,m) but for places along the row.

    ``raised`` is the cost of standing a facing's height too high or too low.
    """
    is_facing = items.kind == Kind.FACING
    shapes, shape_of = level.shapes
    widths, heights, bottoms = (column[:, None] for column in (shapes * scale).T)
    tall = np.maximum(items.top - items.bottom, 1e-9)
    by_shape = prices.width * _octaves(items.widths, np.maximum(widths, 1e-9))
    by_shape += prices.height * _octaves(tall, heights)
    if raised:
        off = np.abs(items.bottom - bottoms) / heights
        by_shape += raised * np.clip(off - 0.1, 0.0, 1.0)
    # The sources of gaps index another array; what they would pick is not used.
    sources = np.where(is_facing, items.source, 0)
    if len(observed.facing_scores):
        by_shape += prices.doubt * (1.0 - observed.facing_scores[sources])
    unlike = by_shape[shape_of]
    if observed.has_identity and len(observed.facing_scores):
        mismatch = observed.mismatch(sources, level.skus)
        mismatch *= prices.identity
        unlike += mismatch.T
    bare = np.flatnonzero(~is_facing)
    unlike[:, bare] = np.where(items.kind[bare] == Kind.GAP, prices.gap, prices.hole)
    return np.asarray(unlike)


def _octaves(seen: Floats, planned: Floats) -> Floats:
    """|log2(seen/planned)| (n,m) of (m,) and (n,1), 0 within 15 % and at most 2."""
    octaves = np.abs(np.log2(seen) - np.log2(planned))
    octaves -= 0.2
    return np.asarray(np.clip(octaves, 0.0, 2.0, out=octaves))


def _free_parts(left: float, right: float, boxes: list[list[float]]) -> list[tuple[float, float]]:
    """The parts of an interval that none of ``boxes``, which all reach into it, covers."""
    parts = []
    for box in sorted(boxes):
        if box[2] <= left:
            continue
        if box[0] > left:
            parts.append((left, box[0]))
        left = max(left, box[2])
    if right > left:
        parts.append((left, right))
    return parts


def _pack(table: Floats) -> Items:
    """Items (m,6) in the order of their middles: left, right, bottom, top, kind, source."""
    table = table[np.argsort(table[:, 0] + table[:, 1], kind="stable")]
    return Items(
        kind=table[:, 4].astype(np.int64),
        source=table[:, 5].astype(np.int64),
        left=table[:, 0],
        right=table[:, 1],
        bottom=table[:, 2],
        top=table[:, 3],
    )
