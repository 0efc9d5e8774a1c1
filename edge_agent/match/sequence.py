"""Alignment of two ordered sequences: what is planned on a row and what stands there.

Needleman and Wunsch's dynamic programming (J. Mol. Biol. 48, 1970) with costs for pairing a
planned facing with an observed item, for a planned facing that nothing answers, and for an
item that nothing planned. Products drift sideways; sequences do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """``item_of`` (n,) is the observed item that answers each planned facing, or -1.

    ``cost`` is the total of the cheapest alignment.
    """

    item_of: Ints
    cost: float


def align(
    pair: Floats,
    missing: Floats,
    extra: Floats,
    *,
    outside: Floats | None = None,
    cut_off: Floats | None = None,
) -> Alignment:
    """Return the cheapest order-preserving alignment.

    ``pair`` (n,m): cost of planned i answered by item j; ``missing`` (n,): cost of planned i
    unanswered; ``extra`` (m,): cost of item j unplanned. All costs are at least 0.

    At the ends other costs may hold. ``outside`` (m,) is that of item j before the first and
    after the last planned facing, where a neighbour may stand; ``cut_off`` (n,) that of planned
    i before the first or after the last item, where the picture may end.

    One numpy step per planned facing: the run over unplanned items is a running minimum.
    """
    planned, items = pair.shape
    skipped = np.concatenate(([0.0], np.cumsum(extra)))
    beside = skipped if outside is None else np.concatenate(([0.0], np.cumsum(outside)))
    beyond = np.concatenate(([0.0], np.cumsum(missing if cut_off is None else cut_off)))
    table = np.empty((planned + 1, items + 1))
    table[0] = beside
    for i in range(planned):
        reached = table[i] + missing[i]
        reached[1:] = np.minimum(reached[1:], table[i, :-1] + pair[i])
        reached[0] = min(reached[0], beyond[i + 1])
        table[i + 1] = skipped + np.minimum.accumulate(reached - skipped)
    with_neighbour = table[planned] + (beside[-1] - beside)
    at_edge = table[:, items] + (beyond[-1] - beyond)
    if at_edge.min() < with_neighbour.min():
        row, end, cost = int(np.argmin(at_edge)), items, float(at_edge.min())
    else:
        row, end, cost = planned, int(np.argmin(with_neighbour)), float(with_neighbour.min())
    return Alignment(_trace(table, pair, missing, row, end), cost)


def _trace(table: Floats, pair: Floats, missing: Floats, row: int, end: int) -> Ints:
    item_of = np.full(len(missing), -1, dtype=np.int64)
    j = end
    for i in range(row - 1, -1, -1):
        # Walk back over unplanned items to where this planned facing was dealt with.
        while j > 0:
            here = table[i + 1, j]
            if np.isclose(table[i, j - 1] + pair[i, j - 1], here, rtol=0, atol=1e-9):
                item_of[i] = j - 1
                j -= 1
                break
            if np.isclose(table[i, j] + missing[i], here, rtol=0, atol=1e-9):
                break
            j -= 1
    return item_of
