"""A picture beside a model with what the model found in it: the proof that it still works.

Hash and shapes say that a file is whole and fits; only a picture says that colours, scaling,
decoder and runtime together still mean what they meant when the model was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.boxes import iou_matrix
from detector.detections import Detections
from detector.errors import ModelError
from detector.manifest import Golden, GoldenRow, Manifest, write_manifest
from detector.pictures import read_picture

if TYPE_CHECKING:
    from detector.model import Detector

GOLDEN_STEM = "golden"

#: A picture in which fewer were found proves little.
MIN_DETECTIONS = 5


def write_golden(detector: Detector, picture: Path) -> Manifest:
    """Copy ``picture`` beside the model and write what ``detector`` finds in it to the manifest.

    Later loads must find the same. Returns the new manifest. Raises
    :class:`~detector.errors.ModelError` when too little is found for a proof, and
    :class:`~detector.errors.PictureError` for a file that is no picture.
    """
    found = detector.detect(read_picture(picture))
    if len(found) < MIN_DETECTIONS:
        raise ModelError(
            f"{picture}: expected a picture in which the model finds at least {MIN_DETECTIONS} "
            f"facings or gaps, found {len(found)}; choose another, or lower the thresholds"
        )
    name = f"{GOLDEN_STEM}{picture.suffix.lower()}"
    target = detector.manifest_path.parent / name
    if target.resolve() != picture.resolve():
        target.write_bytes(picture.read_bytes())
    golden = Golden(
        picture=name, thresholds=detector.manifest.thresholds, detections=rows_of(found)
    )
    manifest = detector.manifest.model_copy(update={"golden": golden})
    write_manifest(manifest, detector.manifest_path)
    return manifest


def rows_of(found: Detections) -> tuple[GoldenRow, ...]:
    """Detections in the manifest's form: class, score, left, top, right, bottom."""
    return tuple(
        (name, round(float(score), 3), *(round(float(side), 1) for side in box))  # type: ignore[misc]
        for name, score, box in zip(found.names(), found.scores, found.boxes_xyxy_px, strict=True)
    )


def golden_faults(golden: Golden, found: Detections, thresholds: Mapping[str, float]) -> list[str]:
    """How ``found`` differs from the golden detections, one line each; empty when it agrees.

    A detection answers an expected one of its class when both overlap by ``min_iou`` and their
    scores differ by at most ``max_score_difference``. One so near to the score from which
    detections count (``thresholds`` of the classes, now or when they were written down) that
    this difference could drop it may be missing or added.
    """
    margin = golden.max_score_difference
    faults: list[str] = []
    for name in dict.fromkeys((*found.class_names, *(row[0] for row in golden.detections))):
        rows = [row for row in golden.detections if row[0] == name]
        mine = found.of_class(name)
        boxes = np.array([row[2:] for row in rows], dtype=np.float32).reshape(-1, 4)
        scores = np.array([row[1] for row in rows], dtype=np.float32)
        near = iou_matrix(boxes, mine.boxes_xyxy_px) >= golden.min_iou
        near &= np.abs(scores[:, None] - mine.scores[None, :]) <= margin
        lowest = max(thresholds.get(name, 0.0), golden.thresholds.get(name, 0.0))
        for k in np.flatnonzero(~near.any(axis=1) & (scores > lowest + margin)):
            faults.append(f"expected {_words(rows[k])}, found nothing like it")
        for k in np.flatnonzero(~near.any(axis=0) & (mine.scores > lowest + margin)):
            faults.append(f"expected nothing like {_words(rows_of(mine)[k])}, found it")
    return faults


def _words(row: GoldenRow) -> str:
    name, score, *box = row
    return f"{name} {score:.2f} at {[round(side) for side in box]}"
