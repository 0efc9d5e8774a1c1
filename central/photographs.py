"""A photograph from a phone, made small before it is sent on: nothing of it is stored.

What is sent is a new JPEG of the pixels alone: place, time and device that a phone writes into
its pictures are gone.
"""

from __future__ import annotations

import threading
from enum import StrEnum

import cv2
import numpy as np

from shelf.commands import MAX_PHOTO_SIDE_PX, MAX_PICTURE_BYTES
from shelf.picture_head import PictureHead, PictureHeadError, PictureKind, read_head

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 64_000_000
"""A phone's largest usual picture has 50 megapixels; more is decoded by nobody's server."""

MAX_UNSCALED_PIXELS = 25_000_000
"""PNG and WebP cannot be decoded at a fraction of their size, as JPEG can."""

MIN_SIDE_PX = 32
QUALITIES = (85, 70, 50)

_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_decoding = threading.Lock()
"""One at a time: a large picture takes a hundred MB while it is decoded."""


class Fault(StrEnum):
    """What is wrong with a photograph."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    NO_PICTURE = "no_picture"


class PhotographError(Exception):
    """A photograph that cannot be used; the text says what was expected and found."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


def small_jpeg(photograph: bytes, max_side_px: int = MAX_PHOTO_SIDE_PX) -> bytes:
    """Return a photograph (JPEG, PNG, WebP) as an upright JPEG that a command can carry.

    The limits hold before anything is decoded. Raises `PhotographError`.
    """
    head = _checked(photograph)
    with _decoding:
        image = _decoded(photograph, head, max_side_px)
    height_px, width_px = image.shape[:2]
    scale = min(1.0, max_side_px / max(height_px, width_px))
    if scale < 1:
        size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for quality in QUALITIES:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(encoded) <= MAX_PICTURE_BYTES:
            break
    return bytes(encoded.tobytes())


def _checked(photograph: bytes) -> PictureHead:
    if not photograph:
        raise PhotographError(Fault.EMPTY, "expected a photograph, found nothing")
    if len(photograph) > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        raise PhotographError(Fault.TOO_LARGE, f"expected at most {limit} MB, found more")
    try:
        head = read_head(photograph)
    except PictureHeadError as error:
        raise PhotographError(Fault.NO_PICTURE, str(error)) from error
    limit = MAX_PIXELS if head.kind is PictureKind.JPEG else MAX_UNSCALED_PIXELS
    if head.pixels > limit:
        raise PhotographError(
            Fault.TOO_LARGE,
            f"expected at most {limit / 1e6:.0f} megapixels, found {head.pixels / 1e6:.0f} "
            f"({head.width_px}x{head.height_px})",
        )
    if min(head.width_px, head.height_px) < MIN_SIDE_PX:
        raise PhotographError(
            Fault.TOO_SMALL,
            f"expected at least {MIN_SIDE_PX} px a side, found {head.width_px}x{head.height_px}",
        )
    return head


def _decoded(photograph: bytes, head: PictureHead, max_side_px: int) -> np.ndarray:
    flag = cv2.IMREAD_COLOR
    if head.kind is PictureKind.JPEG:
        for factor, reduced in _REDUCED.items():
            if max(head.width_px, head.height_px) >= factor * max_side_px:
                flag = reduced
    image = cv2.imdecode(np.frombuffer(photograph, np.uint8), flag)
    if image is None:
        raise PhotographError(Fault.NO_PICTURE, "expected a picture, found a damaged one")
    return np.asarray(image, np.uint8)
