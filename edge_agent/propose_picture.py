"""A calibration proposal drawn over its picture, for a person to check at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.proposal import BayProposal, PointPx, Proposal
from calibration.verdict import Verdict
from edge_agent.frames import ImageBgr
from edge_agent.propose_score import GOOD_SLOT

Colour = tuple[int, int, int]
COLOURS: dict[Verdict, Colour] = {
    Verdict.GREEN: (90, 170, 40),
    Verdict.AMBER: (20, 160, 240),
    Verdict.RED: (50, 50, 220),
}
BOARD: Colour = (230, 160, 30)
DOUBT_SHADE = 0.3


def draw_proposal(image_bgr: ImageBgr, proposal: Proposal) -> ImageBgr:
    """Return a copy of the picture with boards, slots and bays; doubtful slots are shaded."""
    out = image_bgr.copy()
    thick = max(2, round(max(out.shape) / 700))
    shade = out.copy()
    for bay in proposal.bays:
        for slot in bay.slots:
            if slot.confidence < GOOD_SLOT:
                cv2.fillPoly(shade, [_polygon(slot.corners_px)], COLOURS[Verdict.AMBER])
    cv2.addWeighted(shade, DOUBT_SHADE, out, 1 - DOUBT_SHADE, 0.0, dst=out)
    for bay in proposal.bays:
        _draw_bay(out, bay, thick)
    return out


def _draw_bay(out: ImageBgr, bay: BayProposal, thick: int) -> None:
    for slot in bay.slots:
        colour = COLOURS[Verdict.GREEN if slot.confidence >= GOOD_SLOT else Verdict.AMBER]
        cv2.polylines(out, [_polygon(slot.corners_px)], True, colour, thick, cv2.LINE_AA)
    for board in bay.boards:
        cv2.polylines(out, [_polygon(board.line_px)], False, BOARD, thick, cv2.LINE_AA)
    if bay.corners_px is None:
        return
    colour = COLOURS[bay.verdict]
    corners = _polygon(bay.corners_px)
    cv2.polylines(out, [corners], True, colour, 2 * thick, cv2.LINE_AA)
    _write(out, f"bay {bay.bay}: {bay.verdict.value}", corners[0], colour, thick)


def _write(out: ImageBgr, text: str, at: NDArray[np.int32], colour: Colour, thick: int) -> None:
    size = max(out.shape) / 1500
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    x = int(np.clip(at[0], 0, max(0, out.shape[1] - width)))
    y = int(np.clip(at[1], height + base, out.shape[0]))
    cv2.rectangle(out, (x, y - height - base), (x + width, y), colour, cv2.FILLED)
    white = (255, 255, 255)
    cv2.putText(out, text, (x, y - base // 2), 0, size, white, thick, cv2.LINE_AA)


def _polygon(points_px: Sequence[PointPx]) -> NDArray[np.int32]:
    # Far outside the picture OpenCV's fixed-point coordinates overflow.
    return np.asarray(np.clip(np.round(points_px), -20_000, 20_000), dtype=np.int32)
