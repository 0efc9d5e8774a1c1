"""Training and export; skipped where the train extra is not installed."""

# ruff: noqa: E402 (the imports below need that extra)

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs shelfwatch[train]")
pytest.importorskip("ultralytics", reason="needs shelfwatch[train]")
pytest.importorskip("onnx", reason="needs shelfwatch[train]")

from detector import Detector
from detector.cli import model as model_command
from detector.errors import TrainingError
from detector.manifest import DEFAULT_MODEL, SHIPPED_MODELS
from detector.recogniser import SHIPPED_EMBEDDER
from detector.training.dataset import Crop, LabelledPicture
from detector.training.export import export
from detector.training.labels import PictureLabels
from detector.training.network import (
    MaskedBCE,
    build_model,
    collate,
    find_weights,
    freeze_layers,
    read_checkpoint,
)
from detector.training.progress import Watch, learning_rate
from detector.training.recipe import TrainRecipe
from detector.training.splits import Side
from detector.training.train import train
from simulator.labels import training_scene

STAGE = {
    "name": "tiny",
    "crops": 6,
    "warmup_steps": 2,
    "buckets": [{"size_px": 64, "batch": 1, "weight": 1}, {"size_px": 96, "batch": 1, "weight": 1}],
}
RECIPE = TrainRecipe.model_validate({"threads": 1, "checkpoints": 2, "stages": [STAGE]})
NONE = np.zeros((0, 4), np.float32)


def scene(seed, side=Side.TRAIN):
    """A rendered picture with its exact labels."""
    size_px = (128, 128)
    drawn = training_scene(seed, size_px)
    products, gaps = drawn.product_boxes_xyxy_px, drawn.gap_boxes_xyxy_px
    name = f"renders/{side}{seed}.png"
    return LabelledPicture(
        drawn.image_bgr, PictureLabels(name, size_px, products, NONE, gaps, side)
    )


