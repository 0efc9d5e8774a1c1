"""Training a recogniser: products, batches, the loss, and the way to a model folder."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector import Catalog, NetworkEmbedder, TrainingError
from detector.training.product_sides import side_of_product
from detector.training.splits import Side

pytest.importorskip("torch", reason="the training tools are not installed")
pytest.importorskip("torchvision", reason="the training tools are not installed")

import torch

from detector.recogniser_manifest import Rule
from detector.training.recogniser_data import (
    Batch,
    BatchSampler,
    Source,
    SourceKind,
    load_products,
)
from detector.training.recogniser_export import export_recogniser
from detector.training.recogniser_network import RecogniserNetwork, load_imagenet
from detector.training.recogniser_train import (
    RecogniserProgress,
    RecogniserRecipe,
    contrast,
    learned_products,
    train_recogniser,
)
from detector.training.recogniser_views import near_twin, on_background


def package(seed: int, size: tuple[int, int] = (60, 44)) -> np.ndarray:
    """A package of coloured bands."""
    rng = np.random.default_rng(seed)
    bands = rng.integers(0, 255, (5, 3, 3), dtype=np.uint8)
    return cv2.resize(bands, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)


def names_on(side: Side, count: int) -> list[str]:
    """Product names that fall on a side."""
    return [name for name in map(str, range(400)) if side_of_product(name) is side][:count]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Facings of eight products, two of them on the test side, and packshots of four others."""
    for number, name in enumerate(names_on(Side.TRAIN, 6) + names_on(Side.TEST, 2)):
        folder = tmp_path / "facings" / name
        folder.mkdir(parents=True)
        for view in range(3):
            cv2.imwrite(str(folder / f"{view}.png"), package(number))
    (tmp_path / "packshots").mkdir()
    for number, name in enumerate(names_on(Side.TRAIN, 10)[6:]):
        cv2.imwrite(str(tmp_path / "packshots" / f"{name}.png"), package(50 + number))
    return tmp_path


def sources() -> tuple[Source, ...]:
    """Both folders of the shop."""
    return (
        Source(folder=Path("facings"), kind=SourceKind.FACINGS),
        Source(folder=Path("packshots"), kind=SourceKind.PACKSHOTS),
    )


def small_recipe(**changes: object) -> RecogniserRecipe:
    """A recipe that trains for a second."""
    values = {
        "sources": sources(),
        "dimension": 16,
        "minutes": 0.02,
        "products_per_batch": 4,
        "views": 2,
        "frozen_blocks": 14,
        "threads": 1,
    }
    return RecogniserRecipe.model_validate(values | changes)


def trained(recipe: RecogniserRecipe, shop: Path, out: Path, **options: object) -> Path:
    """Train on the shop's products."""
    return train_recogniser(recipe, learned_products(recipe, shop), out, **options)


def state_file(tmp_path: Path) -> Path:
    """A backbone of random weights in the form of the ImageNet file."""
    path = tmp_path / "start.pt"
    state = RecogniserNetwork(16).backbone.state_dict()
    torch.save({f"features.{name}": value for name, value in state.items()}, path)
    return path


def test_a_third_of_the_products_is_kept_for_testing() -> None:
    """Sides depend on the name alone and have their shares."""
    sides = [side_of_product(str(number)) for number in range(3000)]
    assert abs(sides.count(Side.TEST) / 3000 - 1 / 3) < 0.03
    assert 0.05 < sides.count(Side.VAL) / 3000 < 0.12


def test_products_of_the_test_side_are_never_learned(shop: Path) -> None:
    """What a recogniser is measured on is in none of its batches."""
    learned = learned_products(small_recipe(), shop)
    keys = {product.key for products in learned.values() for product in products}
    assert len(keys) == 10
    assert not keys & set(names_on(Side.TEST, 20))


def test_packshots_join_the_product_of_the_same_name(shop: Path) -> None:
    """A packshot and photographs of one name are one product."""
    name = names_on(Side.TRAIN, 1)[0]
    cv2.imwrite(str(shop / "packshots" / f"{name}.png"), package(0))
    loaded = load_products(sources(), shop)
    owner = next(p for p in loaded[sources()[0]] if p.key == name)
    assert len(owner.packshots) == 1
    assert name not in {p.key for p in loaded[sources()[1]]}


