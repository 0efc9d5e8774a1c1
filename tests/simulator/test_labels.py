"""Scenes for training and their boxes."""

import numpy as np
import pytest

from simulator.labels import LabelledScene, training_scene

SIZE_PX = (320, 256)


@pytest.fixture(scope="module")
def scenes() -> list[LabelledScene]:
    return [training_scene(seed, SIZE_PX) for seed in range(6)]


def test_a_scene_depends_on_its_seed_alone(scenes: list[LabelledScene]) -> None:
    """The same seed gives the same bytes, another seed another picture."""
    again = training_scene(2, SIZE_PX)
    assert np.array_equal(again.image_bgr, scenes[2].image_bgr)
    assert np.array_equal(again.product_boxes_xyxy_px, scenes[2].product_boxes_xyxy_px)
    assert not np.array_equal(again.image_bgr, scenes[3].image_bgr)


def test_boxes_lie_in_the_picture(scenes: list[LabelledScene]) -> None:
    """All boxes are float32 (n,4), in order and within the picture."""
    for scene in scenes:
        assert scene.image_bgr.shape == (SIZE_PX[1], SIZE_PX[0], 3)
        for boxes in (scene.product_boxes_xyxy_px, scene.gap_boxes_xyxy_px):
            assert boxes.dtype == np.float32
            assert boxes.shape == (len(boxes), 4)
            assert (boxes >= 0).all()
            assert (boxes[:, 2:] <= SIZE_PX).all()
            assert (boxes[:, 2:] - boxes[:, :2] >= 4).all()


def test_scenes_hold_products_and_holes(scenes: list[LabelledScene]) -> None:
    """Nearly every scene shows products, and some show holes."""
    assert sum(len(scene.product_boxes_xyxy_px) > 0 for scene in scenes) >= 5
    assert sum(len(scene.gap_boxes_xyxy_px) for scene in scenes) > 0
