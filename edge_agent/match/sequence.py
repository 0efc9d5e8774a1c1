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


def align(pair: Floats, missing: Floats, extra: Floats, outside: Floats | None = None) -> Alignment:
    """Return the cheapest order-preserving alignment.

    ``outside`` (m,), where given, is the cost of item j instead of ``extra`` before the first
    and after the last planned facing: what stands there may belong to a neighbour.

    ``pair`` (n,m): cost of planned i answered by item j; ``missing`` (n,): cost of planned i
    unanswered; ``extra`` (m,): cost of item j unplanned. All costs are at least 0.
    One numpy step per planned facing: the run over unplanned items is a running minimum.
    """
    planned, items = pair.shape
    skipped = np.concatenate(([0.0], np.cumsum(extra)))
    beside = skipped if outside is None else np.concatenate(([0.0], np.cumsum(outside)))
    table = np.empty((planned + 1, items + 1))
    table[0] = beside
    for i in range(planned):
        reached = table[i] + missing[i]
        reached[1:] = np.minimum(reached[1:], table[i, :-1] + pair[i])
        table[i + 1] = skipped + np.minimum.accumulate(reached - skipped)
    whole = table[planned] + (beside[-1] - beside)
    end = int(np.argmin(whole))
    return Alignment(_trace(table, pair, missing, end), float(whole[end]))


def _trace(table: Floats, pair: Floats, missing: Floats, end: int) -> Ints:
    planned = len(missing)
    item_of = np.full(planned, -1, dtype=np.int64)
    j = end
    for i in range(planned - 1, -1, -1):
        # Walk back over unplanned items to where this planned facing was dealt with.
        while True:
            here = table[i + 1, j]
            if j > 0 and np.isclose(table[i, j - 1] + pair[i, j - 1], here, rtol=0, atol=1e-9):
                item_of[i] = j - 1
                j -= 1
                break
            if np.isclose(table[i, j] + missing[i], here, rtol=0, atol=1e-9):
                break
            j -= 1
    return item_of
