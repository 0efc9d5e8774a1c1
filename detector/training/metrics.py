"""Precision and recall of boxes against labels: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector.boxes import BoolArray, FloatArray, containment_matrix, iou_matrix

#: Scores below this are not looked at when a precision-recall curve is drawn.
CURVE_FLOOR = 0.02
#: IoU thresholds of COCO's main figure, AP50-95.
COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
#: A figure from fewer labels than this says nothing.
FEW_LABELS = 20
#: Where COCO reads the precision.
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Scored:
    """Detections of one class over many pictures, and how many labels there were to find.

    ``scores`` (n,) and ``hits`` (n,) belong together; a hit found a label of its own.
    """

    scores: FloatArray
    hits: BoolArray
    label_count: int


@dataclass(frozen=True, slots=True)
class Matched:
    """One picture's detections of one class against its labels.

    ``scores`` (n,) and ``hits`` (n,) of the detections that count, best first;
    ``label_scores`` (m,): the score of the detection that found each label, 0 where none did.
    """

    scores: FloatArray
    hits: BoolArray
    label_scores: FloatArray


@dataclass(frozen=True, slots=True)
class Operating:
    """Precision and recall at one score threshold."""

    threshold: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def match_picture(
    boxes: FloatArray,
    scores: FloatArray,
    labels: FloatArray,
    ignored: FloatArray,
    min_iou: float,
) -> Matched:
    """Match one picture's detections of one class to its labels; see :func:`match_at_ious`."""
    return match_at_ious(boxes, scores, labels, ignored, (min_iou,))[min_iou]


def match_at_ious(
    boxes: FloatArray,
    scores: FloatArray,
    labels: FloatArray,
    ignored: FloatArray,
    min_ious: Sequence[float],
    *,
    sides: tuple[float, float] | None = None,
) -> dict[float, Matched]:
    """Match one picture's detections (n, 4) of one class to its labels (m, 4), as COCO does.

    The best-scored box takes the free label it overlaps most; each label is taken once. A miss
    that lies mostly in an ignored place (k, 4), or overlaps one by the IoU, is left out: nobody
    knows whether it is wrong. ``sides``: only labels whose shorter side is in this half-open range
    count; boxes that find another label, and misses of another size, are left out.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    counted = _in_range(labels, sides)
    overlap = iou_matrix(boxes, labels)
    doubt_share = containment_matrix(boxes, ignored).max(axis=1, initial=0.0)
    doubt_iou = iou_matrix(boxes, ignored).max(axis=1, initial=0.0)
    fits = _in_range(boxes, sides)
    result = {}
    for min_iou in min_ious:
        taken_by = _take(overlap, counted, min_iou)
        hits = np.zeros(len(boxes), dtype=np.bool_)
        elsewhere = np.zeros(len(boxes), dtype=np.bool_)
        found = taken_by >= 0
        hits[taken_by[found & counted]] = True
        elsewhere[taken_by[found & ~counted]] = True
        label_scores = np.zeros(len(labels), dtype=np.float32)
        label_scores[found] = scores[taken_by[found]]
        doubtful = (doubt_share > 0.6) | (doubt_iou >= min_iou) | elsewhere | ~fits
        kept = hits | ~doubtful
        result[min_iou] = Matched(scores[kept], hits[kept], label_scores[counted])
    return result


def _take(overlap: FloatArray, counted: BoolArray, min_iou: float) -> NDArray[np.int64]:
    """For each label the row of the box that takes it, -1 for none; counted labels go first."""
    taken_by = np.full(overlap.shape[1], -1, dtype=np.int64)
    for row in np.flatnonzero(overlap.max(axis=1, initial=0.0) >= min_iou):
        for group in (counted, ~counted):
            usable = np.where(group & (taken_by < 0), overlap[row], -1.0)
            best = int(np.argmax(usable))
            if usable[best] >= min_iou:
                taken_by[best] = row
                break
    return taken_by


def _in_range(boxes: FloatArray, sides: tuple[float, float] | None) -> BoolArray:
    if sides is None:
        return np.ones(len(boxes), dtype=np.bool_)
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    return np.asarray((shorter >= sides[0]) & (shorter < sides[1]))


def pooled(parts: Sequence[Matched]) -> Scored:
    """All pictures' detections together, best first."""
    if not parts:
        return Scored(np.zeros(0, np.float32), np.zeros(0, np.bool_), 0)
    scores = np.concatenate([part.scores for part in parts])
    hits = np.concatenate([part.hits for part in parts])
    order = np.argsort(-scores, kind="stable")
    label_count = sum(len(part.label_scores) for part in parts)
    return Scored(scores[order], hits[order], label_count)


def recall_by_size(
    parts: Sequence[Matched], sizes: Sequence[FloatArray], threshold: float, edges: Sequence[float]
) -> dict[tuple[float, float], tuple[float, int]]:
    """``(recall, labels)`` for each range of label sizes between neighbouring ``edges``.

    ``sizes``: one array (m,) per part, in whatever unit the edges have. Ranges without labels
    are left out.
    """
    if not parts:
        return {}
    size = np.concatenate(list(sizes))
    found = np.concatenate([part.label_scores for part in parts]) >= threshold
    result = {}
    for low, high in pairwise(edges):
        inside = (size >= low) & (size < high)
        if inside.any():
            result[low, high] = (float(found[inside].mean()), int(inside.sum()))
    return result


def average_precision(scored: Scored) -> float:
    """Mean precision at the 101 recalls 0, 0.01, ... 1, precision made monotone: as pycocotools.

    nan without labels.
    """
    if scored.label_count == 0:
        return float("nan")
    precision, recall = precision_recall(scored)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(envelope[places].mean())


def at_threshold(scored: Scored, threshold: float) -> Operating:
    """Precision and recall of the detections at or above ``threshold``."""
    kept = scored.scores >= threshold
    found = int(scored.hits[kept].sum())
    return Operating(
        threshold=threshold,
        precision=found / max(int(kept.sum()), 1),
        recall=found / max(scored.label_count, 1),
    )


def best_threshold(scored: Scored) -> Operating:
    """The threshold with the best F1; choose it on validation pictures, never on test ones."""
    if len(scored.scores) == 0:
        return Operating(0.5, 0.0, 0.0)
    precision, recall = precision_recall(scored)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(np.argmax(f1))
    return Operating(float(scored.scores[best]), float(precision[best]), float(recall[best]))


def precision_recall(scored: Scored) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall (n,) of the best 1, 2, ... n detections."""
    found = np.cumsum(scored.hits)
    precision = found / np.arange(1, len(found) + 1)
    return precision, found / max(scored.label_count, 1)
