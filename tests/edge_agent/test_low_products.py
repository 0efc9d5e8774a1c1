"""A low product before a taller one, both in one box: its lower part shows what it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector import PRODUCT, Catalog, Detections
from detector.embedding import ColourLayoutEmbedder
from edge_agent.match import Observed
from edge_agent.observing import observe
from edge_agent.places import Places, low_parts
from edge_agent.recognise import Recogniser
from edge_agent.recognise_again import RecogniserOfView
from shelf.planogram_csv import parse_csv

Image = NDArray[np.uint8]
PLANOGRAM = parse_csv(
    "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm\n"
    "1,1,1,TALL,Tall,1,0,90,240\n1,1,2,LOW,Low,1,100,90,120\n1,1,3,OTHER,Other,1,200,90,240\n",
    "p.csv",
    "p",
)
PLACE = np.array([[100.0, 60.0, 190.0, 300.0]])
"""The place of the tall product, at a px a mm."""
BOX = np.array([[101.0, 58.0, 191.0, 301.0]])
SIZES = {"TALL": (90.0, 240.0), "LOW": (90.0, 120.0)}


def package(seed: int, height_px: int) -> Image:
    """A box with a coloured ground, a band and a field."""
    rng = np.random.default_rng(seed)
    picture = np.full((height_px, 90, 3), rng.integers(30, 220, 3), np.uint8)
    picture[height_px // 6 : height_px // 3] = rng.integers(0, 255, 3)
    picture[height_px // 2 : height_px - 15, 20:70] = rng.integers(0, 255, 3)
    return picture


TALL, LOW, OTHER = package(1, 240), package(2, 120), package(3, 240)


def seen(*standing: Image) -> Observed:
    """Return what is seen of one box around ``standing`` in the place of the tall product."""
    embedder = ColourLayoutEmbedder()
    pictures = [TALL, LOW, OTHER]
    catalog = Catalog(
        embedder.embed(pictures), ["TALL", "LOW", "OTHER"], embedder.identity, embedder.known
    )
    view = RecogniserOfView(Recogniser(catalog, embedder, PLANOGRAM))
    image = np.full((400, 300, 3), 128, np.uint8)
    for one in standing:
        image[301 - len(one) : 301, 101:191] = one
    found = Detections(
        BOX.astype(np.float32), np.array([0.8], np.float32), np.array([0]), (PRODUCT,)
    )
    return observe(image, found, view, Places(PLACE, ("TALL",)))


def test_a_low_product_before_a_tall_one_is_seen() -> None:
    """The box of both is cut to the low one, which it is then said to show."""
    observed = seen(TALL, LOW)
    assert observed.best == ["LOW"]
    assert observed.facings_xyxy_px == pytest.approx(np.array([[101, 181, 191, 301]]), abs=1)


def test_a_tall_product_alone_stays_whole() -> None:
    """Whether it is the planned one or not."""
    for package_seen, name in ((TALL, "TALL"), (OTHER, "OTHER")):
        observed = seen(package_seen)
        assert observed.facings_xyxy_px == pytest.approx(BOX)
        assert observed.best == [name]


def test_only_lower_products_of_its_width_may_stand_before() -> None:
    """One part for products of one height; none for those as tall, or half as wide."""
    places, here = Places(PLACE, ("TALL",)), np.array([0])
    sizes = SIZES | {"ALIKE": (80.0, 125.0), "SLIM": (40.0, 120.0), "BOTTLE": (90.0, 230.0)}
    (part,) = low_parts(BOX, here, places, sizes)
    assert part.skus == {"LOW", "ALIKE"}
    assert part.box_px[[0, 2, 3]].tolist() == BOX[0, [0, 2, 3]].tolist()
    assert 120 <= part.box_px[3] - part.box_px[1] <= 125


@pytest.mark.parametrize("sizes", [{}, {"LOW": (90.0, 120.0)}], ids=["none", "not of the planned"])
def test_without_sizes_there_are_no_parts(sizes: dict[str, tuple[float, float]]) -> None:
    """How tall a low product would be in the picture is not known then."""
    assert low_parts(BOX, np.array([0]), Places(PLACE, ("TALL",)), sizes) == []


def test_boxes_beside_all_places_have_no_parts() -> None:
    """What stands nowhere is not compared with what is planned there."""
    assert low_parts(BOX, np.array([-1]), Places(PLACE, ("TALL",)), SIZES) == []
