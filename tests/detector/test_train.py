"""Training and export; skipped where the train extra is not installed."""

# ruff: noqa: E402 (the imports below need that extra)

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs shelfwatch[train]")
pytest.importorskip("ultralytics", reason="needs shelfwatch[train]")
pytest.importorskip("onnx", reason="needs shelfwatch[train]")

from detector import Detector
from detector.training.dataset import Crop
from detector.training.export import export
from detector.training.train import (
    Bucket,
    MaskedBCE,
    TrainRecipe,
    build_model,
    collate,
    learning_rate,
    train,
)

RECIPE = TrainRecipe(
    minutes=0.05,
    buckets=(Bucket(size_px=64, batch=2, weight=1.0),),
    folder_weights={"mine": 1.0},
    warmup_steps=10,
    threads=1,
)


def crop(size_px: int, rng: np.random.Generator) -> Crop:
    x, y = rng.integers(0, size_px // 2, 2)
    image = np.zeros((size_px, size_px, 3), np.uint8)
    image[y : y + 24, x : x + 16] = 255
    box = np.array([[x, y, x + 16, y + 24]], np.float32)
    ignored = np.array([[0, 0, 16, 16]], np.float32)
    return Crop(image, box, np.array([0]), ignored, gaps_known=False)


def test_the_rate_warms_up_and_follows_the_clock():
    """Small at first, full after the warm-up, a small share at the end of the budget."""
    assert learning_rate(RECIPE, 0, 0.0) == pytest.approx(RECIPE.learning_rate / 10)
    assert learning_rate(RECIPE, 50, 0.0) == pytest.approx(RECIPE.learning_rate)
    end = learning_rate(RECIPE, 50, 1.0)
    assert end == pytest.approx(RECIPE.learning_rate * RECIPE.final_share)


def test_masked_places_count_only_with_a_target():
    """What nobody labelled is no background; a known object in it still counts."""
    loss = MaskedBCE()
    loss.mask = torch.tensor([[[0.0], [0.0], [1.0]]])
    values = loss(torch.zeros(1, 3, 1), torch.tensor([[[0.0], [1.0], [0.0]]]))
    assert values.flatten().tolist() == pytest.approx([0.0, 0.693, 0.693], abs=1e-3)


def test_the_mask_follows_the_networks_order_of_places():
    """Strides 8, 16, 32, row by row; ignored places are 0 for products, all gaps are unknown."""
    batch, mask = collate([crop(64, np.random.default_rng(0))])
    assert mask.shape == (1, 64 + 16 + 4, 2)
    assert mask[0, :64, 0].reshape(8, 8)[:2, :2].sum() == 0
    assert mask[0, :, 0].sum() == 84 - 4 - 1
    assert mask[0, :, 1].sum() == 0
    assert batch["img"].shape == (1, 3, 64, 64)


def test_a_start_is_random_and_has_this_projects_classes():
    """No foreign weights: two builds differ; the classes are product and gap."""
    first, second = build_model("yolo11n.yaml"), build_model("yolo11n.yaml")
    assert first.names == {0: "product", 1: "gap"}
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


@pytest.mark.slow
def test_a_trained_checkpoint_becomes_a_loadable_model(tmp_path):
    """Train for a moment, export with parity check, load, detect at two sizes."""
    checkpoint = train(RECIPE, crop, tmp_path / "run", report=lambda _: None)
    export(
        checkpoint,
        tmp_path / "model",
        name="tiny",
        version="1",
        licence="AGPL-3.0-or-later",
        thresholds={"product": 0.01, "gap": 0.01},
        size_px=64,
    )
    detector = Detector.load(tmp_path / "model")
    picture = np.zeros((100, 80, 3), np.uint8)
    assert detector.class_names == ("product", "gap")
    detector.detect(picture)
    detector.detect_tiled(picture, scale=2.0)
