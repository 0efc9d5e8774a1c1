"""Pictures for people: the slots drawn over a look, and the crop that shows why."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from edge_agent.frames import ImageBgr
from shelf import BoxPx, SlotReading, State

COLOURS_BGR = {
    State.STOCKED: (120, 170, 60),
    State.LOW: (30, 170, 240),
    State.OUT_OF_STOCK: (60, 50, 220),
    State.MISPLACED: (200, 70, 160),
    State.UNKNOWN: (150, 150, 150),
}
LABELS = {
    State.LOW: "low",
    State.OUT_OF_STOCK: "empty",
    State.MISPLACED: "misplaced",
    State.UNKNOWN: "?",
}
CROP_MARGIN = 0.25
"""How much of its surroundings an evidence picture shows on each side of the slot."""


def draw_slots(
    image_bgr: ImageBgr,
    readings: Iterable[SlotReading],
    unplanned: Iterable[BoxPx] = (),
) -> ImageBgr:
    """Return a copy of the picture with every slot framed by the colour of its state."""
    out = image_bgr.copy()
    thick = max(2, round(max(out.shape) / 600))
    size = max(out.shape) / 1800
    shade = out.copy()
    drawn = [reading for reading in readings if reading.box_xyxy_px is not None]
    for reading in drawn:
        if reading.state is not State.STOCKED:
            low, high = _corners(reading.box_xyxy_px)
            cv2.rectangle(shade, low, high, COLOURS_BGR[reading.state], cv2.FILLED)
    cv2.addWeighted(shade, 0.35, out, 0.65, 0.0, dst=out)
    for box in unplanned:
        cv2.rectangle(out, *_corners(box), (255, 255, 255), max(1, thick // 2), cv2.LINE_AA)
    for reading in drawn:
        low, high = _corners(reading.box_xyxy_px)
        colour = COLOURS_BGR[reading.state]
        cv2.rectangle(out, low, high, colour, thick, cv2.LINE_AA)
        label = LABELS.get(reading.state)
        if label:
            _write(out, label, low, colour, size, thick)
    return out


def crop_box(box: BoxPx, size_px: tuple[int, int]) -> BoxPx | None:
    """Return ``box`` with its surroundings, cut to the picture; None when nothing is inside."""
    x1, y1, x2, y2 = box
    margin = CROP_MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(size_px[0], int(x2 + margin)), min(size_px[1], int(y2 + margin))
    return None if right <= left or bottom <= top else (left, top, right, bottom)


def evidence_jpeg(image_bgr: ImageBgr, box: BoxPx, max_px: int = 480) -> bytes:
    """Return the slot with its surroundings as JPEG; the slot is framed.

    ``box`` is px of the picture; parts outside are cut. Raises ``ValueError`` when nothing of
    it lies inside.
    """
    height, width = image_bgr.shape[:2]
    shown = crop_box(box, (width, height))
    if shown is None:
        raise ValueError(f"expected a box inside {width}x{height} px, got {box}")
    left, top, right, bottom = (int(side) for side in shown)
    x1, y1, x2, y2 = box
    scale = min(1.0, max_px / max(right - left, bottom - top))
    crop = cv2.resize(
        image_bgr[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    corners = _corners(
        ((x1 - left) * scale, (y1 - top) * scale, (x2 - left) * scale, (y2 - top) * scale)
    )
    cv2.rectangle(crop, *corners, (255, 255, 255), 2, cv2.LINE_AA)
    return encode_jpeg(crop, 80)


def encode_jpeg(image_bgr: ImageBgr | cv2.typing.MatLike, quality: int) -> bytes:
    """Return a picture as JPEG of ``quality`` 0-100."""
    _, encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(np.asarray(encoded).tobytes())


def _corners(box: BoxPx | None) -> tuple[tuple[int, int], tuple[int, int]]:
    assert box is not None
    x1, y1, x2, y2 = (round(value) for value in box)
    return (x1, y1), (x2, y2)


def _write(
    out: ImageBgr,
    text: str,
    at: tuple[int, int],
    colour: tuple[int, int, int],
    size: float,
    thick: int,
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), base = cv2.getTextSize(text, font, size, max(1, thick // 2))
    x, y = max(at[0], 0), max(at[1], height + base)
    cv2.rectangle(out, (x, y - height - base), (x + width + base, y), colour, cv2.FILLED)
    cv2.putText(
        out,
        text,
        (x + base // 2, y - base // 2 - 1),
        font,
        size,
        (255, 255, 255),
        max(1, thick // 2),
        cv2.LINE_AA,
    )
