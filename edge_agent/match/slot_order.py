"""Alignment of a planned row whose facings have no sizes: slot by slot, not facing by facing.

Order alone leaves a choice open: of a slot of three and its neighbour of three, with three
facings and a hole, either may be the empty one. Facings of one slot are alike in width, and
what is missing is mostly whole slots; a slot therefore takes a run of items at a cost that
grows with unlike widths and with a slot that is only partly filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import PRICES, Items, Kind, Prices, costs_by_order
from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level
from edge_agent.match.sequence import ROUNDING, Alignment

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTIAL = 0.12
"""Cost of a slot that is neither full nor empty."""

UNLIKE = 0.6
"""Cost of a slot's facings per doubling of width among them."""

PLACES_PER_FACING = 3
"""Bare places that one missing facing may leave."""


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Items ``starts`` to ``ends`` (excluded) that a slot could take; by end, then by start.

    ``costs`` are without identity; ``first`` is where each end's runs begin. All (k,).
    """

    starts: Ints
    ends: Ints
    costs: Floats
    first: Ints


def align_slots(
    level: Level, items: Items, observed: Observed, prices: Prices = PRICES
) -> Alignment:
    """Return the cheapest alignment of the level's slots, in order, to runs of items."""
    slots = [
        [k for k, _ in group]
        for _, group in groupby(enumerate(level.facings), key=lambda pair: pair[1].slot)
    ]
    by_order = costs_by_order(level, items, observed, 1.0, prices)
    skipped = np.concatenate(([0.0], np.cumsum(by_order.extra)))
    assert by_order.outside is not None
    beside = np.concatenate(([0.0], np.cumsum(by_order.outside)))
    is_facing = items.kind == Kind.FACING
    skus = [level.facings[slot[0]].sku for slot in slots]
    mismatch = observed.mismatch(np.where(is_facing, items.source, 0), skus)
    unlike = np.where(is_facing[:, None], prices.identity * mismatch, 0.0)
    passed = np.concatenate((np.zeros((1, len(slots))), np.cumsum(unlike, axis=0)))
    runs_of = {
        planned: _runs(planned, items, observed.facing_scores, prices)
        for planned in {len(slot) for slot in slots}
    }
    table = beside
    chosen: list[tuple[Ints, Ints]] = []
    for index, slot in enumerate(slots):
        runs = runs_of[len(slot)]
        costs = runs.costs + passed[runs.ends, index] - passed[runs.starts, index]
        total = table[runs.starts] + costs
        best = np.minimum.reduceat(total, runs.first)
        cheapest = np.flatnonzero(total <= best[runs.ends])
        starts = np.empty(len(best), dtype=np.int64)
        # Of several with one end the first start is kept: it is written last.
        starts[runs.ends[cheapest[::-1]]] = runs.starts[cheapest[::-1]]
        stops = np.arange(len(best))
        # Items after the run that no slot takes.
        table = skipped + np.minimum.accumulate(best - skipped)
        for end in np.flatnonzero(table < best - ROUNDING):
            starts[end], stops[end] = starts[end - 1], stops[end - 1]
        chosen.append((starts, stops))
    whole = table + (beside[-1] - beside)
    last = int(np.argmin(whole))
    return Alignment(_trace(slots, chosen, items, len(level.facings), last), float(whole[last]))


def _runs(planned: int, items: Items, scores: Floats, prices: Prices) -> _Runs:
    """The runs that a slot of ``planned`` facings could take."""
    log_width = np.log2(np.maximum(items.widths, 1e-9)).tolist()
    facing = [kind == Kind.FACING for kind in items.kind.tolist()]
    bare = np.where(items.kind == Kind.GAP, prices.gap, prices.hole).tolist()
    unsure = [
        prices.doubt * (1.0 - float(scores[source])) if is_facing else 0.0
        for is_facing, source in zip(facing, items.source.tolist(), strict=True)
    ]
    found = []
    for start in range(len(items) + 1):
        found.append((start, start, prices.missing * planned))
        seen: list[float] = []
        empty = doubt = 0.0
        places = 0
        for end in range(start, len(items)):
            if facing[end]:
                if len(seen) == planned:
                    break
                seen.append(log_width[end])
                doubt += unsure[end]
            else:
                places += 1
                empty += bare[end]
                if places > PLACES_PER_FACING * planned:
                    break
            missing = planned - len(seen)
            cost = doubt
            if missing:
                # Bare space says that something is missing, not how many narrow facings.
                cost += missing * (empty / places if places else prices.missing)
            elif places:
                cost += prices.extra_gap * places
            if seen and missing:
                cost += PARTIAL
            if seen:
                cost += UNLIKE * (max(seen) - min(seen))
            found.append((end + 1, start, cost))
    found.sort()
    ends = np.array([run[0] for run in found])
    return _Runs(
        starts=np.array([run[1] for run in found]),
        ends=ends,
        costs=np.array([run[2] for run in found]),
        first=np.searchsorted(ends, np.arange(len(items) + 1)),
    )


def _trace(
    slots: list[list[int]], chosen: list[tuple[Ints, Ints]], items: Items, planned: int, end: int
) -> Ints:
    item_of = np.full(planned, -1, dtype=np.int64)
    for slot, (starts, stops) in zip(reversed(slots), reversed(chosen), strict=True):
        start = int(starts[end])
        inside = np.arange(start, stops[end])
        for k, item in zip(slot, _answers(inside, items, len(slot)), strict=False):
            item_of[k] = item
        end = start
    return item_of


def _answers(inside: Ints, items: Items, planned: int) -> list[int]:
    """The items, in order, that stand for a slot's facings: facings first, then bare places."""
    facings = [int(i) for i in inside if items.kind[i] == Kind.FACING]
    bare = [int(i) for i in inside if items.kind[i] != Kind.FACING]
    keep = planned - len(facings)
    step = len(bare) / keep if keep else 1.0
    spread = sorted({bare[int(k * step)] for k in range(keep)} if bare and keep else set())
    return sorted(facings + spread)
