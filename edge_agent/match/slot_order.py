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

from edge_agent.match.items import COSTS, Costs, Items, Kind, outside_costs, skip_costs
from edge_agent.match.planned import Level
from edge_agent.match.sequence import Alignment

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTIAL = 0.12
"""Cost of a slot that is neither full nor empty."""

UNLIKE = 0.6
"""Cost of a slot's facings per doubling of width among them."""

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _Run:
    """A slot answered by items ``start`` to ``end`` (excluded)."""

    cost: float
    start: int


def align_slots(
    level: Level, items: Items, mismatch: Floats, scores: Floats, costs: Costs = COSTS
) -> Alignment:
    """Return the cheapest alignment of the level's slots, in order, to runs of items.

    ``mismatch`` and ``scores`` are as for `edge_agent.match.items.pair_costs`.
    """
    slots = [
        [k for k, _ in group]
        for _, group in groupby(enumerate(level.facings), key=lambda pair: pair[1].slot)
    ]
    count = len(items)
    _, extra = skip_costs(level, items, costs)
    skipped = np.concatenate(([0.0], np.cumsum(extra)))
    log_width = np.log2(np.maximum(items.widths, 1e-9))
    beside = np.concatenate(([0.0], np.cumsum(outside_costs(items, costs))))
    table = [beside]
    chosen: list[list[_Run]] = []
    for facings in slots:
        before = table[-1]
        best = np.full(count + 1, np.inf)
        runs = [_Run(np.inf, 0)] * (count + 1)
        for start in range(count + 1):
            for end, cost in _runs(facings, start, items, log_width, mismatch, scores, costs):
                total = before[start] + cost
                if total < best[end]:
                    best[end] = total
                    runs[end] = _Run(float(total), start)
        # Items after the run that no slot takes.
        reached = skipped + np.minimum.accumulate(best - skipped)
        for end in range(1, count + 1):
            if reached[end] < best[end] - ROUNDING:
                runs[end] = runs[end - 1]
        chosen.append(runs)
        table.append(reached)
    whole = table[-1] + (beside[-1] - beside)
    end = int(np.argmin(whole))
    return Alignment(_trace(slots, chosen, items, len(level.facings), end), float(whole[end]))


def _runs(
    facings: list[int],
    start: int,
    items: Items,
    log_width: Floats,
    mismatch: Floats,
    scores: Floats,
    costs: Costs,
) -> list[tuple[int, float]]:
    """Ends (excluded) and costs of the runs from ``start`` that a slot could take."""
    planned = len(facings)
    found = [(start, costs.missing * planned)]
    seen: list[int] = []
    empty = 0.0
    places = 0
    doubt = 0.0
    for end in range(start, len(items)):
        if items.kind[end] == Kind.FACING:
            if len(seen) == planned:
                break
            seen.append(end)
            source = int(items.source[end])
            if len(scores):
                doubt += costs.doubt * (1.0 - float(scores[source]))
            if len(mismatch):
                doubt += costs.identity * float(mismatch[source, facings[0]])
        else:
            places += 1
            empty += costs.gap if items.kind[end] == Kind.GAP else costs.hole
            if places > 3 * planned:
                break
        missing = planned - len(seen)
        cost = doubt
        if missing:
            # Bare space says that something is missing, not how many narrow facings.
            cost += missing * (empty / places if places else costs.missing)
        elif places:
            cost += costs.extra_gap * places
        if seen and missing:
            cost += PARTIAL
        if len(seen) > 1:
            cost += UNLIKE * float(np.ptp(log_width[seen]))
        found.append((end + 1, cost))
    return found


def _trace(
    slots: list[list[int]], chosen: list[list[_Run]], items: Items, planned: int, end: int
) -> Ints:
    item_of = np.full(planned, -1, dtype=np.int64)
    for index in range(len(slots) - 1, -1, -1):
        run = chosen[index][end]
        stop = _end_of(chosen[index], end)
        inside = np.arange(run.start, stop)
        for k, item in zip(slots[index], _answers(inside, items, len(slots[index])), strict=False):
            item_of[k] = item
        end = run.start
    return item_of


def _end_of(runs: list[_Run], end: int) -> int:
    """Where the run that is in force at ``end`` stops: items after it are unplanned."""
    while end > 0 and runs[end - 1] is runs[end]:
        end -= 1
    return end


def _answers(inside: Ints, items: Items, planned: int) -> list[int]:
    """The items, in order, that stand for a slot's facings: facings first, then bare places."""
    facings = [int(i) for i in inside if items.kind[i] == Kind.FACING]
    bare = [int(i) for i in inside if items.kind[i] != Kind.FACING]
    keep = planned - len(facings)
    step = len(bare) / keep if keep else 1.0
    spread = sorted({bare[int(k * step)] for k in range(keep)} if bare and keep else set())
    return sorted(facings + spread)
