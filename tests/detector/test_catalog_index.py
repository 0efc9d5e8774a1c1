"""The stored vectors of a catalogue: used while they fit, and never when they do not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import CatalogError, ColourLayoutEmbedder
from detector.catalog_index import INDEX_NAME, CatalogIndex, index_folder, save_index


class Counting(ColourLayoutEmbedder):
    """Counts the pictures that it embeds."""

    count = 0

    def embed(self, crops_bgr: Sequence[np.ndarray]) -> np.ndarray:
        self.count += len(crops_bgr)
        return super().embed(crops_bgr)


def write_picture(path: Path, seed: int) -> None:
    patches = np.random.default_rng(seed).integers(0, 255, (4, 3, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(patches, (60, 80), interpolation=cv2.INTER_NEAREST))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(3):
        write_picture(tmp_path / f"p{seed}.png", seed)
    return tmp_path


@pytest.fixture
def indexed(folder: Path) -> CatalogIndex:
    """The index of the folder, stored in it."""
    index = index_folder(folder, ColourLayoutEmbedder())
    save_index(index, folder)
    return index


def test_a_stored_index_saves_embedding(folder: Path, indexed: CatalogIndex) -> None:
    """It gives the same vectors without looking at a picture, and says nothing."""
    embedder = Counting()
    again = index_folder(folder, embedder)
    assert embedder.count == 0
    assert np.array_equal(again.vectors, indexed.vectors)
    assert again.pictures == indexed.pictures
    assert again.remarks == ()


def test_only_new_pictures_are_embedded(folder: Path, indexed: CatalogIndex) -> None:
    """A changed, an added, a renamed and a removed picture; the index is said to be old."""
    write_picture(folder / "p0.png", 10)
    write_picture(folder / "p9.png", 11)
    (folder / "p1.png").rename(folder / "tea.png")
    (folder / "p2.png").unlink()
    embedder = Counting()
    index = index_folder(folder, embedder)
    fresh = index_folder(folder, ColourLayoutEmbedder(columns=6))
    assert embedder.count == 2
    assert index.keys == ("p0", "p9", "tea")
    assert np.array_equal(index.vectors, fresh.vectors)
    assert "2 of 3 pictures are new" in index.remarks[0]


@pytest.mark.parametrize(
    ("embedder", "reason"),
    [
        (ColourLayoutEmbedder(columns=4), "expected vectors of colour-layout-1/4x8"),
        (type("Shrinking", (ColourLayoutEmbedder,), {"reference_widths_px": (24,)})(), "widths"),
    ],
)
def test_an_index_of_another_embedder_is_not_used(
    folder: Path, indexed: CatalogIndex, embedder: ColourLayoutEmbedder, reason: str
) -> None:
    """All is embedded anew, and the reason told."""
    index = index_folder(folder, embedder)
    assert index.embedder_identity == embedder.identity
    assert len(index.pictures) == 3
    assert reason in index.remarks[0]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", b"\x80\x04K\x01."])
def test_a_damaged_index_is_not_used(folder: Path, indexed: CatalogIndex, damage: bytes) -> None:
    """An empty, a broken or a pickled file costs time, not the catalogue."""
    (folder / INDEX_NAME).write_bytes(damage)
    index = index_folder(folder, ColourLayoutEmbedder())
    assert np.array_equal(index.vectors, indexed.vectors)
    assert "not used, expected an index" in index.remarks[0]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_truncated_index_is_not_used(folder: Path, indexed: CatalogIndex, cut: float) -> None:
    """A copy that broke off is noticed."""
    content = (folder / INDEX_NAME).read_bytes()
    (folder / INDEX_NAME).write_bytes(content[: int(cut * len(content))])
    assert "not used" in index_folder(folder, ColourLayoutEmbedder()).remarks[0]


def test_numbers_that_are_none_are_not_used(folder: Path, indexed: CatalogIndex) -> None:
    """A vector of nan would be like nothing for ever."""
    vectors = indexed.vectors.copy()
    vectors[0] = np.nan
    spoilt = CatalogIndex(
        indexed.embedder_identity, (), indexed.pictures, vectors, indexed.picture_of
    )
    save_index(spoilt, folder)
    index = index_folder(folder, ColourLayoutEmbedder())
    assert "finite" in index.remarks[0]
    assert np.array_equal(index.vectors, indexed.vectors)


def test_twins_are_remembered(folder: Path) -> None:
    """They are found once and read from the index after that."""
    write_picture(folder / "q.png", 0)
    found = index_folder(folder, ColourLayoutEmbedder())
    save_index(found, folder)
    assert [twin.keys for twin in found.twins] == [("p0", "q")]
    assert index_folder(folder, ColourLayoutEmbedder()).twins == found.twins


def test_a_folder_that_cannot_be_written_is_named(folder: Path, indexed: CatalogIndex) -> None:
    """The path is in the message."""
    with pytest.raises(CatalogError, match=r"gone/index\.npz: cannot be written"):
        save_index(indexed, folder / "gone")
