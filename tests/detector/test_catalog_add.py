"""Pictures that are copied into a catalogue, and those that are refused."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import Catalog, CatalogError, ColourLayoutEmbedder
from detector.catalog_add import NewPicture, add_pictures, pictures_at


def png(seed: int, size: tuple[int, int] = (60, 40)) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".png", picture)[1])


def new(key: str, content: bytes, name: str = "front.png") -> NewPicture:
    return NewPicture(key, name, content, f"photos/{name}")


def test_each_product_gets_its_folder(tmp_path: Path) -> None:
    """The folder is made, and a second picture of the same name gets a number."""
    report = add_pictures(
        tmp_path / "c", [new("tea", png(1)), new("tea", png(2)), new("x", png(3))]
    )
    names = [path.relative_to(tmp_path / "c").as_posix() for path in report.added]
    assert names == ["tea/front.png", "tea/front-2.png", "x/front.png"]
    assert Catalog.from_folder(tmp_path / "c", ColourLayoutEmbedder()).keys == ("tea", "x")


def test_a_picture_is_added_once(tmp_path: Path) -> None:
    """The same file again changes nothing, also under another name."""
    add_pictures(tmp_path, [new("tea", png(1))])
    report = add_pictures(tmp_path, [new("tea", png(1), "again.png")])
    assert report.added == report.refused == ()
    assert report.there == (tmp_path / "tea" / "front.png",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected a picture"),
        (b"no picture", "expected a picture"),
        (png(1, (60, 9)), "expected a product of at least 16 px, found 9x60 px"),
        (bytes(cv2.imencode(".png", np.full((50, 50, 3), 90, np.uint8))[1]), "of one colour"),
        (png(7), r"found the same picture as .*soap.* of 'soap'"),
    ],
)
def test_what_is_no_picture_of_the_product_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """The reason names the source, and the others are added."""
    add_pictures(tmp_path, [new("soap", png(7))])
    report = add_pictures(tmp_path, [new("tea", content), new("tea", png(5), "side.png")])
    (refused,) = report.refused
    assert refused.startswith("photos/front.png: ")
    assert re.search(reason, refused)
    assert [path.name for path in report.added] == ["side.png"]


@pytest.mark.parametrize("key", ["", ".tea", "a/b", "..", "a:b", "tea ", "t\n", "x" * 201])
def test_a_key_must_name_a_folder(tmp_path: Path, key: str) -> None:
    """Nothing is ever written outside the catalogue."""
    with pytest.raises(CatalogError, match="expected a SKU or product name"):
        add_pictures(tmp_path, [new(key, png(1))])
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_name_their_products(tmp_path: Path) -> None:
    """A file by its stem, a folder as a catalogue; a key names all."""
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea" / "a.png").write_bytes(png(1))
    (tmp_path / "cola.png").write_bytes(png(2))
    assert [picture.key for picture in pictures_at(tmp_path, None)] == ["cola", "tea"]
    assert [picture.key for picture in pictures_at(tmp_path / "cola.png", None)] == ["cola"]
    assert {picture.key for picture in pictures_at(tmp_path, "soda")} == {"soda"}


@pytest.mark.parametrize(
    ("name", "message"), [("gone.png", r"gone\.png: expected a picture"), ("a.txt", "by its name")]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, message: str) -> None:
    """A missing file, and one that is no picture by its name."""
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(CatalogError, match=message):
        pictures_at(tmp_path / name, None)
