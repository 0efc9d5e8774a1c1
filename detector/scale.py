"""Find the scale at which a photograph's facings have the size that a model knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from detector.boxes import box_areas
from detector.detections import Detections

#: Two scales closer than this factor are one: the model does not notice the difference.
SAME_SCALE = 1.25


def search_scale(
    look: Callable[[float], Detections],
    first_scales: Sequence[float],
    best_facing_px: float,
    max_scale: float,
    max_looks: int,
    product: str,
) -> tuple[float, Detections]:
    """``(scale, detections)`` of the look that explains most of the picture.

    ``look(scale)`` returns detections in the picture's pixels at ``scale`` input px per picture
    px. After the first scales, the median product of the best look so far says at which scale
    products would be ``best_facing_px`` wide; the search goes there until it has been there
    already, or ``max_looks`` are spent.
    """
    looks: dict[float, Detections] = {}
    pending = [scale for scale in first_scales if scale <= max_scale] or [max_scale]
    while pending and len(looks) < max_looks:
        scale = pending.pop(0)
        looks[scale] = look(scale)
        if pending:
            continue
        best = max(looks, key=lambda one: explained_px(looks[one], product))
        wanted = wanted_scale(looks[best], max(looks), best_facing_px, max_scale, product)
        if all(max(wanted / seen, seen / wanted) > SAME_SCALE for seen in looks):
            pending.append(wanted)
    best = max(looks, key=lambda one: explained_px(looks[one], product))
    return best, looks[best]


def explained_px(found: Detections, product: str) -> float:
    """Picture area covered by products, each weighted with its score.

    Too small a scale misses products, too large a one sees only their parts; both cover less.
    """
    products = found.of_class(product)
    return float((box_areas(products.boxes_xyxy_px) * products.scores).sum())


def wanted_scale(
    found: Detections, largest_seen: float, best_facing_px: float, max_scale: float, product: str
) -> float:
    """The scale that makes the median product ``best_facing_px`` wide, at most ``max_scale``.

    Twice the largest scale seen so far when nothing was found: the products may be tiny.
    """
    boxes = found.of_class(product).boxes_xyxy_px
    if len(boxes) == 0:
        return min(largest_seen * 2.0, max_scale)
    median_px = float(np.median(boxes[:, 2] - boxes[:, 0]))
    return min(best_facing_px / max(median_px, 1.0), max_scale)
