import numpy as np
import pytest

from detector.training.metrics import (
    Matched,
    average_precision,
    best_threshold,
    match_picture,
    pooled,
    recall_by_size,
)

NONE = np.zeros((0, 4), np.float32)


def boxes(*rows):
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def matched(scores, hits, label_count):
    labels = np.zeros(label_count, np.float32)
    labels[: sum(hits)] = [s for s, hit in zip(scores, hits, strict=True) if hit]
    return Matched(np.array(scores, np.float32), np.array(hits, bool), labels)


def test_a_label_is_found_once():
    """The second box on a product is a miss, however well it fits."""
    found = boxes((0, 0, 10, 10), (0, 0, 10, 9))
    result = match_picture(found, np.array([0.5, 0.9]), boxes((0, 0, 10, 10)), NONE, 0.5)
    assert result.hits.tolist() == [True, False]
    assert result.label_scores.tolist() == pytest.approx([0.9])


def test_doubtful_places_do_not_count():
    """A box where nobody knows whether there is a product is neither hit nor miss."""
    found = boxes((0, 0, 10, 10), (50, 50, 60, 60))
    scores = np.array([0.9, 0.8])
    result = match_picture(found, scores, boxes((0, 0, 10, 10)), boxes((48, 48, 62, 62)), 0.5)
    assert result.hits.tolist() == [True]


@pytest.mark.parametrize(
    ("hits", "labels", "expected"),
    [
        ([True, True], 2, 1.0),
        ([True, False], 2, 0.5),
        ([False, True], 1, 0.5),
        ([False], 1, 0.0),
    ],
)
def test_average_precision_of_small_cases(hits, labels, expected):
    """Worked by hand."""
    scores = np.linspace(0.9, 0.5, len(hits)).tolist()
    assert average_precision(pooled([matched(scores, hits, labels)])) == pytest.approx(expected)


def test_nothing_to_find_has_no_average_precision():
    """Without labels the figure does not exist."""
    assert np.isnan(average_precision(pooled([])))


def test_the_best_threshold_has_the_best_f1():
    """Two hits, then misses: the threshold lies at the second hit."""
    scored = pooled([matched([0.9, 0.7, 0.3, 0.2], [True, True, False, False], 2)])
    best = best_threshold(scored)
    assert (best.threshold, best.precision, best.recall) == pytest.approx((0.7, 1.0, 1.0))


def test_recall_is_counted_per_size():
    """Each range of sizes has its own recall; empty ranges are left out."""
    part = Matched(np.zeros(0), np.zeros(0, bool), np.array([0.9, 0.1, 0.8], np.float32))
    result = recall_by_size([part], [np.array([10.0, 12.0, 40.0])], 0.5, (0, 16, 32, 64))
    assert result == {(0, 16): (0.5, 2), (32, 64): (1.0, 1)}
