from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import (
    Catalog,
    CatalogError,
    ColourLayoutEmbedder,
    KnownRule,
    Match,
    read_picture,
    trim_uniform_border,
)
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
    assert [match.key for match in known] == ["cola"]
    assert stranger == ()


@pytest.mark.parametrize(
    ("similarities", "answer"),
    [
        ({}, []),
        ({"a": 0.9}, ["a"]),
        ({"a": 0.5}, []),
        ({"a": 0.9, "c": 0.88}, []),
        ({"a": 0.9, "c": 0.8}, ["a"]),
        ({"a": 0.9, "b": 0.88}, ["a", "b"]),
        ({"a": 0.9, "b": 0.88, "c": 0.87}, []),
        ({"a": 0.9, "b": 0.8}, ["a"]),
    ],
)
def test_the_rule_wants_likeness_and_a_lead(similarities, answer):
    """Too low, or too close to the second, is not an answer; near-twins are both named."""
    catalog = Catalog(np.eye(3), ["a", "b", "c"], "", KnownRule(0.7, 0.05), [("a", "b")])
    candidates = [Match(key, value) for key, value in similarities.items()]
    assert [match.key for match in catalog.decide(candidates)] == answer


@pytest.mark.parametrize(
    ("prior", "answer"),
    [(["b"], ["b"]), (["a"], ["a"]), (["a", "b"], ["a", "b"]), (["c"], ["a", "b"])],
)
def test_what_is_expected_decides_between_twins(prior, answer):
    """The only expected one is the answer; when both are, it stays undecided."""
    catalog = Catalog(np.eye(3), ["a", "b", "c"], "", KnownRule(0.7, 0.05), [("b", "a")])
    candidates = [Match("a", 0.9), Match("b", 0.88)]
    assert [match.key for match in catalog.decide(candidates, prior)] == answer


def test_two_products_with_the_same_picture_are_twins(folder, embedder):
    """They are named, and no facing is given to one of them."""
    cv2.imwrite(str(folder / "juice.png"), picture(1))
    catalog = Catalog.from_folder(folder, embedder)
    (remark,) = catalog.remarks
    assert "juice.png" in remark
    assert "cola.png" in remark
    (answer,) = catalog.recognise(embedder.embed([picture(1)]))
    assert sorted(match.key for match in answer) == ["cola", "juice"]


def test_every_unreadable_file_is_named(folder, embedder):
    """Broken files are left out, each with its reason and how many there are."""
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "b.jpg").write_bytes(b"")
    catalog = Catalog.from_folder(folder, embedder)
    assert catalog.keys == ("cola", "soap", "tea")
    first, second = catalog.remarks
    assert "2 of 6 pictures left out" in first
    assert "a.jpg: expected a picture" in first
    assert "b.jpg" in second


def test_a_product_as_file_and_folder_is_one(folder, embedder):
    """A packshot beside a folder of enrolled crops is one more picture of the product."""
    cv2.imwrite(str(folder / "tea.png"), picture(5))
    catalog = Catalog.from_folder(folder, embedder)
    assert catalog.keys == ("cola", "soap", "tea")
    assert catalog.search(embedder.embed([picture(5)]))[0][0].key == "tea"


def test_a_folder_of_broken_pictures_is_refused(folder, embedder):
    """A catalogue of nothing is an error that names each."""
    broken = folder / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(CatalogError, match=r"1 of 1 pictures left out\n.*a\.jpg"):
        Catalog.from_folder(broken, embedder)


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_pictures_is_refused(tmp_path, embedder, name):
    """An empty or absent folder is an error, not an empty catalogue."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="expected"):
        Catalog.from_folder(tmp_path / name, embedder)


def test_vectors_of_another_embedder_are_refused(folder, embedder):
    """Numbers of two methods are never mixed."""
    catalog = Catalog.from_folder(folder, embedder)
    with pytest.raises(CatalogError, match="colour-layout-1/4x8"):
        catalog.check_embedder(ColourLayoutEmbedder(columns=4))
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
