"""Turn a network's raw output into boxes, scores and classes: pure functions on arrays.

Layouts are those of the Ultralytics exports (see :class:`~detector.manifest.DecoderKind`). Boxes
come out as corners in pixels of the network's input; the letterbox maps them to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, nms
from detector.errors import ModelError
from detector.manifest import BoxUnit, DecoderKind

#: Candidates that enter suppression; its cost grows with their square.
MAX_CANDIDATES = 3000


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """What the manifest says about the output.

    ``thresholds`` and ``nms_ious`` are float32, one number per class.
    """

    kind: DecoderKind
    box_unit: BoxUnit
    thresholds: FloatArray
    nms_ious: FloatArray
    max_detections: int


def check_output_shape(
    shape: tuple[int, ...], kind: DecoderKind, class_count: int, where: str
) -> None:
    """Raise :class:`ModelError` unless a real output of ``shape`` fits the decoder."""
    expected = {
        DecoderKind.ULTRALYTICS: f"[1, {4 + class_count}, n]",
        DecoderKind.END_TO_END: "[1, n, 6]",
        DecoderKind.YOLOV5: f"[1, n, {5 + class_count}]",
    }[kind]
    fits = len(shape) == 3 and shape[0] == 1
    if fits:
        fits = {
            DecoderKind.ULTRALYTICS: shape[1] == 4 + class_count,
            DecoderKind.END_TO_END: shape[2] == 6,
            DecoderKind.YOLOV5: shape[2] == 5 + class_count,
        }[kind]
    if not fits:
        raise ModelError(
            f"{where}: decoder {kind.value} with {class_count} classes: expected an output of "
            f"shape {expected}, found {list(shape)}; correct `decoder` or `classes`"
        )


def decode(
    output: FloatArray, settings: DecodeSettings, input_size_px: tuple[int, int]
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """``(boxes, scores, class_ids)`` of one output, best first.

    ``output``: the tensor with its leading 1; ``input_size_px``: ``(width, height)`` of the input.
    Boxes are float32 (n, 4) corners in input pixels. A place may yield one class only: the one
    with the best score relative to its threshold.
    """
    if settings.kind is DecoderKind.END_TO_END:
        rows = output[0]
        class_ids = rows[:, 5].astype(np.int64)
        known = (class_ids >= 0) & (class_ids < len(settings.thresholds))
        rows, class_ids = rows[known], class_ids[known]
        good = rows[:, 4] >= settings.thresholds[class_ids]
        rows, class_ids = rows[good], class_ids[good]
        order = np.argsort(-rows[:, 4], kind="stable")[: settings.max_detections]
        boxes = _in_pixels(rows[order, :4], settings.box_unit, input_size_px)
        return boxes, rows[order, 4].astype(np.float32), class_ids[order]
    centred, scores, class_ids = _candidates(output, settings)
    if len(scores) > MAX_CANDIDATES:
        best = np.argpartition(-scores, MAX_CANDIDATES)[:MAX_CANDIDATES]
        centred, scores, class_ids = centred[best], scores[best], class_ids[best]
    half = centred[:, 2:4] / 2
    corners = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)
    boxes = _in_pixels(corners, settings.box_unit, input_size_px)
    limits = settings.nms_ious[class_ids]
    kept = nms(boxes, scores, limits, class_ids=class_ids)[: settings.max_detections]
    return boxes[kept], scores[kept], class_ids[kept]


def _candidates(
    output: FloatArray, settings: DecodeSettings
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Places above threshold: ``(centre and size (n, 4), scores (n,), class_ids (n,))``."""
    if settings.kind is DecoderKind.ULTRALYTICS:
        class_scores = output[0, 4:]
        thresholds = settings.thresholds[:, None]
        places = np.flatnonzero((class_scores >= thresholds).any(axis=0))
        found = class_scores[:, places].T
        centred = output[0, :4, places]
    else:
        # Objectness alone bounds the product, so most places are dropped before multiplying.
        rows = output[0]
        rows = rows[rows[:, 4] >= settings.thresholds.min()]
        found = rows[:, 5:] * rows[:, 4:5]
        above = (found >= settings.thresholds).any(axis=1)
        found, centred = found[above], rows[above, :4]
    class_ids = np.argmax(found / settings.thresholds, axis=1).astype(np.int64)
    scores = found[np.arange(len(found)), class_ids]
    return centred, np.asarray(scores, dtype=np.float32), class_ids


def _in_pixels(boxes: FloatArray, unit: BoxUnit, input_size_px: tuple[int, int]) -> FloatArray:
    if unit is BoxUnit.INPUT_PX:
        return np.asarray(boxes, dtype=np.float32)
    width, height = input_size_px
    return np.asarray(boxes * np.array([width, height] * 2, dtype=np.float32), dtype=np.float32)
