"""A bay as its camera last saw it, frontal, with the planned products drawn into its gaps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import cv2
import numpy as np

from calibration import BayView as View
from calibration import Rectifier
from edge_agent.frames import ImageBgr
from edge_agent.picture import encode_jpeg
from edge_agent.settled import LastLook, SettledPicture
from shelf import Bay, BoxPx, PlannedSlot, Planogram, SlotId, SlotReading, State
from shelf.commands import (
    MAX_PICTURE_BYTES,
    BayViewReply,
    Outcome,
    SlotInView,
    to_base64,
)

LONGEST_PX = 1280
"""The longer side of the picture: a phone shows no more."""

ENLARGE_LIMIT = 1.25
MARGIN_SHARE = 0.03
"""How much of the bay's longer side the picture shows beyond it."""

GHOST = 0.72
"""How much of a planned product's picture covers what is there: it must not pass for real."""

TAKEN_SHARE = 0.4
"""A planned column is taken when a facing that was found covers so much of its width."""

QUALITIES = (82, 65, 45, 25)
_EVER = datetime.fromtimestamp(0, UTC)

Pictured = Callable[[str], ImageBgr | None]
"""Returns the catalogue's picture of an SKU, if it has one."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A picture of the bay, and where slots are in it (px) and in the camera's picture."""

    image_bgr: ImageBgr
    boxes: Mapping[PlannedSlot, BoxPx]
    camera_boxes: Mapping[PlannedSlot, BoxPx]
    whole: BoxPx
    from_camera: Callable[[BoxPx], BoxPx]
    is_frontal: bool


class BayViews:
    """Draws bays. May be called from any thread; warps are kept while the view stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warps: dict[tuple[str, int], tuple[View, Rectifier]] = {}

    def draw(
        self,
        camera: str,
        last: LastLook,
        aisle: str,
        planogram: Planogram,
        bay: Bay,
        pictured: Pictured | None,
    ) -> BayViewReply | None:
        """Return the picture of ``bay``, for a reply without an id; None when it was never found.

        ``pictured`` None draws nothing into the gaps.
        """
        readings = {reading.slot: reading for reading in last.readings}
        frame = self._frame(camera, last, bay, readings)
        if frame is None:
            return None
        out = frame.image_bgr.copy()
        height_px, width_px = out.shape[:2]
        slots = []
        for slot, box in frame.boxes.items():
            reading = readings.get(slot.id)
            state = last.held.get(slot.id, State.UNKNOWN)
            gaps = _gaps(slot, box, state, reading, frame)
            if pictured is not None and gaps:
                _draw_planned(out, gaps, pictured(slot.sku))
            slots.append(
                SlotInView(
                    slot=f"{aisle}/{slot.id}",
                    state=state,
                    box=_shares(box, (width_px, height_px)),
                    seen=last.picture.oldest(frame.camera_boxes[slot]),
                    drawn=len(gaps) if pictured is not None else 0,
                )
            )
        return BayViewReply(
            id="",
            outcome=Outcome.OK,
            picture=to_base64(_small_jpeg(out)),
            width_px=width_px,
            height_px=height_px,
            seen=last.at_utc,
            unseen=round(1.0 - last.picture.share_since(frame.whole, _EVER), 3),
            frontal=frame.is_frontal,
            planogram=planogram.name,
            slots=tuple(slots),
        )

    def _frame(
        self, camera: str, last: LastLook, bay: Bay, readings: Mapping[SlotId, SlotReading]
    ) -> _Frame | None:
        view = last.views.get(bay.number)
        if view is None:
            return _as_seen(last.picture, bay, readings)
        whole = view.image_box((0.0, 0.0, bay.width_mm, bay.height_mm))
        if whole is None:
            return None
        rectifier = self._rectifier(camera, bay, view)
        boxes: dict[PlannedSlot, BoxPx] = {}
        camera_boxes: dict[PlannedSlot, BoxPx] = {}
        for slot, rect in bay.slot_rects_mm:
            left, bottom, right, top = rect
            (x1, y1), (x2, y2) = rectifier.rectified_from_bay([(left, top), (right, bottom)])
            boxes[slot] = (float(x1), float(y1), float(x2), float(y2))
            camera_boxes[slot] = view.image_box(rect) or (-1.0, -1.0, -1.0, -1.0)

        def from_camera(box: BoxPx) -> BoxPx:
            x1, y1, x2, y2 = box
            corners = rectifier.rectified_from_image([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
            low, high = np.nanmin(corners, axis=0), np.nanmax(corners, axis=0)
            return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

        frontal = rectifier.apply(last.picture.image_bgr)
        return _Frame(frontal, boxes, camera_boxes, whole, from_camera, True)

    def _rectifier(self, camera: str, bay: Bay, view: View) -> Rectifier:
        with self._lock:
            known = self._warps.get((camera, bay.number))
        if known is not None and known[0] is view:
            return known[1]
        margin = MARGIN_SHARE * max(bay.width_mm, bay.height_mm)
        longest = max(bay.width_mm, bay.height_mm) + 2 * margin
        seen = view.px_per_mm((0.0, 0.0, bay.width_mm, bay.height_mm))
        scale = min(LONGEST_PX / longest, ENLARGE_LIMIT * seen)
        made = view.rectifier(bay.width_mm, bay.height_mm, margin, scale)
        with self._lock:
            self._warps[camera, bay.number] = (view, made)
        return made


def _as_seen(
    picture: SettledPicture, bay: Bay, readings: Mapping[SlotId, SlotReading]
) -> _Frame | None:
    """The part of the camera's picture that shows the bay, where it was found in the last look."""
    found = {
        slot: reading.box_xyxy_px
        for slot in bay.slots
        if (reading := readings.get(slot.id)) is not None and reading.box_xyxy_px is not None
    }
    if not found:
        return None
    corners = np.array(list(found.values()))
    margin = MARGIN_SHARE * max(*(corners[:, 2:].max(axis=0) - corners[:, :2].min(axis=0)))
    left, top = np.maximum(corners[:, :2].min(axis=0) - margin, 0).astype(int)
    right, bottom = np.minimum(corners[:, 2:].max(axis=0) + margin, picture.size_px).astype(int)
    if right <= left or bottom <= top:
        return None
    scale = min(1.0, LONGEST_PX / max(right - left, bottom - top))
    part = cv2.resize(
        picture.image_bgr[top:bottom, left:right],
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_AREA,
    )

    def from_camera(box: BoxPx) -> BoxPx:
        x1, y1, x2, y2 = box
        return (
            (x1 - left) * scale,
            (y1 - top) * scale,
            (x2 - left) * scale,
            (y2 - top) * scale,
        )

    boxes = {slot: from_camera(box) for slot, box in found.items()}
    whole = (float(left), float(top), float(right), float(bottom))
    return _Frame(np.asarray(part, np.uint8), boxes, found, whole, from_camera, False)


