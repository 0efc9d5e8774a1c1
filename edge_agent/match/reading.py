"""What one look says of each slot of a bay whose place in the picture is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import Kind
from edge_agent.match.levels import Aligned, align_levels
from edge_agent.match.observed import Observed
from edge_agent.match.planned import PlannedBay
from edge_agent.match.verdict import Answers, Shown, slot_readings
from shelf import Bay, BoxPx, PlannedSlot, SlotReading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PointMap = Callable[[Floats], Floats]
"""Takes points (n,2) of one frame of reference to another."""

BLIND_FACINGS = 5
BLIND_SHARE = 0.8
"""So many facings, and this share, of a row without an answer say that it cannot be read."""

SMALLER_OCTAVES, LARGER_OCTAVES = 0.35, 0.7
"""How far, in doublings, a stranger's sides may be below and above what its product measures (or,
where that is not known, the product in whose place it stands). Above it a box may show what stands
behind; less than the product is a part of another one."""

COLOURFUL = 7.0
"""A place whose colours spread by more (units of CIE Lab) is not bare: wall and board are plain."""

STACK_OCTAVES = 0.3
"""How far, in doublings, a box may be from one facing in width, and how much taller it must be, to
be taken for several on top of each other."""

AT_HOME_WIDTHS = 0.75
"""A facing so near its planned place reaches into it; one in the place beside it does not."""

HELD_SHARE = 0.7
"""A box holds a facing of which this share lies in it."""


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
    planned: PlannedBay,
    bay_from_image: PointMap,
    image_from_bay: PointMap,
    visibility: Callable[[BoxPx], float],
) -> BayReading:
    """Align what is seen with what is planned, level by level.

    ``visibility`` takes a box in px and says what share of it could be seen (0..1); it is asked
    once a slot. Facings far outside the bay are neither read nor unplanned.
    """
    facings = _to_bay(observed.facings_xyxy_px, bay_from_image)
    gaps = _to_bay(observed.gaps_xyxy_px, bay_from_image)
    inside = _inside(facings, planned.bay)
    aligned = align_levels(observed, planned.levels, facings, inside, gaps)
    answers = _answers(observed, planned, aligned, facings[inside], image_from_bay)
    answering = answers.facings
    sources = answers.sources[answering]
    suspects = [
        (seen, planned.slot_of[k])
        for k, seen in zip(answering.tolist(), sources.tolist(), strict=True)
        if observed.best and observed.best[seen] != planned.wanted[k]
    ]
    beside = [
        (seen, slot)
        for seen, slot in _left_over(planned, aligned)
        if not _is_around_several(facings[seen], facings[sources])
    ]
    shown = _strangers(observed, planned, facings, [*suspects, *beside])
    aligned, pushed = _pushed_back(aligned, shown) if shown else (aligned, set())
    if pushed:
        shown = {seen: skus for seen, skus in shown.items() if seen not in pushed}
        answers = _answers(observed, planned, aligned, facings[inside], image_from_bay)
        answering = answers.facings
        sources = answers.sources[answering]
    strangers: dict[int, list[int]] = {}
    for seen, slot in beside:
        if seen in shown:
            strangers.setdefault(slot, []).append(seen)
    readings = slot_readings(planned, answers, shown, strangers, observed, visibility)
    used = [*sources.tolist(), *(seen for found in strangers.values() for seen in found)]
    costs = np.concatenate([row.paired_costs for row in aligned])
    return BayReading(
        readings,
        np.setdiff1d(np.flatnonzero(inside), np.array(used, dtype=np.int64)),
        np.column_stack((answering, sources)),
        float(np.mean(costs)) if len(costs) else 0.0,
    )


def _strangers(
    observed: Observed,
    planned: PlannedBay,
    facings: Floats,
    places: Sequence[tuple[int, int]],
) -> dict[int, Shown]:
    """What the facings show that do not belong where they stand.

    ``places`` are facings of the picture with the slot (its index) that each stands in.
    """
    shown: dict[int, Shown] = {}
    for seen, index in places:
        skus = observed.stranger(seen, planned.accepted[index])
        if not skus:
            continue
        slot, box = planned.slots[index], facings[seen]
        if _is_a_stack(box, slot):
            continue
        usual = slot.facing_width_mm, slot.facing_height_mm
        fitting = [sku for sku in skus if _has_size_of(observed.sizes.get(sku, usual), box)]
        # Of near-twins, the only one that is planned in the bay is the likely one.
        likely = [sku for sku in fitting if sku in planned.skus]
        if fitting:
            shown[seen] = tuple(likely if len(likely) == 1 else fitting)
    return shown


def _pushed_back(
    aligned: Sequence[Aligned], shown: Mapping[int, Shown]
) -> tuple[list[Aligned], set[int]]:
    """Count strangers that stand beside their own empty place there; returns which they are.

    A facing that clearly shows what is planned in an empty place that it reaches into has been
    pushed over the border: it is not missing, and what is planned where it stands is.
    """
    rows, pushed = [], set()
    for row in aligned:
        item_of, empty = row.item_of.copy(), row.kinds != Kind.FACING
        for k in np.flatnonzero(~empty).tolist():
            item = int(row.item_of[k])
            seen = int(row.items.source[item])
            if seen not in shown:
                continue
            off = np.abs(row.level.centers - row.items.centers[item]) / row.level.widths
            for home in np.flatnonzero(empty & (off < AT_HOME_WIDTHS)).tolist():
                between = slice(min(home, k) + 1, max(home, k))
                if shown[seen] == (row.level.skus[home],) and empty[between].all():
                    item_of[home], item_of[k] = item, -1
                    empty[home], empty[k] = False, True
                    pushed.add(seen)
                    break
        rows.append(replace(row, item_of=item_of))
    return rows, pushed


def _is_a_stack(box: Floats, slot: PlannedSlot) -> bool:
    """Whether a box may hold planned facings on top of each other, taken for one.

    What it looks like then says nothing: it is two prints at once. It is as wide as a facing and
    taller than one; at most it shows the stack and, above it, a facing that stands behind.
    """
    wide = log2((box[2] - box[0]) / slot.facing_width_mm)
    high = (box[3] - box[1]) / slot.facing_height_mm
    return (
        slot.facings_high > 1
        and abs(wide) < STACK_OCTAVES
        and STACK_OCTAVES < log2(high) < log2(slot.facings_high + 1) + STACK_OCTAVES
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
    points = np.column_stack(
        (
            np.concatenate((x1, middle_x, x2, middle_x)),
            np.concatenate((middle_y, y2, middle_y, y1)),
        )
    )
    left, bottom, right, top = np.split(bay_from_image(points), 4)
    return np.column_stack((left[:, 0], bottom[:, 1], right[:, 0], top[:, 1]))


def _inside(facings: Floats, bay: Bay) -> NDArray[np.bool_]:
    x = (facings[:, 0] + facings[:, 2]) / 2
    y = (facings[:, 1] + facings[:, 3]) / 2
    return np.asarray((x > 0) & (x < bay.width_mm) & (y > 0) & (y < bay.height_mm * 1.1))


def _has_size_of(size: tuple[float, float], box: Floats) -> bool:
    """Whether a box (left, bottom, right, top) is as large as the product it seems to show.

    A part of a package may look like another product; it has not its size.
    """
    wide, tall = float(box[2] - box[0]) / size[0], float(box[3] - box[1]) / size[1]
    return all(-SMALLER_OCTAVES < log2(side) < LARGER_OCTAVES for side in (wide, tall))


def _left_over(planned: PlannedBay, aligned: Sequence[Aligned]) -> list[tuple[int, int]]:
    """The facings that answer nothing, with the slot (its index) in whose place they stand."""
    found = []
    first = 0
    for row in aligned:
        left = row.level.lefts + row.shift
        for item in row.unexplained:
            center = row.items.centers[item]
            over = np.flatnonzero((left <= center) & (center <= left + row.level.widths))
            if len(over):
                found.append((int(row.items.source[item]), planned.slot_of[first + over[0]]))
        first += len(left)
    return found


def _answers(
    observed: Observed,
    planned: PlannedBay,
    aligned: Sequence[Aligned],
    facings: Floats,
    image_from_bay: PointMap,
) -> Answers:
    """What answers the planned facings; ``facings`` (n,4) are those in the bay."""
    kinds = np.concatenate([row.kinds for row in aligned])
    sources = np.concatenate([row.sources for row in aligned])
    places = planned.facings + 0.0
    places[:, [0, 2]] += np.concatenate([row.shift for row in aligned])[:, None]
    left, bottom, right, top = places.T
    corners = image_from_bay(
        np.column_stack(
            (
                np.concatenate((left, right, right, left)),
                np.concatenate((bottom, bottom, top, top)),
            )
        )
    ).reshape(4, -1, 2)
    mismatch, covered = np.zeros(len(kinds)), np.zeros(len(kinds))
    seen = np.flatnonzero(kinds == Kind.FACING)
    mismatch[seen] = observed.mismatch_of_pairs(sources[seen], [planned.wanted[k] for k in seen])
    bare = np.flatnonzero(kinds != Kind.FACING)
    covered[bare] = _covered(places[bare], facings)
    if observed.place_colours is not None:
        covered[(kinds < 0) & (observed.place_colours > COLOURFUL)] = 1.0
    return Answers(
        kinds=kinds,
        sources=sources,
        mismatch=mismatch,
        boxes_xyxy_px=np.column_stack((corners.min(axis=0), corners.max(axis=0))),
        covered=covered,
        blind=np.concatenate([np.full(len(row.item_of), _is_blind(row)) for row in aligned]),
    )


def _is_blind(row: Aligned) -> bool:
    """Whether most of a row of several facings is answered by nothing, without one gap."""
    if np.any(row.items.kind == Kind.GAP):
        return False
    unanswered = np.count_nonzero(row.item_of < 0)
    return bool(unanswered >= max(BLIND_FACINGS, BLIND_SHARE * len(row.item_of)))


def _covered(places: Floats, facings: Floats) -> Floats:
    """The largest share of each place (n,4) that one facing (m,4) covers, (n,)."""
    if len(facings) == 0:
        return np.zeros(len(places))
    wide = np.minimum(facings[:, 2], places[:, 2:3]) - np.maximum(facings[:, 0], places[:, :1])
    tall = np.minimum(facings[:, 3], places[:, 3:]) - np.maximum(facings[:, 1], places[:, 1:2])
    area = np.clip(wide, 0, None) * np.clip(tall, 0, None)
    whole = (places[:, 2] - places[:, 0]) * (places[:, 3] - places[:, 1])
    return np.asarray(area.max(axis=1) / np.maximum(whole, 1e-9))
