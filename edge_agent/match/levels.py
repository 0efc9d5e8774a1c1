"""Each level of a bay aligned to what stands on it, in the bay's frame of reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import (
    Items,
    Kind,
    any_place,
    costs_in_place,
    make_items,
    with_places,
)
from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level
from edge_agent.match.sequence import Costs, align_each

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL_REACH = 0.45
"""A facing belongs to the nearest level within this share of the level's height."""

GAP_OVERLAP = 0.4
"""A gap belongs to every level whose band it fills by this share, or that holds it."""

PASSES = 2
"""How often the drift of the rows is measured and the rows are aligned anew."""

SETTLED_WIDTHS = 0.02
"""A drift that changes by less than this share of a facing is settled."""

DRIFT = 1.3
"""Cost of a row that has drifted by a facing's width: as much as a facing that is missing and one
that is not planned, so that an empty place at one end is not filled by a neighbour at the other."""

DOUBTFUL = 0.2
"""A row that costs more than this for each planned facing is also tried where its order says."""

TREND_FACINGS = 4
"""So many facings say how a row as a whole has drifted."""

MAX_STRETCH = 0.3
"""A row is compressed or spread by no more than this share."""

DRIFT_REACH = 2
"""The drift of a paired facing is the median over so many more to each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """One level and what answers it.

    ``item_of`` (n,) is the item of each planned facing, -1 for none; ``shift`` (n,) how far the
    row has drifted there; ``costs`` (n,m) are those of pairing.
    """

    level: Level
    items: Items
    item_of: Ints
    shift: Floats
    costs: Floats

    @property
    def kinds(self) -> Ints:
        """The kind of item that answers each planned facing (n,), -1 for none."""
        return _picked(self.items.kind, self.item_of)

    @property
    def sources(self) -> Ints:
        """The facing or gap of the picture that answers each planned facing (n,), or -1."""
        return _picked(self.items.source, self.item_of)

    @property
    def paired_costs(self) -> Floats:
        """The costs (k,) of the planned facings that a facing answers."""
        paired = np.flatnonzero(self.kinds == Kind.FACING)
        return np.asarray(self.costs[paired, self.item_of[paired]])

    @property
    def unexplained(self) -> Ints:
        """The items that are facings and answer nothing."""
        free = self.items.kind == Kind.FACING
        free[self.item_of[self.item_of >= 0]] = False
        return np.flatnonzero(free)


def align_levels(
    observed: Observed,
    levels: Sequence[Level],
    facings: Floats,
    inside: NDArray[np.bool_],
    gaps: Floats,
) -> list[Aligned]:
    """Align what is seen to each level; how far a row has drifted is learned from what was paired.

    ``facings`` (n,4) and ``gaps`` (m,4) are left, bottom, right, top in the bay's frame;
    ``inside`` (n,) says which facings lie in the bay.
    """
    level_of = _assign(facings, levels, inside)
    rows = []
    for index, level in enumerate(levels):
        items = _level_items(level, facings, np.flatnonzero(level_of == index), gaps)
        is_beside = items.kind == Kind.FACING
        is_beside[is_beside] = ~inside[items.source[is_beside]]
        rows.append(_Row(level, items, costs_in_place(level, items, observed, is_beside)))
    found = _settle(rows, [np.zeros(len(level.facings)) for level in levels])
    doubtful = [k for k, row in enumerate(found) if row.cost > DOUBTFUL * len(row.aligned.item_of)]
    again = [rows[k] for k in doubtful]
    by_order = align_each([any_place(row.costs, row.items) for row in again])
    starts = _drifts(again, [alignment.item_of for alignment in by_order])
    for k, moved in zip(doubtful, _settle(again, starts), strict=True):
        found[k] = min(found[k], moved, key=lambda row: row.cost)
    return [row.aligned for row in found]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A level, the items near it, and the costs without those of the places along it."""

    level: Level
    items: Items
    costs: Costs


@dataclass(frozen=True, slots=True, eq=False)
class _Settled:
    """A row aligned at the place to which it has drifted; ``cost`` includes the drift's."""

    aligned: Aligned
    cost: float


def _settle(rows: Sequence[_Row], shifts: list[Floats]) -> list[_Settled]:
    """Align each row from where it is thought to have drifted, and measure the drift anew."""
    costs = [
        with_places(row.costs, row.level, row.items, shift)
        for row, shift in zip(rows, shifts, strict=True)
    ]
    found = align_each(costs)
    shifts, moving = list(shifts), list(range(len(rows)))
    for _ in range(PASSES):
        drifts = _drifts([rows[k] for k in moving], [found[k].item_of for k in moving])
        moved = dict(zip(moving, drifts, strict=True))
        moving = [
            k
            for k in moving
            if np.abs(moved[k] - shifts[k]).max() > SETTLED_WIDTHS * rows[k].level.width
        ]
        for k in moving:
            row, shifts[k] = rows[k], moved[k]
            costs[k] = with_places(row.costs, row.level, row.items, moved[k])
        for k, alignment in zip(moving, align_each([costs[k] for k in moving]), strict=True):
            found[k] = alignment
    return [
        _Settled(
            Aligned(row.level, row.items, found[k].item_of, shifts[k], costs[k].pair),
            found[k].cost + DRIFT * float(np.abs(shifts[k]).mean()) / row.level.width,
        )
        for k, row in enumerate(rows)
    ]


