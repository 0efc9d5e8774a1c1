"""Pictures of what stands in each slot of an approved view, for a person to take or leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from calibration import BayView, Calibration, Rectifier, adjusted
from detector import Detector
from detector.catalog_add import AddReport, NewPicture, add_pictures
from edge_agent.catalog_enrol import MIN_CROP_PX, PER_SKU
from edge_agent.frames import ImageBgr
from edge_agent.look import LARGEST_CROP_PX, Looker
from edge_agent.recognise import Recogniser
from shelf import Bay, BoxPx, Found, PlannedSlot, Planogram, SlotId, SlotReading, State

EDGE_PX = 2.0
"""Boxes that end so near the picture's edge are cut off there."""

FRONT_PX_PER_MM = 0.2
"""A coarse front: only its geometry counts, crops are taken from the camera's picture."""

WIDER = 1.5
"""What is so many times as wide as one planned facing shows several packages."""


@dataclass(frozen=True, slots=True)
class SlotCrop:
    """A picture of what stands in a slot, for a person to approve as its product's.

    ``id`` names it in a sheet ("b01-s3-p02-1"); ``doubt`` says why it should be looked at twice,
    "" where nothing speaks against it.
    """

    id: str
    slot: SlotId
    sku: str
    name: str
    image_bgr: ImageBgr
    doubt: str = ""


def slot_sheet(
    image_bgr: ImageBgr,
    calibration: Calibration,
    planogram: Planogram,
    detector: Detector,
    recogniser: Recogniser | None = None,
) -> tuple[SlotCrop, ...]:
    """Return the crops of each slot that an approved view shows, in planogram order.

    The bay should be stocked as planned. A crop is frontal, as fine as the camera sees it; there
    are at most `catalog_enrol.PER_SKU` of a slot. Raises `calibration.CalibrationError` for a
    picture that is not of the calibrated camera.
    """
    bays = [
        adjusted(bay, calibration)
        for bay in planogram.bays
        if bay.number in calibration.bay_numbers
    ]
    slots = {slot.id: slot for bay in bays for slot in bay.slots}
    readings = Looker(detector, bays, recogniser, calibration).look(image_bgr).readings
    size_px = (image_bgr.shape[1], image_bgr.shape[0])
    fronts = {bay.number: _front(bay, calibration.view(bay.number, size_px)) for bay in bays}
    return tuple(
        crop
        for reading in readings
        for crop in _crops(image_bgr, reading, slots[reading.slot], fronts, planogram)
    )


def store_crops(
    folder: Path,
    crops: Sequence[SlotCrop],
    camera: str,
    folder_of: Mapping[str, str] = MappingProxyType({}),
) -> AddReport:
    """Store approved crops in the catalogue ``folder`` as pictures of their SKUs seen by a camera.

    ``folder_of`` gives the catalogue's own names of SKUs (`Recogniser.folder_of`). Raises
    `detector.CatalogError` when the folder cannot be used.
    """
    return add_pictures(
        folder,
        [
            NewPicture(
                folder_of.get(crop.sku, crop.sku),
                f"{camera}-{crop.id}.png",
                _png(crop.image_bgr),
                f"{crop.slot} {crop.name}",
            )
            for crop in crops
        ],
    )


def _front(bay: Bay, view: BayView) -> Rectifier:
    return view.rectifier(bay.width_mm, bay.height_mm, 0.04 * bay.height_mm, FRONT_PX_PER_MM)


def _crops(
    image_bgr: ImageBgr,
    reading: SlotReading,
    slot: PlannedSlot,
    fronts: Mapping[int, Rectifier],
    planogram: Planogram,
) -> list[SlotCrop]:
    front = fronts[reading.slot.bay]
    out: list[SlotCrop] = []
    names: Counter[str] = Counter()
    best = sorted(reading.found, key=lambda item: -item.confidence)[:PER_SKU]
    for item in sorted(best, key=lambda item: item.box_xyxy_px):
        box = _frontal(item.box_xyxy_px, front)
        image = front.crop(image_bgr, box, LARGEST_CROP_PX)
        if min(image.shape[:2]) < MIN_CROP_PX:
            continue
        names["crop"] += 1
        out.append(
            SlotCrop(
                f"{str(reading.slot).replace('/', '-')}-{names['crop']}",
                reading.slot,
                slot.sku,
                slot.name,
                image,
                _doubt(reading, item, image_bgr, planogram)
                or too_wide(box[2] - box[0], slot.facing_width_mm),
            )
        )
    return out


def _frontal(box: BoxPx, front: Rectifier) -> BoxPx:
    """A box of the camera's picture in the frontal one: through the middles of its sides."""
    x1, y1, x2, y2 = box
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    left, top, right, bottom = front.rectified_from_image([(x1, y), (x, y1), (x2, y), (x, y2)])
    return (float(left[0]), float(top[1]), float(right[0]), float(bottom[1]))


def _doubt(reading: SlotReading, item: Found, image_bgr: ImageBgr, planogram: Planogram) -> str:
    height, width = image_bgr.shape[:2]
    x1, y1, x2, y2 = item.box_xyxy_px
    if min(x1, y1) < EDGE_PX or x2 > width - EDGE_PX or y2 > height - EDGE_PX:
        return "cut off by the picture's edge"
    if item.sku is None:
        return "it cannot be told which of several products this is"
    if item.sku != planogram.slot(reading.slot).sku:
        return f"looks like {planogram.names.get(item.sku, item.sku)}"
    if reading.state not in (State.STOCKED, State.LOW):
        return f"the slot is read as {reading.state.value.replace('_', ' ')}: {reading.reason}"
    return ""


def too_wide(width_px: float, facing_mm: float) -> str:
    """Return the doubt in words that something so wide, seen frontally, is one facing, or ""."""
    times = width_px / FRONT_PX_PER_MM / facing_mm
    return f"{times:.1f} times as wide as one facing: several packages?" if times > WIDER else ""


def _png(image_bgr: ImageBgr) -> bytes:
    _, encoded = cv2.imencode(".png", image_bgr)
    return bytes(np.asarray(encoded).tobytes())
