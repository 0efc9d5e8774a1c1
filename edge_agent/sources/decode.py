"""Bytes of a picture file to a picture."""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.frames import ImageBgr
from edge_agent.sources.source import SourceError

_JPEG = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_SCAN = 0xDA


def decoded(data: bytes, name: str) -> ImageBgr:
    """Return the picture in ``data`` (JPEG, PNG or whatever OpenCV reads), turned upright.

    Raises `SourceError`, which calls the picture ``name``, for data that is no picture or
    only the beginning of a JPEG, which would decode with a grey rest.
    """
    if not data:
        raise SourceError(f"{name}: expected a picture, found no data")
    if data.startswith(_JPEG) and not _is_whole_jpeg(data):
        raise SourceError(f"{name}: expected a whole JPEG, found {len(data)} bytes without its end")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise SourceError(f"{name}: expected a picture, found {error.err}") from error
    if image is None or image.size == 0:
        raise SourceError(
            f"{name}: expected a picture, found {len(data)} bytes that start with {data[:12]!r}"
        )
    return np.asarray(image, dtype=np.uint8)


def _is_whole_jpeg(data: bytes) -> bool:
    """Return whether an end marker follows the first scan.

    Segments before it are stepped over: a thumbnail in them has an end marker of its own.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _SCAN:
            return data.find(_JPEG_END, at) >= 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
