"""Which product a photograph shows: a package in a hand, on a table or on a shelf."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detector import PRODUCT, Catalog, Detector, Embedder, Match, crops_of, trim_uniform_border
from detector.catalog import Answer
from detector.second_look import PHOTO_SIDE_PX, PrintReader, print_points
from edge_agent.frames import ImageBgr
from shelf import BoxPx

TURNS = {
    0: None,
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
"""Degrees clockwise by which a photograph is turned before it is compared."""

TURN_COST = 0.05
"""A turned view must be more alike by this: most photographs are upright, and each further view
gives products that are not shown another chance."""

MIDDLES = ((0.6, 0.9), (0.45, 0.6))
"""Shares of width and height around the middle, where a package held up to a camera is."""

SEARCHED_PX = 320
"""The longer side at which products are looked for: one held up to a camera is large."""

COMPARED = 8
WITHIN = 0.2
"""So many products at most, and only those within so much of the likeliest one's likeness, have
their print compared with the photograph's: each costs the reading of a picture. On photographs of
products in a hand the right one was never further than 0.07 behind (products of the recogniser's
own training; hence the room)."""

COUNT = 5
"""Candidates that are told."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the photograph that may show the product; ``box`` is px of the photograph."""

    what: str
    box: BoxPx
    image_bgr: ImageBgr


@dataclass(frozen=True, slots=True)
class SearchResult:
    """``candidates`` are the likeliest products, best first, with ``points``: how many points of
    their print the photograph shows. ``answer``: the one that the print proves, those it leaves in
    question, or where there is no print to see what the likeness alone tells; empty: not known.

    ``is_by_print`` says that print proved it. ``region`` turned by ``turned_degrees`` clockwise is
    what looks most like the first.
    """

    answer: Answer
    candidates: tuple[Match, ...]
    points: tuple[int, ...]
    region: Region
    turned_degrees: int
    is_by_print: bool = False


def search_photo(
    image_bgr: ImageBgr,
    detector: Detector,
    catalog: Catalog,
    embedder: Embedder,
    reader: PrintReader | None = None,
) -> SearchResult:
    """Compare the whole photograph, its middle and its main products with the catalogue.

    Where none looks like anything, each is turned four ways.

    The most alike products' print is then looked for in the photograph; a ``reader`` that is
    given keeps it for the next search.

    Raises `detector.PictureError` for an array that is not uint8 (H, W, 3).
    """
    regions = regions_of(image_bgr, detector)
    views = [(region, 0) for region in regions]
    table = catalog.similarities(embedder.embed([region.image_bgr for region in regions]))
    if table.max(initial=-1.0) < embedder.known.min_similarity:
        turned = [(region, turn) for region in regions for turn in TURNS if turn]
        crops = [_turned(region.image_bgr, turn) for region, turn in turned]
        more = catalog.similarities(embedder.embed(crops)) - TURN_COST
        views, table = views + turned, np.concatenate([table, more])
    best = table.max(axis=0)
    near = np.argsort(-best, kind="stable")[:COMPARED]
    matches = [Match(catalog.keys[k], float(best[k])) for k in near]
    reader = reader or PrintReader(catalog.files)
    seen = print_points(image_bgr, PHOTO_SIDE_PX)
    least = matches[0].similarity - WITHIN if matches else 0.0
    compared = [match.key for match in matches if match.similarity >= least]
    counts = reader.explained(seen, compared) + [0] * (len(matches) - len(compared))
    leaders = reader.leaders(counts)
    answer = tuple(matches[k] for k in leaders) or catalog.decide(matches)
    order = sorted(range(len(matches)), key=lambda k: -counts[k])
    first = int(near[order[0]])
    region, turn = views[int(table[:, first].argmax())]
    return SearchResult(
        answer,
        tuple(matches[k] for k in order[:COUNT]),
        tuple(counts[k] for k in order[:COUNT]),
        region,
        turn,
        bool(leaders),
    )


def regions_of(image_bgr: ImageBgr, detector: Detector) -> list[Region]:
    """The whole photograph, its middle, its largest detected product and its most central one."""
    height, width = image_bgr.shape[:2]
    whole = (0.0, 0.0, float(width), float(height))
    regions = [Region("the whole photograph", whole, trim_uniform_border(image_bgr))]
    for share_x, share_y in MIDDLES:
        left, top = width * (1 - share_x) / 2, height * (1 - share_y) / 2
        box = (left, top, width - left, height - top)
        (crop,) = crops_of(image_bgr, np.array([box], dtype=np.float32))
        regions.append(Region("the middle of the photograph", box, crop))
    scale = SEARCHED_PX / max(height, width)
    boxes = detector.detect_tiled(image_bgr, scale=scale).of_class(PRODUCT).boxes_xyxy_px
    if len(boxes) == 0:
        return regions
    sides = boxes[:, 2:] - boxes[:, :2]
    off = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 / (width, height) - 0.5).max(axis=1)
    picks = {int(sides.prod(axis=1).argmax()): "the largest product"}
    picks.setdefault(int(off.argmin()), "the most central product")
    for index, what in picks.items():
        x1, y1, x2, y2 = (float(value) for value in boxes[index])
        (crop,) = crops_of(image_bgr, boxes[index : index + 1])
        regions.append(Region(what, (x1, y1, x2, y2), crop))
    return regions


def _turned(image_bgr: ImageBgr, degrees: int) -> ImageBgr:
    how = TURNS[degrees]
    return image_bgr if how is None else np.asarray(cv2.rotate(image_bgr, how), dtype=np.uint8)
