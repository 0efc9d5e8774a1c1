"""What the page draws of a draft: every outline in px of the picture and of the frontal picture.

Points are [x, y] lists, x right, y down, from the top left of their picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import BayCalibration, Calibration
from calibration.edit import Side, corners_px
from calibration.lens import Points
from calibration.proposal import Proposal, SlotProposal
from calibration.rectify import Rectifier
from calibration.view import BayView
from shelf import Bay, PlannedSlot, Shelf

FRONTAL_PX = 900
"""The longer side of the frontal picture."""

MARGIN_SHARE = 0.05
"""How much of its height the frontal picture shows around a bay."""

_ALONG = 9
"""Points of a line that a lens may bend."""

LOW_CONFIDENCE = 0.8
"""A slot below is shown first."""


@dataclass(frozen=True)
class BayPicture:
    """One bay of a draft, as planned and adjusted, in a picture of ``size_px``."""

    planned: Bay
    entry: BayCalibration
    calibration: Calibration
    size_px: tuple[int, int]

    @cached_property
    def bay(self) -> Bay:
        """The bay with what was adjusted."""
        return self.entry.adjusted(self.planned)

    @cached_property
    def view(self) -> BayView:
        """How the camera sees it."""
        return BayView(np.array(self.entry.bay_from_image), self.calibration.lens, self.size_px)

    @property
    def margin_mm(self) -> float:
        """What the frontal picture shows around the bay."""
        return MARGIN_SHARE * self.bay.height_mm

    @property
    def px_per_mm(self) -> float:
        """The scale of the frontal picture."""
        return FRONTAL_PX / (max(self.bay.width_mm, self.bay.height_mm) + 2 * self.margin_mm)

    @property
    def frontal_size_px(self) -> tuple[int, int]:
        """Width and height of the frontal picture."""
        wide = (self.bay.width_mm + 2 * self.margin_mm) * self.px_per_mm
        tall = (self.bay.height_mm + 2 * self.margin_mm) * self.px_per_mm
        return round(wide), round(tall)

    def rectifier(self) -> Rectifier:
        """Return what makes the frontal picture; its tables take some tenths of a second."""
        return self.view.rectifier(
            self.bay.width_mm, self.bay.height_mm, self.margin_mm, self.px_per_mm
        )

    def frontal(self, points_mm: Sequence[tuple[float, float]]) -> Points:
        """Return points of the bay in px of the frontal picture, (n, 2)."""
        points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 2)
        corner = (-self.margin_mm, self.bay.height_mm + self.margin_mm)
        return (points - corner) * (self.px_per_mm, -self.px_per_mm)

    def mm_from_frontal(self, point_px: tuple[float, float]) -> tuple[float, float]:
        """Return the point of the bay at a point of the frontal picture."""
        x_px, y_px = point_px
        return (
            x_px / self.px_per_mm - self.margin_mm,
            self.bay.height_mm + self.margin_mm - y_px / self.px_per_mm,
        )

    def mm_from_picture(self, point_px: tuple[float, float]) -> tuple[float, float]:
        """Return the point of the bay at a point of the picture; NaN above its horizon."""
        x_mm, y_mm = self.view.bay_from_image([point_px])[0]
        return float(x_mm), float(y_mm)

    def facing_edges_mm(self, facings_xyxy_px: NDArray[np.float64], shelf: Shelf) -> list[float]:
        """Return the x of the left and right edges of the facings that stand on ``shelf``."""
        if not len(facings_xyxy_px):
            return []
        x1, y1, x2, y2 = facings_xyxy_px.T
        middle = (y1 + y2) / 2
        left = self.view.bay_from_image(np.stack([x1, middle], axis=1))
        right = self.view.bay_from_image(np.stack([x2, middle], axis=1))
        top_mm = _top_mm(self.bay, shelf)
        edges = []
        for (x_left, y_left), (x_right, y_right) in zip(left, right, strict=True):
            if shelf.y_mm < (y_left + y_right) / 2 < top_mm:
                edges += [float(x_left), float(x_right)]
        return edges

    def drawn(self, proposal: Proposal | None, checked: Sequence[str]) -> dict[str, Any]:
        """Return the bay for the page, scored by ``proposal`` where there is one for it."""
        scored = None
        if proposal is not None:
            scored = next((bay for bay in proposal.bays if bay.bay == self.bay.number), None)
        by_slot = {slot.slot: slot for slot in scored.slots} if scored else {}
        corners = corners_px(self.entry, self.bay, self.calibration.lens, self.size_px)
        width, height = self.frontal_size_px
        return {
            "bay": self.bay.number,
            "corners": _rounded(corners),
            "outline": self._outline(),
            "frontal": {"width": width, "height": height, "corners": self._frontal_corners()},
            "boards": [self._board(shelf) for shelf in self.bay.shelves],
            "slots": [
                self._slot(shelf, slot, by_slot.get(slot.id), checked)
                for shelf in self.bay.shelves
                for slot in shelf.slots
            ],
            "verdict": scored.verdict.value if scored else None,
            "reason": scored.reason if scored else "",
            "findings": [finding.as_json() for finding in scored.findings] if scored else [],
            "error_px": round(self.entry.error_px, 1),
            "error_mm": round(self.entry.error_mm, 1),
        }

    def _outline(self) -> list[list[float]]:
        wide, tall = self.bay.width_mm, self.bay.height_mm
        corners = [(0.0, tall), (wide, tall), (wide, 0.0), (0.0, 0.0), (0.0, tall)]
        points = [
            point for start, end in itertools.pairwise(corners) for point in _line(start, end)
        ]
        return _rounded(self.view.image_from_bay(points))

    def _frontal_corners(self) -> list[list[float]]:
        wide, tall = self.bay.width_mm, self.bay.height_mm
        return _rounded(self.frontal([(0, tall), (wide, tall), (wide, 0), (0, 0)]))

    def _board(self, shelf: Shelf) -> dict[str, Any]:
        ends = (0.0, shelf.y_mm), (self.bay.width_mm, shelf.y_mm)
        return {
            "shelf": shelf.number,
            "y_mm": round(shelf.y_mm, 1),
            "line": _rounded(self.view.image_from_bay(_line(*ends))),
            "frontal": _rounded(self.frontal(ends)),
        }

    def _slot(
        self, shelf: Shelf, slot: PlannedSlot, scored: SlotProposal | None, checked: Sequence[str]
    ) -> dict[str, Any]:
        bottom = shelf.y_mm + slot.y_mm
        left, right, top = slot.x_mm, slot.x_mm + slot.width_mm, bottom + slot.height_mm
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        name = str(slot.id)
        confidence = scored.confidence if scored else None
        is_doubtful = (
            scored is not None and scored.visible > 0 and (scored.confidence < LOW_CONFIDENCE)
        )
        return {
            "slot": name,
            "place": slot.id.in_words,
            "sku": slot.sku,
            "name": slot.name,
            "facings": slot.facings,
            "seen": scored.facings_seen if scored else None,
            "corners": _rounded(self.view.image_from_bay(corners)),
            "frontal": _rounded(self.frontal(corners)),
            "mm": [round(value, 1) for value in (left, bottom, right, top)],
            "confidence": confidence if confidence is None else round(confidence, 2),
            "reason": scored.reason if scored else "",
            "visible": round(scored.visible, 2) if scored else None,
            "checked": name in checked,
            "doubtful": is_doubtful and name not in checked,
        }


def shelf_of(bay: Bay, slot: PlannedSlot) -> Shelf:
    """Return the shelf on which ``slot`` stands."""
    return next(shelf for shelf in bay.shelves if shelf.number == slot.id.shelf)


def border_mm(slot: PlannedSlot, side: Side) -> float:
    """Return where a slot's border is."""
    return slot.x_mm if side is Side.LEFT else slot.x_mm + slot.width_mm


def _top_mm(bay: Bay, shelf: Shelf) -> float:
    above = [other.y_mm for other in bay.shelves if other.y_mm > shelf.y_mm]
    return min(above, default=bay.height_mm)


def _line(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    shares = np.linspace(0.0, 1.0, _ALONG)
    return [
        (start[0] + (end[0] - start[0]) * s, start[1] + (end[1] - start[1]) * s) for s in shares
    ]


def _rounded(points: Points) -> list[list[float]]:
    """Return points for JSON; those that have no image are left out."""
    return [
        [round(float(x), 1), round(float(y), 1)] for x, y in points if np.isfinite([x, y]).all()
    ]
