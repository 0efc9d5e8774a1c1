"""Facings that a camera sees again, look after look: only what has changed is recognised anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from edge_agent.frames import ImageBgr
from edge_agent.match.observed import ByPrint
from edge_agent.recognise import Recogniser

Floats = NDArray[np.float64]

SAME_PLACE_IOU = 0.8
"""A facing is compared with the one seen before whose box it overlaps so much."""

CELLS = 16
"""A facing's picture is compared by so many cells along each side."""

SAME_MEAN, SAME_MOST = 4.0, 20.0
"""The same picture differs in no cell's colour by more than the second, of 255, and on average by
less than the first: less than noise and a box that is a pixel off make, far less than the next
flavour of the same product."""


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """``similarity`` (n, products) and ``by_print`` are for `Observed`."""

    similarity: Floats
    by_print: ByPrint


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A facing at the look in which it was recognised: what it is compared with from then on."""

    small: NDArray[np.float32]
    vector: NDArray[np.float32]
    proven: dict[tuple[str, ...], str | None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Facings:
    """The facings of one look: their boxes (n,4), what is known of them, and their pictures."""

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    known: list[_Known] = field(default_factory=list)
    crops_bgr: list[ImageBgr] = field(default_factory=list)

    def again(
        self, boxes_xyxy_px: Floats, smalls: Sequence[NDArray[np.float32]]
    ) -> list[_Known | None]:
        """Return what is known of facings (n,) that look as they did; None for others."""
        if not self.known or not smalls:
            return [None] * len(smalls)
        overlap = iou_matrix(boxes_xyxy_px.astype(np.float32), self.boxes.astype(np.float32))
        nearest = overlap.argmax(axis=1)
        return [
            self.known[index]
            if overlap[k, index] >= SAME_PLACE_IOU and _is_same(smalls[k], self.known[index].small)
            else None
            for k, index in enumerate(nearest.tolist())
        ]


class RecogniserOfView:
    """Recognises the facings of one view, a bay of a camera. Not for several threads at once."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self._last = _Facings()
        self._now = _Facings()

    def recognise(self, boxes_xyxy_px: Floats, crops_bgr: Sequence[ImageBgr]) -> Recognised:
        """Return what facings (n,) show: those of the last look are known unless they changed."""
        self._last, self._now = self._now, _Facings()
        return self.recognise_also(boxes_xyxy_px, crops_bgr)

    def recognise_also(self, boxes_xyxy_px: Floats, crops_bgr: Sequence[ImageBgr]) -> Recognised:
        """Return what all facings of this look show: those recognised before, and these (n,)."""
        now = self._now
        smalls = [_small(crop) for crop in crops_bgr]
        known = self._last.again(boxes_xyxy_px, smalls)
        fresh = [k for k, one in enumerate(known) if one is None]
        vectors = self.recogniser.embed([crops_bgr[k] for k in fresh])
        for k, vector in zip(fresh, vectors, strict=True):
            known[k] = _Known(smalls[k], vector)
        now.boxes = np.concatenate((now.boxes, boxes_xyxy_px))
        now.known += [one for one in known if one is not None]
        now.crops_bgr += crops_bgr
        return Recognised(
            self.recogniser.similarity_of(np.array([one.vector for one in now.known])),
            _remembering(self.recogniser.reader_of(now.crops_bgr), now.known),
        )


def _small(crop_bgr: ImageBgr) -> NDArray[np.float32]:
    small = cv2.resize(crop_bgr, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _is_same(now: NDArray[np.float32], before: NDArray[np.float32]) -> bool:
    off = np.abs(now - before)
    return float(off.max()) <= SAME_MOST and float(off.mean()) <= SAME_MEAN


def _remembering(by_print: ByPrint, known: Sequence[_Known]) -> ByPrint:
    def proven(facing: int, skus: tuple[str, ...]) -> str | None:
        answers = known[facing].proven
        if skus not in answers:
            answers[skus] = by_print(facing, skus)
        return answers[skus]

    return proven
