"""Photographs of phones: small, upright and without what phones write into them."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from central.photographs import Fault, PhotographError, small_jpeg
from shelf.commands import MAX_PHOTO_SIDE_PX, MAX_PICTURE_BYTES
from shelf.picture_head import PictureKind, read_head


def jpeg(width_px: int, height_px: int, suffix: str = ".jpg") -> bytes:
    """A picture whose top is white and whose rest is dark."""
    image = np.full((height_px, width_px, 3), 30, np.uint8)
    image[: height_px // 4] = 250
    _, code = cv2.imencode(suffix, image)
    return code.tobytes()


def with_exif(picture: bytes, orientation: int, secret: bytes) -> bytes:
    """The same JPEG with an orientation and a description in its EXIF."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    entries += struct.pack("<HHII", 0x010E, 2, len(secret), 38)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 2) + entries + b"\0\0\0\0" + secret
    body = b"Exif\0\0" + tiff
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + picture[2:]


def decoded(picture: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("size_px", [(4000, 3000), (900, 1200), (300, 200)])
def test_every_photograph_becomes_small(size_px: tuple[int, int], suffix: str) -> None:
    """At most 1024 px, in its own proportions, never enlarged."""
    head = read_head(small_jpeg(jpeg(*size_px, suffix)))
    assert head.kind is PictureKind.JPEG
    assert max(head.width_px, head.height_px) == min(MAX_PHOTO_SIDE_PX, max(size_px))
    assert head.width_px / head.height_px == pytest.approx(size_px[0] / size_px[1], rel=0.01)


@pytest.mark.parametrize("size_px", [(400, 300), (4000, 3000)])
def test_it_stands_upright(size_px: tuple[int, int]) -> None:
    """A phone held upright turns the pixels only by a note; the note is followed."""
    image = decoded(small_jpeg(with_exif(jpeg(*size_px), 6, b"x\0")))
    height_px, width_px = image.shape[:2]
    assert height_px > width_px
    assert image[:, -width_px // 8 :].mean() > 200 > image[:, : width_px // 2].mean()


def test_place_and_device_are_gone() -> None:
    """Nothing but pixels is sent on."""
    secret = b"51.5007 N 0.1246 W, Anna's phone\0"
    photograph = with_exif(jpeg(400, 300), 1, secret)
    assert secret in photograph
    sent = small_jpeg(photograph)
    assert secret not in sent and b"Exif" not in sent


def test_noise_still_fits_a_message() -> None:
    """The worst picture there is."""
    noise = np.random.default_rng(1).integers(0, 255, (1400, 1400, 3), dtype=np.uint8)
    _, code = cv2.imencode(".png", noise)
    assert len(small_jpeg(code.tobytes())) <= MAX_PICTURE_BYTES


def huge(width_px: int, height_px: int) -> bytes:
    picture = bytearray(jpeg(64, 64))
    at = picture.index(b"\xff\xc0")
    picture[at + 5 : at + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(picture)


def huge_png(width_px: int, height_px: int) -> bytes:
    picture = bytearray(jpeg(64, 64, ".png"))
    picture[16:24] = struct.pack(">II", width_px, height_px)
    return bytes(picture)


@pytest.mark.parametrize(
    ("photograph", "fault", "words"),
    [
        (b"", Fault.EMPTY, "found nothing"),
        (b"hello", Fault.NO_PICTURE, "found something else"),
        (huge(12_000, 9_000), Fault.TOO_LARGE, r"at most 64 megapixels, found 108"),
        (huge_png(8_000, 4_000), Fault.TOO_LARGE, r"at most 25 megapixels, found 32"),
        (b"\xff\xd8\xff" + bytes(21 * 1024 * 1024), Fault.TOO_LARGE, "at most 20 MB"),
        (jpeg(20, 20), Fault.TOO_SMALL, "at least 32 px"),
        (huge_png(100, 100), Fault.NO_PICTURE, "damaged"),
    ],
)
def test_what_cannot_be_used_is_named(photograph: bytes, fault: Fault, words: str) -> None:
    """A hundred megapixels, nothing, no picture: each is told, and never decoded if too large."""
    with pytest.raises(PhotographError, match=words) as caught:
        small_jpeg(photograph)
    assert caught.value.fault is fault
