"""Contact sheets: pictures in a grid with boxes drawn, to look at before and after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, containment_matrix, iou_matrix
from detector.detections import Detections
from detector.errors import TrainingError
from detector.model import GAP, PRODUCT
from detector.training.dataset import LabelledPicture

Colour = tuple[int, int, int]

PRODUCT_BGR: Colour = (60, 200, 60)
UNSURE_BGR: Colour = (0, 200, 255)
GAP_BGR: Colour = (60, 60, 255)
MISSED_BGR: Colour = (60, 60, 255)
WRONG_BGR: Colour = (255, 120, 0)
PAPER_BGR: Colour = (245, 245, 245)
INK_BGR: Colour = (40, 40, 40)

LABEL_LEGEND = {"product": PRODUCT_BGR, "unsure": UNSURE_BGR, "gap": GAP_BGR}
MISTAKE_LEGEND = {"right": PRODUCT_BGR, "missed": MISSED_BGR, "wrong": WRONG_BGR}

TILE_PX = 640
CAPTION_PX = 34
MARGIN_PX = 10
LEGEND_PX = 46
#: Overlap from which a detection and a label are the same thing, as in AP50.
SAME_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture of the sheet: BGR uint8 (H, W, 3), words below it, boxes (n, 4) in its pixels.

    ``layers``: boxes with their colour and the thickness of their lines, drawn in order.
    """

    image_bgr: NDArray[np.uint8]
    caption: str
    layers: tuple[tuple[FloatArray, Colour, int], ...]


def label_tile(picture: LabelledPicture) -> Tile:
    """What a picture is labelled with."""
    labels = picture.labels
    gaps = "gaps not drawn" if labels.gaps is None else f"{len(labels.gaps)} gaps"
    counts = f"{len(labels.products)}+{len(labels.unsure)}?, {gaps}"
    layers = [(labels.unsure, UNSURE_BGR, 1), (labels.products, PRODUCT_BGR, 1)]
    if labels.gaps is not None:
        layers.append((labels.gaps, GAP_BGR, 2))
    words = f"{_short(labels.picture)}  [{labels.side.value}] {counts}"
    return Tile(picture.image_bgr, words, tuple(layers))


def mistake_tile(picture: LabelledPicture, found: Detections) -> tuple[int, Tile]:
    """How many mistakes ``found`` has, and the picture with them: right, missed and wrong boxes.

    A detection in a place where the labels are unsure is no mistake.
    """
    labels = picture.labels
    nothing = np.zeros((0, 4), dtype=np.float32)
    right, missed, wrong = [], [], []
    for name, drawn, unsure in (
        (PRODUCT, labels.products, labels.unsure),
        (GAP, labels.gaps, nothing),
    ):
        if drawn is None or name not in found.class_names:
            continue
        boxes = found.of_class(name).boxes_xyxy_px
        same = iou_matrix(boxes, drawn) >= SAME_IOU
        doubtful = (containment_matrix(boxes, unsure) > SAME_IOU).any(axis=1)
        right.append(boxes[same.any(axis=1)])
        wrong.append(boxes[~same.any(axis=1) & ~doubtful])
        missed.append(drawn[~same.any(axis=0)])
    missed_count, wrong_count = sum(map(len, missed)), sum(map(len, wrong))
    words = f"{_short(labels.picture)}  {missed_count} missed, {wrong_count} wrong"
    layers = (
        (np.concatenate([nothing, *right]), PRODUCT_BGR, 1),
        (np.concatenate([nothing, *wrong]), WRONG_BGR, 2),
        (np.concatenate([nothing, *missed]), MISSED_BGR, 2),
    )
    return missed_count + wrong_count, Tile(picture.image_bgr, words, layers)


def contact_sheet(
    tiles: Sequence[Tile], legend: Mapping[str, Colour], columns: int = 3
) -> NDArray[np.uint8]:
    """The tiles in rows of ``columns`` below the legend, BGR uint8."""
    columns = min(columns, max(len(tiles), 1))
    rows = -(-len(tiles) // columns)
    cell = TILE_PX + CAPTION_PX + MARGIN_PX
    sheet = np.empty(
        (LEGEND_PX + rows * cell, columns * (TILE_PX + MARGIN_PX) + MARGIN_PX, 3), np.uint8
    )
    sheet[:] = PAPER_BGR
    for index, (text, colour) in enumerate(legend.items()):
        x = MARGIN_PX + 150 * index
        cv2.rectangle(sheet, (x, 14), (x + 22, 32), colour, -1)
        _write(sheet, text, (x + 30, 31))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top = LEGEND_PX + row * cell
        left = MARGIN_PX + column * (TILE_PX + MARGIN_PX)
        drawn = _drawn(tile)
        sheet[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
        _write(sheet, tile.caption, (left, top + TILE_PX + 24))
    return sheet


def write_sheet(sheet: NDArray[np.uint8], path: Path) -> None:
    """Write a .jpg or .png; :class:`~detector.errors.TrainingError` when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(path), sheet)
    except (OSError, cv2.error):
        written = False
    if not written:
        raise TrainingError(f"{path}: expected a .jpg or .png that can be written")


def _drawn(tile: Tile) -> NDArray[np.uint8]:
    height, width = tile.image_bgr.shape[:2]
    zoom = TILE_PX / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(tile.image_bgr, size, interpolation=how), dtype=np.uint8)
    for boxes, colour, thickness in tile.layers:
        for x1, y1, x2, y2 in (boxes * zoom).round().astype(int).tolist():
            cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), colour, thickness)
    return image


def _short(name: str) -> str:
    return name if len(name) <= 34 else f"...{name[-31:]}"


def _write(sheet: NDArray[np.uint8], text: str, place: tuple[int, int]) -> None:
    # OpenCV's letters are ASCII only.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(sheet, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, INK_BGR, 1, cv2.LINE_AA)
