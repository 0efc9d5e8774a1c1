import numpy as np
import pytest

from detector.decode import DecodeSettings, check_output_shape, decode
from detector.errors import ModelError
from detector.manifest import BoxUnit, DecoderKind

IOUS = np.array([0.5, 0.5], np.float32)


def settings(kind, unit=BoxUnit.INPUT_PX, thresholds=(0.3, 0.3)):
    return DecodeSettings(kind, unit, np.array(thresholds, np.float32), IOUS, 100)


# The same two objects in each layout: a product around (20, 30), a gap around (100, 100), and a
# second, weaker box on the product, which end-to-end networks remove themselves.
CENTRED = np.array([[20, 30, 10, 20], [100, 100, 40, 20], [21, 30, 10, 20]], np.float32)
CLASS_SCORES = np.array([[0.9, 0.0], [0.1, 0.8], [0.7, 0.0]], np.float32)
EXPECTED = [[15, 20, 25, 40], [80, 90, 120, 110]]


def ultralytics():
    return np.concatenate([CENTRED, CLASS_SCORES], 1).T[None]


def yolov5():
    objectness = np.full((3, 1), 0.95, np.float32)
    return np.concatenate([CENTRED, objectness, CLASS_SCORES / 0.95], 1)[None]


def end_to_end():
    rows = [[15, 20, 25, 40, 0.9, 0], [80, 90, 120, 110, 0.8, 1], [0, 0, 1, 1, 0.01, 0]]
    return np.array([rows], np.float32)


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        (DecoderKind.ULTRALYTICS, ultralytics()),
        (DecoderKind.YOLOV5, yolov5()),
        (DecoderKind.END_TO_END, end_to_end()),
    ],
)
def test_every_layout_yields_the_same_boxes(kind, output):
    """The three export layouts decode to the same product and gap."""
    boxes, scores, class_ids = decode(output, settings(kind), (128, 128))
    assert boxes.tolist() == pytest.approx(np.array(EXPECTED), abs=1e-4)
    assert scores.tolist() == pytest.approx([0.9, 0.8], abs=1e-4)
    assert class_ids.tolist() == [0, 1]


@pytest.mark.parametrize("kind", list(DecoderKind))
def test_nothing_above_threshold_is_no_detections(kind):
    """An output of zeros decodes to empty arrays of the right shapes."""
    shape = {"ultralytics": (1, 6, 50), "yolov5": (1, 50, 7), "end_to_end": (1, 50, 6)}[kind]
    boxes, scores, class_ids = decode(np.zeros(shape, np.float32), settings(kind), (64, 64))
    assert (boxes.shape, scores.shape, class_ids.shape) == ((0, 4), (0,), (0,))


def test_shares_of_the_input_become_pixels():
    """Boxes in 0..1 are scaled by width and height."""
    output = ultralytics()
    output[:, [0, 2]] /= 200
    output[:, [1, 3]] /= 100
    boxes, _, _ = decode(output, settings(DecoderKind.ULTRALYTICS, BoxUnit.INPUT_SHARE), (200, 100))
    assert boxes.tolist() == pytest.approx(np.array(EXPECTED), abs=1e-3)


def test_each_class_has_its_own_threshold():
    """A high threshold for products leaves the gap alone."""
    _, _, class_ids = decode(
        ultralytics(), settings(DecoderKind.ULTRALYTICS, thresholds=(0.95, 0.3)), (128, 128)
    )
    assert class_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (DecoderKind.ULTRALYTICS, (1, 8400, 6)),
        (DecoderKind.ULTRALYTICS, (1, 7, 8400)),
        (DecoderKind.YOLOV5, (1, 100, 6)),
        (DecoderKind.END_TO_END, (1, 6, 8400)),
        (DecoderKind.ULTRALYTICS, (6, 8400)),
    ],
)
def test_a_wrong_output_shape_is_named(kind, shape):
    """The error says what was expected and what the network gives."""
    with pytest.raises(ModelError, match=r"m.yaml: decoder .* expected .* found \["):
        check_output_shape(shape, kind, 2, "m.yaml")
