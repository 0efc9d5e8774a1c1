"""What one look says of each slot of a bay whose place in the picture is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import Items, Kind, make_items, pair_costs, skip_costs
from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level, PlannedFacing, levels_of
from edge_agent.match.sequence import align
from edge_agent.match.verdict import Answer, Answered, slot_reading
from shelf import Bay, SlotId, SlotReading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PointMap = Callable[[Floats], Floats]
"""Takes points (n,2) of one frame of reference to another."""

LEVEL_REACH = 0.45
"""A facing belongs to the nearest level within this share of the level's height."""

BLIND_FACINGS = 5
BLIND_SHARE = 0.8
"""So many facings, and this share, of a row without an answer say that it cannot be read."""

SIZE_OCTAVES = 0.7
"""How far, in doublings, a stranger's sides may be from what its product measures (or, where
that is not known, the product in whose place it stands)."""

HELD_SHARE = 0.7
"""A box holds a facing of which this share lies in it."""

GAP_OVERLAP = 0.4
"""A gap belongs to every level whose band it fills by this share, or that holds it."""


@dataclass(frozen=True, slots=True, eq=False)
class BayReading:
    """``slots`` in planogram order; ``unplanned`` (k,) are facings that no slot explains.

    ``paired`` (n,2) lists planned facing (counted over all levels) and facing of the picture;
    ``unlike`` is the mean cost of these pairs: how badly what stands there fits what is planned.
    """

    slots: tuple[SlotReading, ...]
    unplanned: Ints
    paired: Ints
    unlike: float


def read_bay(
    observed: Observed,
    bay: Bay,
    bay_from_image: PointMap,
    image_from_bay: PointMap,
    visibility: Callable[[tuple[float, float, float, float]], float],
) -> BayReading:
    """Align what is seen with what is planned, level by level.

    ``visibility`` takes a box in px and says what share of it could be seen (0..1); it is asked
    once a slot. Facings far outside the bay are neither read nor unplanned.
    """
    levels = levels_of(bay)
    facings = _to_bay(observed.facings_xyxy_px, bay_from_image)
    gaps = _to_bay(observed.gaps_xyxy_px, bay_from_image)
    inside = _inside(facings, bay)
    level_of = _assign(facings, levels, inside)
    answers: dict[SlotId, list[Answered]] = {slot.id: [] for slot in bay.slots}
    strangers: dict[SlotId, list[int]] = {slot.id: [] for slot in bay.slots}
    usual = {slot.id: (slot.facing_width_mm, slot.facing_height_mm) for slot in bay.slots}
    accepted = {slot.id: {slot.sku, *slot.substitutes} for slot in bay.slots}

    planned = {slot.sku for slot in bay.slots}

    def stranger(seen: int, slot: SlotId) -> tuple[str, ...]:
        skus = observed.stranger(seen, accepted[slot])
        fitting = [
            sku for sku in skus if _has_size_of(observed.sizes.get(sku, usual[slot]), facings[seen])
        ]
        # Of near-twins, the only one that is planned in the bay is the likely one.
        likely = [sku for sku in fitting if sku in planned]
        return tuple(likely if len(likely) == 1 else fitting)

    used: list[int] = []
    left_over: list[tuple[int, SlotId]] = []
    paired: list[tuple[int, int]] = []
    costs: list[float] = []
    count = 0
    for index, level in enumerate(levels):
        members = np.flatnonzero(level_of == index)
        items = _level_items(level, facings, members, gaps)
        mismatch = observed.mismatch(level.skus)
        item_of, shift, cost_of = _align_level(level, items, mismatch, observed.facing_scores)
        blind = _is_blind(items, item_of)
        for k, facing in enumerate(level.facings):
            item = int(item_of[k])
            is_facing = item >= 0 and items.kind[item] == Kind.FACING
            mismatched = float(mismatch[items.source[item], k]) if is_facing else 0.0
            answered = _answer(
                facing,
                float(shift[k]),
                items,
                item,
                image_from_bay,
                mismatched,
                facings[inside],
                blind,
            )
            answers[facing.slot].append(answered)
            if answered.answer is Answer.FACING:
                used.append(answered.source)
                paired.append((count + k, answered.source))
                costs.append(float(cost_of[k, item]))
        left_over += _left_over(level, items, item_of, shift)
        count += len(level.facings)
    explained = facings[[source for _, source in paired]]
    for seen, slot in left_over:
        if not _is_around_several(facings[seen], explained) and stranger(seen, slot):
            strangers[slot].append(seen)
            used.append(seen)
    readings = tuple(
        slot_reading(slot, answers[slot.id], strangers[slot.id], stranger, observed, visibility)
        for slot in bay.slots
    )
    unplanned = np.setdiff1d(np.flatnonzero(inside), np.array(used, dtype=np.int64))
    return BayReading(
        readings,
        unplanned,
        np.array(paired, dtype=np.int64).reshape(-1, 2),
        float(np.mean(costs)) if costs else 0.0,
    )


