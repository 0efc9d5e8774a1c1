import numpy as np
import pytest

from detector.training.metrics import (
    Matched,
    average_precision,
    best_threshold,
    match_at_ious,
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
        ([True, False], 2, 51 / 101),
        ([False, True], 1, 0.5),
        ([False], 1, 0.0),
    ],
)
def test_average_precision_of_small_cases(hits, labels, expected):
    """Worked by hand: the mean precision at 101 recalls, 51 of which one hit of two reaches."""
    scores = np.linspace(0.9, 0.5, len(hits)).tolist()
    assert average_precision(pooled([matched(scores, hits, labels)])) == pytest.approx(expected)


def test_only_labels_of_a_size_count():
    """For small ones a box on a large one is neither hit nor miss, and so is a large stray box."""
    labels = boxes((0, 0, 10, 10), (50, 50, 90, 90))
    found = boxes((0, 0, 10, 10), (50, 50, 90, 90), (200, 200, 240, 240), (100, 0, 110, 10))
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    small = match_at_ious(found, scores, labels, NONE, (0.5,), sides=(0, 20))[0.5]
    assert small.hits.tolist() == [True, False]
    assert small.scores.tolist() == pytest.approx([0.9, 0.6])
    assert small.label_scores.tolist() == pytest.approx([0.9])


def test_a_label_that_counts_goes_before_one_that_does_not():
    """Even where the box overlaps the other one more; COCO does the same."""
    labels = boxes((0, 0, 10, 19), (0, 0, 20, 20))
    scores = np.array([0.9], np.float32)
    found = match_at_ious(boxes((0, 0, 14, 20)), scores, labels, NONE, (0.5,), sides=(0, 15))[0.5]
    assert found.hits.tolist() == [True]


def test_a_loose_box_counts_at_a_loose_overlap_only():
    """The same match at two overlaps."""
    found, labels = boxes((0, 0, 10, 10)), boxes((0, 0, 10, 16))
    both = match_at_ious(found, np.array([0.5], np.float32), labels, NONE, (0.5, 0.75))
    assert [both[iou].hits.tolist() for iou in (0.5, 0.75)] == [[True], [False]]


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
