"""The label file: records, what is cut or dropped, and files that a killed run leaves."""

import json

import numpy as np
import pytest

from detector.errors import TrainingError
from detector.training.labels import PictureLabels, read_labels, read_unfinished
from detector.training.splits import Side
from detector.training.tally import Tally

NONE = np.zeros((0, 4), np.float32)
LABELS = PictureLabels(
    "mine/a.jpg",
    (600, 400),
    np.array([[10, 20, 60.5, 120]], np.float32),
    np.array([[0, 0, 15, 15]], np.float32),
    None,
)


def record(**changes):
    return json.dumps({**json.loads(LABELS.to_json()), **changes})


@pytest.mark.parametrize("gaps", [None, NONE, np.array([[1, 2, 3, 4]], np.float32)])
@pytest.mark.parametrize("teacher", [None, "sha256:1", "hand"])
def test_labels_survive_a_line_of_json(gaps, teacher):
    """No gap labels and no gaps are different things, before and after."""
    labels = PictureLabels(
        "a.jpg", (600, 400), LABELS.products, LABELS.unsure, gaps, Side.TEST, teacher
    )
    back = PictureLabels.from_json(labels.to_json())
    assert (back.picture, back.side, back.teacher) == ("a.jpg", Side.TEST, teacher)
    assert back.products.tolist() == labels.products.tolist()
    assert (back.gaps is None) == (gaps is None)
    assert gaps is None or back.gaps.tolist() == gaps.tolist()


def test_boxes_outside_the_picture_are_cut_or_dropped_and_counted(tmp_path):
    """Training never sees a box that is not in the picture."""
    path, tally = tmp_path / "labels.jsonl", Tally()
    products = [[-20, 0, 30, 40], [700, 0, 720, 40], [590.0, 10, 600.4, 50]]
    path.write_text(record(products=products) + "\n")
    (labels,) = read_labels(path, tally)
    assert labels.products.tolist() == [[0, 0, 30, 40], [590, 10, 600, 50]]
    assert list(tally.lines()) == [
        "boxes outside the picture, dropped: 1 (labels.jsonl:1)",
        "boxes partly outside the picture, cut at its edge: 1 (labels.jsonl:1)",
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "expected one picture's labels as JSON"),
        ("[1]", "expected a JSON object, found list"),
        ('{"picture": "a.jpg"}', "expected the key 'size_px', found none"),
        (record(side="exam"), "'exam' is not a valid Side"),
        (record(products=[[1, 2, 3]]), "products: expected rows of four numbers"),
        (record(products=[[9, 0, 3, 5]]), "products: expected x1 <= x2"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, found):
    """File, line, what was expected and what was found."""
    path = tmp_path / "labels.jsonl"
    path.write_text(f"{LABELS.to_json()}\n{line}\n")
    with pytest.raises(TrainingError) as error:
        read_labels(path)
    assert f"{path}:2: " in str(error.value)
    assert found in str(error.value)


def test_a_half_written_last_line_is_removed(tmp_path):
    """What a killed run leaves can be gone on with."""
    path = tmp_path / "labels.jsonl"
    path.write_text(f"{LABELS.to_json()}\n{LABELS.to_json()[:30]}")
    assert [labels.picture for labels in read_unfinished(path)] == ["mine/a.jpg"]
    assert path.read_text() == f"{LABELS.to_json()}\n"
    assert read_unfinished(tmp_path / "none.jsonl") == []


def test_of_two_lines_for_a_picture_the_last_counts(tmp_path):
    """Appending a correction is enough."""
    path, tally = tmp_path / "labels.jsonl", Tally()
    path.write_text(f"{LABELS.to_json()}\n{record(products=[])}\n")
    (labels,) = read_labels(path, tally)
    assert len(labels.products) == 0
    assert tally.count("pictures labelled twice, the last line counts") == 1
