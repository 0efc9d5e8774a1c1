"""Alignment of two ordered sequences: what is planned on a row and what stands there.

Needleman and Wunsch's dynamic programming (J. Mol. Biol. 48, 1970) with costs for pairing a
planned facing with an observed item, for a planned facing that nothing answers, and for an
item that nothing planned. Products drift sideways; sequences do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING = 1e-9
"""Costs that differ by less are the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What an alignment may cost; all are at least 0.

    ``pair`` (n,m): planned i answered by item j; ``missing`` (n,): planned i unanswered;
    ``extra`` (m,): item j unplanned.

    At the ends other costs may hold. ``outside`` (m,) is that of item j before the first and
    after the last planned facing, where a neighbour may stand; ``cut_off`` (n,) that of planned
    i before the first or after the last item, where the picture may end.
    """

    pair: Floats
    missing: Floats
    extra: Floats
    outside: Floats | None = None
    cut_off: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """``item_of`` (n,) is the observed item that answers each planned facing, or -1.

    ``cost`` is the total of the cheapest alignment.
    """

    item_of: Ints
    cost: float


def align(costs: Costs) -> Alignment:
    """Return the cheapest order-preserving alignment."""
    return align_each([costs])[0]


def align_each(problems: Sequence[Costs]) -> list[Alignment]:
    """Return the cheapest order-preserving alignment of each of several rows.

    All rows at once, a few numpy steps per planned facing. What a table holds is how much less
    than "nothing answers anything" the beginnings of two sequences cost; a pair then lowers it by
    what it saves, everything else leaves it as it is, and rows of unlike lengths can be filled up.
    """
    if not problems:
        return []
    n = max(len(costs.missing) for costs in problems)
    m = max(len(costs.extra) for costs in problems)
    table = np.zeros((n + 1, len(problems), m + 1))
    saved = np.full((n, len(problems), m), np.inf)
    for k, costs in enumerate(problems):
        planned, items = costs.pair.shape
        saved[:planned, k, :items] = costs.pair - costs.missing[:, None] - costs.extra[None, :]
        if costs.outside is not None:
            table[0, k, 1 : items + 1] = np.cumsum(costs.outside - costs.extra)
        if costs.cut_off is not None:
            table[1 : planned + 1, k, 0] = np.cumsum(costs.cut_off - costs.missing)
    for i in range(n):
        before, after = table[i], table[i + 1]
        np.add(before[:, :-1], saved[i], out=after[:, 1:])
        np.minimum(after, before, out=after)
        np.minimum.accumulate(after, axis=1, out=after)
    return [_best(costs, table[:, k], saved[:, k]) for k, costs in enumerate(problems)]


def _best(costs: Costs, table: Floats, saved: Floats) -> Alignment:
    planned, items = costs.pair.shape
    table, saved = table[: planned + 1, : items + 1], saved[:planned, :items]
    row, end = planned, items
    cost = float(table[row, end])
    if costs.outside is not None:
        after = _to_come(costs.outside - costs.extra)
        end = int(np.argmin(table[planned] + after))
        cost = float(table[planned, end] + after[end])
    if costs.cut_off is not None:
        after = _to_come(costs.cut_off - costs.missing)
        edge = int(np.argmin(table[:, items] + after))
        if table[edge, items] + after[edge] < cost:
            row, end, cost = edge, items, float(table[edge, items] + after[edge])
    nothing = float(costs.missing.sum() + costs.extra.sum())
    return Alignment(_trace(table, saved, row, end), nothing + cost)


def _to_come(costs: Floats) -> Floats:
    """The sum (n+1,) of what comes after each place."""
    return np.concatenate((np.cumsum(costs[::-1])[::-1], [0.0]))


def _trace(table: Floats, saved: Floats, row: int, end: int) -> Ints:
    """Walk back over unplanned items to where each planned facing was dealt with."""
    here = table[1:, 1:] + ROUNDING
    paired = table[:-1, :-1] + saved <= here
    dealt = paired | (table[:-1, 1:] <= here)
    places = np.maximum.accumulate(np.where(dealt, np.arange(1, table.shape[1]), 0), axis=1)
    item_of = [-1] * len(saved)
    j = end
    for i in range(row - 1, -1, -1):
        if j == 0:
            break
        j = int(places[i, j - 1])
        if j > 0 and paired[i, j - 1]:
            j -= 1
            item_of[i] = j
    return np.array(item_of, dtype=np.int64)
