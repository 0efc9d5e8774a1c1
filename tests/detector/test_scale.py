import numpy as np
import pytest

from detector import Detections
from detector.scale import explained_px, search_scale, wanted_scale

NAMES = ("product", "gap")


def products(width_px: float, count: int, score: float = 0.9) -> Detections:
    left = np.arange(count) * width_px
    boxes = np.stack([left, left * 0, left + width_px, left * 0 + 2 * width_px], axis=1)
    return Detections(boxes, np.full(count, score), np.zeros(count), NAMES)


def shelf_seen_by(best_px: float, facing_px: float, count: int):
    """A detector that finds fewer facings the further their width is from ``best_px``."""
    asked = []

    def look(scale: float) -> Detections:
        asked.append(scale)
        distance = abs(np.log2(scale * facing_px / best_px))
        return products(facing_px, max(0, round(count * (1 - distance / 3))))

    return look, asked


@pytest.mark.parametrize("facing_px", [8.0, 20.0, 50.0, 150.0, 300.0])
def test_the_search_ends_near_the_best_scale(facing_px):
    """Whatever the picture's scale, facings end near the size the model knows."""
    look, asked = shelf_seen_by(50, facing_px, 40)
    scale, found = search_scale(look, (1.0, 0.5), 50, 8.0, 4, "product")
    assert 30 < scale * facing_px < 90
    assert len(found) >= 30
    assert len(asked) <= 4


def test_nothing_found_is_looked_at_more_closely():
    """Tiny products may be invisible at first; the search enlarges, within its bound."""
    asked = []

    def look(scale: float) -> Detections:
        asked.append(scale)
        return Detections.empty(NAMES)

    _, found = search_scale(look, (1.0, 0.5), 50, 3.0, 9, "product")
    assert len(found) == 0
    assert asked == [1.0, 0.5, 2.0, 3.0]


def test_the_scale_is_bounded():
    """A picture is never enlarged beyond the bound, nor the first scale skipped for it."""
    assert wanted_scale(products(5, 3), 1.0, 50, 2.0, "product") == 2.0
    scale, _ = search_scale(lambda _: products(5, 3), (4.0,), 50, 2.0, 3, "product")
    assert scale == 2.0


def test_gaps_explain_nothing():
    """Only products count, each with its score."""
    found = Detections(
        np.array([[0, 0, 10, 10], [0, 0, 90, 90]]), np.array([0.5, 0.9]), np.array([0, 1]), NAMES
    )
    assert explained_px(found, "product") == pytest.approx(50)
