"""Measure a detector on labelled pictures that it was not trained on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.detections import Detections
from detector.model import GAP, PRODUCT, Detector
from detector.pictures import read_picture
from detector.training.dataset import CropSettings, LabelledPicture, ShelfClass, cut_crop
from detector.training.metrics import (
    Matched,
    Scored,
    at_threshold,
    average_precision,
    best_threshold,
    match_picture,
    pooled,
    recall_by_size,
)

#: Scores below this are not looked at when a precision-recall curve is drawn.
CURVE_FLOOR = 0.02

#: Facings are counted by their shorter side in the network's input, between these edges.
SIZE_EDGES_PX = (0, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200, 640)


@dataclass(frozen=True, slots=True)
class Example:
    """A picture to measure on; ``gaps`` None: nobody labelled gaps, so none are counted."""

    image_bgr: NDArray[np.uint8]
    products: FloatArray
    ignored: FloatArray
    gaps: FloatArray | None


def whole_pictures(pictures: Sequence[LabelledPicture]) -> list[Example]:
    """Each picture as it is."""
    return [
        Example(p.image_bgr, p.labels.products, p.labels.unsure, p.labels.gaps) for p in pictures
    ]


def zoomed_crops(
    pictures: Sequence[LabelledPicture], size_px: int = 640, seed: int = 7
) -> list[Example]:
    """One crop of each picture at a random facing size, without changes of light or blur."""
    rng = np.random.default_rng(seed)
    settings = CropSettings(
        aspect_jitter=0.0, outside_share=0.0, grey_share=0.0, blur_share=0.0, noise_share=0.0
    )
    examples = []
    for picture in pictures:
        crop = cut_crop(picture, size_px, settings, rng, plain=True)
        products = crop.boxes_px[crop.class_ids == ShelfClass.PRODUCT]
        gaps = crop.boxes_px[crop.class_ids == ShelfClass.GAP]
        examples.append(
            Example(crop.image_bgr, products, crop.ignored_px, gaps if crop.gaps_known else None)
        )
    return examples


def measure(
    detector: Detector,
    examples: Sequence[Example],
    *,
    look: Callable[[Detector, NDArray[np.uint8]], Detections] | None = None,
    progress: Callable[[Iterable[Example]], Iterable[Example]] = iter,
) -> dict[str, float]:
    """Figures per class as a flat object: AP at IoU 0.5, and precision and recall in use.

    "In use" means at the manifest's thresholds. Gaps are also counted at IoU 0.3: hands draw the
    sides of an empty place loosely. ``best_threshold`` is for validation pictures only.
    """
    look = look or (lambda loaded, image: loaded.detect(image))
    low = detector.with_thresholds(dict.fromkeys(detector.class_names, CURVE_FLOOR))
    in_use = {spec.name: spec.threshold for spec in detector.manifest.classes}
    parts: dict[tuple[str, float], list[Matched]] = {}
    sizes: list[FloatArray] = []
    no_boxes = np.zeros((0, 4), dtype=np.float32)
    for example in progress(examples):
        found = look(low, example.image_bgr)
        truths = {PRODUCT: (example.products, example.ignored)}
        if example.gaps is not None and GAP in detector.class_names:
            truths[GAP] = (example.gaps, no_boxes)
        for name, (labels, ignored) in truths.items():
            mine = found.of_class(name)
            for iou in (0.5, 0.3) if name == GAP else (0.5,):
                matched = match_picture(mine.boxes_xyxy_px, mine.scores, labels, ignored, iou)
                parts.setdefault((name, iou), []).append(matched)
        scale = detector.manifest.input.size_px / max(example.image_bgr.shape[:2])
        sides = (example.products[:, 2:] - example.products[:, :2]) * np.float32(scale)
        sizes.append(sides.min(axis=1))
    figures: dict[str, float] = {"pictures": len(examples)}
    for (name, iou), matched_parts in parts.items():
        figures.update(_figures(pooled(matched_parts), name, iou, in_use[name]))
    by_size = recall_by_size(parts.get((PRODUCT, 0.5), []), sizes, in_use[PRODUCT], SIZE_EDGES_PX)
    for (start, end), (share, count) in by_size.items():
        figures[f"product_recall_{start}_to_{end}_px"] = share
        figures[f"product_labels_{start}_to_{end}_px"] = count
    return figures


def measure_bay(
    detector: Detector, picture: Path, recognition: Path, *, best_scale: bool = False
) -> dict[str, float]:
    """Figures on one picture against another system's recognition file, at the thresholds in use.

    ``recognition``: JSON whose ``products`` have a ``boundingBox`` of x, y, w, h in px.
    """
    image = read_picture(picture)
    labels = read_recognition(recognition)
    found = detector.detect_at_best_scale(image) if best_scale else detector.detect(image)
    products = found.of_class(PRODUCT)
    matched = match_picture(
        products.boxes_xyxy_px, products.scores, labels, np.zeros((0, 4), np.float32), 0.5
    )
    point = at_threshold(pooled([matched]), 0.0)
    return {
        "labels": len(labels),
        "product_recall": point.recall,
        "product_precision": point.precision,
        "gaps_found": len(found.of_class(GAP)),
    }


def read_recognition(path: Path) -> FloatArray:
    """Product boxes (n, 4) in px of a recognition file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    boxes = [item["boundingBox"] for item in content["products"]]
    rows = [[b["x"], b["y"], b["x"] + b["w"], b["y"] + b["h"]] for b in boxes]
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)


def _figures(scored: Scored, name: str, iou: float, threshold: float) -> dict[str, float]:
    point, best = at_threshold(scored, threshold), best_threshold(scored)
    suffix = "" if iou == 0.5 else f"_iou{round(iou * 100)}"
    return {
        f"{name}_labels": scored.label_count,
        f"{name}_ap{round(iou * 100)}": average_precision(scored),
        f"{name}_precision{suffix}": point.precision,
        f"{name}_recall{suffix}": point.recall,
        f"{name}_best_f1{suffix}": best.f1,
        f"{name}_best_threshold{suffix}": best.threshold,
    }
