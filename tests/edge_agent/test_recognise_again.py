"""Facings that have not changed keep their vectors; whatever has changed is looked at anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from detector import Catalog
from detector.boxes import FloatArray
from detector.embedding import ColourLayoutEmbedder
from edge_agent.match.observed import ByPrint
from edge_agent.recognise import Recogniser
from edge_agent.recognise_again import Recognised, RecogniserOfView
from shelf.planogram_csv import parse_csv

Image = NDArray[np.uint8]
BOXES = np.array([[100.0 * k, 50.0, 100.0 * k + 90, 210.0] for k in range(4)])
PLANOGRAM = parse_csv("bay,shelf,slot,sku,name,facings_wide\n1,1,1,A,A,1\n", "p.csv", "p")


class Counting(ColourLayoutEmbedder):
    """Counts the pictures that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def embed(self, crops_bgr: Sequence[Image]) -> FloatArray:
        self.given += len(crops_bgr)
        return super().embed(crops_bgr)


class Printing(Recogniser):
    """Notes whose print is read; it always says the first product."""

    asked: ClassVar[list[int]] = []

    def reader_of(self, crops_bgr: Sequence[Image]) -> ByPrint:
        def proven(facing: int, skus: tuple[str, ...]) -> str:
            self.asked.append(facing)
            return skus[0]

        return proven


class View:
    """A view of a painted shelf, and a plain recogniser to compare with."""

    def __init__(self) -> None:
        self.embedder = Counting()
        packages = [package(seed) for seed in range(3)]
        vectors = self.embedder.embed(packages)
        catalog = Catalog(vectors, "ABC", self.embedder.identity, self.embedder.known)
        self.plain = Printing(catalog, self.embedder, PLANOGRAM)
        self.view = RecogniserOfView(self.plain)

    def look(self, packages: Sequence[Image], boxes: NDArray[np.float64] = BOXES) -> int:
        """How many facings were recognised anew; what is said of all is right to a hair."""
        self.embedder.given = 0
        answer: Recognised = self.view.recognise(boxes, packages)
        given = self.embedder.given
        assert answer.similarity == pytest.approx(self.plain.similarity(packages), abs=0.03)
        return given


def package(seed: int) -> Image:
    """A box with a coloured ground, a band and a field."""
    rng = np.random.default_rng(seed)
    picture = np.full((160, 90, 3), rng.integers(30, 220, 3), np.uint8)
    picture[30:60] = rng.integers(0, 255, 3)
    picture[80:140, 20:70] = rng.integers(0, 255, 3)
    return picture


def noisy(picture: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_an_unchanged_shelf_is_recognised_once() -> None:
    """Noise and boxes that tremble are no change."""
    view = View()
    packages = [package(k) for k in range(4)]
    assert view.look(packages) == 4
    for turn in range(3):
        trembling = BOXES + np.random.default_rng(turn).normal(0, 0.5, BOXES.shape)
        assert view.look([noisy(p, 10 * turn + k) for k, p in enumerate(packages)], trembling) == 0


def test_another_product_in_the_same_place_is_recognised() -> None:
    """And only it."""
    view = View()
    packages = [package(k) for k in range(4)]
    view.look(packages)
    packages[2] = package(9)
    assert view.look(packages) == 1


def test_another_flavour_is_another_picture() -> None:
    """A package that differs from its twin in one small field is no noise."""
    view = View()
    packages = [package(k) for k in range(4)]
    view.look(packages)
    packages[1] = packages[1].copy()
    packages[1][85:100, 25:50] = 255 - packages[1][85:100, 25:50]
    assert view.look(packages) == 1


def test_a_shelf_that_changes_little_by_little_is_recognised_anew() -> None:
    """What counts is the picture that was recognised, not the one of the last look."""
    view = View()
    packages = [package(k) for k in range(4)]
    view.look(packages)
    given = sum(
        view.look([np.clip(p.astype(int) - 2 * step, 0, 255).astype(np.uint8) for p in packages])
        for step in range(1, 9)
    )
    assert given >= 8


def test_facings_that_come_and_go_keep_their_own() -> None:
    """A facing fewer, then all in another order: each box finds its own picture."""
    view = View()
    packages = [package(k) for k in range(4)]
    view.look(packages)
    assert view.look(packages[1:], BOXES[1:]) == 0
    order = [3, 1, 0, 2]
    assert view.look([packages[k] for k in order], BOXES[order]) == 1


def test_print_is_read_once() -> None:
    """What a facing's print says is kept with its vector."""
    view = View()
    packages = [package(k) for k in range(4)]
    for _ in range(3):
        assert view.view.recognise(BOXES, packages).by_print(2, ("A", "B")) == "A"
    assert view.plain.asked == [2]


def test_no_facings_are_no_fault() -> None:
    """An empty shelf, before and after a full one."""
    view = View()
    packages = [package(k) for k in range(4)]
    nothing = np.zeros((0, 4))
    assert view.look([], nothing) == 0
    assert view.look(packages) == 4
    assert view.look([], nothing) == 0
    assert view.look(packages) == 4
