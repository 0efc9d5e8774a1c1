"""What a calibration proposal says: bays, boards and slots in the picture, and how sure it is.

All points are px of the camera's picture: continuous, (0, 0) its top left corner, x right, y
down; with the lens, as they appear in the picture. Corners run from the top left clockwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import (
    Approval,
    BayCalibration,
    Calibration,
    CalibrationError,
    PictureSize,
)
from calibration.lens import Lens
from calibration.rectify import ImageBgr
from calibration.verdict import Finding, Verdict
from shelf import SlotId

PointPx = tuple[float, float]
CornersPx = tuple[PointPx, PointPx, PointPx, PointPx]
"""Top left, top right, bottom right, bottom left."""


@dataclass(frozen=True, slots=True)
class SlotProposal:
    """One slot in the picture.

    ``confidence`` (0..1) that it is in its place within a quarter of its width; ``reason`` why
    it is no higher. ``uncertainty_mm`` is one standard deviation of its corners' places, by the
    fit's covariance; ``visible`` the share (0..1) of it in the picture. ``facings_seen`` of
    ``facings_expected`` were found in it: fewer is no fault of the calibration.
    """

    slot: SlotId
    sku: str
    name: str
    corners_px: CornersPx
    confidence: float
    reason: str
    visible: float
    uncertainty_mm: float
    facings_expected: int
    facings_seen: int

    def as_json(self) -> dict[str, Any]:
        """Return the slot as the published JSON has it."""
        return {
            "slot": str(self.slot),
            "sku": self.sku,
            "name": self.name,
            "corners_px": _rounded(self.corners_px),
            "confidence": round(self.confidence, 3),
            "reason": self.reason,
            "visible": round(self.visible, 3),
            "uncertainty_mm": round(self.uncertainty_mm, 2),
            "facings": {"expected": self.facings_expected, "seen": self.facings_seen},
        }


@dataclass(frozen=True, slots=True)
class BoardProposal:
    """The upper front edge of one shelf's board, from the bay's left to its right."""

    shelf: int
    line_px: tuple[PointPx, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the board as the published JSON has it."""
        return {"shelf": self.shelf, "line_px": _rounded(self.line_px)}


@dataclass(frozen=True, slots=True)
class BayProposal:
    """One bay in the picture; with ``found`` None it was not found, and the rest is empty.

    ``found`` is what the calibration file would say of it. ``verdict`` and ``reason`` are the
    score with its reason in words; ``findings`` are the bay's own measures (angle, px per
    facing, share visible, fit).
    """

    bay: int
    verdict: Verdict
    reason: str
    found: BayCalibration | None = None
    corners_px: CornersPx | None = None
    boards: tuple[BoardProposal, ...] = ()
    slots: tuple[SlotProposal, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def doubtful(self) -> tuple[SlotProposal, ...]:
        """The visible slots, least sure first."""
        seen = [slot for slot in self.slots if slot.visible > 0]
        return tuple(sorted(seen, key=lambda slot: (slot.confidence, slot.slot)))

    def as_json(self) -> dict[str, Any]:
        """Return the bay as the published JSON has it."""
        return {
            "bay": self.bay,
            "score": self.verdict.value,
            "reason": self.reason,
            "error_px": None if self.found is None else round(self.found.error_px, 2),
            "error_mm": None if self.found is None else round(self.found.error_mm, 2),
            "corners_px": None if self.corners_px is None else _rounded(self.corners_px),
            "boards": [board.as_json() for board in self.boards],
            "slots": [slot.as_json() for slot in self.slots],
            "findings": [finding.as_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Where the planned bays lie in a picture of ``size_px`` (width, height).

    ``facings_xyxy_px`` (n,4) are all facings that were seen, for snapping; ``findings`` are the
    picture's own measures (focus, exposure, glare); ``planogram`` its id and version.
    """

    size_px: tuple[int, int]
    planogram: str
    bays: tuple[BayProposal, ...]
    lens: Lens | None = None
    findings: tuple[Finding, ...] = ()
    facings_xyxy_px: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))

    def bay(self, number: int) -> BayProposal:
        """Return one bay; raises ``KeyError`` when nothing is proposed for it."""
        for bay in self.bays:
            if bay.bay == number:
                return bay
        raise KeyError(number)

    def calibration(
        self,
        camera: str,
        version: str,
        *,
        approved_by: str | None = None,
        at_utc: datetime | None = None,
    ) -> Calibration:
        """Return the bays that were found as a camera's calibration.

        Raises `CalibrationError` when none was found.
        """
        found = tuple(bay.found for bay in self.bays if bay.found is not None)
        if not found:
            raise CalibrationError(
                "expected a bay of the planogram in the picture, found none: "
                + "; ".join(f"bay {bay.bay}: {bay.reason}" for bay in self.bays)
            )
        width_px, height_px = self.size_px
        return Calibration(
            camera=camera,
            version=version,
            picture=PictureSize(width_px=width_px, height_px=height_px),
            lens=self.lens,
            planogram=self.planogram,
            approved=Approval(by=approved_by, at_utc=at_utc) if at_utc is not None else None,
            bays=found,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the proposal in the published form (docs/calibration.md)."""
        return {
            "size_px": list(self.size_px),
            "planogram": self.planogram,
            "lens": None if self.lens is None else self.lens.model_dump(),
            "findings": [finding.as_json() for finding in self.findings],
            "bays": [bay.as_json() for bay in self.bays],
        }


class Proposer(Protocol):
    """What makes proposals; `edge_agent.propose.PlanogramProposer` is one.

    Both calls take a second or two of one core; a picture that was seen last is not detected
    again. For one thread at a time.
    """

    def propose(
        self, pictures_bgr: Sequence[ImageBgr], start: Calibration | None = None
    ) -> Proposal:
        """Return where the planned bays lie in what the pictures (of one camera) show.

        Of several pictures their median is used, so that who walks by does not count. ``start``
        is the calibration before a bump: its lens, sizes and hand-made adjustments are kept.
        """
        ...

    def judge(self, picture_bgr: ImageBgr, calibration: Calibration) -> Proposal:
        """Return ``calibration`` as it is, scored against what the picture shows."""
        ...


def _rounded(points: Sequence[PointPx]) -> list[list[float]]:
    return [[round(x, 1), round(y, 1)] for x, y in points]
