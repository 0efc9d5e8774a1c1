"""Where a planned bay lies in a picture that nobody has calibrated.

The rows of facings are aligned to the planned rows, and in each pair the facings to the planned
ones, by order, width, height and identity alone. The places of what was paired then give the
plane of the bay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import (
    COSTS,
    Items,
    Kind,
    make_items,
    pair_costs,
    skip_costs,
    with_holes,
)
from edge_agent.match.observed import Observed
from edge_agent.match.planned import Level, PlannedFacing, levels_of
from edge_agent.match.rows import Row, find_rows
from edge_agent.match.sequence import align
from shelf import Bay

Floats = NDArray[np.float64]

MIN_PAIRED = 4
"""Fewer paired facings than this say nothing about where a bay is."""

INLIER_WIDTHS = 0.6
"""A paired facing supports the plane when it stands within this many of its widths."""


@dataclass(frozen=True, slots=True, eq=False)
class BayPose:
    """A planned bay in a picture: ``image_from_bay`` (3,3) takes bay lengths (y up) to px.

    ``support`` is the share of the planned facings that stand where it says; ``cost`` the cost
    of the alignment that it came from, per planned facing.
    """

    image_from_bay: Floats
    support: float
    cost: float

    def image_points(self, points_bay: Floats) -> Floats:
        """Take (n,2) points of the bay to (n,2) px."""
        return project(self.image_from_bay, points_bay)

    def bay_points(self, points_px: Floats) -> Floats:
        """Take (n,2) px to (n,2) points of the bay."""
        return project(np.asarray(np.linalg.inv(self.image_from_bay), dtype=np.float64), points_px)


def project(transform: Floats, points: Floats) -> Floats:
    """Apply a homography (3,3) to points (n,2)."""
    homogeneous = np.column_stack((points, np.ones(len(points)))) @ transform.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def locate_bay(observed: Observed, bay: Bay) -> BayPose | None:
    """Return where ``bay`` lies in the picture, or None when too little speaks for any place."""
    levels = levels_of(bay)
    rows = find_rows(observed.facings_xyxy_px)
    if not rows:
        return None
    mismatches = [observed.mismatch(level.skus) for level in levels]
    best: tuple[float, list[tuple[int, int, Items, NDArray[np.int64]]]] | None = None
    for scale in _scales(observed, levels, rows):
        found = _align_rows(observed, levels, rows, mismatches, scale)
        if best is None or found[0] < best[0]:
            best = found
    if best is None:
        return None
    cost, pairs = best
    return _fit(observed, levels, pairs, cost)


def _scales(observed: Observed, levels: tuple[Level, ...], rows: tuple[Row, ...]) -> Floats:
    """Candidate px per planned length: a few quantiles of what each row would suggest."""
    boxes = observed.facings_xyxy_px
    wide = np.array([np.median(boxes[r.members, 2] - boxes[r.members, 0]) for r in rows])
    planned = np.array([np.median(level.widths) for level in levels])
    ratios = np.log((wide[:, None] / planned[None, :]).ravel())
    weights = np.array([[len(r.members) for _ in levels] for r in rows]).ravel()
    order = np.argsort(ratios)
    share = np.cumsum(weights[order]) / weights.sum()
    picks = np.interp((0.1, 0.3, 0.5, 0.7, 0.9), share, ratios[order])
    return np.asarray(np.exp(np.unique(np.round(picks, 2))), dtype=np.float64)


def _align_rows(
    observed: Observed,
    levels: tuple[Level, ...],
    rows: tuple[Row, ...],
    mismatches: list[Floats],
    scale: float,
) -> tuple[float, list[tuple[int, int, Items, NDArray[np.int64]]]]:
    """Align the rows of the picture to the planned rows; returns the cost and what was paired."""
    items = [_row_items(observed, row) for row in rows]
    inner = {}
    pair = np.empty((len(levels), len(rows)))
    for i, level in enumerate(levels):
        for j, row_items in enumerate(items):
            costs = pair_costs(
                level, row_items, mismatches[i], observed.facing_scores, shift=None, scale=scale
            )
            inner[i, j] = align(costs, *skip_costs(level, row_items))
            pair[i, j] = inner[i, j].cost
    missing = np.array([COSTS.missing * len(level.facings) for level in levels])
    extra = np.array([COSTS.extra * len(row.members) for row in rows])
    outer = align(pair, missing, extra)
    pairs = [
        (i, int(j), items[j], inner[i, int(j)].item_of)
        for i, j in enumerate(outer.item_of)
        if j >= 0
    ]
    return outer.cost / sum(len(level.facings) for level in levels), pairs


def _row_items(observed: Observed, row: Row) -> Items:
    boxes = _turned(observed.facings_xyxy_px[row.members])
    unit = float(np.median(boxes[:, 2] - boxes[:, 0]))
    gaps = observed.gaps_xyxy_px
    centers = (gaps[:, 0] + gaps[:, 2]) / 2
    line = row.slope * centers + row.offset_px
    # A gap belongs to the row whose band its middle lies in.
    middle = (gaps[:, 1] + gaps[:, 3]) / 2
    inside = np.flatnonzero((middle < line) & (middle > line - 1.2 * row.height_px))
    items = make_items(boxes, row.members, _turned(gaps[inside]), inside, unit)
    return with_holes(items, unit)


def _turned(boxes_xyxy_px: Floats) -> Floats:
    """Boxes with y up: left, bottom, right, top."""
    return np.asarray(boxes_xyxy_px[:, [0, 3, 2, 1]] * np.array([1.0, -1.0, 1.0, -1.0]))


def _fit(
    observed: Observed,
    levels: tuple[Level, ...],
    pairs: list[tuple[int, int, Items, NDArray[np.int64]]],
    cost: float,
) -> BayPose | None:
    planned: list[PlannedFacing] = []
    boxes: list[Floats] = []
    for i, _, items, item_of in pairs:
        for facing, item in zip(levels[i].facings, item_of, strict=True):
            if item >= 0 and items.kind[item] == Kind.FACING:
                planned.append(facing)
                boxes.append(observed.facings_xyxy_px[items.source[item]])
    if not planned:
        return None
    total = sum(len(level.facings) for level in levels)
    return fit_plane(planned, np.array(boxes), total, cost)


def fit_plane(
    facings: Sequence[PlannedFacing], boxes_xyxy_px: Floats, planned: int, cost: float
) -> BayPose | None:
    """Fit ``image_from_bay`` to planned facings and the boxes (n,4) that answer them.

    ``planned`` is how many facings the bay plans in all. None when there are too few pairs or
    they do not agree.
    """
    if len(facings) < MIN_PAIRED:
        return None
    left = np.array([facing.left for facing in facings])
    bottom = np.array([facing.bottom for facing in facings])
    right = left + np.array([facing.width for facing in facings])
    top = bottom + np.array([facing.height for facing in facings])
    x1, y1, x2, y2 = boxes_xyxy_px.T
    bay_points = np.column_stack(
        (np.concatenate((left, right, left, right)), np.concatenate((bottom, bottom, top, top)))
    )
    image_points = np.column_stack(
        (np.concatenate((x1, x2, x1, x2)), np.concatenate((y2, y2, y1, y1)))
    )
    threshold_px = INLIER_WIDTHS * float(np.median(x2 - x1))
    affine, _ = cv2.estimateAffine2D(
        bay_points, image_points, method=cv2.RANSAC, ransacReprojThreshold=threshold_px
    )
    if affine is None:
        return None
    transform: Floats = np.vstack((affine, (0.0, 0.0, 1.0))).astype(np.float64)
    found, _ = cv2.findHomography(bay_points, image_points, cv2.RANSAC, threshold_px)
    if found is not None:
        plane = np.asarray(found, dtype=np.float64)
        transform = plane if _is_sane(plane, bay_points) else transform
    if not _is_sane(transform, bay_points):
        return None
    off = np.linalg.norm(project(transform, bay_points) - image_points, axis=1)
    support = float((off < threshold_px).sum() / 4 / planned)
    return BayPose(transform, support, cost)


def _is_sane(transform: Floats, bay_points: Floats) -> bool:
    """True when the bay is seen from the front, upright and not folded."""
    low, high = bay_points.min(axis=0), bay_points.max(axis=0)
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    depth = np.column_stack((corners, np.ones(4))) @ transform[2]
    if np.any(depth <= 1e-9) or depth.max() / depth.min() > 3:
        return False
    a, b, c, d = project(transform, corners)
    return bool(b[0] > a[0] and c[0] > d[0] and a[1] > d[1] and b[1] > c[1])
