"""The file of a reference picture: a grey PNG that names its camera and calibration.

Anyone can look at it. Black (0) is what is not known; what is known is 1 to 255. The texts
``camera`` and ``calibration`` of the PNG say what it belongs to.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from calibration.registration_reference import WIDTH_PX
from calibration.registration_tiles import Grey, Known
from shelf.errors import ShelfwatchError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33
"""Signature (8) and the IHDR chunk (4 + 4 + 13 + 4)."""


class ReferencePictureError(ShelfwatchError):
    """A file that is not the reference picture it should be."""


def reference_path(calibration: Path) -> Path:
    """Return where the reference picture of a calibration file lies: ``c1.reference.png``."""
    return calibration.with_name(f"{calibration.stem}.reference.png")


def save_reference(path: Path, grey: Grey, known: Known, camera: str, calibration: str) -> None:
    """Write a reference picture, whole or not at all; raises ``OSError``."""
    shown = np.where(known, np.maximum(grey, 1), 0).astype(np.uint8)
    _, code = cv2.imencode(".png", shown)
    data = code.tobytes()
    texts = _text("camera", camera) + _text("calibration", calibration)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data[:_HEADER_END] + texts + data[_HEADER_END:])
    partial.replace(path)


def load_reference(path: Path) -> tuple[Grey, Known, str, str]:
    """Return picture, what of it is known, camera and version of the calibration.

    Raises `ReferencePictureError`, and ``OSError`` for a file that cannot be read.
    """
    data = path.read_bytes()
    if not data.startswith(_SIGNATURE):
        raise ReferencePictureError(f"{path}: expected a PNG picture, found something else")
    texts = _texts(data)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if shown is None:
        raise ReferencePictureError(f"{path}: expected a whole PNG picture, found a broken one")
    if missing := [name for name in ("camera", "calibration") if name not in texts]:
        raise ReferencePictureError(
            f"{path}: expected the PNG text {missing[0]!r}, which says what the picture belongs "
            "to, found none"
        )
    if shown.shape[1] != WIDTH_PX:
        raise ReferencePictureError(
            f"{path}: expected a picture {WIDTH_PX} px wide, found {shown.shape[1]}"
        )
    grey = np.asarray(shown, dtype=np.uint8)
    return grey, grey > 0, texts["camera"], texts["calibration"]


def _text(name: str, value: str) -> bytes:
    """Return an iTXt chunk (international text, not compressed)."""
    body = name.encode("latin-1") + b"\0\0\0\0\0" + value.encode()
    chunk = b"iTXt" + body
    return struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _texts(data: bytes) -> dict[str, str]:
    texts = {}
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"iTXt":
            name, _, rest = data[at + 8 : at + 8 + length].partition(b"\0")
            texts[name.decode("latin-1")] = rest[4:].decode(errors="replace")
        at += length + 12
    return texts
