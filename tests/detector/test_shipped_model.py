"""The models that ship, on a real picture that they were never trained on."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import (
    Catalog,
    ColourLayoutEmbedder,
    Detector,
    crops_of,
    load_embedder,
    read_picture,
)
from detector.boxes import iou_matrix
from detector.model import DEFAULT_MODEL, SHIPPED_MODELS
from detector.training.evaluate import read_recognition


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture
def bay(data: Path) -> Path:
    return data / "crackers_bay"


def recall(found, labels) -> float:
    if len(found) == 0:
        return 0.0
    return float((iou_matrix(labels, found).max(axis=1) >= 0.5).mean())


@pytest.mark.parametrize("how", ["detect", "detect_at_best_scale"])
def test_most_facings_of_a_real_bay_are_found(detector, bay, how):
    """At least four of five facings, and few boxes beside them."""
    labels = read_recognition(bay / "recognition.json")
    picture = read_picture(bay / "shelf.jpg")
    found = getattr(detector, how)(picture).of_class("product").boxes_xyxy_px
    assert recall(found, labels) >= 0.8
    assert len(found) <= 1.4 * len(labels)


@pytest.mark.parametrize("scale", [0.15, 0.25, 0.4])
def test_facings_are_found_over_a_range_of_scales(detector, bay, scale):
    """The same bay nearer and further: facings from about 35 to 100 px wide in the input."""
    labels = read_recognition(bay / "recognition.json")
    found = detector.detect_tiled(read_picture(bay / "shelf.jpg"), scale=scale)
    assert recall(found.of_class("product").boxes_xyxy_px, labels) >= 0.65


def test_one_session_serves_many_threads(detector):
    """Workers get the same answer at once that one gets alone."""
    picture = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    alone = detector.detect(picture).boxes_xyxy_px
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: detector.detect(picture).boxes_xyxy_px, range(8)):
            assert np.allclose(result, alone, atol=1e-3)


def test_a_picture_without_shelves_is_empty(detector):
    """Grey shows no products."""
    assert len(detector.detect(np.full((480, 640, 3), 128, np.uint8))) == 0


def test_the_card_says_what_the_rule_asks():
    """Data, licence, figures, how they were measured, known failures."""
    card = (SHIPPED_MODELS / DEFAULT_MODEL / "CARD.md").read_text(encoding="utf-8")
    for heading in ("Data", "Licence", "Figures", "Known failures"):
        assert f"## {heading}" in card


def test_catalogue_pictures_name_most_facings_of_a_real_bay(bay):
    """The colour layout agrees with another system's names on most facings."""
    import json

    embedder = ColourLayoutEmbedder()
    catalog = Catalog.from_folder(bay / "catalog", embedder)
    products = json.loads((bay / "recognition.json").read_text())["products"]
    boxes = read_recognition(bay / "recognition.json")
    crops = crops_of(read_picture(bay / "shelf.jpg"), boxes, inset=0.04)
    found = catalog.search(embedder.embed(crops), 1)
    names = [product["tags"][0]["name"].lower() for product in products]
    agreed = [match[0].key.lower() == name for match, name in zip(found, names, strict=True)]
    assert np.mean(agreed) >= 0.85


def test_tiles_find_every_facing_once(detector, monkeypatch):
    """A rendered picture of 19 megapixels, in tiles, gives what one huge input gives."""
    rendered = cv2.imread(str(SHIPPED_MODELS / DEFAULT_MODEL / "golden.png"))
    picture = cv2.resize(np.tile(rendered, (4, 4, 1)), (4992, 3840))
    tiled = detector.detect_tiled(picture, scale=1 / 3).of_class("product")
    monkeypatch.setattr("detector.model.MAX_INPUT_PX", 4096)
    whole = detector.detect_tiled(picture, scale=1 / 3).of_class("product")
    sure = whole.boxes_xyxy_px[whole.scores > 0.5]
    found = (iou_matrix(sure, tiled.boxes_xyxy_px) > 0.5).sum(axis=1)
    assert len(sure) > 500
    assert (found == 0).sum() <= 0.005 * len(sure)
    assert (found > 1).sum() == 0


def test_the_model_in_8_bits_finds_what_the_other_one_does(detector, bay):
    """Named without a folder, it loads, and nearly all boxes are the same."""
    small = Detector.load(Path("shelf-nano-int8"))
    picture = read_picture(bay / "shelf.jpg")
    ours, its = (one.detect(picture).of_class("product").boxes_xyxy_px for one in (detector, small))
    assert recall(its, ours) > 0.9
    assert recall(ours, its) > 0.9


def test_the_shipped_recogniser_is_the_one_in_use(bay):
    """Facings of a real bay are named by the network that ships, nearly all of them rightly."""
    embedder = load_embedder()
    assert embedder.identity.startswith("shelf-embed-")
    catalog = Catalog.from_folder(bay / "catalog", embedder)
    content = json.loads((bay / "recognition.json").read_text())
    names = [item["tags"][0]["name"].lower() for item in content["products"]]
    crops = crops_of(read_picture(bay / "shelf.jpg"), read_recognition(bay / "recognition.json"))
    found = catalog.search(embedder.embed(crops), 1)
    right = [match[0].key.lower() == name for match, name in zip(found, names, strict=True)]
    assert np.mean(right) > 0.85