def _is_around_several(box: Floats, others: Floats) -> bool:
    """Whether a box holds two or more of ``others`` (n,4): a stack in one box, and no facing."""
    low = np.maximum(others[:, :2], box[:2])
    high = np.minimum(others[:, 2:], box[2:])
    inside = np.prod(np.maximum(high - low, 0.0), axis=1)
    whole = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return bool(np.count_nonzero(inside > HELD_SHARE * whole) >= 2)


def _to_bay(boxes_xyxy_px: Floats, bay_from_image: PointMap) -> Floats:
    """Boxes as left, bottom, right, top in the bay's frame (y up)."""
    if len(boxes_xyxy_px) == 0:
        return np.zeros((0, 4))
    x1, y1, x2, y2 = boxes_xyxy_px.T
    middle_y, middle_x = (y1 + y2) / 2, (x1 + x2) / 2
    points = np.concatenate(
        [
            np.column_stack(p)
            for p in ((x1, middle_y), (middle_x, y2), (x2, middle_y), (middle_x, y1))
        ]
    )
    left, bottom, right, top = np.split(bay_from_image(points), 4)
    return np.column_stack((left[:, 0], bottom[:, 1], right[:, 0], top[:, 1]))


def _inside(facings: Floats, bay: Bay) -> NDArray[np.bool_]:
    if len(facings) == 0:
        return np.zeros(0, dtype=bool)
    x = (facings[:, 0] + facings[:, 2]) / 2
    y = (facings[:, 1] + facings[:, 3]) / 2
    return np.asarray((x > 0) & (x < bay.width_mm) & (y > 0) & (y < bay.height_mm * 1.1))


def _assign(facings: Floats, levels: tuple[Level, ...], inside: NDArray[np.bool_]) -> Ints:
    """The level (n,) whose line each facing's foot is nearest to, -1 when none is near.

    Facings a little outside the bay's sides are kept: a row may have drifted over its edge.
    """
    level_of = np.full(len(facings), -1, dtype=np.int64)
    if len(facings) == 0:
        return level_of
    bottoms = np.array([level.bottom for level in levels])
    heights = np.array([np.median([f.height for f in level.facings]) for level in levels])
    right = np.array([max(f.left + f.width for f in level.facings) for level in levels])
    left = np.array([min(f.left for f in level.facings) for level in levels])
    width = np.array([float(np.median(level.widths)) for level in levels])
    off = np.abs(facings[:, 1][:, None] - bottoms[None, :]) / heights[None, :]
    x = (facings[:, 0] + facings[:, 2])[:, None] / 2
    outside = (x < left - width) | (x > right + width)
    off = np.where(outside & ~inside[:, None], np.inf, off)
    nearest = np.argmin(off, axis=1)
    near = off[np.arange(len(facings)), nearest] < LEVEL_REACH
    level_of[near] = nearest[near]
    return level_of


def _level_items(level: Level, facings: Floats, members: Ints, gaps: Floats) -> Items:
    low, unit = level.bottom, float(np.median(level.widths))
    high = low + float(np.median([facing.height for facing in level.facings]))
    if len(gaps):
        overlap = np.minimum(gaps[:, 3], high) - np.maximum(gaps[:, 1], low)
        smaller = np.minimum(gaps[:, 3] - gaps[:, 1], high - low)
        own = np.flatnonzero(overlap > GAP_OVERLAP * np.maximum(smaller, 1e-9))
    else:
        own = np.zeros(0, dtype=np.int64)
    return make_items(facings[members], members, gaps[own], own, unit)