def _gaps(
    slot: PlannedSlot, box: BoxPx, state: State, reading: SlotReading | None, frame: _Frame
) -> list[BoxPx]:
    """Where planned facings are missing, one box each, px of the frame."""
    if state not in (State.OUT_OF_STOCK, State.LOW):
        return []
    x1, y1, x2, y2 = box
    wide, high = (x2 - x1) / slot.facings_wide, (y2 - y1) / slot.facings_high
    found = [] if reading is None else [frame.from_camera(f.box_xyxy_px) for f in reading.found]
    gaps = []
    for column in range(slot.facings_wide):
        left, right = x1 + column * wide, x1 + (column + 1) * wide
        covered = [min(f[2], right) - max(f[0], left) for f in found]
        if state is State.LOW and max(covered, default=0.0) > TAKEN_SHARE * wide:
            continue
        gaps += [
            (left, y2 - (row + 1) * high, right, y2 - row * high)
            for row in range(slot.facings_high)
        ]
    return gaps


def _draw_planned(out: ImageBgr, gaps: Sequence[BoxPx], product: ImageBgr | None) -> None:
    """Draw a product, or a plain panel, into each gap: pale and in a dashed frame."""
    for gap in gaps:
        low = np.round(gap[:2]).astype(int)
        high = np.round(gap[2:]).astype(int)
        low, high = low + 2, high - 2
        wide, tall = high - low
        if wide < 4 or tall < 4:
            continue
        ghost = np.full((tall, wide, 3), 235, np.uint8)
        if product is not None:
            scale = min(wide / product.shape[1], tall / product.shape[0])
            size = [max(1, round(side * scale)) for side in product.shape[1::-1]]
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            small = cv2.resize(product, size, interpolation=how)
            top, left = tall - size[1], (wide - size[0]) // 2
            ghost[top : top + size[1], left : left + size[0]] = small
        _blend(out, ghost, (int(low[0]), int(low[1])))
        _dashed(out, (int(low[0]), int(low[1])), (int(high[0]), int(high[1])))


def _blend(out: ImageBgr, ghost: ImageBgr, at: tuple[int, int]) -> None:
    """Lay ``ghost`` over ``out``, in place; what lies outside is cut."""
    height_px, width_px = out.shape[:2]
    left, top = max(at[0], 0), max(at[1], 0)
    right = min(at[0] + ghost.shape[1], width_px)
    bottom = min(at[1] + ghost.shape[0], height_px)
    if right <= left or bottom <= top:
        return
    part = ghost[top - at[1] : bottom - at[1], left - at[0] : right - at[0]]
    there = out[top:bottom, left:right]
    cv2.addWeighted(part, GHOST, there, 1 - GHOST, 0.0, dst=there)


def _dashed(out: ImageBgr, low: tuple[int, int], high: tuple[int, int], dash: int = 9) -> None:
    (x1, y1), (x2, y2) = low, high
    for offset in range(0, max(x2 - x1, y2 - y1), 2 * dash):
        for y in (y1, y2):
            if x1 + offset < x2:
                end = (min(x1 + offset + dash, x2), y)
                cv2.line(out, (x1 + offset, y), end, (255, 255, 255), 2, cv2.LINE_AA)
        for x in (x1, x2):
            if y1 + offset < y2:
                end = (x, min(y1 + offset + dash, y2))
                cv2.line(out, (x, y1 + offset), end, (255, 255, 255), 2, cv2.LINE_AA)


def _shares(box: BoxPx, size_px: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box in shares of the picture, cut to it."""
    width_px, height_px = size_px
    x1, y1, x2, y2 = box
    left, right = (min(max(x / width_px, 0.0), 1.0) for x in (x1, x2))
    top, bottom = (min(max(y / height_px, 0.0), 1.0) for y in (y1, y2))
    return (round(left, 4), round(top, 4), round(right, 4), round(bottom, 4))


def _small_jpeg(image_bgr: ImageBgr) -> bytes:
    """The picture as JPEG that a message can carry."""
    for quality in QUALITIES:
        picture = encode_jpeg(image_bgr, quality)
        if len(picture) <= MAX_PICTURE_BYTES:
            return picture
    half = cv2.resize(image_bgr, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return encode_jpeg(half, QUALITIES[-1])
