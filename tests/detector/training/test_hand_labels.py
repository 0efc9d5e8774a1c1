"""Folders of pictures with what somebody drew in them."""

import cv2
import numpy as np
import pytest

from detector.errors import TrainingError
from detector.training.hand_labels import open_folder, read_yolo_file, write_drafts
from detector.training.labels import PictureLabels
from detector.training.tally import Tally


def make_folder(tmp_path, labels=None, classes=None):
    """A folder with one picture; ``labels`` is the text of its label file."""
    folder = tmp_path / "mine"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    cv2.imwrite(str(folder / "images" / "a.png"), np.zeros((100, 200, 3), np.uint8))
    if labels is not None:
        (folder / "labels" / "a.txt").write_text(labels)
    if classes is not None:
        (folder / "classes.txt").write_text(classes)
    return folder


def test_boxes_and_polygons_become_corners_in_pixels(tmp_path):
    """By the name of their class; polygons by their bounds."""
    path = tmp_path / "a.txt"
    path.write_text("1 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.3 0.1 0.3 0.2\n")
    found = read_yolo_file(path, (100, 100), ("product", "gap"), Tally())
    assert found["gap"].tolist() == pytest.approx(np.array([[40, 30, 60, 70]]))
    assert found["product"].tolist() == pytest.approx(np.array([[10, 10, 30, 20]]))


def test_what_is_dropped_or_cut_is_counted(tmp_path):
    """Lines that are no box, boxes outside and boxes partly outside, each with its place."""
    path, tally = tmp_path / "a.txt", Tally()
    path.write_text("0 0.5 0.5 x 1\n0 1 2\n0 3 3 .1 .1\n0 1 .5 .2 .2\n0 .5 .5 .2 .2 .9\n")
    found = read_yolo_file(path, (100, 100), ("gap",), tally)
    assert found["gap"].tolist() == pytest.approx(np.array([[90, 40, 100, 60]]))
    assert list(tally.lines()) == [
        "label lines that are no box and no polygon, dropped: 3 (a.txt:1, a.txt:2, a.txt:5)",
        "boxes outside the picture, dropped: 1 (a.txt)",
        "boxes partly outside the picture, cut at its edge: 1 (a.txt)",
    ]


def test_an_empty_file_says_that_nothing_is_there(tmp_path):
    """It is counted, since it may also be a mistake."""
    folder, tally = open_folder(make_folder(tmp_path, "", "gap\n")), Tally()
    (picture,) = folder.pictures().values()
    assert folder.drawn(picture, (200, 100), tally)["gap"].shape == (0, 4)
    assert tally.count("empty label files, read as: nothing is there") == 1


def test_a_picture_without_a_file_was_not_looked_at(tmp_path):
    """No file is not the same as an empty one."""
    folder = open_folder(make_folder(tmp_path, classes="gap\n"))
    (picture,) = folder.pictures().values()
    assert folder.drawn(picture, (200, 100), Tally()) is None


def test_a_plain_folder_has_its_labels_beside_the_pictures(tmp_path):
    """As drawing tools write them."""
    folder = tmp_path / "plain"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((10, 10, 3), np.uint8))
    (folder / "a.txt").write_text("0 .5 .5 1 1\n")
    (folder / "data.yaml").write_text("names: {0: product}\n")
    opened = open_folder(folder)
    assert opened.pictures() == {"plain/a.png": folder / "a.png"}
    drawn = opened.drawn(folder / "a.png", (10, 10), Tally())
    assert drawn["product"].tolist() == [[0, 0, 10, 10]]


@pytest.mark.parametrize(
    ("labels", "classes", "named", "message"),
    [
        ("0 .5 .5 1 1", None, None, "found neither classes.txt nor data.yaml"),
        ("0 .5 .5 1 1", "row\n", None, "classes.txt: expected names out of product, gap, ignore"),
        ("2 .5 .5 1 1", "product\ngap\n", None, "a.txt:1: expected a class below 2"),
        ("1 .5 .5 1 1", None, ("gap",), "--classes names gap, found class 1"),
    ],
)
def test_a_class_list_that_does_not_fit_is_refused(tmp_path, labels, classes, named, message):
    """Before any picture is labelled."""
    with pytest.raises(TrainingError, match=message):
        open_folder(make_folder(tmp_path, labels, classes), named)


def test_a_folder_without_pictures_is_refused(tmp_path):
    """So is one that is not there."""
    with pytest.raises(TrainingError, match="expected pictures"):
        open_folder(tmp_path)
    with pytest.raises(TrainingError, match="expected a folder"):
        open_folder(tmp_path / "none")


def test_drafts_are_read_back_as_they_were(tmp_path):
    """What a drawing tool opens, and what it leaves untouched, stays the same box."""
    box, gap = np.array([[10, 20, 60, 80]], np.float32), np.array([[90, 0, 200, 100]], np.float32)
    none = np.zeros((0, 4), np.float32)
    labels = PictureLabels("mine/a.png", (200, 100), box, none, gap)
    assert write_drafts([labels], tmp_path) == 1
    found = read_yolo_file(tmp_path / "a.txt", (200, 100), ("product", "gap"), Tally())
    assert found["product"] == pytest.approx(box, abs=0.01)
    assert found["gap"] == pytest.approx(gap, abs=0.01)
    assert (tmp_path / "classes.txt").read_text() == "product\ngap\n"