@pytest.fixture(scope="module")
def scenes():
    """Four pictures to train on."""
    return [scene(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def validation():
    """Two to validate."""
    return [scene(seed, Side.VAL) for seed in (10, 11)]


@pytest.fixture(scope="module")
def trained(scenes, validation, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    train(RECIPE, scenes, validation, folder)
    return folder


def stop_after(steps):
    """Asks a run to stop before the step after ``steps``."""
    left = iter([False] * steps)
    return Watch(should_stop=lambda: next(left, True))


def weights_of(folder, key="averaged"):
    return torch.load(folder / "last.pt", weights_only=True)[key]


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_rate_warms_up_and_follows_the_budget():
    """Small at first, full after the warm-up, a small share at the end."""
    stage = RECIPE.stages[0].model_copy(update={"warmup_steps": 10})
    assert learning_rate(stage, 0, 0.0) == pytest.approx(stage.learning_rate / 10)
    assert learning_rate(stage, 50, 0.0) == pytest.approx(stage.learning_rate)
    assert learning_rate(stage, 50, 1.0) == pytest.approx(stage.learning_rate * stage.final_share)


def test_masked_places_count_only_with_a_target():
    """What nobody labelled is no background; a known object in it still counts."""
    loss = MaskedBCE()
    loss.mask = torch.tensor([[[0.0], [0.0], [1.0]]])
    values = loss(torch.zeros(1, 3, 1), torch.tensor([[[0.0], [1.0], [0.0]]]))
    assert values.flatten().tolist() == pytest.approx([0.0, 0.693, 0.693], abs=1e-3)


def test_the_mask_follows_the_networks_order_of_places():
    """Strides 8, 16, 32, row by row; ignored places are 0 for products, all gaps are unknown."""
    image = np.zeros((64, 64, 3), np.uint8)
    box, ignored = np.array([[5, 5, 21, 29]], np.float32), np.array([[0, 0, 16, 16]], np.float32)
    batch, mask = collate([Crop(image, box, np.array([0]), ignored, gaps_known=False)])
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


def test_the_heads_constants_are_never_trained():
    """The table that turns a distribution into a distance stays as it is."""
    model = build_model("yolo11n.yaml")
    freeze_layers(model, 0)
    fixed = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert fixed == {"model.23.dfl.conv.weight"}


def test_a_run_gives_the_same_weights_again(trained, scenes, validation, tmp_path):
    """With a budget in crops and one thread."""
    train(RECIPE, scenes, validation, tmp_path)
    assert equal(weights_of(trained), weights_of(tmp_path))


def test_a_stopped_run_goes_on_to_the_same_weights(trained, scenes, validation, tmp_path):
    """Model, averages, optimiser, place and random numbers are all taken up."""
    train(RECIPE, scenes, validation, tmp_path, watch=stop_after(3))
    assert not equal(weights_of(trained), weights_of(tmp_path))
    train(RECIPE, scenes, validation, tmp_path, resume=True)
    assert equal(weights_of(trained), weights_of(tmp_path))
    assert equal(weights_of(trained, "model"), weights_of(tmp_path, "model"))


def test_each_checkpoint_is_logged(trained):
    """Losses and the validation score, one JSON object a line."""
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [row["share_done"] >= share for row, share in zip(rows, (0.5, 1), strict=True)]
    assert all({"box_loss", "val_loss", "val_product_ap50", "best"} <= row.keys() for row in rows)


def test_another_recipe_or_other_labels_are_refused_on_resume(trained, scenes, validation):
    """By field, and with what to do."""
    stage = RECIPE.stages[0].model_copy(update={"learning_rate": 0.5})
    changed = RECIPE.model_copy(update={"stages": (stage,)})
    with pytest.raises(TrainingError, match=r"stages\.0\.learning_rate: 0\.002 before, 0\.5 now"):
        train(changed, scenes, validation, trained, resume=True)
    with pytest.raises(TrainingError, match="expected the labels that it was begun with"):
        train(RECIPE, scenes[:3], validation, trained, resume=True)


def test_a_run_is_neither_overwritten_nor_made_up(trained, scenes, tmp_path):
    """Starting where one is, and resuming where none is, are mistakes."""
    with pytest.raises(TrainingError, match="--resume goes on with it"):
        train(RECIPE, scenes, [], trained)
    with pytest.raises(TrainingError, match=r"found no last\.pt"):
        train(RECIPE, scenes, [], tmp_path, resume=True)


def test_frozen_layers_stay_as_they_are(trained, scenes, tmp_path):
    """Weights and running means of the first layers; the others move."""
    stage = RECIPE.stages[0].model_copy(update={"freeze": 10})
    recipe = RECIPE.model_copy(update={"stages": (stage,), "start_from": str(trained)})
    train(recipe, scenes, [], tmp_path)
    before = read_checkpoint(find_weights(str(trained)))["model"]
    after = weights_of(tmp_path, "model")
    changed = {int(n.split(".")[1]) for n in before if not torch.equal(before[n], after[n])}
    assert min(changed) == 10
    with pytest.raises(TrainingError, match="freeze: expected fewer than the network's"):
        freeze_layers(build_model("yolo11n.yaml"), 99)


def test_fine_tuning_keeps_the_start_where_it_is_better(trained, scenes, validation, tmp_path):
    """The start is measured first, and only what is as good there takes its place."""
    stage = RECIPE.stages[0].model_copy(update={"crops": 2})
    recipe = RECIPE.model_copy(update={"stages": (stage,), "start_from": str(trained)})
    told = []
    train(recipe, scenes, validation, tmp_path, watch=Watch(checkpoint=told.append))
    assert told[0].share_done == 0
    assert told[0].best
    assert told[0].score is not None


@pytest.mark.parametrize(
    ("where", "message"),
    [("none", r"none: expected a checkpoint"), ("shipped", "shipped: expected checkpoint")],
)
def test_weights_that_are_not_there_are_named(where, message, monkeypatch, tmp_path):
    """With what was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match=message):
        find_weights(where, shipped=tmp_path)


def test_the_shipped_weights_are_there():
    """Both models that ship can be trained further."""
    for folder in (SHIPPED_MODELS / DEFAULT_MODEL, SHIPPED_EMBEDDER):
        assert read_checkpoint(find_weights("shipped", folder))["model"]


def test_weights_of_another_network_are_refused(trained, scenes, tmp_path):
    """Named, instead of a traceback."""
    recipe = RECIPE.model_copy(update={"architecture": "yolov8n.yaml", "start_from": str(trained)})
    with pytest.raises(TrainingError, match="expected the weights of this architecture"):
        train(recipe, scenes, [], tmp_path)
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(TrainingError, match="expected a checkpoint that `model train` wrote"):
        read_checkpoint(tmp_path / "text.pt")


def test_an_exported_model_can_be_trained_on(trained, scenes, tmp_path):
    """Its folder holds the weights in half precision."""
    thresholds = {"product": 0.01, "gap": 0.01}
    done = export(
        trained,
        tmp_path,
        name="t",
        version="1",
        licence="CC0-1.0",
        thresholds=thresholds,
        size_px=64,
    )
    assert [one.size_px for one in done.parity] == [(64, 64), (64, 32)]
    back = read_checkpoint(find_weights(str(tmp_path)))["model"]
    before = read_checkpoint(find_weights(str(trained)))["model"]
    assert all(torch.allclose(before[n], back[n], rtol=1e-3, atol=1e-4) for n in before)
    recipe = RECIPE.model_copy(update={"start_from": str(tmp_path)})
    train(recipe, scenes[:1], [], tmp_path / "run", watch=stop_after(1))


def test_a_network_that_disagrees_is_refused(trained, tmp_path, monkeypatch):
    """Nothing but the network's file is written then."""
    monkeypatch.setattr("detector.training.export.MAX_BOX_DIFFERENCE_PX", -1.0)
    with pytest.raises(TrainingError, match="expected the trained network's output"):
        export(
            trained,
            tmp_path / "m",
            name="t",
            version="1",
            licence="CC0-1.0",
            thresholds={"product": 0.1, "gap": 0.1},
            size_px=64,
        )
    assert not (tmp_path / "m" / "manifest.yaml").exists()


def test_from_pictures_to_a_model_by_the_commands(scenes, validation, tmp_path):
    """Train, go on, export, look at it, evaluate, detect: as an engineer does."""
    tested = [replace(s, labels=replace(s.labels, side=Side.TEST)) for s in validation]
    for index, one in enumerate([*scenes, *validation, *tested]):
        name = f"renders/{index}.png"
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), one.image_bgr)
        with (tmp_path / "labels.jsonl").open("a") as lines:
            lines.write(replace(one.labels, picture=name).to_json() + "\n")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE.model_dump(mode="json")))

    def run(*words):
        places = [str(tmp_path / word[1:]) if word.startswith("@") else word for word in words]
        result = CliRunner().invoke(model_command, places)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result.output

    labels = ("--labels", "@labels.jsonl")
    run("train", "--recipe", "@recipe.yaml", *labels, "--out", "@run")
    run("train", "--recipe", "@recipe.yaml", *labels, "--out", "@run", "--resume")
    told = run(
        "export", "@run", "--out", "@mine", "--name", "mine", "--version", "1", "--size-px", "64",
        "--product-threshold", "0.01", "--gap-threshold", "0.01", "--picture", "@renders/0.png",
    )  # fmt: skip
    assert "opset 17" in told
    assert re.search(r"opset +17", run("info", "@mine"))
    run("evaluate", "--model", "@mine", *labels, "--out", "@test", "--update-card")
    assert {"figures.json", "precision_recall.png", "recall_by_size.png"} <= {
        path.name for path in (tmp_path / "test").iterdir()
    }
    assert "| whole" in (tmp_path / "mine" / "CARD.md").read_text()
    thresholds = run("evaluate", "--model", "@mine", *labels, "--choose-thresholds")
    assert "--product-threshold" in thresholds
    Detector.load(tmp_path / "mine").detect_at_best_scale(scenes[0].image_bgr)
