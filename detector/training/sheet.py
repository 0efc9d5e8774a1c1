"""A contact sheet: some labelled pictures with their boxes drawn, to look at before training."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.training.dataset import LabelledPicture

Colour = tuple[int, int, int]

PRODUCT_BGR: Colour = (60, 200, 60)
UNSURE_BGR: Colour = (0, 200, 255)
GAP_BGR: Colour = (60, 60, 255)
PAPER_BGR: Colour = (245, 245, 245)
INK_BGR: Colour = (40, 40, 40)

TILE_PX = 640
CAPTION_PX = 34
MARGIN_PX = 10
LEGEND_PX = 46


def contact_sheet(pictures: Sequence[LabelledPicture], columns: int = 3) -> NDArray[np.uint8]:
    """The pictures in rows of ``columns``, BGR uint8: products green, unsure yellow, gaps red."""
    columns = min(columns, max(len(pictures), 1))
    rows = -(-len(pictures) // columns)
    cell = TILE_PX + CAPTION_PX + MARGIN_PX
    sheet = np.empty(
        (LEGEND_PX + rows * cell, columns * (TILE_PX + MARGIN_PX) + MARGIN_PX, 3), np.uint8
    )
    sheet[:] = PAPER_BGR
    x = MARGIN_PX
    for text, colour in (("product", PRODUCT_BGR), ("unsure", UNSURE_BGR), ("gap", GAP_BGR)):
        cv2.rectangle(sheet, (x, 14), (x + 22, 32), colour, -1)
        _write(sheet, text, (x + 30, 31))
        x += 150
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top = LEGEND_PX + row * cell
        left = MARGIN_PX + column * (TILE_PX + MARGIN_PX)
        tile = _tile(picture)
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        _write(sheet, _caption(picture), (left, top + TILE_PX + 24))
    return sheet


def _tile(picture: LabelledPicture) -> NDArray[np.uint8]:
    height, width = picture.image_bgr.shape[:2]
    zoom = TILE_PX / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    tile = np.asarray(cv2.resize(picture.image_bgr, size, interpolation=how), dtype=np.uint8)
    labels = picture.labels
    _draw(tile, labels.unsure * np.float32(zoom), UNSURE_BGR, 1)
    _draw(tile, labels.products * np.float32(zoom), PRODUCT_BGR, 1)
    if labels.gaps is not None:
        _draw(tile, labels.gaps * np.float32(zoom), GAP_BGR, 2)
    return tile


def _draw(image: NDArray[np.uint8], boxes: FloatArray, colour: Colour, thickness: int) -> None:
    for x1, y1, x2, y2 in boxes.round().astype(int).tolist():
        cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), colour, thickness)


def _caption(picture: LabelledPicture) -> str:
    labels = picture.labels
    name = labels.picture if len(labels.picture) <= 34 else f"...{labels.picture[-31:]}"
    gaps = "gaps not drawn" if labels.gaps is None else f"{len(labels.gaps)} gaps"
    return f"{name}  [{labels.side.value}] {len(labels.products)}+{len(labels.unsure)}?, {gaps}"


def _write(sheet: NDArray[np.uint8], text: str, place: tuple[int, int]) -> None:
    # OpenCV's letters are ASCII only.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(sheet, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, INK_BGR, 1, cv2.LINE_AA)
