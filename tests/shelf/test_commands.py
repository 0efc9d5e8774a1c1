"""Commands to a node and its replies: what is taken, and what is refused before decoding."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from shelf.commands import (
    MAX_PHOTO_SIDE_PX,
    BayView,
    Outcome,
    Reply,
    Search,
    SearchReply,
    jpeg_of,
    to_base64,
)
from shelf.picture_head import PictureHead, PictureHeadError, PictureKind, read_head
from shelf.topics import Node
from shelf.wire import InvalidMessageError, parse

NODE = Node("acme", "s1", "n1")


def encoded(suffix: str, width_px: int, height_px: int) -> bytes:
    _, code = cv2.imencode(suffix, np.zeros((height_px, width_px, 3), np.uint8))
    return code.tobytes()


def huge_jpeg(width_px: int, height_px: int) -> bytes:
    """A JPEG file that says it has this size."""
    picture = bytearray(encoded(".jpg", 16, 16))
    at = picture.index(b"\xff\xc0")
    picture[at + 5 : at + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(picture)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".jpg", PictureKind.JPEG), (".png", PictureKind.PNG), (".webp", PictureKind.WEBP)],
)
def test_a_head_says_kind_and_size(suffix: str, kind: PictureKind) -> None:
    """All three kinds that phones and tools write."""
    assert read_head(encoded(suffix, 310, 127)) == PictureHead(kind, 310, 127)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_cut_off_head_is_refused(suffix: str) -> None:
    """However little of a file there is, the answer is an error of ours."""
    whole = encoded(suffix, 64, 48)
    for length in range(min(len(whole), 200)):
        try:
            head = read_head(whole[:length])
        except PictureHeadError:
            continue
        assert (head.width_px, head.height_px) == (64, 48)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "found nothing"),
        (b"no picture at all", "found something else"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, words: str) -> None:
    """Nothing, text and a kind that is not read."""
    with pytest.raises(PictureHeadError, match=words):
        read_head(data)


def test_a_large_picture_is_refused_undecoded() -> None:
    """A hundred megapixels are known by the head: 300 MB are never made of it."""
    with pytest.raises(InvalidMessageError, match=r"picture: .*1024 px.*found 12000x9000"):
        jpeg_of("picture", to_base64(huge_jpeg(12_000, 9_000)), MAX_PHOTO_SIDE_PX)


def test_only_jpeg_travels() -> None:
    """A command's picture is of the one kind that was agreed."""
    with pytest.raises(InvalidMessageError, match="expected JPEG, found PNG"):
        jpeg_of("picture", to_base64(encoded(".png", 20, 20)), MAX_PHOTO_SIDE_PX)
    with pytest.raises(InvalidMessageError, match="picture: "):
        jpeg_of("picture", "&&&", MAX_PHOTO_SIDE_PX)


def test_messages_come_back_as_they_were() -> None:
    """Command and reply survive the wire, and unknown keys are for later versions."""
    asked = BayView(id="abcdefgh", aisle="a12", bay=3)
    assert parse(BayView, asked.to_json()) == asked
    answered = SearchReply(id=asked.id, outcome=Outcome.NOT_HERE, detail="no catalogue")
    assert parse(SearchReply, answered.to_json()) == answered
    assert parse(Reply, answered.to_json()).outcome is Outcome.NOT_HERE


@pytest.mark.parametrize("name", ["short", "a/b/c/d/e/f", "x" * 65])
def test_an_id_fits_a_topic(name: str) -> None:
    """The reply's topic ends with it."""
    with pytest.raises(InvalidMessageError, match="id"):
        parse(Search, {"id": name, "picture": ""})


def test_topics_are_the_nodes_own() -> None:
    """Commands below dn/, which the node reads; replies below up/, which it writes."""
    assert NODE.command("search") == "shelf/v1/acme/s1/n1/dn/cmd/search"
    assert NODE.reply("abcdefgh") == "shelf/v1/acme/s1/n1/up/rsp/abcdefgh"