def _align_level(
    level: Level, items: Items, mismatch: Floats, scores: Floats
) -> tuple[Ints, Floats, Floats]:
    """Align twice: the first pass says how far the row has drifted along the shelf.

    Returns the item of each planned facing (n,), -1 for none, the drift (n,), and the costs of
    pairing (n,m).
    """
    shift = np.zeros(len(level.facings))
    missing, extra = skip_costs(level, items)
    cost_of = pair_costs(level, items, mismatch, scores, shift=shift)
    item_of = align(cost_of, missing, extra).item_of
    for _ in range(2):
        moved = _drift(level, items, item_of)
        if np.allclose(moved, shift, atol=0.02 * float(np.median(level.widths))):
            break
        shift = moved
        cost_of = pair_costs(level, items, mismatch, scores, shift=shift)
        item_of = align(cost_of, missing, extra).item_of
    return item_of, shift, cost_of


def _drift(level: Level, items: Items, item_of: Ints) -> Floats:
    """How far what was paired stands from its planned place: a running median, capped."""
    paired = np.array(
        [k for k, item in enumerate(item_of) if item >= 0 and items.kind[item] == Kind.FACING],
        dtype=np.int64,
    )
    if len(paired) == 0:
        return np.zeros(len(level.facings))
    off = items.centers[item_of[paired]] - level.centers[paired]
    smooth = np.array([np.median(off[max(0, k - 2) : k + 3]) for k in range(len(paired))])
    limit = float(np.median(level.widths))
    spread = np.interp(np.arange(len(level.facings)), paired, smooth)
    return np.asarray(np.clip(spread, -limit, limit))


def _is_blind(items: Items, item_of: Ints) -> bool:
    """Whether most of a row of several facings is answered by nothing, without one gap."""
    unanswered = int(np.sum(item_of < 0))
    if bool(np.any(items.kind == Kind.GAP)):
        return False
    return unanswered >= max(BLIND_FACINGS, BLIND_SHARE * len(item_of))


def _has_size_of(size: tuple[float, float], box: Floats) -> bool:
    """Whether a box (left, bottom, right, top) is as large as the product it seems to show.

    A part of a package may look like another product; it has not its size.
    """
    seen = np.array([box[2] - box[0], box[3] - box[1]])
    return bool(np.all(np.abs(np.log2(seen / np.array(size))) < SIZE_OCTAVES))


def _left_over(
    level: Level, items: Items, item_of: Ints, shift: Floats
) -> list[tuple[int, SlotId]]:
    """The facings of a row that answer nothing, with the slot in whose place they stand."""
    left = np.array([facing.left for facing in level.facings]) + shift
    found = []
    for item in np.flatnonzero(items.kind == Kind.FACING):
        if item in item_of:
            continue
        center = items.centers[item]
        over = np.flatnonzero((left <= center) & (center <= left + level.widths))
        if len(over):
            found.append((int(items.source[item]), level.facings[over[0]].slot))
    return found


def _answer(
    facing: PlannedFacing,
    shift: float,
    items: Items,
    item: int,
    image_from_bay: PointMap,
    mismatch: float,
    facings: Floats,
    blind: bool,
) -> Answered:
    left, right = facing.left + shift, facing.left + shift + facing.width
    bottom, top = facing.bottom, facing.bottom + facing.height
    corners = image_from_bay(np.array([[left, bottom], [right, bottom], [right, top], [left, top]]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    if item >= 0 and items.kind[item] == Kind.FACING:
        return Answered(facing, Answer.FACING, int(items.source[item]), mismatch, box, 0.0)
    covered = _covered(left, bottom, right, top, facings)
    if item >= 0:
        return Answered(facing, Answer.GAP, int(items.source[item]), 0.0, box, covered)
    return Answered(facing, Answer.NOTHING, -1, 0.0, box, covered, blind)


def _covered(left: float, bottom: float, right: float, top: float, facings: Floats) -> float:
    """The largest share of a place that one facing covers."""
    if len(facings) == 0:
        return 0.0
    wide = np.minimum(facings[:, 2], right) - np.maximum(facings[:, 0], left)
    tall = np.minimum(facings[:, 3], top) - np.maximum(facings[:, 1], bottom)
    area = np.clip(wide, 0, None) * np.clip(tall, 0, None)
    return float(area.max() / max((right - left) * (top - bottom), 1e-9))
