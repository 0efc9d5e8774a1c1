"""Measure a detector on labelled pictures that it was not trained on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.detections import Detections
from detector.errors import TrainingError
from detector.model import GAP, PRODUCT, Detector
from detector.pictures import read_picture
from detector.training.dataset import CropSettings, LabelledPicture, ShelfClass, cut_crop
from detector.training.metrics import (
    COCO_IOUS,
    CURVE_FLOOR,
    Matched,
    Operating,
    Scored,
    at_threshold,
    average_precision,
    best_threshold,
    match_at_ious,
    match_picture,
    pooled,
    recall_by_size,
)
from detector.training.views import View

#: Facings are counted by their shorter side in the network's input, between these edges.
SIZE_EDGES_PX = (0, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200, 640)
#: Sizes with an average precision of their own: the shorter side in the network's input.
SIZE_GROUPS_PX = {
    "tiny": (0.0, 16.0),
    "small": (16.0, 32.0),
    "medium": (32.0, 64.0),
    "large": (64.0, np.inf),
}
#: Hands draw the sides of an empty place loosely, so gaps are also counted at this IoU.
LOOSE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Example:
    """A picture to measure on; ``gaps`` None: nobody labelled gaps, so none are counted."""

    image_bgr: NDArray[np.uint8]
    products: FloatArray
    ignored: FloatArray
    gaps: FloatArray | None


@dataclass(frozen=True, slots=True)
class Collected:
    """What a detector found in the examples, matched to their labels.

    ``matched``: by class and IoU, one entry a picture; ``by_size``: products at IoU 0.5 by size
    group; ``sides_px``: the shorter sides of each picture's products in the network's input.
    """

    pictures: int
    thresholds: Mapping[str, float]
    matched: dict[tuple[str, float], list[Matched]] = field(default_factory=dict)
    by_size: dict[str, list[Matched]] = field(default_factory=dict)
    sides_px: list[FloatArray] = field(default_factory=list)

    def scored(self, name: str, iou: float = 0.5) -> Scored:
        """All pictures' detections of one class together, best first."""
        return pooled(self.matched.get((name, iou), []))

    def recall_by_size(self) -> dict[tuple[float, float], tuple[float, int]]:
        """``(recall, labels)`` of products in use, for each range of shorter sides."""
        parts = self.matched.get((PRODUCT, 0.5), [])
        threshold = self.thresholds.get(PRODUCT, 0.5)
        return recall_by_size(parts, self.sides_px, threshold, SIZE_EDGES_PX)


def examples_of(pictures: Sequence[LabelledPicture], view: View) -> list[Example]:
    """What a view looks at."""
    return zoomed_crops(pictures) if view is View.ZOOMED else whole_pictures(pictures)


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


def collect(
    detector: Detector,
    examples: Sequence[Example],
    *,
    view: View = View.WHOLE,
    progress: Callable[[Iterable[Example]], Iterable[Example]] = iter,
) -> Collected:
    """Run the detector over the examples and match what it finds to their labels.

    Raises :class:`~detector.errors.TrainingError` for a model without the class `product`.
    """
    if PRODUCT not in detector.class_names:
        raise TrainingError(
            f"{detector.manifest.name}: expected a model with the class {PRODUCT} to measure on "
            f"labelled facings, found {', '.join(detector.class_names[:5])}"
        )
    low = detector.with_thresholds(dict.fromkeys(detector.class_names, CURVE_FLOOR))
    in_use = {spec.name: spec.threshold for spec in detector.manifest.classes}
    result = Collected(len(examples), in_use)
    no_boxes = np.zeros((0, 4), dtype=np.float32)
    for example in progress(examples):
        found = look(low, example.image_bgr, view)
        scale = detector.manifest.input.size_px / max(example.image_bgr.shape[:2])
        truths = {PRODUCT: (example.products, example.ignored)}
        if example.gaps is not None and GAP in detector.class_names:
            truths[GAP] = (example.gaps, no_boxes)
        for name, (labels, ignored) in truths.items():
            mine = found.of_class(name)
            boxes, scores = mine.boxes_xyxy_px, mine.scores
            ious = (*COCO_IOUS, LOOSE_IOU) if name == GAP else COCO_IOUS
            for iou, matched in match_at_ious(boxes, scores, labels, ignored, ious).items():
                result.matched.setdefault((name, iou), []).append(matched)
            if name == PRODUCT:
                for group, (start, end) in SIZE_GROUPS_PX.items():
                    sides = (start / scale, end / scale)
                    part = match_at_ious(boxes, scores, labels, ignored, (0.5,), sides=sides)
                    result.by_size.setdefault(group, []).append(part[0.5])
        sides_px = (example.products[:, 2:] - example.products[:, :2]) * np.float32(scale)
        result.sides_px.append(sides_px.min(axis=1))
    return result


