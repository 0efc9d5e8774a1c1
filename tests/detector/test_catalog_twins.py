"""Which products a facing cannot tell apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_embedder import write_embedder

from detector import ColourLayoutEmbedder, Embedder, NetworkEmbedder
from detector.catalog_index import index_folder
from detector.catalog_twins import FACING_WIDTHS_PX, made_up_facing


def package(seed: int) -> np.ndarray:
    """A package of large coloured patches."""
    patches = np.random.default_rng(seed).integers(0, 255, (5, 3, 3), dtype=np.uint8)
    return cv2.resize(patches, (180, 300), interpolation=cv2.INTER_NEAREST)


def with_small_print(picture: np.ndarray, text: str) -> np.ndarray:
    return cv2.putText(picture.copy(), text, (20, 160), 0, 1.0, (0, 0, 0), 2)


@pytest.fixture(params=["colour layout", "network"])
def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> Embedder:
    if request.param == "network":
        return NetworkEmbedder.load(write_embedder(tmp_path / "tiny"))
    return ColourLayoutEmbedder()


def twins(folder: Path, embedder: Embedder, **pictures: np.ndarray) -> list[tuple[str, str]]:
    folder.mkdir()
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return [twin.keys for twin in index_folder(folder, embedder).twins]


def test_flavours_that_differ_in_small_print_are_twins(tmp_path: Path, embedder: Embedder) -> None:
    """Other packages are not."""
    lemon, lime = with_small_print(package(1), "LEMON"), with_small_print(package(1), "LIME")
    found = twins(tmp_path / "c", embedder, lemon=lemon, lime=lime, soap=package(2))
    assert found == [("lemon", "lime")]


def test_another_colour_over_half_the_package_is_no_twin(
    tmp_path: Path, embedder: Embedder
) -> None:
    """What a facing of 25 px still shows tells products apart."""
    red, blue = package(1), package(1)
    red[150:], blue[150:] = (40, 40, 200), (200, 60, 40)
    assert twins(tmp_path / "c", embedder, red=red, blue=blue) == []


def test_a_made_up_facing_is_small_and_of_its_product() -> None:
    """It is as wide as facings on shelves are, and still more like its product than another."""
    embedder = ColourLayoutEmbedder()
    rng = np.random.default_rng(3)
    facings = [made_up_facing(package(1), rng) for _ in range(20)]
    assert all(FACING_WIDTHS_PX[0] <= f.shape[1] <= FACING_WIDTHS_PX[1] for f in facings)
    vectors = embedder.embed([package(1), package(2)])
    likeness = embedder.embed(facings) @ vectors.T
    assert (likeness[:, 0] > likeness[:, 1]).all()
