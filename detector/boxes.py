"""Geometry on arrays of boxes: pure functions, no state.

A box is ``(x1, y1, x2, y2)`` with ``x1 <= x2`` and ``y1 <= y2``; an array of them has shape
(n, 4). The frame of reference is the caller's: every function works in any unit as long as both
arguments share it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]


def box_areas(boxes: FloatArray) -> FloatArray:
    """Area of each box, shape (n,)."""
    sides = np.maximum(boxes[:, 2:4] - boxes[:, 0:2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def intersection_areas(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Overlap area of every pair, shape (len(boxes), len(others))."""
    left_top = np.maximum(boxes[:, None, 0:2], others[None, :, 0:2])
    right_bottom = np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
    sides = np.maximum(right_bottom - left_top, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1], dtype=np.float32)


def iou_matrix(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union of every pair, shape (len(boxes), len(others)), in 0..1."""
    shared = intersection_areas(boxes, others)
    union = box_areas(boxes)[:, None] + box_areas(others)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def containment_matrix(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Share of each box that lies inside each other box, shape (len(boxes), len(others))."""
    shared = intersection_areas(boxes, others)
    return np.asarray(shared / np.maximum(box_areas(boxes)[:, None], 1e-9), dtype=np.float32)


def clip_boxes(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Boxes cut to the rectangle ``(0, 0, width, height)``; a new array."""
    limits = np.array([width, height, width, height], dtype=np.float32)
    return np.asarray(np.clip(boxes, 0.0, limits), dtype=np.float32)


def nms(
    boxes: FloatArray,
    scores: FloatArray,
    iou_threshold: float | FloatArray,
    *,
    class_ids: NDArray[np.integer] | None = None,
    view_ids: NDArray[np.integer] | None = None,
    contained_threshold: float | None = None,
) -> IndexArray:
    """Greedy non-maximum suppression: indices that survive, best score first.

    ``iou_threshold``: of two boxes that overlap by more than this, the weaker goes; one number,
    or one per box (n,), where the stronger box's counts.
    ``class_ids`` (n,): boxes of different classes never suppress one another.
    ``view_ids`` (n,): boxes of one view never suppress one another; they have been through it.
    ``contained_threshold``: also drop a box when the overlap covers more than this share of the
    smaller of the two (parts of one product, or one box around two products).

    The pairwise overlaps are computed once in numpy; the greedy pass then walks rows of booleans,
    which for the few hundred candidates of a shelf picture takes about a millisecond.
    """
    count = len(boxes)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    shared = intersection_areas(ranked, ranked)
    areas = box_areas(ranked)
    union = areas[:, None] + areas[None, :] - shared
    limits = np.broadcast_to(np.asarray(iou_threshold, dtype=np.float32), (count,))[order]
    overlaps: BoolArray = shared > limits[:, None] * np.maximum(union, 1e-9)
    if contained_threshold is not None:
        smaller = np.minimum(areas[:, None], areas[None, :])
        overlaps |= shared > contained_threshold * np.maximum(smaller, 1e-9)
    if class_ids is not None:
        ranked_classes = class_ids[order]
        overlaps &= ranked_classes[:, None] == ranked_classes[None, :]
    if view_ids is not None:
        ranked_views = view_ids[order]
        overlaps &= ranked_views[:, None] != ranked_views[None, :]
    suppressed = np.zeros(count, dtype=np.bool_)
    kept: list[int] = []
    for rank in range(count):
        if suppressed[rank]:
            continue
        kept.append(rank)
        suppressed |= overlaps[rank]
    return np.asarray(order[kept], dtype=np.int64)
