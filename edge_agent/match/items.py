"""The items of one row in the order in which they stand: facings, gaps and bare holes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.planned import Level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    rows: list[tuple[float, float, float, float, int, int]] = [
        (box[0], box[2], box[1], box[3], Kind.FACING, int(source))
        for box, source in zip(boxes, facing_source, strict=True)
    ]
    for gap, source in zip(gaps, gap_source, strict=True):
        tall = np.minimum(boxes[:, 3], gap[3]) - np.maximum(boxes[:, 1], gap[1])
        free = _free_parts(gap[0], gap[2], boxes[tall > IN_GAP_SHARE * (gap[3] - gap[1])])
        for left, right in free:
            count = max(1, round((right - left) / unit_width))
            step = (right - left) / count
            if step < 0.35 * unit_width:
                continue
            rows += [
                (left + k * step, left + (k + 1) * step, gap[1], gap[3], Kind.GAP, int(source))
                for k in range(count)
            ]
    return _pack(rows)


def with_holes(items: Items, unit_width: float, left: float, right: float) -> Items:
    """Return ``items`` with holes, each ``unit_width`` of the bare space in ``left`` to ``right``.

    Bare is what neither a facing nor a gap covers; the bottom and top of a hole are its
    neighbour's.
    """
    rows = _unpack(items)
    if not rows:
        return items
    ordered = sorted(rows, key=lambda row: row[0] + row[1])
    ends = (right, right, ordered[-1][2], ordered[-1][3], int(Kind.HOLE), -1)
    holes: list[tuple[float, float, float, float, int, int]] = []
    reach = left
    for row in [*ordered, ends]:
        count = round((row[0] - reach) / unit_width - 0.1)
        step = (row[0] - reach) / count if count > 0 else 0.0
        holes += [
            (reach + k * step, reach + (k + 1) * step, row[2], row[3], int(Kind.HOLE), -1)
            for k in range(count)
        ]
        reach = max(reach, row[1])
    return _pack(rows + holes)


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of the alignment, in units of "certainly wrong" (1).

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


COSTS = Costs()


def pair_costs(
    level: Level,
    items: Items,
    mismatch: Floats,
    scores: Floats,
    *,
    shift: Floats | None,
    scale: float = 1.0,
    costs: Costs = COSTS,
) -> Floats:
    """Return the cost (n,m) of each planned facing answered by each item.

    ``mismatch`` is (facings of the picture, n), see `Observed.mismatch`, and ``scores`` are the
    detector's for each facing of the picture. ``shift`` (n,) is how
    far the row has drifted at each planned facing, in the items' lengths; None leaves the place
    out, as before the bay has been found. ``scale`` is item lengths per planned length.
    """
    is_facing = items.kind == Kind.FACING
    widths = np.maximum(level.widths * scale, 1e-9)
    cost = np.zeros((len(level.facings), len(items)))
    if shift is not None:
        off = np.abs(items.centers[None, :] - (level.centers * scale + shift)[:, None])
        cost += costs.place * np.minimum(off / widths[:, None], 2.0)
    heights = np.array([facing.height for facing in level.facings]) * scale
    tall = np.maximum(items.top - items.bottom, 1e-9)
    unlike = costs.width * _octaves(items.widths[None, :], widths[:, None])
    unlike = unlike + costs.height * _octaves(tall[None, :], heights[:, None])
    if shift is not None:
        bottoms = np.array([facing.bottom for facing in level.facings]) * scale
        raised = np.abs(items.bottom[None, :] - bottoms[:, None]) / heights[:, None]
        unlike = unlike + costs.raised * np.clip(raised - 0.1, 0.0, 1.0)
    # The sources of gaps index another array; what they would pick is not used.
    facing = np.where(is_facing, items.source, 0)
    if len(scores):
        unlike = unlike + costs.doubt * (1.0 - scores[facing])
    if len(mismatch):
        unlike = unlike + costs.identity * mismatch[facing].T
    flat = np.where(items.kind == Kind.GAP, costs.gap, costs.hole)
    return np.asarray(cost + np.where(is_facing[None, :], unlike, flat[None, :]))


def skip_costs(level: Level, items: Items, costs: Costs = COSTS) -> tuple[Floats, Floats]:
    """Return the costs of planned facings unanswered (n,) and of items unplanned (m,)."""
    missing = np.full(len(level.facings), costs.missing)
    extra = np.where(items.kind == Kind.FACING, costs.extra, costs.extra_gap)
    return missing, extra


def outside_costs(items: Items, costs: Costs = COSTS) -> Floats:
    """Return the costs (m,) of items beside all that is planned, for `align`."""
    return np.where(items.kind == Kind.FACING, costs.outside, 0.0)


def _octaves(a: Floats, b: Floats) -> Floats:
    """|log2(a/b)|, 0 within 15 % and at most 2."""
    return np.clip(np.abs(np.log2(a / b)) - 0.2, 0.0, 2.0)


def _free_parts(left: float, right: float, boxes: Floats) -> list[tuple[float, float]]:
    """The parts of an interval that no facing of the row covers."""
    parts = []
    for box in sorted(boxes.tolist()):
        if box[2] <= left or box[0] >= right:
            continue
        if box[0] > left:
            parts.append((left, box[0]))
        left = max(left, box[2])
    if right > left:
        parts.append((left, right))
    return parts


def _unpack(items: Items) -> list[tuple[float, float, float, float, int, int]]:
    return [
        (*values, int(kind), int(source))
        for *values, kind, source in zip(
            items.left.tolist(),
            items.right.tolist(),
            items.bottom.tolist(),
            items.top.tolist(),
            items.kind.tolist(),
            items.source.tolist(),
            strict=True,
        )
    ]


def _pack(rows: list[tuple[float, float, float, float, int, int]]) -> Items:
    ordered = sorted(rows, key=lambda row: row[0] + row[1])
    table = np.array(ordered, dtype=np.float64).reshape(-1, 6)
    return Items(
        kind=table[:, 4].astype(np.int64),
        source=table[:, 5].astype(np.int64),
        left=table[:, 0],
        right=table[:, 1],
        bottom=table[:, 2],
        top=table[:, 3],
    )
