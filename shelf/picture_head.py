"""What the first bytes of a picture file say of it, so that limits hold before it is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum


class PictureKind(StrEnum):
    """The kinds of file that are taken."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"


@dataclass(frozen=True, slots=True)
class PictureHead:
    """The kind of a picture file and its size in pixels, before any turn that it asks for."""

    kind: PictureKind
    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        """Pixels in all."""
        return self.width_px * self.height_px


class PictureHeadError(ValueError):
    """A file that is no picture of a known kind; the text says what was expected and found."""


_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""Markers between SOF0 and SOF15 that do not begin a frame."""

_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""


def read_head(data: bytes) -> PictureHead:
    """Return kind and size of a JPEG, PNG or WebP file; raises `PictureHeadError`."""
    try:
        if data[:3] == b"\xff\xd8\xff":
            return PictureHead(PictureKind.JPEG, *_jpeg_size(data))
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return _checked(PictureKind.PNG, *struct.unpack(">II", data[16:24]))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _checked(PictureKind.WEBP, *_webp_size(data))
    except (struct.error, IndexError) as error:
        raise PictureHeadError("expected a whole picture, found the beginning of one") from error
    if not data:
        raise PictureHeadError("expected a picture, found nothing")
    if data[4:8] == b"ftyp":
        raise PictureHeadError("expected JPEG, PNG or WebP, found HEIC, AVIF or a video")
    raise PictureHeadError("expected a picture (JPEG, PNG or WebP), found something else")


def _checked(kind: PictureKind, width_px: int, height_px: int) -> PictureHead:
    if width_px < 1 or height_px < 1:
        raise PictureHeadError(f"expected a picture, found {width_px}x{height_px} px")
    return PictureHead(kind, width_px, height_px)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise PictureHeadError("expected a JPEG picture, found a damaged one")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height_px, width_px = struct.unpack(">HH", data[at + 5 : at + 9])
            head = _checked(PictureKind.JPEG, width_px, height_px)
            return head.width_px, head.height_px
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        at += 2 + length


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8 ":
            width_px, height_px = struct.unpack("<HH", data[26:30])
            return width_px & 0x3FFF, height_px & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack("<I", data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            wide, high = data[24:27], data[27:30]
            if len(high) < 3:
                raise IndexError
            return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
    raise PictureHeadError("expected a WebP picture, found a damaged one")
