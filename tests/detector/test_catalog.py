from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import (
    Catalog,
    CatalogError,
    ColourLayoutEmbedder,
    KnownRule,
    read_picture,
    trim_uniform_border,
)
from detector.catalog import Match, known_match
from detector.errors import PictureError


def picture(seed: int) -> np.ndarray:
    """A package of coloured patches; two seeds look nothing alike."""
    patches = np.random.default_rng(seed).integers(0, 255, (4, 3, 3), dtype=np.uint8)
    return cv2.resize(patches, (60, 80), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def embedder():
    return ColourLayoutEmbedder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    (path / "tea").mkdir(parents=True)
    cv2.imwrite(str(path / "cola.png"), picture(1))
    cv2.imwrite(str(path / "soap.png"), picture(2))
    cv2.imwrite(str(path / "tea" / "front.png"), picture(3))
    cv2.imwrite(str(path / "tea" / "side.png"), picture(4))
    return path


def test_files_and_folders_name_products(folder, embedder):
    """One picture per file, or a folder with several."""
    assert Catalog.from_folder(folder, embedder).keys == ("cola", "soap", "tea")


def test_search_finds_the_product(folder, embedder):
    """Each picture finds its own product first; a folder's best picture counts."""
    catalog = Catalog.from_folder(folder, embedder)
    found = catalog.search(embedder.embed([picture(s) for s in (1, 2, 3, 4)]), count=2)
    assert [matches[0].key for matches in found] == ["cola", "soap", "tea", "tea"]
    assert all(len(matches) == 2 for matches in found)


def test_search_can_be_limited(folder, embedder):
    """Only the products asked for are candidates."""
    catalog = Catalog.from_folder(folder, embedder)
    found = catalog.search(embedder.embed([picture(1)]), among=["soap", "nowhere"])
    assert [match.key for match in found[0]] == ["soap"]


def test_similarity_to_an_unknown_product_is_nan(folder, embedder):
    """Without a picture of the product nothing can be said."""
    catalog = Catalog.from_folder(folder, embedder)
    result = catalog.similarity(embedder.embed([picture(1), picture(1)]), ["cola", "nowhere"])
    assert result[0] == pytest.approx(1, abs=1e-4)
    assert np.isnan(result[1])


def test_a_stranger_is_not_known(folder, embedder):
    """A package that the catalogue lacks gets no name."""
    catalog = Catalog.from_folder(folder, embedder)
    known, stranger = catalog.recognise(embedder.embed([picture(1), picture(99)]))
    assert known is not None
    assert known.key == "cola"
    assert stranger is None


@pytest.mark.parametrize(
    ("similarities", "known"),
    [((), False), ((0.9,), True), ((0.5,), False), ((0.9, 0.88), False), ((0.9, 0.8), True)],
)
def test_the_rule_wants_likeness_and_a_lead(similarities, known):
    """Too low, or too close to the second, is not an answer."""
    matches = [Match(str(index), value) for index, value in enumerate(similarities)]
    assert (known_match(matches, KnownRule(0.7, 0.05)) is not None) is known


def test_the_same_picture_twice_names_both_products(folder, embedder):
    """Two products with one picture could never be told apart."""
    cv2.imwrite(str(folder / "juice.png"), picture(1))
    with pytest.raises(CatalogError, match=r"juice.*cola|cola.*juice"):
        Catalog.from_folder(folder, embedder)


def test_every_unreadable_file_is_named(folder, embedder):
    """All broken files are told at once."""
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "b.jpg").write_bytes(b"")
    with pytest.raises(CatalogError) as caught:
        Catalog.from_folder(folder, embedder)
    assert "a.jpg" in str(caught.value)
    assert "b.jpg" in str(caught.value)


def test_a_product_as_file_and_folder_is_refused(folder, embedder):
    """One key, one place."""
    cv2.imwrite(str(folder / "tea.png"), picture(5))
    with pytest.raises(CatalogError, match="expected each product once"):
        Catalog.from_folder(folder, embedder)


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_pictures_is_refused(tmp_path, embedder, name):
    """An empty or absent folder is an error, not an empty catalogue."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="expected"):
        Catalog.from_folder(tmp_path / name, embedder)


def test_enrolled_crops_join_a_product(folder, embedder):
    """A crop from a stocked shelf becomes one more picture of its product."""
    catalog = Catalog.from_folder(folder, embedder).with_pictures({"cola": [picture(7)]}, embedder)
    assert catalog.search(embedder.embed([picture(7)]))[0][0].key == "cola"
    assert len(catalog) == 3


def test_vectors_of_another_embedder_are_refused(folder, embedder):
    """Numbers of two methods are never mixed."""
    catalog = Catalog.from_folder(folder, embedder)
    with pytest.raises(CatalogError, match="colour-layout-1/4x8"):
        catalog.with_pictures({}, ColourLayoutEmbedder(columns=4))
    with pytest.raises(ValueError, match="embeddings: expected shape"):
        catalog.similarities(np.zeros((1, 5), np.float32))


def test_margins_of_one_colour_are_cut():
    """A packshot on white is trimmed to the package; a full picture is left alone."""
    framed = np.full((100, 100, 3), 255, np.uint8)
    framed[10:90, 20:80] = picture(1)
    assert trim_uniform_border(framed).shape == (80, 60, 3)
    assert trim_uniform_border(picture(1)).shape == (80, 60, 3)
    blank = np.full((10, 10, 3), 255, np.uint8)
    assert trim_uniform_border(blank).shape == blank.shape


def test_transparent_parts_become_white(tmp_path):
    """A cut-out packshot lies on white, as a photographed one does."""
    path = tmp_path / "cut.png"
    cv2.imwrite(str(path), np.zeros((4, 4, 4), np.uint8))
    assert (read_picture(path) == 255).all()


def test_a_missing_picture_is_named(tmp_path):
    """The path is in the message."""
    with pytest.raises(PictureError, match=r"gone\.jpg"):
        read_picture(tmp_path / "gone.jpg")
