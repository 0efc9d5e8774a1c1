"""Whether the shelf under a slot can be seen: what stands in the aisle hides its front edge.

Goods come and go, and an empty place may look like anything. The front edge of the board that
they stand on stays. Whatever stands on the floor before a shelf (a shopper, a trolley, a pallet)
and hides a slot hides the edge below it too. What an edge looks like is learned from looks in
which its slot was seen to be stocked: then nothing stood before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import Rectifier
from edge_agent.frames import ImageBgr
from shelf import Bay, SlotReading, State

_Strip = NDArray[np.float32]
Strips = NDArray[np.float32]
"""Slots' edges, (slots, `_ROWS`, `_COLUMNS`, 3): logarithms of blue, green and red."""

_ABOVE_MM = 0.0
_BELOW_MM = 55.0
"""The strip shows the board's front with its price rail, and the shadow below."""

_ROWS, _COLUMNS = 4, 8
_DARK_OFFSET = 16.0
_SOFT_PX = 0.8

MIN_SEEN = 0.6
"""A slot whose edge is seen for less than this share is not judged."""

MIN_CLEAR = 0.9
"""Only slots of which so much could be seen teach what their edge looks like."""

LEARNED_ALIKE = 0.85
"""A strip that is so much alike is another picture of the same look."""

SAME_BELOW = 0.15
"""A column of a strip looks the same while it differs by less than this, in log units."""

LIT_BETWEEN = (-1.2, 0.5)
"""How much darker or brighter (log units) a lamp may make a part of the shelf."""

_TINT_BELOW = 0.1
_MIN_PROFILE = 0.12
"""Contrast from row to row without which a strip cannot be told from a plain surface."""

_LOOKS_KEPT = 4
"""A strip may look different ways, as with other goods below or another price tag."""

_FOLLOW = 0.2


def edge_strips(frontal_bgr: ImageBgr, rectifier: Rectifier, bay: Bay) -> Strips:
    """Return the edges below the slots of ``bay``, in planogram order, from its rectified picture.

    NaN for an edge of which the picture shows less than a pixel.
    """
    slots = [(slot, shelf.y_mm) for shelf in bay.shelves for slot in shelf.slots]
    out = np.full((len(slots), _ROWS, _COLUMNS, 3), np.nan, np.float32)
    height_px, width_px = frontal_bgr.shape[:2]
    for index, (slot, floor_mm) in enumerate(slots):
        corners = rectifier.rectified_from_bay(
            [
                (slot.x_mm, floor_mm + _ABOVE_MM),
                (slot.x_mm + slot.width_mm, floor_mm - _BELOW_MM),
            ]
        )
        (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
        left, right = max(0, left), min(width_px, right)
        top, bottom = max(0, top), min(height_px, bottom)
        if right - left < 2 or bottom - top < 2:
            continue
        part = cv2.GaussianBlur(frontal_bgr[top:bottom, left:right], (0, 0), _SOFT_PX)
        small = cv2.resize(part, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
        out[index] = np.log(small.astype(np.float32) + _DARK_OFFSET)
    return out


class ShelfEdges:
    """What the edges of one bay's shelves look like when nothing stands before them.

    ``slots`` is how many the bay has; strips and readings come in planogram order.
    """

    def __init__(self, slots: int) -> None:
        self._known: list[list[_Strip]] = [[] for _ in range(slots)]

    def judge(self, strips: Strips, readings: Sequence[SlotReading]) -> list[SlotReading]:
        """Return the readings of one look, unknown where the edge below the slot is hidden.

        Learns from slots that are seen to be stocked. Of a slot whose edge is not known yet
        nothing is hidden.
        """
        light = self._light(strips)
        judged = []
        for strip, looks, reading in zip(strips - light, self._known, readings, strict=True):
            if not np.isfinite(strip).all():
                judged.append(reading)
                continue
            alike = [_alike(strip, look) for look in looks]
            if reading.state is State.STOCKED and reading.visibility > MIN_CLEAR:
                _learn(strip, looks, alike)
            share = max(alike, default=1.0)
            judged.append(reading if share >= MIN_SEEN else _hidden(reading, share))
        return judged

    def _light(self, strips: Strips) -> NDArray[np.float32]:
        """Return what the whole bay has gained in brightness and colour since it was learned."""
        changes = [
            strip - looks[-1] for strip, looks in zip(strips, self._known, strict=True) if looks
        ]
        seen = [change.reshape(-1, 3) for change in changes if np.isfinite(change).all()]
        if not seen:
            return np.zeros(3, np.float32)
        return np.asarray(np.median(np.concatenate(seen), axis=0), dtype=np.float32)


def _learn(strip: _Strip, looks: list[_Strip], alike: list[float]) -> None:
    best = int(np.argmax(alike)) if alike else -1
    if best >= 0 and alike[best] >= LEARNED_ALIKE:
        known = looks.pop(best)
        strip = known + _FOLLOW * (strip - known)
    looks.append(strip)
    del looks[:-_LOOKS_KEPT]


def _hidden(reading: SlotReading, share: float) -> SlotReading:
    return replace(
        reading,
        state=State.UNKNOWN,
        confidence=round(1.0 - share, 3),
        visibility=round(min(reading.visibility, share), 3),
        reason="something stands before it: the edge of its shelf is hidden",
    )


def _alike(now: _Strip, known: _Strip) -> float:
    """Return the share of a strip's columns that look as they are known to."""
    change = now - known
    same = np.abs(change).max(axis=2).mean(axis=0) < SAME_BELOW
    # A lamp that fails darkens every row of a column alike; the profile of the edge stays.
    gain = change.mean(axis=0)
    level = gain.mean(axis=1)
    profile = np.abs(change - gain).max(axis=2).mean(axis=0) < SAME_BELOW
    has_profile = known.mean(axis=2).std(axis=0) > _MIN_PROFILE
    is_lit = (level > LIT_BETWEEN[0]) & (level < LIT_BETWEEN[1])
    is_grey = np.ptp(gain, axis=1) < _TINT_BELOW
    return float(np.mean(same | (profile & has_profile & is_lit & is_grey)))
