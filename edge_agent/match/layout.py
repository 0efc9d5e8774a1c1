"""The layout of a planogram that gives no sizes, learned from what stands on the shelves.

Such a planogram says what stands beside what, and how many facings of it. The rows of the
picture are paired with it by order (and identity, where there is a catalogue), and each slot
takes the place and the width of the facings that answer it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import Items
from edge_agent.match.observed import Observed
from edge_agent.match.pairing import Pairing, RowPair, pair_rows
from edge_agent.match.planned import Level, levels_of
from edge_agent.match.pose import BayPose
from edge_agent.match.rows import Row
from edge_agent.match.sequence import Alignment
from edge_agent.match.slot_order import align_slots
from shelf import Bay, PlannedSlot, Shelf, SlotId

Floats = NDArray[np.float64]
Rect = tuple[float, float, float, float]
"""left, bottom, right, top with y up."""

MIN_SPACE_WIDTHS = 0.3
"""Less bare space than this, a facing, is no room: what is missing is squeezed out."""


def has_sizes(bay: Bay) -> bool:
    """True unless all facings of the bay are planned alike, as where a file gives no sizes."""
    sizes = {
        (round(slot.facing_width_mm, 3), round(slot.facing_height_mm, 3)) for slot in bay.slots
    }
    return len(sizes) > 1


def learn_layout(observed: Observed, bay: Bay, rows: Sequence[Row]) -> tuple[BayPose, Bay] | None:
    """Return ``bay`` with the places and sizes that were seen, in px with y up, and its pose."""
    levels = levels_of(bay)
    total = sum(len(level.facings) for level in levels)
    pairing = pair_rows(observed, levels, rows, [1.0], _by_order)
    if not pairing.pairs:
        return None
    sized = _with_widths(observed, levels, pairing)
    height_px = float(observed.size_px[1])
    learned = _lay_out(observed, bay, sized, pairing, height_px)
    seen = sum(
        pair.facing_of(k) >= 0
        for pair in pairing.pairs
        for k in range(len(levels[pair.level].facings))
    )
    image_from_bay = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, height_px], [0.0, 0.0, 1.0]])
    return BayPose(image_from_bay, seen / total), learned


def _by_order(level: Level, items: Items, observed: Observed, _scale: float) -> Alignment:
    return align_slots(level, items, observed)


def _with_widths(
    observed: Observed, levels: Sequence[Level], pairing: Pairing
) -> tuple[Level, ...]:
    """The levels with each slot's facings as wide and high as those that answered it (px)."""
    sizes: dict[SlotId, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairing.pairs:
        for k, facing in enumerate(levels[pair.level].facings):
            if (seen := pair.facing_of(k)) >= 0:
                x1, y1, x2, y2 = observed.facings_xyxy_px[seen]
                sizes[facing.slot].append((x2 - x1, y2 - y1))
    known = {slot: np.median(seen, axis=0) for slot, seen in sizes.items()}
    usual = np.median([size for seen in sizes.values() for size in seen], axis=0)
    out = []
    for level in levels:
        facings = tuple(
            replace(
                facing,
                width=float(known.get(facing.slot, usual)[0]),
                height=float(known.get(facing.slot, usual)[1]),
            )
            for facing in level.facings
        )
        out.append(Level(level.shelf, facings))
    return tuple(out)


def _lay_out(
    observed: Observed, bay: Bay, levels: Sequence[Level], pairing: Pairing, height_px: float
) -> Bay:
    paired = {pair.level: pair for pair in pairing.pairs}
    boxes = observed.facings_xyxy_px
    extent = (float(boxes[:, 0].min()), float(boxes[:, 2].max()))
    bottoms = _level_bottoms(levels, paired, sum(extent) / 2, height_px)
    rects: dict[SlotId, list[Rect]] = defaultdict(list)
    for index, level in enumerate(levels):
        pair = paired.get(index)
        spans = _spans(level, pair, extent)
        for k, (facing, (left, right)) in enumerate(zip(level.facings, spans, strict=True)):
            seen = -1 if pair is None else pair.facing_of(k)
            if seen >= 0:
                _, y1, _, y2 = boxes[seen]
                rect = (left, height_px - float(y2), right, height_px - float(y1))
            else:
                bottom = bottoms[index]
                if pair is not None:
                    bottom = height_px - pair.row.bottom_px((left + right) / 2)
                rect = (left, bottom, right, bottom + facing.height)
            rects[facing.slot].append(rect)
    shelves = []
    for shelf in bay.shelves:
        own = [rect for slot in shelf.slots for rect in rects[slot.id]]
        floor = min(rect[1] for rect in own)
        slots = tuple(_placed(slot, rects[slot.id], floor) for slot in shelf.slots)
        top = max(rect[3] for rect in own)
        shelves.append(Shelf(shelf.number, floor, top - floor, slots))
    return Bay(bay.number, float(observed.size_px[0]), height_px, tuple(shelves))


def _spans(
    level: Level, pair: RowPair | None, extent: tuple[float, float]
) -> list[tuple[float, float]]:
    """Left and right of each planned facing: its item's, or a share of the space between."""
    count = len(level.facings)
    if pair is None:
        edges = extent[0] + (extent[1] - extent[0]) * np.concatenate(
            ([0.0], np.cumsum(level.widths) / level.widths.sum())
        )
        return [(float(edges[k]), float(edges[k + 1])) for k in range(count)]
    spans: list[tuple[float, float] | None] = [
        None if item < 0 else (float(pair.items.left[item]), float(pair.items.right[item]))
        for item in pair.item_of
    ]
    k = 0
    while k < count:
        if spans[k] is not None:
            k += 1
            continue
        end = k
        while end < count and spans[end] is None:
            end += 1
        before = spans[k - 1][1] if k > 0 else None  # type: ignore[index]
        after = spans[end][0] if end < count else None  # type: ignore[index]
        spans[k:end] = _fill(level.widths[k:end], before, after, extent)
        k = end
    return [span for span in spans if span is not None]


def _fill(
    widths: Floats, before: float | None, after: float | None, extent: tuple[float, float]
) -> list[tuple[float, float]]:
    """Spread facings that nothing answers over the space between their neighbours."""
    total = float(widths.sum())
    left = before if before is not None else (extent[0] if after is None else after - total)
    right = after if after is not None else left + total
    space = max(right - left, MIN_SPACE_WIDTHS * total)
    edges = left + space * np.concatenate(([0.0], np.cumsum(widths) / total))
    return [(float(edges[k]), float(edges[k + 1])) for k in range(len(widths))]


def _level_bottoms(
    levels: Sequence[Level], paired: dict[int, RowPair], middle_px: float, height_px: float
) -> list[float]:
    """The height of each level's line; of one that was not seen, by its planned distance."""
    known = sorted(paired)
    seen = [height_px - paired[index].row.bottom_px(middle_px) for index in known]
    planned = [levels[index].bottom for index in known]
    if len(known) == 1:
        scale = paired[known[0]].row.height_px / levels[known[0]].facings[0].height
        return [seen[0] + scale * (level.bottom - planned[0]) for level in levels]
    slope, offset = np.polyfit(planned, seen, 1)
    return [
        seen[known.index(index)] if index in paired else float(slope * level.bottom + offset)
        for index, level in enumerate(levels)
    ]


def _placed(slot: PlannedSlot, rects: Sequence[Rect], floor: float) -> PlannedSlot:
    table = np.array(rects)
    left, right = float(table[:, 0].min()), float(table[:, 2].max())
    bottom, top = float(table[:, 1].min()), float(table[:, 3].max())
    return replace(
        slot, x_mm=left, width_mm=right - left, y_mm=bottom - floor, height_mm=top - bottom
    )
