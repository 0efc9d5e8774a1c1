"""Bays whose planogram gives no sizes: slots are placed where their products were seen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_file import BayCalibration, BaySize, Board, Place
from calibration.edit import rows_of
from calibration.lens import Lens
from calibration.view import BayView
from edge_agent.match import BayPose, BayReading, Observed, locate_bay
from edge_agent.match.layout import has_sizes
from edge_agent.propose_fit import Fitted, read_view
from shelf import Bay, PlannedSlot, Shelf, SlotId

Floats = NDArray[np.float64]

USUAL_WIDTH_MM = 1000.0
"""How wide such a bay is said to be: a usual one. Its mm are right as ratios only."""


@dataclass(frozen=True, slots=True, eq=False)
class LaidOut:
    """A bay as it was seen: ``entry`` places all of its slots, ``bay`` is the result."""

    bay: Bay
    entry: BayCalibration
    view: BayView
    reading: BayReading


def is_bare(bay: Bay) -> bool:
    """Return whether the planogram gives the bay no sizes to fit."""
    return not has_sizes(bay)


def nominal(bay: Bay) -> tuple[Bay, BayCalibration]:
    """Return a bay with sizes in a unit that nobody knows, as if `USUAL_WIDTH_MM` wide.

    The entry says so; its view is still to be found.
    """
    scale = USUAL_WIDTH_MM / bay.width_mm
    size = BaySize(width_mm=USUAL_WIDTH_MM, height_mm=round(bay.height_mm * scale, 2))
    upright = ((1.0, 0.0, 0.0), (0.0, -1.0, 1.0), (0.0, 0.0, 1.0))
    entry = BayCalibration(bay=bay.number, bay_from_image=upright, size_mm=size)
    return entry.adjusted(bay), entry


def on_products(observed: Observed, fitted: Fitted) -> tuple[Place, ...]:
    """Return places for the slots of a fitted bay where their products were seen.

    A slot without a product moves as its neighbours on the shelf do.
    """
    boxes = observed.facings_xyxy_px[fitted.seen]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    view = fitted.fit.view()
    left = view.bay_from_image(np.column_stack([boxes[:, 0], middle]))[:, 0]
    right = view.bay_from_image(np.column_stack([boxes[:, 2], middle]))[:, 0]
    spans: dict[SlotId, list[tuple[float, float]]] = defaultdict(list)
    for facing, low, high in zip(fitted.facings, left, right, strict=True):
        if np.isfinite(low + high):
            spans[facing.slot].append((float(low), float(high)))
    places = []
    for shelf in fitted.bay.shelves:
        slots = sorted(shelf.slots, key=lambda slot: slot.x_mm)
        whole = [slot for slot in slots if len(spans[slot.id]) == slot.facings]
        known = [slot.x_mm + slot.width_mm / 2 for slot in whole]
        drift = [
            float(np.mean([sum(span) / 2 for span in spans[slot.id]])) - middle_mm
            for slot, middle_mm in zip(whole, known, strict=True)
        ]
        for slot in slots:
            if slot in whole:
                low = min(span[0] for span in spans[slot.id])
                high = max(span[1] for span in spans[slot.id])
            else:
                centre = slot.x_mm + slot.width_mm / 2
                moved = float(np.interp(centre, known, drift)) if known else 0.0
                low, high = slot.x_mm + moved, slot.x_mm + slot.width_mm + moved
            places.append(_place(slot, low, high - low))
    return tuple(places)


def _place(slot: PlannedSlot, x_mm: float, width_mm: float) -> Place:
    return Place(
        slot=str(slot.id),
        sku=slot.sku,
        facings_wide=slot.facings_wide,
        x_mm=round(x_mm, 2),
        width_mm=round(width_mm, 2),
        y_mm=round(slot.y_mm, 2),
        height_mm=round(slot.height_mm, 2),
    )


def lay_out(observed: Observed, bay: Bay, lens: Lens | None) -> LaidOut | None:
    """Return ``bay`` with its slots on the products; None when too little answers it.

    The picture is taken as seen frontally, and the bay to be `USUAL_WIDTH_MM` wide.
    """
    straight = observed if lens is None else _straightened(observed, lens)
    located = locate_bay(straight, bay)
    if located is None:
        return None
    pose, learned = located
    slots = [(shelf, slot) for shelf in learned.shelves for slot in shelf.slots]
    left = min(slot.x_mm for _, slot in slots)
    right = max(slot.x_mm + slot.width_mm for _, slot in slots)
    bottom = min(shelf.y_mm + slot.y_mm for shelf, slot in slots)
    top = max(shelf.y_mm + slot.y_mm + slot.height_mm for shelf, slot in slots)
    scale = USUAL_WIDTH_MM / (right - left)
    placed = _moved(learned, left, bottom, scale, (USUAL_WIDTH_MM, (top - bottom) * scale))
    bay_from_px = np.diag([scale, scale, 1.0]) @ np.array(
        [[1.0, 0.0, -left], [0.0, 1.0, -bottom], [0.0, 0.0, 1.0]]
    )
    bay_from_image = bay_from_px @ _learned_from_ideal(pose, observed.size_px)
    entry = _entry(bay, placed, bay_from_image)
    view = BayView(bay_from_image, lens, observed.size_px)
    seen = entry.adjusted(bay)
    return LaidOut(seen, entry, view, read_view(observed, seen, view))


def _straightened(observed: Observed, lens: Lens) -> Observed:
    """What would have been seen without the lens's distortion."""

    def straight(boxes: Floats) -> Floats:
        out = boxes.copy()
        for corner in (slice(0, 2), slice(2, 4)):
            moved = lens.undistort(boxes[:, corner] / observed.size_px) * observed.size_px
            out[:, corner] = np.where(np.isfinite(moved), moved, boxes[:, corner])
        return out

    return replace(
        observed,
        facings_xyxy_px=straight(observed.facings_xyxy_px),
        gaps_xyxy_px=straight(observed.gaps_xyxy_px),
    )


