"""Precision and recall of boxes against labels: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector.boxes import BoolArray, FloatArray, containment_matrix, iou_matrix


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
    """Match one picture's detections of one class to its labels.

    The best-scored box takes the label it overlaps most; each label is taken once. A miss that
    lies mostly in an ignored place (n, 4), or overlaps one by ``min_iou``, is left out: nobody
    knows whether it is wrong.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    hits = np.zeros(len(boxes), dtype=np.bool_)
    label_scores = np.zeros(len(labels), dtype=np.float32)
    if len(labels) and len(boxes):
        overlap = iou_matrix(boxes, labels)
        free = np.ones(len(labels), dtype=np.bool_)
        for row in range(len(boxes)):
            best = int(np.argmax(np.where(free, overlap[row], -1.0)))
            if free[best] and overlap[row, best] >= min_iou:
                free[best], hits[row] = False, True
                label_scores[best] = scores[row]
    kept = np.ones(len(boxes), dtype=np.bool_)
    if len(ignored) and len(boxes):
        doubtful = (containment_matrix(boxes, ignored) > 0.6) | (
            iou_matrix(boxes, ignored) >= min_iou
        )
        kept = hits | ~doubtful.any(axis=1)
    return Matched(scores[kept], hits[kept], label_scores)


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
    """Area under the precision-recall curve, precision made monotone (COCO's way, all points)."""
    if scored.label_count == 0:
        return float("nan")
    precision, recall = _curve(scored)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0.0], recall]))
    return float((envelope * steps).sum())


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
    precision, recall = _curve(scored)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(np.argmax(f1))
    return Operating(float(scored.scores[best]), float(precision[best]), float(recall[best]))


def _curve(scored: Scored) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = np.cumsum(scored.hits)
    precision = found / np.arange(1, len(found) + 1)
    return precision, found / max(scored.label_count, 1)
