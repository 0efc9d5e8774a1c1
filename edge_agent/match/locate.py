"""Where a planned bay lies in a picture that nobody has calibrated.

The rows of facings are aligned to the planned rows, and in each pair the facings to the planned
ones, by order, width, height and identity alone. The places of what was paired then give the
plane of the bay.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.match.layout import has_sizes, learn_layout
from edge_agent.match.observed import Observed
from edge_agent.match.pairing import Pairing, align_facings, candidate_scales, pair_rows
from edge_agent.match.planned import Level, PlannedFacing, levels_of
from edge_agent.match.pose import BayPose, project
from edge_agent.match.rows import find_rows
from shelf import Bay

Floats = NDArray[np.float64]

MIN_PAIRED = 4
"""Fewer paired facings than this say nothing about where a bay is."""

INLIER_WIDTHS = 0.6
"""A paired facing supports the plane when it stands within this many of its widths."""


def locate_bay(observed: Observed, bay: Bay) -> tuple[BayPose, Bay] | None:
    """Return where ``bay`` lies in the picture, or None when too little speaks for any place.

    The bay that comes back is the one that the pose is for: a planogram without sizes gets the
    layout that was seen.
    """
    rows = find_rows(observed.facings_xyxy_px)
    if not rows:
        return None
    if not has_sizes(bay):
        return learn_layout(observed, bay, rows)
    levels = levels_of(bay)
    pairing = pair_rows(
        observed, levels, rows, candidate_scales(observed, levels, rows), align_facings
    )
    pose = _fit(observed, levels, pairing)
    return None if pose is None else (pose, bay)


def _fit(observed: Observed, levels: Sequence[Level], pairing: Pairing) -> BayPose | None:
    planned: list[PlannedFacing] = []
    boxes: list[Floats] = []
    for pair in pairing.pairs:
        for k, facing in enumerate(levels[pair.level].facings):
            if (seen := pair.facing_of(k)) >= 0:
                planned.append(facing)
                boxes.append(observed.facings_xyxy_px[seen])
    if not planned:
        return None
    total = sum(len(level.facings) for level in levels)
    return fit_plane(planned, np.array(boxes), total)


def fit_plane(
    facings: Sequence[PlannedFacing], boxes_xyxy_px: Floats, planned: int
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
    return BayPose(transform, support)


def _is_sane(transform: Floats, bay_points: Floats) -> bool:
    """True when the bay is seen from the front, upright and not folded."""
    low, high = bay_points.min(axis=0), bay_points.max(axis=0)
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    depth = np.column_stack((corners, np.ones(4))) @ transform[2]
    if np.any(depth <= 1e-9) or depth.max() / depth.min() > 3:
        return False
    a, b, c, d = project(transform, corners)
    return bool(b[0] > a[0] and c[0] > d[0] and a[1] > d[1] and b[1] > c[1])
