"""Where to begin: rough views of the planned bays in a picture that nobody has calibrated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, CalibrationError, Lens
from edge_agent.audit import place_bays
from edge_agent.match import BayPose, BayReading, Observed, locate_bay
from edge_agent.propose_fit import Fitted, fit_bay
from shelf import Bay

WINDOWS = ((0.0, 1.0), (0.0, 0.5), (0.25, 0.75), (0.5, 1.0))
"""Parts of the picture's width in which a bay is searched for by itself: neighbours on both sides
whose boards go on can hide it in the whole."""

WORTH = 1.15
"""What a pair saves, were it perfect: both of it would be left alone at about this cost."""

UNPLANNED = 0.5
"""What a facing costs that stands in the bay and answers nothing."""

MIN_FACINGS = 8


def rough_views(observed: Observed, bays: Sequence[Bay], lens: Lens | None) -> dict[int, BayView]:
    """Return a rough view of each bay that may be in the picture, by its number.

    First as an audit finds bays; what that does not find surely is searched for in parts of the
    picture, among the facings that are left. Whether it is right, `evidence_for` says.
    """
    views: dict[int, BayView] = {}
    used: set[int] = set()
    placed = place_bays(observed, bays)
    for bay, found in zip(bays, placed, strict=True):
        if found.pose is not None:
            views[bay.number] = view_of(found.pose, observed.size_px)
            used |= found.used
    for bay in bays:
        if bay.number in views:
            continue
        left = np.setdiff1d(np.arange(len(observed.facing_scores)), sorted(used))
        best = _search(observed.only(left), bay, lens)
        if best is not None:
            views[bay.number] = best.fit.view()
            used |= set(left[best.seen].tolist())
    return views


def merit(reading: BayReading) -> float:
    """Return how much a reading explains: what its pairs save, less what stands there unplanned."""
    return worth(reading) - UNPLANNED * len(reading.unplanned)


def worth(reading: BayReading) -> float:
    """Return how much the pairs of a reading save over leaving all alone."""
    return len(reading.paired) * (WORTH - reading.unlike)


def view_of(pose: BayPose, size_px: tuple[int, int]) -> BayView:
    """Return a pose that was found by the matching as a view without a lens."""
    to_unit = np.diag([1 / size_px[0], 1 / size_px[1], 1.0])
    matrix = np.asarray(np.linalg.inv(to_unit @ pose.image_from_bay), dtype=np.float64)
    return BayView(matrix, None, size_px)


def _search(observed: Observed, bay: Bay, lens: Lens | None) -> Fitted | None:
    boxes = observed.facings_xyxy_px
    middle = (boxes[:, 0] + boxes[:, 2]) / 2 / observed.size_px[0]
    found: list[Fitted] = []
    for low, high in WINDOWS:
        inside: NDArray[np.int64] = np.flatnonzero((middle >= low) & (middle <= high))
        if len(inside) < MIN_FACINGS:
            continue
        located = locate_bay(observed.only(inside), bay)
        if located is None:
            continue
        start = view_of(located[0], observed.size_px)
        try:
            found.append(fit_bay(observed, bay, start, lens=lens, rounds=3, hold_out=False))
        except CalibrationError:
            continue
    return max(found, key=lambda fitted: merit(fitted.reading), default=None)
