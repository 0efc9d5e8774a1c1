"""Plots of an evaluation, drawn with OpenCV: BGR uint8 pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.training.metrics import FEW_LABELS, Scored, precision_recall

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

WIDTH_PX, HEIGHT_PX = 1160, 600
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 70, 320, 60, 70
INK_BGR: Colour = (50, 50, 50)
GRID_BGR: Colour = (225, 225, 225)
#: Told apart with all kinds of colour vision (Okabe and Ito), as BGR.
COLOURS_BGR: tuple[Colour, ...] = (
    (178, 114, 0),
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (0, 159, 230),
    (233, 180, 86),
)


def precision_recall_plot(curves: Mapping[str, Scored], title: str) -> Image:
    """Precision over recall, one line for each named set of detections."""
    image = _axes(title, "recall", "precision", [f"{step / 10:g}" for step in range(0, 11, 2)])
    drawn = {name: scored for name, scored in curves.items() if len(scored.scores)}
    for index, (name, scored) in enumerate(drawn.items()):
        colour = COLOURS_BGR[index % len(COLOURS_BGR)]
        precision, recall = precision_recall(scored)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        points = np.stack([_x(recall), _y(envelope)], axis=1).round().astype(np.int32)
        cv2.polylines(image, [points.reshape(-1, 1, 2)], False, colour, 2, cv2.LINE_AA)
        _legend(image, index, name, colour)
    return image


def size_plot(
    bars: Mapping[str, Mapping[tuple[float, float], tuple[float, int]]], title: str
) -> Image:
    """Recall by the shorter side of a product, a colour for each view.

    ``bars[view][(start, end)]``: ``(recall, labels)``; ranges with few labels have no bar.
    """
    ranges = sorted(
        {sides for one in bars.values() for sides, (_, count) in one.items() if count >= FEW_LABELS}
    )
    names = [f"{start:g}-{end:g}" for start, end in ranges]
    image = _axes(title, "shorter side in the input, px", "recall in use", names, between=True)
    step = (WIDTH_PX - LEFT_PX - RIGHT_PX) / max(len(ranges), 1)
    width = 0.8 * step / max(len(bars), 1)
    for index, (view, values) in enumerate(bars.items()):
        colour = COLOURS_BGR[index % len(COLOURS_BGR)]
        for place, sides in enumerate(ranges):
            recall, labels = values.get(sides, (0.0, 0))
            if labels < FEW_LABELS:
                continue
            x1 = round(LEFT_PX + place * step + 0.1 * step + index * width)
            x2 = round(x1 + width - 2)
            y = round(float(_y(np.array(recall))))
            cv2.rectangle(image, (x1, y), (x2, HEIGHT_PX - BOTTOM_PX), colour, -1)
        _legend(image, index, view, colour)
    return image


def _axes(
    title: str, x_name: str, y_name: str, x_labels: Sequence[str], *, between: bool = False
) -> Image:
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, dtype=np.uint8)
    for step in range(0, 11, 2):
        y = round(float(_y(np.array(step / 10))))
        cv2.line(image, (LEFT_PX, y), (WIDTH_PX - RIGHT_PX, y), GRID_BGR, 1)
        _write(image, f"{step / 10:.1f}", (LEFT_PX - 25, y + 5))
    count = len(x_labels)
    for place, label in enumerate(x_labels):
        share = (place + 0.5) / count if between else place / max(count - 1, 1)
        _write(image, label, (round(float(_x(np.array(share)))), HEIGHT_PX - BOTTOM_PX + 22))
    corners = (LEFT_PX, TOP_PX), (WIDTH_PX - RIGHT_PX, HEIGHT_PX - BOTTOM_PX)
    cv2.rectangle(image, *corners, INK_BGR, 1)
    middle = (LEFT_PX + WIDTH_PX - RIGHT_PX) // 2
    _write(image, title, (middle, 30), 0.6)
    _write(image, x_name, (middle, HEIGHT_PX - 18))
    _write(image, y_name, (LEFT_PX, TOP_PX - 12))
    return image


def _legend(image: Image, index: int, name: str, colour: Colour) -> None:
    x, y = WIDTH_PX - RIGHT_PX + 20, TOP_PX + 20 + 28 * index
    cv2.rectangle(image, (x, y - 13), (x + 22, y + 1), colour, -1)
    plain = name.encode("ascii", "replace").decode()
    cv2.putText(image, plain, (x + 30, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK_BGR, 1, cv2.LINE_AA)


def _write(image: Image, text: str, middle: tuple[int, int], size: float = 0.5) -> None:
    plain = text.encode("ascii", "replace").decode()
    (width, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    place = (middle[0] - width // 2, middle[1])
    cv2.putText(image, plain, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK_BGR, 1, cv2.LINE_AA)


def _x(share: NDArray[np.floating]) -> NDArray[np.floating]:
    return LEFT_PX + share * (WIDTH_PX - LEFT_PX - RIGHT_PX)


def _y(share: NDArray[np.floating]) -> NDArray[np.floating]:
    return HEIGHT_PX - BOTTOM_PX - share * (HEIGHT_PX - TOP_PX - BOTTOM_PX)
