"""From what a detector found in a picture to what the matching takes: recognised and mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector import GAP, PRODUCT, Detections, Detector, crops_of
from detector.boxes import containment_matrix, nms
from edge_agent.frames import ImageBgr
from edge_agent.match import Observed
from edge_agent.places import (
    Places,
    colour_spread,
    joined_parts,
    lone_parts,
    low_parts,
    nested_parts,
    place_of,
)
from edge_agent.recognise import Recogniser
from edge_agent.recognise_again import Recognised, RecogniserOfView

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Crops = Callable[[Floats], Sequence[ImageBgr]]
"""Takes boxes (n,4) in px of a picture to the facings' pictures."""

MIN_SIDE_PX = 2.0
"""Boxes narrower or lower than this are cut off at an edge and say nothing."""

PHANTOM_SHARE = 0.6
"""A facing of which so much lies in a gap contradicts it."""


def observe_picture(
    image_bgr: ImageBgr, found: Detections, detector: Detector, recogniser: Recogniser | None
) -> Observed:
    """Return ``found`` in the form the matching takes, with the facings recognised."""
    view = None if recogniser is None else RecogniserOfView(recogniser)
    return without_phantoms(observe(image_bgr, found, view), detector)


def observe(
    image_bgr: ImageBgr,
    found: Detections,
    view: RecogniserOfView | None,
    places: Places | None = None,
    crops: Crops | None = None,
) -> Observed:
    """Return all that was found, phantoms too.

    ``places`` are those of the planned facings, where they are known. ``crops`` is for a source
    that has finer pictures than ``image_bgr``.
    """
    found = found.select(_sides(found).min(axis=1) >= MIN_SIDE_PX)
    facings, gaps = found.of_class(PRODUCT), found.of_class(GAP)
    if places is not None:
        facings = _whole(facings, places.boxes_px)
    boxes = facings.boxes_xyxy_px.astype(np.float64)
    seen = Observed(
        size_px=(image_bgr.shape[1], image_bgr.shape[0]),
        facings_xyxy_px=boxes,
        facing_scores=facings.scores.astype(np.float64),
        gaps_xyxy_px=gaps.boxes_xyxy_px.astype(np.float64),
        gap_scores=gaps.scores.astype(np.float64),
        place_colours=None if places is None else colour_spread(image_bgr, places.boxes_px),
    )
    if view is None:
        return seen
    cut = crops or (lambda those: crops_of(image_bgr, those.astype(np.float32)))
    parts = [] if places is None else lone_parts(boxes, places.boxes_px)
    tall = np.concatenate([boxes, *(stretched[None] for _, _, stretched in parts)])
    recognised = view.recognise(tall, cut(tall))
    chosen = np.arange(len(boxes))
    if places is None or not len(boxes):
        return _recognised(seen, view, recognised, chosen)
    best = recognised.similarity.argmax(axis=1)
    for row, (part, place, _) in enumerate(parts, start=len(boxes)):
        if view.recogniser.skus[best[row]] == places.wanted[place]:
            chosen[part] = row
    seen = replace(seen, facings_xyxy_px=tall[chosen])
    return _with_low_ones(seen, view, recognised, chosen, places, cut)


