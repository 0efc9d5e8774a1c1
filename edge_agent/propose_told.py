"""A bay in a view as its proposal tells it: corners, boards, and how sure each slot is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import tan

import numpy as np
from numpy.typing import NDArray

from calibration import BayView
from calibration.calibration_file import BayCalibration
from calibration.edit import outline_mm
from calibration.proposal import BayProposal, BoardProposal, CornersPx, PointPx, SlotProposal
from calibration.quality import angle_deg
from calibration.verdict import Verdict
from edge_agent.propose_fit import Fitted
from edge_agent.propose_score import GOOD_SLOT, slot_confidence
from shelf import Bay, Shelf
from shelf.planogram import RectMm

Floats = NDArray[np.float64]

SYSTEMATIC_DEPTH_MM = 23.0
"""Standard deviation of how far behind the front plane products stand on the whole: it shows as
a shift along it, the more the more oblique the view."""

SYSTEMATIC_MM = 4.0
"""And of what else all have in common: lips, packages smaller than planned."""

BOARD_POINTS = 9


def told_slots(bay: Bay, view: BayView, fitted: Fitted, certain: float) -> tuple[SlotProposal, ...]:
    """Return the bay's slots in the picture; ``certain`` (0..1) that the bay itself is right."""
    seen = Counter(facing.slot for facing in fitted.facings)
    rects = [rect for _, rect in bay.slot_rects_mm]
    centers = np.array([((r.left + r.right) / 2, (r.bottom + r.top) / 2) for r in rects])
    unsure = fitted.fit.uncertainty_mm(centers)
    oblique = min(angle_deg(bay, view), 70.0)
    systematic = float(np.hypot(SYSTEMATIC_DEPTH_MM * tan(np.radians(oblique)), SYSTEMATIC_MM))
    out = []
    for slot, rect, uncertainty in zip(bay.slots, rects, unsure, strict=True):
        visible = view.visible_share(rect)
        count = seen[slot.id]
        confidence, reason = slot_confidence(
            slot.width_mm, float(uncertainty), systematic, slot.facings, count, visible, certain
        )
        out.append(
            SlotProposal(
                slot=slot.id,
                sku=slot.sku,
                name=slot.name,
                corners_px=_corners(view.image_from_bay(_corners_of(rect))),
                confidence=confidence,
                reason=reason,
                visible=visible,
                uncertainty_mm=float(uncertainty),
                facings_expected=slot.facings,
                facings_seen=count,
            )
        )
    return tuple(out)


def sure_share(slots: Sequence[SlotProposal]) -> float:
    """Return the share of the visible slots that are surely in their places."""
    shown = [slot for slot in slots if slot.visible >= 0.5]
    return sum(slot.confidence >= GOOD_SLOT for slot in shown) / max(1, len(shown))


def shown(
    planned: Bay,
    entry: BayCalibration,
    bay: Bay,
    view: BayView,
    slots: tuple[SlotProposal, ...],
) -> BayProposal:
    """Return the bay with its corners and boards in the picture; its score is still to come."""
    return BayProposal(
        bay=planned.number,
        verdict=Verdict.RED,
        reason="",
        found=entry,
        corners_px=_corners(view.image_from_bay(outline_mm(bay))),
        boards=tuple(_board(shelf, bay, view) for shelf in bay.shelves),
        slots=slots,
    )


def _board(shelf: Shelf, bay: Bay, view: BayView) -> BoardProposal:
    xs = np.linspace(0.0, bay.width_mm, BOARD_POINTS)
    line = view.image_from_bay(np.column_stack([xs, np.full(len(xs), shelf.y_mm)]))
    good = line[np.isfinite(line).all(axis=1)]
    return BoardProposal(shelf.number, tuple((float(x), float(y)) for x, y in good))


def _corners(points: Floats) -> CornersPx:
    """Corners as they are told; what the view says nothing of lies far outside."""
    clean = np.nan_to_num(points, nan=-1e6)
    pairs: list[PointPx] = [(float(x), float(y)) for x, y in clean]
    return (pairs[0], pairs[1], pairs[2], pairs[3])


def _corners_of(rect: RectMm) -> Floats:
    left, bottom, right, top = rect
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
