import numpy as np
import pytest

from detector.boxes import (
    box_areas,
    clip_boxes,
    containment_matrix,
    intersection_areas,
    iou_matrix,
    nms,
)


def boxes(*rows):
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (20, 20, 30, 30), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    ],
)
def test_iou_of_two_boxes(left, right, expected):
    """Intersection over union of known pairs, the empty box included."""
    assert iou_matrix(boxes(left), boxes(right))[0, 0] == pytest.approx(expected)


def test_containment_is_the_share_of_the_first_box():
    """A small box inside a large one is contained; the large one is not."""
    small, large = boxes((2, 2, 4, 4)), boxes((0, 0, 10, 10))
    assert containment_matrix(small, large)[0, 0] == pytest.approx(1.0)
    assert containment_matrix(large, small)[0, 0] == pytest.approx(0.04)


@pytest.mark.parametrize("function", [iou_matrix, containment_matrix, intersection_areas])
def test_no_boxes_give_an_empty_matrix(function):
    """Every pairwise function takes no boxes on either side."""
    assert function(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)
    assert function(boxes((0, 0, 1, 1)), boxes()).shape == (1, 0)


def test_clipping_keeps_the_argument():
    """Clipping returns a new array."""
    before = boxes((-5, -5, 50, 50))
    assert clip_boxes(before, 20, 10).tolist() == [[0, 0, 20, 10]]
    assert before.tolist() == [[-5, -5, 50, 50]]


def test_nms_keeps_the_best_of_an_overlapping_pair():
    """The weaker of two overlapping boxes goes; a distant one stays; order is by score."""
    found = boxes((0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60))
    kept = nms(found, np.array([0.5, 0.9, 0.7], dtype=np.float32), 0.5)
    assert kept.tolist() == [1, 2]


def test_nms_never_mixes_classes():
    """A gap does not suppress a product at the same place."""
    same = boxes((0, 0, 10, 10), (0, 0, 10, 10))
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert len(nms(same, scores, 0.5, class_ids=np.array([0, 1]))) == 2
    assert len(nms(same, scores, 0.5, class_ids=np.array([1, 1]))) == 1


def test_nms_drops_parts_when_asked():
    """A box inside a stronger one goes only with a containment threshold."""
    found = boxes((0, 0, 10, 10), (1, 1, 4, 4))
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert len(nms(found, scores, 0.5)) == 2
    assert nms(found, scores, 0.5, contained_threshold=0.8).tolist() == [0]


def test_nms_takes_a_limit_per_box():
    """The stronger box's limit decides."""
    found = boxes((0, 0, 10, 10), (4, 0, 14, 10))
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert len(nms(found, scores, np.array([0.3, 0.9], np.float32))) == 1
    assert len(nms(found, scores, np.array([0.9, 0.3], np.float32))) == 2


def test_nms_agrees_with_the_plain_algorithm():
    """The vectorised pass keeps exactly what a double loop keeps."""
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 80, (200, 2))
    found = np.concatenate([corners, corners + rng.uniform(5, 40, (200, 2))], 1).astype(np.float32)
    scores = rng.random(200).astype(np.float32)
    overlaps = iou_matrix(found, found)
    kept: list[int] = []
    for index in np.argsort(-scores):
        if all(overlaps[index, other] <= 0.45 for other in kept):
            kept.append(int(index))
    assert nms(found, scores, 0.45).tolist() == kept


def test_area_of_an_inverted_box_is_zero():
    """Nonsense has no area."""
    assert box_areas(boxes((5, 5, 1, 1))).tolist() == [0.0]


def test_boxes_of_one_view_do_not_suppress_one_another():
    """Only what another view has seen as well is a double."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 9]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    kept = nms(boxes, scores, 0.5, view_ids=np.array([0, 0, 1]))
    assert kept.tolist() == [0, 1]