def _with_low_ones(
    seen: Observed,
    view: RecogniserOfView,
    recognised: Recognised,
    chosen: Ints,
    places: Places,
    cut: Crops,
) -> Observed:
    """``seen`` recognised; a box around a low product and a taller one behind it becomes the first.

    Asked are boxes that do not show what is planned in their place. The lower part of one must
    show the low product clearly, more so than the whole box, and rather than what is planned.
    """
    recogniser, boxes = view.recogniser, seen.facings_xyxy_px.copy()
    column = {sku: index for index, sku in enumerate(recogniser.skus)}
    whole, stands_in = recognised.similarity[chosen], place_of(boxes, places.boxes_px)
    planned = np.array([column.get(places.wanted[k], -1) if k >= 0 else -1 for k in stands_in])
    as_planned = np.where(planned < 0, np.inf, whole[np.arange(len(boxes)), planned])
    likeness = whole.max(axis=1)
    doubted = (as_planned < likeness) | (as_planned < recogniser.rule.min_similarity)
    parts = low_parts(boxes, np.where(doubted, stands_in, -1), places, recogniser.sizes)
    if not parts:
        return _recognised(seen, view, recognised, chosen)
    cuts, rows = np.array([part.box_px for part in parts]), len(recognised.similarity)
    recognised = view.recognise_also(cuts, cut(cuts))
    least = recogniser.embedder.known.min_similarity
    for row, part in enumerate(parts, start=rows):
        alike, whole_box = recognised.similarity[row], part.box
        best = int(alike.argmax())
        if (
            recogniser.skus[best] in part.skus
            and alike[best] > max(likeness[whole_box], least)
            and alike[best] - alike[planned[whole_box]] > recogniser.rule.min_margin
        ):
            likeness[whole_box], chosen[whole_box] = alike[best], row
            boxes[whole_box] = part.box_px
    return _recognised(replace(seen, facings_xyxy_px=boxes), view, recognised, chosen)


def without_phantoms(observed: Observed, detector: Detector) -> Observed:
    """Leave out boxes that are one facing twice, and facings in a gap that is surer than they are.

    Two boxes are one when mending has made them so: they overlap more than the detector lets two
    of its own. Scores of two classes compare by how far they are above their thresholds.
    """
    classes = {entry.name: entry for entry in detector.manifest.classes}
    once = nms(
        observed.facings_xyxy_px.astype(np.float32),
        observed.facing_scores.astype(np.float32),
        classes[PRODUCT].nms_iou or detector.manifest.nms_iou,
    )
    if len(once) < len(observed.facing_scores):
        observed = observed.only(np.sort(once))
    if len(observed.facing_scores) == 0 or len(observed.gap_scores) == 0:
        return observed
    facings, gaps = observed.facings_xyxy_px, observed.gaps_xyxy_px
    shares = containment_matrix(facings.astype(np.float32), gaps.astype(np.float32))
    inside = shares > PHANTOM_SHARE
    surer = (
        observed.gap_scores[None, :] / classes[GAP].threshold
        > observed.facing_scores[:, None] / classes[PRODUCT].threshold
    )
    return observed.only(np.flatnonzero(~np.any(inside & surer, axis=1)))


def _recognised(
    seen: Observed, view: RecogniserOfView, recognised: Recognised, chosen: Ints
) -> Observed:
    """``seen`` with what its facings show: the ``chosen`` (n,) of those that were recognised."""
    recogniser = view.recogniser
    return replace(
        seen,
        skus=recogniser.skus,
        similarity=recognised.similarity[chosen],
        by_print=lambda facing, skus: recognised.by_print(int(chosen[facing]), skus),
        rule=recogniser.rule,
        twins=recogniser.twins,
        names=recogniser.names,
        sizes=recogniser.sizes,
    )


def _whole(facings: Detections, places_px: Floats) -> Detections:
    """Return ``facings`` with one box for each product of which parts were found."""
    boxes, scores = facings.boxes_xyxy_px.astype(np.float64), facings.scores.copy()
    gone = nested_parts(boxes, places_px)
    for lower, upper in joined_parts(boxes, places_px):
        if {lower, upper} & set(gone):
            continue
        boxes[lower, :2] = np.minimum(boxes[lower, :2], boxes[upper, :2])
        boxes[lower, 2:] = np.maximum(boxes[lower, 2:], boxes[upper, 2:])
        scores[lower] = max(scores[lower], scores[upper])
        gone.append(upper)
    if not gone:
        return facings
    whole = replace(facings, boxes_xyxy_px=boxes.astype(np.float32), scores=scores)
    return whole.select(np.setdiff1d(np.arange(len(scores)), gone))


def _sides(found: Detections) -> NDArray[np.float32]:
    """Width and height of each box, (n,2)."""
    boxes = found.boxes_xyxy_px
    return np.asarray(boxes[:, 2:] - boxes[:, :2])
