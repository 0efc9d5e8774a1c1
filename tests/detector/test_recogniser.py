"""The embedding network: what it computes, and what is refused when it is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_embedder import DIMENSION, SIDE, grid_network, write_embedder

from detector import Embedder, ModelError, NetworkEmbedder, PictureError, load_embedder
from detector.embedding import reference_views
from detector.manifest import write_manifest
from detector.recogniser_manifest import read_embedder_manifest


@pytest.fixture
def embedder(tmp_path: Path) -> NetworkEmbedder:
    return NetworkEmbedder.load(write_embedder(tmp_path / "tiny"))


def crop(seed: int, size: tuple[int, int] = (40, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)


def test_vectors_have_unit_length(embedder: NetworkEmbedder) -> None:
    """Cosine similarity is a plain dot product."""
    vectors = embedder.embed([crop(1), crop(2, (9, 90))])
    assert vectors.shape == (2, DIMENSION)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_batches_do_not_change_the_answer(embedder: NetworkEmbedder) -> None:
    """Nine crops in runs of four give what each gives alone, in their order."""
    crops = [crop(seed) for seed in range(9)]
    alone = np.concatenate([embedder.embed([one]) for one in crops])
    assert embedder.embed(crops) == pytest.approx(alone, abs=1e-6)


def test_no_crops_give_no_vectors(embedder: NetworkEmbedder) -> None:
    """An empty shelf embeds to an empty array."""
    assert embedder.embed([]).shape == (0, DIMENSION)


def test_what_is_no_crop_is_refused(embedder: NetworkEmbedder) -> None:
    """A grey array is named in the error."""
    with pytest.raises(PictureError, match="crop: expected"):
        embedder.embed([crop(1)[..., 0]])


def test_the_aspect_is_kept(embedder: NetworkEmbedder) -> None:
    """A narrow crop is padded, not stretched: its sides are grey 114, minus the mean, scaled."""
    white = np.full((SIDE, SIDE // 4, 3), 255, np.uint8)
    grid = embedder.embed([white])[0].reshape(3, 4, 4)
    grey, half_white = 114 / 255 - 0.5, (114 / 255 - 0.5 + 0.5) / 2
    assert grid[:, :, 0] / grid[:, :, 1] == pytest.approx(grey / half_white, abs=1e-4)


def test_a_network_may_want_crops_stretched(tmp_path: Path) -> None:
    """Then a narrow crop fills the square."""
    head = [24**-0.5] * 2 + [0.0] * 2
    golden = {"file": "golden.png", "vector_head": head}
    spec = {"size_px": SIDE, "fit": "stretch"}
    embedder = NetworkEmbedder.load(write_embedder(tmp_path / "a", input=spec, golden=golden))
    (vector,) = embedder.embed([np.full((SIDE, 5, 3), 200, np.uint8)])
    assert vector == pytest.approx(np.full(DIMENSION, DIMENSION**-0.5), abs=1e-6)


def test_a_written_manifest_reads_back(tmp_path: Path) -> None:
    """What an exporter writes is what is loaded."""
    manifest = read_embedder_manifest(write_embedder(tmp_path / "a"))
    write_manifest(manifest, tmp_path / "a" / "manifest.yaml")
    assert read_embedder_manifest(tmp_path / "a") == manifest


def test_channels_are_those_of_the_manifest(tmp_path: Path) -> None:
    """Red is the first channel of an RGB network and the last of a BGR one."""
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 2] = 255
    for colour, first in (("rgb", 0), ("bgr", 2)):
        spec = {"size_px": SIDE, "mean": [0.5, 0.5, 0.5], "colour": colour}
        embedder = NetworkEmbedder.load(write_embedder(tmp_path / colour, input=spec))
        planes = embedder.embed([red])[0].reshape(3, -1)
        assert (planes[first] > 0).all()
        assert (np.delete(planes, first, axis=0) < 0).all()


def test_the_identity_names_weights_and_preparation(tmp_path: Path) -> None:
    """Another mean with the same weights gives other vectors, so another identity."""
    first = NetworkEmbedder.load(write_embedder(tmp_path / "a"))
    golden = {"file": "golden.png", "vector_head": [0.0] * 4, "tolerance": 0.2}
    spec = {"size_px": SIDE, "mean": [0.4, 0.5, 0.5]}
    other = NetworkEmbedder.load(write_embedder(tmp_path / "b", input=spec, golden=golden))
    assert first.manifest.sha256 in first.identity
    assert first.identity != other.identity


def test_rules_and_widths_come_from_the_manifest(tmp_path: Path) -> None:
    """No number of the network lives in code."""
    stranger = {"min_similarity": 0.5, "min_margin": 0.1}
    embedder: Embedder = NetworkEmbedder.load(write_embedder(tmp_path / "a", stranger=stranger))
    assert embedder.known.min_similarity == 0.8
    assert embedder.stranger.min_margin == 0.1
    assert embedder.reference_widths_px == (12, 24)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"kind": None}, r"kind: expected a value, found none"),
        ({"kind": "detector"}, r"kind: expected 'embedder', found 'detector'"),
        ({"knwon": {}}, r"knwon: unknown key; did you mean known\?"),
        ({"known": {"min_similarity": 2, "min_margin": 0}}, r"known\.min_similarity: .*found 2"),
        ({"known": {"min_similarty": 0.5, "min_margin": 0}}, "did you mean min_similarity"),
        ({"input": {"size_px": 48}}, r"input\.size_px: expected crops \[any, 3, 48, 48\]"),
        ({"input": {"size_px": 32, "std": [1, 0, 1]}}, "std: expected numbers above 0"),
        ({"reference_widths_px": [2]}, "reference_widths_px: expected 8 px or more"),
        ({"dimension": 40}, r"dimension: expected vectors \[2, 40\]"),
        ({"sha256": "0" * 64}, "not of the same export"),
        ({"file": "gone.onnx"}, r"file: expected .*gone\.onnx"),
        (
            {"golden": {"file": "gone.png", "vector_head": [0, 0, 0, 0]}},
            r"golden\.file: .*gone\.png",
        ),
        (
            {"golden": {"file": "golden.png", "vector_head": [0.5, 0, 0, 0]}},
            r"golden: expected the vector of golden\.png",
        ),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, overrides: dict, message: str) -> None:
    """The field, what was expected and what was found."""
    with pytest.raises(ModelError, match=message):
        NetworkEmbedder.load(write_embedder(tmp_path / "tiny", **overrides))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (grid_network(batch=1), r"expected crops \[any, 3, 32, 32\], found \[1, 3, 32, 32\]"),
        (grid_network(output="features"), "expected a network 'crops' -> 'vectors'"),
        (b"no network", "expected an ONNX model"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    tmp_path: Path, network: bytes, message: str
) -> None:
    """It fails when it is loaded, not on the first frame of the night."""
    with pytest.raises(ModelError, match=message):
        NetworkEmbedder.load(write_embedder(tmp_path / "tiny", network))


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    """The path that was looked for is in the message."""
    with pytest.raises(ModelError, match=r"manifest\.yaml: expected the manifest"):
        NetworkEmbedder.load(tmp_path)


def test_an_embedder_is_always_there() -> None:
    """Without a name it is the one to use, and it is loaded once."""
    assert load_embedder() is load_embedder()


def test_pictures_are_shrunk_and_never_enlarged() -> None:
    """A packshot is seen at each width; a small crop also as it is."""
    large, small = crop(1, (200, 100)), crop(2, (40, 20))
    assert [view.shape for view in reference_views(large, (24, 12))] == [(24, 12, 3), (48, 24, 3)]
    assert [view.shape for view in reference_views(small, (12, 24))] == [(24, 12, 3), (40, 20, 3)]
    assert reference_views(large, ())[0] is large