def _learned_from_ideal(pose: BayPose, size_px: tuple[int, int]) -> Floats:
    """From undistorted normalised coordinates to the learned bay's lengths (px, y up)."""
    to_px = np.diag([float(size_px[0]), float(size_px[1]), 1.0])
    return np.asarray(np.linalg.inv(pose.image_from_bay) @ to_px, dtype=np.float64)


def _moved(bay: Bay, left: float, bottom: float, scale: float, size: tuple[float, float]) -> Bay:
    """The learned bay with its origin at the bottom left of what it holds, times ``scale``."""

    def slot_of(slot: PlannedSlot) -> PlannedSlot:
        return replace(
            slot,
            x_mm=(slot.x_mm - left) * scale,
            width_mm=slot.width_mm * scale,
            y_mm=slot.y_mm * scale,
            height_mm=slot.height_mm * scale,
        )

    def shelf_of(shelf: Shelf) -> Shelf:
        return replace(
            shelf,
            y_mm=(shelf.y_mm - bottom) * scale,
            height_mm=shelf.height_mm * scale,
            slots=tuple(slot_of(slot) for slot in shelf.slots),
        )

    shelves = tuple(shelf_of(shelf) for shelf in bay.shelves)
    return replace(bay, width_mm=size[0], height_mm=size[1], shelves=shelves)


def _entry(planned: Bay, placed: Bay, bay_from_image: Floats) -> BayCalibration:
    size = BaySize(width_mm=round(placed.width_mm, 2), height_mm=round(placed.height_mm, 2))
    bare = BayCalibration(bay=planned.number, bay_from_image=rows_of(bay_from_image), size_mm=size)
    resized = bare.adjusted(planned)
    boards = tuple(
        Board(shelf=shelf.number, planned_y_mm=round(before.y_mm, 3), y_mm=round(shelf.y_mm, 2))
        for before, shelf in zip(resized.shelves, placed.shelves, strict=True)
    )
    places = tuple(
        _place(slot, slot.x_mm, slot.width_mm) for shelf in placed.shelves for slot in shelf.slots
    )
    return bare.model_copy(update={"boards": boards, "places": places})
