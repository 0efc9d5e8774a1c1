"""What is true of every slot at a moment, by the definitions of `shelf.State`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from shelf import PlannedSlot, SlotId, State
from simulator.geometry import Camera
from simulator.items import Item
from simulator.layout import BayPlace, FacingId
from simulator.people import person_sprite
from simulator.sprite import overlap
from simulator.store import Store, StoreState


@dataclass(frozen=True, slots=True)
class SlotTruth:
    """One slot: its state, how many facings show the planned SKU, which others stand there.

    ``visibility`` is, by camera, the share of the slot's front that lies in the picture and
    that nobody stands before (0..1).
    """

    slot: SlotId
    state: State
    facings_seen: int
    found: tuple[str, ...] = ()
    visibility: Mapping[str, float] = field(default_factory=dict)


def state_of(planned: PlannedSlot, facings_seen: int, foreign: int) -> State:
    """Return the state of a slot that shows so many planned and so many other facings."""
    if foreign:
        return State.MISPLACED
    if facings_seen == 0:
        return State.OUT_OF_STOCK
    if facings_seen < planned.min_facings:
        return State.LOW
    return State.STOCKED


def slot_truth(planned: PlannedSlot, contents: Mapping[FacingId, tuple[Item, ...]]) -> SlotTruth:
    """Return what is true of one slot; a facing counts by its front unit.

    A substitute that the planogram allows counts as the planned SKU.
    """
    fronts = [
        items[0].sku
        for level in range(planned.facings_high)
        for column in range(planned.facings_wide)
        if (items := contents.get(FacingId(planned.id, column, level)))
    ]
    allowed = {planned.sku, *planned.substitutes}
    seen = sum(sku in allowed for sku in fronts)
    state = state_of(planned, seen, len(fronts) - seen)
    return SlotTruth(planned.id, state, seen, tuple(sorted(set(fronts))))


def store_truth(
    store: Store, state: StoreState, cameras: Mapping[str, Camera]
) -> dict[SlotId, SlotTruth]:
    """Return the truth of every slot at the moment of ``state``, in the planogram's order."""
    seen = {name: _visibility(store, state, camera) for name, camera in cameras.items()}
    out = {}
    for planned in store.planogram.slots:
        truth = slot_truth(planned, state.contents)
        out[planned.id] = SlotTruth(
            truth.slot,
            truth.state,
            truth.facings_seen,
            truth.found,
            {name: shares[planned.id] for name, shares in seen.items()},
        )
    return out


def slot_corners_mm(places: Sequence[BayPlace]) -> dict[SlotId, NDArray[np.float64]]:
    """Return each slot's front in the aisle: (4,3) from the top left, clockwise."""
    out = {}
    for place in places:
        for shelf in place.bay.shelves:
            for slot in shelf.slots:
                x1, y1 = place.x_mm + slot.x_mm, shelf.y_mm + slot.y_mm
                x2, y2 = x1 + slot.width_mm, y1 + slot.height_mm
                out[slot.id] = np.array(
                    [[x1, y2, 0.0], [x2, y2, 0.0], [x2, y1, 0.0], [x1, y1, 0.0]]
                )
    return out


def _visibility(store: Store, state: StoreState, camera: Camera) -> dict[SlotId, float]:
    width, height = camera.canvas_size_px
    margin_x, margin_y = camera.margin_px
    hidden = np.full((height, width), 1, np.uint8)
    hidden[margin_y : height - margin_y, margin_x : width - margin_x] = 0
    for person in state.people:
        sprite = person_sprite(person, camera)
        area = overlap(sprite.box, (0, 0, width, height)) if sprite else None
        if sprite is None or area is None:
            continue
        x1, y1, x2, y2 = area
        cover = sprite.bgra[y1 - sprite.y : y2 - sprite.y, x1 - sprite.x : x2 - sprite.x, 3] > 127
        hidden[y1:y2, x1:x2][cover] = 1
    return {
        slot: free_share(hidden, camera.canvas_px(corners))
        for slot, corners in slot_corners_mm(store.places).items()
    }


def free_share(hidden: NDArray[np.uint8], corners_px: NDArray[np.float64]) -> float:
    """Return the share of a quadrilateral that is on the canvas and where ``hidden`` is 0."""
    low = np.floor(corners_px.min(axis=0)).astype(int)
    width, height = (int(n) for n in np.ceil(corners_px.max(axis=0)).astype(int) - low + 1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners_px - low).astype(np.int32), 1)
    whole = int(mask.sum())
    box = (int(low[0]), int(low[1]), int(low[0]) + width, int(low[1]) + height)
    area = overlap(box, (0, 0, hidden.shape[1], hidden.shape[0]))
    if whole == 0 or area is None:
        return 0.0
    x1, y1, x2, y2 = area
    inside = mask[y1 - box[1] : y2 - box[1], x1 - box[0] : x2 - box[0]]
    return float(np.count_nonzero(inside[hidden[y1:y2, x1:x2] == 0])) / whole