def test_an_unreadable_picture_is_named(shop: Path) -> None:
    """A picture that is none stops the training before it begins, by name."""
    broken = shop / "facings" / names_on(Side.TRAIN, 1)[0] / "0.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(TrainingError, match=r"0\.png"):
        load_products(sources(), shop)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A source that is not there is an error that says which."""
    with pytest.raises(TrainingError, match="facings"):
        load_products(sources()[:1], tmp_path)


def test_a_twin_is_a_product_of_its_own(shop: Path) -> None:
    """Every product of a batch brings its near-twin under another label."""
    sampler = BatchSampler(
        learned_products(small_recipe(), shop),
        size_px=112,
        products_per_batch=3,
        views=2,
        twin_share=1.0,
    )
    batch = sampler(np.random.default_rng(1))
    assert batch.products.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert {picture.shape for picture in batch.pictures} == {(112, 112, 3)}


def test_a_near_twin_differs_in_a_part_only() -> None:
    """Most of a painted twin's design is the original's."""
    original = package(1, (200, 150))
    twin = near_twin(original, package(2), np.random.default_rng(3))
    changed = (twin != original).any(axis=2).mean()
    assert 0.05 < changed < 0.75


def test_white_surroundings_become_a_shelf() -> None:
    """A packshot's margin is filled, its product is not."""
    packshot = np.full((80, 80, 3), 255, np.uint8)
    packshot[20:60, 25:55] = (30, 90, 200)
    seen = on_background(packshot, np.random.default_rng(0))
    assert (seen[25:55, 30:50] == (30, 90, 200)).all()
    assert seen[:5].mean() < 230


def test_the_loss_wants_a_product_s_views_together() -> None:
    """Vectors by product score better than vectors that mix products."""
    labels, scenes = np.array([0, 0, 1, 1]), np.full(4, -1)
    apart = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    mixed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    good, right = contrast(apart, Batch([], labels, scenes), 0.1)
    bad, wrong = contrast(mixed, Batch([], labels, scenes), 0.1)
    assert good < bad
    assert (right, wrong) == (1.0, 0.0)


def test_facings_of_one_photograph_are_not_pushed_apart() -> None:
    """Two products of one scene may be the same one, so the loss says nothing about them."""
    vectors = torch.nn.functional.normalize(torch.randn(4, 3), dim=1)
    labels = np.array([0, 0, 1, 1])
    one_scene, _ = contrast(vectors, Batch([], labels, np.zeros(4, int)), 0.1)
    assert float(one_scene) == pytest.approx(0.0, abs=1e-4)


def test_a_backbone_of_another_network_is_refused(tmp_path: Path) -> None:
    """A state file that does not fit is named with what was expected."""
    path = tmp_path / "other.pt"
    torch.save({"features.0.0.weight": torch.zeros(1)}, path)
    with pytest.raises(TrainingError, match=r"other\.pt.*tensors"):
        load_imagenet(RecogniserNetwork(16), path)


def test_trained_exported_and_used(shop: Path, tmp_path: Path) -> None:
    """The whole way: a short training, a model folder, and a catalogue that finds its products."""
    checkpoint = trained(small_recipe(), shop, tmp_path / "run", backbone=state_file(tmp_path))
    golden = package(0)
    manifest = export_recogniser(
        checkpoint,
        tmp_path / "model",
        name="tiny",
        version="1",
        licence="CC0-1.0",
        golden=golden,
        known=Rule(min_similarity=0.5, min_margin=0.0),
    )
    assert manifest.dimension == 16
    embedder = NetworkEmbedder.load(tmp_path / "model")
    catalog = Catalog.from_folder(shop / "facings", embedder)
    found = catalog.search(embedder.embed([package(2)]), 1)
    assert found[0][0].key == names_on(Side.TRAIN, 3)[2]


def test_training_goes_on_from_a_checkpoint(shop: Path, tmp_path: Path) -> None:
    """A checkpoint is a start: the frozen blocks are the ones it holds."""
    start = state_file(tmp_path)
    first = trained(small_recipe(), shop, tmp_path / "a", backbone=start)
    second = trained(small_recipe(), shop, tmp_path / "b", start_from=first)
    name = "backbone.0.0.weight"
    states = [torch.load(path, weights_only=True)["model"] for path in (first, second)]
    torch.testing.assert_close(states[0][name], states[1][name])


def test_a_stopped_run_goes_on_where_it_was(shop: Path, tmp_path: Path) -> None:
    """Stopped after two steps, resumed, and ended; a changed recipe is refused by field."""
    steps: list[int] = []

    def stop_at_two(_share: float, place: RecogniserProgress) -> bool:
        steps.append(place.step)
        return place.step < 2

    run, start = tmp_path / "run", state_file(tmp_path)
    trained(small_recipe(minutes=5), shop, run, backbone=start, watch=stop_at_two)
    with pytest.raises(TrainingError, match=r"minutes: 5\.0 before, 6\.0 now"):
        trained(small_recipe(minutes=6), shop, run, resume=True)
    with pytest.raises(TrainingError, match="--resume"):
        trained(small_recipe(minutes=5), shop, run, backbone=start)
    trained(small_recipe(minutes=5), shop, run, resume=True, watch=stop_at_two)
    assert steps == [1, 2, 3]