def look(detector: Detector, image_bgr: NDArray[np.uint8], view: View) -> Detections:
    """The detections of one picture in the way of ``view``."""
    if view is View.BEST_SCALE:
        return detector.detect_at_best_scale(image_bgr)
    return detector.detect(image_bgr)


def measure(
    detector: Detector,
    examples: Sequence[Example],
    *,
    view: View = View.WHOLE,
    progress: Callable[[Iterable[Example]], Iterable[Example]] = iter,
) -> dict[str, float]:
    """:func:`figures_of` what :func:`collect` finds."""
    return figures_of(collect(detector, examples, view=view, progress=progress))


def figures_of(collected: Collected) -> dict[str, float]:
    """Figures per class as a flat object.

    AP50 and AP50-95 are COCO's, except that all detections count and not the best hundred.
    Precision and recall are "in use", at the manifest's thresholds. ``best_threshold`` is for
    validation pictures only.
    """
    figures: dict[str, float] = {"pictures": collected.pictures}
    for name in dict.fromkeys(name for name, _ in collected.matched):
        aps = [average_precision(collected.scored(name, iou)) for iou in COCO_IOUS]
        threshold = collected.thresholds[name]
        scored = collected.scored(name)
        figures[f"{name}_labels"] = scored.label_count
        figures[f"{name}_ap50"] = aps[0]
        figures[f"{name}_ap50_95"] = float(np.mean(aps))
        figures.update(_in_use(scored, name, "", threshold))
        if (name, LOOSE_IOU) in collected.matched:
            loose = collected.scored(name, LOOSE_IOU)
            figures[f"{name}_ap30"] = average_precision(loose)
            figures.update(_in_use(loose, name, "_iou30", threshold))
    for group, parts in collected.by_size.items():
        figures[f"product_ap50_{group}"] = average_precision(pooled(parts))
        figures[f"product_labels_{group}"] = pooled(parts).label_count
    for (start, end), (share, count) in collected.recall_by_size().items():
        figures[f"product_recall_{start}_to_{end}_px"] = share
        figures[f"product_labels_{start}_to_{end}_px"] = count
    return figures


def choose_thresholds(collected: Collected) -> dict[str, Operating]:
    """The best F1 of each class; for pictures of the validation side only."""
    names = dict.fromkeys(name for name, _ in collected.matched)
    return {name: best_threshold(collected.scored(name)) for name in names}


def measure_speed(
    detector: Detector,
    pictures: Sequence[NDArray[np.uint8]],
    reference: Detector | None = None,
    rounds: int = 15,
) -> dict[str, float]:
    """Median milliseconds of ``detect``, and with ``reference`` its own and the ratio of both.

    The two take turns on the same pictures, so that a busy machine slows both.
    """
    detectors = {"detect_ms": detector}
    if reference is not None:
        detectors["reference_ms"] = reference
    taken: dict[str, list[float]] = {name: [] for name in detectors}
    for turn in range(rounds + 1):
        for name, one in detectors.items():
            began = time.perf_counter()
            one.detect(pictures[turn % len(pictures)])
            if turn > 0:
                taken[name].append(1000 * (time.perf_counter() - began))
    figures = {name: float(np.median(values)) for name, values in taken.items()}
    if reference is not None:
        figures["detect_over_reference"] = figures["detect_ms"] / figures["reference_ms"]
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


def _in_use(scored: Scored, name: str, suffix: str, threshold: float) -> dict[str, float]:
    point, best = at_threshold(scored, threshold), best_threshold(scored)
    return {
        f"{name}_precision{suffix}": point.precision,
        f"{name}_recall{suffix}": point.recall,
        f"{name}_best_f1{suffix}": best.f1,
        f"{name}_best_threshold{suffix}": best.threshold,
    }
