"""Measure weights in training on pictures of the validation side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ultralytics.nn.tasks import DetectionModel

from detector.decode import DecodeSettings, decode
from detector.manifest import BoxUnit, DecoderKind
from detector.training.dataset import CropSettings, LabelledPicture, ShelfClass, cut_crop
from detector.training.metrics import CURVE_FLOOR, Matched, average_precision, match_picture, pooled
from detector.training.network import ShelfLoss, Weights, collate

#: Overlap from which two boxes are one, as export writes it into a manifest. Two gaps that overlap
#: are one hole with doubtful sides; products may stand before one another.
NMS_IOU = {ShelfClass.PRODUCT: 0.5, ShelfClass.GAP: 0.25}


@dataclass(frozen=True, slots=True)
class ValidationScore:
    """Loss and average precision (IoU 0.5) on the validation crops; nan where nothing is labelled.

    ``loss`` is the sum that training minimises.
    """

    loss: float
    product_ap50: float
    gap_ap50: float

    @property
    def mean_ap50(self) -> float:
        """Over the classes that are labelled; the weights with the highest are the best."""
        known = [ap for ap in (self.product_ap50, self.gap_ap50) if not math.isnan(ap)]
        return sum(known) / len(known) if known else 0.0


class Validation:
    """The same crops each time: one of each picture, at random facing sizes, light unchanged."""

    def __init__(
        self, pictures: Sequence[LabelledPicture], size_px: int, model: DetectionModel
    ) -> None:
        """``model``: a network of its own, on the device to use; its weights are replaced."""
        rng = np.random.default_rng(7)
        settings = CropSettings(aspect_jitter=0.0, outside_share=0.0)
        self._crops = [cut_crop(one, size_px, settings, rng, plain=True) for one in pictures]
        self._size_px = size_px
        self._model = model
        self._loss = ShelfLoss(model)
        self._settings = DecodeSettings(
            kind=DecoderKind.ULTRALYTICS,
            box_unit=BoxUnit.INPUT_PX,
            thresholds=np.full(len(ShelfClass), CURVE_FLOOR, dtype=np.float32),
            nms_ious=np.array([NMS_IOU[name] for name in ShelfClass], dtype=np.float32),
            max_detections=1000,
        )

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def measure(self, weights: Weights) -> ValidationScore:
        """The score of ``weights``."""
        self._model.load_state_dict(weights)
        self._model.eval()
        device = next(self._model.parameters()).device
        losses = []
        matched: dict[ShelfClass, list[Matched]] = {kind: [] for kind in ShelfClass}
        nothing = np.zeros((0, 4), dtype=np.float32)
        for crop in self._crops:
            batch, mask = collate([crop], device)
            output = self._model(batch["img"])
            losses.append(float(self._loss(output, batch, mask).sum()))
            boxes, scores, class_ids = decode(
                output[0].cpu().numpy(), self._settings, (self._size_px, self._size_px)
            )
            for kind in ShelfClass:
                if kind is ShelfClass.GAP and not crop.gaps_known:
                    continue
                found, drawn = class_ids == kind, crop.class_ids == kind
                ignored = crop.ignored_px if kind is ShelfClass.PRODUCT else nothing
                matched[kind].append(
                    match_picture(boxes[found], scores[found], crop.boxes_px[drawn], ignored, 0.5)
                )
        aps = {kind: average_precision(pooled(parts)) for kind, parts in matched.items()}
        return ValidationScore(float(np.mean(losses)), aps[ShelfClass.PRODUCT], aps[ShelfClass.GAP])
