"""Pictures for the catalogue from a photograph of a bay that is stocked as planned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector import Catalog, Embedder, crops_of
from edge_agent.frames import ImageBgr
from shelf import BoxPx, Planogram, SlotId, SlotReading, State

MIN_SLOT_CONFIDENCE = 0.7
"""A slot's reading is used from here on; about what a facing score of 0.4 gives."""

MIN_CROP_PX = 20
"""Narrower or lower crops show too little of a product."""

MAX_OFF_SHAPE = 0.5
"""How far, in doublings, a crop's width to height may be from the planned facing's; further off
it shows two facings, or a part of one."""

PER_SKU = 4
"""Pictures of one product taken from one photograph: the most certain ones."""


@dataclass(frozen=True, slots=True)
class Crop:
    """One facing of the photograph; ``likeness`` is to the pictures it was compared with."""

    sku: str
    slot: SlotId
    image_bgr: ImageBgr
    confidence: float
    likeness: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A crop that is not taken, and why."""

    crop: Crop
    reason: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``taken`` become pictures; ``refused`` do not look like their product; ``left_out`` says
    in words which slots were not read surely enough."""

    taken: tuple[Crop, ...]
    refused: tuple[Refused, ...]
    left_out: tuple[str, ...]


def enrol(
    image_bgr: ImageBgr,
    readings: Sequence[SlotReading],
    planogram: Planogram,
    embedder: Embedder,
    catalog: Catalog | None,
    new_look: Collection[str] = (),
) -> Enrolment:
    """Choose the facings of surely read slots, and keep those that look like their product.

    A crop is compared with its product's pictures in ``catalog`` and with the other crops of the
    product. It is refused when another product's are more alike by the embedder's ``stranger``
    rule, or when the catalogue's own are less alike than that rule's ``min_similarity`` and the
    SKU is not in ``new_look``. ``catalog`` is named after SKUs.
    """
    crops, left_out = _sure_crops(image_bgr, readings, planogram)
    vectors = embedder.embed([crop.image_bgr for crop in crops])
    taken: dict[str, list[Crop]] = defaultdict(list)
    refused: list[Refused] = []
    compared = [_compare(k, crops, vectors, catalog) for k in range(len(crops))]
    rule = embedder.stranger
    for crop, (own, pictured, other, other_likeness) in zip(crops, compared, strict=True):
        named = planogram.names.get(other, other)
        leads = own is not None and other_likeness - own >= rule.min_margin
        if leads and other_likeness >= rule.min_similarity:
            reason = f"looks like {named} ({other_likeness:.2f}), not like its own ({own:.2f})"
            refused.append(Refused(crop, reason))
            continue
        unlike = pictured is not None and pictured < rule.min_similarity
        if unlike and crop.sku not in new_look:
            reason = (
                f"looks little like the catalogue's pictures of it ({pictured:.3f}, expected "
                f"{rule.min_similarity:g}); if it is right, --new-look {crop.sku} takes it"
            )
            refused.append(Refused(crop, reason))
            continue
        taken[crop.sku].append(Crop(crop.sku, crop.slot, crop.image_bgr, crop.confidence, own))
    best = [
        crop
        for of_sku in taken.values()
        for crop in sorted(of_sku, key=lambda crop: -crop.confidence)[:PER_SKU]
    ]
    return Enrolment(tuple(best), tuple(refused), tuple(left_out))


def _sure_crops(
    image_bgr: ImageBgr, readings: Sequence[SlotReading], planogram: Planogram
) -> tuple[list[Crop], list[str]]:
    height, width = image_bgr.shape[:2]
    crops, left_out = [], []
    unseen: Counter[tuple[str, str]] = Counter()
    for reading in readings:
        slot = planogram.slot(reading.slot)
        if reading.state is State.UNKNOWN and reading.box_xyxy_px is None:
            unseen[reading.slot.bay_id, reading.reason] += 1
            continue
        if reason := _unsure(reading):
            left_out.append(f"{reading.slot} {slot.name}: {reason}")
            continue
        faults: Counter[str] = Counter()
        planned = slot.facing_width_mm / slot.facing_height_mm if planogram.has_sizes else None
        for item in reading.found:
            fault = _fault(item.box_xyxy_px, (width, height), planned)
            if fault is not None:
                faults[fault] += 1
                continue
            (crop,) = crops_of(image_bgr, np.array([item.box_xyxy_px], dtype=np.float32))
            crops.append(Crop(slot.sku, reading.slot, crop, item.confidence))
        left_out += [
            f"{reading.slot} {slot.name}: {count} of {len(reading.found)} facings {fault}"
            for fault, count in faults.items()
        ]
    left_out += [f"{bay}: {count} slots: {reason}" for (bay, reason), count in unseen.items()]
    return crops, left_out


def _fault(box: BoxPx, size_px: tuple[int, int], planned: float | None) -> str | None:
    """Why a box is no good picture; ``planned`` is the facing's width to height, if known."""
    x1, y1, x2, y2 = box
    if x1 <= 1 or y1 <= 1 or x2 >= size_px[0] - 1 or y2 >= size_px[1] - 1:
        return "cut off by the picture's edge"
    if min(x2 - x1, y2 - y1) < MIN_CROP_PX:
        return f"smaller than {MIN_CROP_PX} px"
    if planned is not None and abs(np.log2((x2 - x1) / (y2 - y1) / planned)) > MAX_OFF_SHAPE:
        return "not of the planned shape"
    return None


def _unsure(reading: SlotReading) -> str | None:
    if reading.state is not State.STOCKED:
        return f"{reading.state.value}: {reading.reason}"
    if reading.facings_seen != reading.facings_expected:
        return f"{reading.facings_seen} of {reading.facings_expected} facings seen"
    if reading.confidence < MIN_SLOT_CONFIDENCE:
        return f"read with confidence {reading.confidence:.2f}, {MIN_SLOT_CONFIDENCE} wanted"
    return None


def _compare(
    index: int, crops: Sequence[Crop], vectors: NDArray[np.float32], catalog: Catalog | None
) -> tuple[float | None, float | None, str, float]:
    """Likeness to its own product, to its own pictures in the catalogue, and to the likest other.

    The first two are None where there is nothing to compare with.
    """
    best: dict[str, float] = {}
    for other, likeness in enumerate((vectors @ vectors[index]).tolist()):
        if other != index:
            best[crops[other].sku] = max(likeness, best.get(crops[other].sku, -1.0))
    pictured = None
    if catalog is not None:
        row = catalog.similarities(vectors[index : index + 1])[0].tolist()
        for key, likeness in zip(catalog.keys, row, strict=True):
            best[key] = max(likeness, best.get(key, -1.0))
            pictured = likeness if key == crops[index].sku else pictured
    own = best.pop(crops[index].sku, None)
    other_sku = max(best, key=lambda sku: best[sku], default="")
    return own, pictured, other_sku, best.get(other_sku, -1.0)
