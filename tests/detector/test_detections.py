import numpy as np
import pytest

from detector import Detections

NAMES = ("product", "gap")


def three():
    return Detections(
        boxes_xyxy_px=np.array([[0, 0, 1, 1], [2, 2, 4, 4], [5, 5, 9, 9]]),
        scores=np.array([0.9, 0.8, 0.7]),
        class_ids=np.array([0, 1, 0]),
        class_names=NAMES,
        embeddings=np.eye(3),
    )


def test_arrays_get_their_types():
    """Whatever came in, boxes and scores are float32 and ids are integers."""
    found = three()
    assert found.boxes_xyxy_px.dtype == np.float32
    assert found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes_xyxy_px": np.zeros((3, 5))}, r"boxes_xyxy_px: expected shape \(n, 4\)"),
        ({"scores": np.zeros(2)}, r"scores: expected shape \(3,\), got \(2,\)"),
        ({"class_ids": np.array([0, 1, 2])}, r"class_ids: expected 0\.\.1, got 0\.\.2"),
        ({"embeddings": np.zeros((2, 8))}, r"embeddings: expected shape \(3, d\)"),
        ({"boxes_xyxy_px": np.array([[1, 0, 0, 1]] * 3)}, "x1 <= x2"),
        ({"scores": np.array([np.nan, 0, 0])}, "finite"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    """Each array is checked against the others at construction."""
    found = three()
    fields = {name: getattr(found, name) for name in found.__slots__} | change
    with pytest.raises(ValueError, match=message):
        Detections(**fields)


def test_of_class_keeps_rows_together():
    """Boxes, scores and embeddings stay aligned when a class is picked."""
    products = three().of_class("product")
    assert products.scores.tolist() == pytest.approx([0.9, 0.7])
    assert products.embeddings is not None
    assert products.embeddings.argmax(1).tolist() == [0, 2]


def test_a_class_the_model_lacks_has_no_detections():
    """Asking for an unknown class is not an error: that model sees none."""
    assert len(three().of_class("person")) == 0


def test_select_takes_indices_in_their_order():
    """An index array reorders."""
    assert three().select(np.array([2, 0])).scores.tolist() == pytest.approx([0.7, 0.9])
    assert len(three().select(np.array([], dtype=int))) == 0


def test_concatenate_joins_in_order():
    """Parts follow one another; no parts give an empty result."""
    assert len(Detections.concatenate([three(), three()])) == 6
    assert len(Detections.concatenate([])) == 0


def test_concatenate_refuses_other_classes():
    """Ids of another model mean something else."""
    with pytest.raises(ValueError, match="class_names"):
        Detections.concatenate([three(), Detections.empty(("gap",))])


def test_empty_has_the_right_shapes():
    """Even nothing has shapes."""
    empty = Detections.empty(NAMES)
    assert empty.boxes_xyxy_px.shape == (0, 4)
    assert empty.names() == []
