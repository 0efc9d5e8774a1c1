"""Makes a camera's reference picture from settled looks, where none was approved with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration import Lens
from calibration.registration import Reference, RegistrationKind, register, small_grey
from edge_agent.backdrop import Cells
from edge_agent.frames import ImageBgr

SAMPLES = 5
"""A part of the picture is the median of so many looks in which it was settled."""

SAMPLE_EVERY_SECS = 60.0
"""They are so far apart: who stands still for less than half of it all is in none of it."""

MOST_LOOKS = 30
MIN_KNOWN_SHARE = 0.6
"""After so many looks this share of the picture is enough; the rest stays unknown."""


class ReferenceMaker:
    """Collects the settled parts of looks, in grey and `WIDTH_PX` wide, until they make one."""

    def __init__(
        self,
        lens: Lens | None,
        marks_uv: ArrayLike,
        samples: int = SAMPLES,
        sample_every_secs: float = SAMPLE_EVERY_SECS,
    ) -> None:
        self._lens = lens
        self._marks_uv = marks_uv
        self._wanted = samples
        self._every_secs = sample_every_secs
        self._begin()

    def _begin(self) -> None:
        self._first: Reference | None = None
        self._samples: list[NDArray[np.float32]] = []
        self._sampled_secs = -np.inf
        self._strange = 0

    def take(
        self,
        image_bgr: ImageBgr,
        ignore_mask: NDArray[np.bool_] | None,
        unsettled: Cells,
        now_secs: float,
    ) -> Reference | None:
        """Take in a look; returns the reference once it is made.

        ``ignore_mask`` (H,W) is true under masks, ``unsettled`` where something moves. A camera
        that is turned meanwhile begins again.
        """
        if now_secs - self._sampled_secs < self._every_secs:
            return None
        self._sampled_secs = now_secs
        if self._first is None:
            self._first = Reference.of(image_bgr, self._lens, self._marks_uv, ignore_mask)
        elif not self._is_alike(image_bgr, ignore_mask):
            return None
        grey = small_grey(image_bgr)
        if self._samples and self._samples[0].shape != grey.shape:
            self._begin()
            return None
        size = (grey.shape[1], grey.shape[0])
        moving = cv2.resize(unsettled.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        self._samples.append(np.where(moving, np.nan, grey).astype(np.float32))
        return self._made(ignore_mask)

    def _is_alike(self, image_bgr: ImageBgr, ignore_mask: NDArray[np.bool_] | None) -> bool:
        assert self._first is not None
        found = register(self._first, image_bgr, ignore_mask)
        if found.kind is RegistrationKind.STILL:
            self._strange = 0
            return True
        self._strange += 1
        if found.is_known or self._strange >= self._wanted:
            self._begin()
        return False

    def _made(self, ignore_mask: NDArray[np.bool_] | None) -> Reference | None:
        stack = np.stack(self._samples)
        counts = np.isfinite(stack).sum(axis=0)
        known = counts >= self._wanted
        share = float(known.mean())
        if share < 1 and not (len(stack) >= MOST_LOOKS and share >= MIN_KNOWN_SHARE):
            if len(stack) >= MOST_LOOKS:
                self._begin()
            return None
        stack[:, ~known] = 0
        grey = np.nanmedian(stack, axis=0).astype(np.uint8)
        if ignore_mask is not None:
            assert self._first is not None
            known &= self._first.known
        return Reference(grey, np.asarray(known), self._lens, self._marks_uv)