def _picked(values: Ints, item_of: Ints) -> Ints:
    """``values`` (m,) of the items (n,), -1 where there is none."""
    return np.append(values, -1)[item_of]


def _assign(facings: Floats, levels: Sequence[Level], inside: NDArray[np.bool_]) -> Ints:
    """The level (n,) whose line each facing's foot is nearest to, -1 when none is near.

    Facings a little outside the bay's sides are kept: a row may have drifted over its edge.
    """
    level_of = np.full(len(facings), -1, dtype=np.int64)
    if len(facings) == 0:
        return level_of
    bottoms = np.array([level.bottom for level in levels])
    heights = np.array([level.height for level in levels])
    right = np.array([(level.lefts + level.widths).max() + level.width for level in levels])
    left = np.array([level.lefts[0] - level.width for level in levels])
    off = np.abs(facings[:, 1][:, None] - bottoms) / heights
    x = (facings[:, 0] + facings[:, 2])[:, None] / 2
    off[((x < left) | (x > right)) & ~inside[:, None]] = np.inf
    nearest = np.argmin(off, axis=1)
    near = off[np.arange(len(facings)), nearest] < LEVEL_REACH
    level_of[near] = nearest[near]
    return level_of


def _level_items(level: Level, facings: Floats, members: Ints, gaps: Floats) -> Items:
    low, high = level.bottom, level.bottom + level.height
    overlap = np.minimum(gaps[:, 3], high) - np.maximum(gaps[:, 1], low)
    smaller = np.minimum(gaps[:, 3] - gaps[:, 1], high - low)
    own = np.flatnonzero(overlap > GAP_OVERLAP * np.maximum(smaller, 1e-9))
    return make_items(facings[members], members, gaps[own], own, level.width)


def _drifts(rows: Sequence[_Row], found: Sequence[Ints]) -> list[Floats]:
    """How far what was paired stands from its planned place (n,), one for each of ``rows``.

    A running median, which stays within a facing of the row's trend: no row is torn apart.
    """
    paired = [
        np.flatnonzero(_picked(row.items.kind, item_of) == Kind.FACING)
        for row, item_of in zip(rows, found, strict=True)
    ]
    smooth = _running_medians(
        [
            row.items.centers[item_of[those]] - row.level.centers[those]
            for row, item_of, those in zip(rows, found, paired, strict=True)
        ],
        DRIFT_REACH,
    )
    drifts = []
    for row, those, medians in zip(rows, paired, smooth, strict=True):
        level, trend = row.level, np.zeros(len(row.level.facings))
        if len(those) and np.abs(medians).max() > level.width:
            trend = _trend(level.centers, level.centers[those], medians)
        spread = np.interp(np.arange(len(trend)), those, medians) if len(those) else trend
        drifts.append(np.clip(spread, trend - level.width, trend + level.width))
    return drifts


def _trend(at: Floats, x: Floats, off: Floats) -> Floats:
    """The straight line through ``off`` (k,) over ``x`` (k,) at places (n,): Theil and Sen's.

    Zero where fewer than `TREND_FACINGS` speak for it.
    """
    if len(x) < TREND_FACINGS:
        return np.zeros(len(at))
    i, j = np.triu_indices(len(x), k=1)
    slope = float(np.median((off[j] - off[i]) / np.maximum(x[j] - x[i], 1e-9)))
    slope = min(max(slope, -MAX_STRETCH), MAX_STRETCH)
    return np.asarray(slope * at + np.median(off - slope * x))


def _running_medians(rows: Sequence[Floats], reach: int) -> list[Floats]:
    """The medians over each value of a row and ``reach`` more to each side, fewer at the ends."""
    if not rows:
        return []
    beside = np.full(reach, np.inf)
    values = np.concatenate([part for row in rows for part in (beside, row)] + [beside])
    ends = np.cumsum([reach + len(row) for row in rows])
    middles = np.concatenate(
        [np.arange(end - len(row), end) for row, end in zip(rows, ends, strict=True)]
    )
    windows = np.sort(values[middles[:, None] + np.arange(-reach, reach + 1)], axis=1)
    last = np.count_nonzero(windows < np.inf, axis=1) - 1
    each = np.arange(len(middles))
    medians = (windows[each, last // 2] + windows[each, (last + 1) // 2]) / 2
    return np.split(medians, np.cumsum([len(row) for row in rows[:-1]]))
