import numpy as np
import pytest

from detector import ColourLayoutEmbedder, Detections, PictureError, crops_of, embed_detections


def package(top, bottom, size=(120, 80)):
    """A picture with two colours, BGR."""
    image = np.zeros((*size, 3), np.uint8)
    image[: size[0] // 2], image[size[0] // 2 :] = top, bottom
    return image


RED, BLUE, GREEN, WHITE = (40, 40, 200), (200, 60, 40), (60, 180, 60), (240, 240, 240)


@pytest.fixture
def embedder():
    return ColourLayoutEmbedder()


def test_vectors_have_unit_length(embedder):
    """Cosine similarity is a plain dot product."""
    vectors = embedder.embed([package(RED, WHITE), package(BLUE, GREEN)])
    assert vectors.shape == (2, embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_no_crops_give_no_vectors(embedder):
    """An empty shelf embeds to an empty array."""
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: (image * 0.6).astype(np.uint8),
        lambda image: np.clip(image.astype(float) * (1.1, 1.0, 0.92), 0, 255).astype(np.uint8),
        lambda image: image[::3, ::3],
        lambda image: np.repeat(np.repeat(image, 2, 0), 2, 1),
    ],
    ids=["dimmed", "warmer light", "far away", "near"],
)
def test_light_and_size_matter_little(embedder, change):
    """The same package under other light or at another size is closer than another package."""
    here, other = package(RED, WHITE), package(BLUE, GREEN)
    vectors = embedder.embed([here, change(here), other])
    assert vectors[0] @ vectors[1] > 0.9
    assert vectors[0] @ vectors[2] < 0.5


def test_layout_matters(embedder):
    """The same two colours the other way round are another package."""
    vectors = embedder.embed([package(RED, BLUE), package(BLUE, RED)])
    assert vectors[0] @ vectors[1] < 0.5


def test_a_flat_crop_embeds_to_finite_numbers(embedder):
    """A crop of one colour has no layout, and no division by zero."""
    assert np.isfinite(embedder.embed([np.full((9, 9, 3), 128, np.uint8)])).all()


@pytest.mark.parametrize("crop", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_crop_is_refused(embedder, crop):
    """Grey or empty arrays are named in the error."""
    with pytest.raises(PictureError, match="crop: expected"):
        embedder.embed([crop])


def test_settings_change_the_identity():
    """Vectors of two grids can be told apart by the name of their method."""
    assert ColourLayoutEmbedder(columns=4).identity != ColourLayoutEmbedder().identity


def test_crops_at_the_edge_keep_a_pixel():
    """A box outside the picture, or one of no width, still gives a crop."""
    image = np.zeros((10, 10, 3), np.uint8)
    boxes = np.array([[-5, -5, 3, 3], [9.9, 9.9, 10, 10], [4, 4, 4, 4]], np.float32)
    assert all(crop.size > 0 for crop in crops_of(image, boxes, inset=0.1))


def test_detections_get_a_vector_each(embedder):
    """Embedding detections keeps their order."""
    image = np.concatenate([package(RED, WHITE), package(BLUE, GREEN)], axis=1)
    found = Detections(
        np.array([[0, 0, 80, 120], [80, 0, 160, 120]]), np.ones(2), np.zeros(2), ("product",)
    )
    embedded = embed_detections(image, found, embedder)
    direct = embedder.embed([package(RED, WHITE), package(BLUE, GREEN)])
    assert embedded.embeddings is not None
    assert (embedded.embeddings * direct).sum(axis=1) == pytest.approx([1, 1], abs=0.02)
