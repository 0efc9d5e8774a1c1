"""Labelling with a teacher: views, votes, hand labels, and going on after a stop."""

import cv2
import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import TrainingError
from detector.training.autolabel import (
    AutolabelSettings,
    label_facings,
    label_folders,
    label_picture,
    merge_views,
)
from detector.training.dataset import LabelledPicture
from detector.training.hand_labels import open_folder
from detector.training.labels import PictureLabels, read_labels
from detector.training.sheet import (
    GAP_BGR,
    LABEL_LEGEND,
    PRODUCT_BGR,
    contact_sheet,
    label_tile,
    mistake_tile,
)
from detector.training.tally import Tally

SETTINGS = AutolabelSettings()
WHOLE_ONLY = AutolabelSettings(tile_fractions=())


def teacher(image):
    """Finds what is bright."""
    mask = (image[..., 0] > 0).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]]
    return np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32)


class Counting:
    """A teacher that counts its pictures and may be stopped."""

    def __init__(self, stop_after=1000):
        self.looks, self.stop_after = 0, stop_after

    def __call__(self, image):
        self.looks += 1
        if self.looks > self.stop_after:
            raise KeyboardInterrupt
        return teacher(image)


def make_pictures(tmp_path, count=3):
    """A folder of pictures of different scenes, each with one bright package."""
    folder = tmp_path / "mine"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index in range(count):
        image = np.zeros((200, 300, 3), np.uint8)
        image[..., 1] = cv2.resize(rng.integers(0, 250, (9, 9), np.uint8), (300, 200))
        image[60:120, 100:140] = 255
        cv2.imwrite(str(folder / f"p{index}.png"), image)
    return folder


def label(folder, out, teach, tally=None, name="sha256:t", **options):
    """The labels of one folder, seen whole."""
    return label_folders(
        [open_folder(folder, **options)],
        teach,
        out,
        tally or Tally(),
        teacher_name=name,
        settings=WHOLE_ONLY,
    )


def test_views_vote():
    """Confident alone is sure; weak in two views is sure; weak in one is unsure."""
    boxes = np.array([[0, 0, 9, 9], [20, 0, 29, 9], [20, 0, 29, 9], [40, 0, 49, 9]], np.float32)
    scores = np.array([0.8, 0.35, 0.35, 0.2], np.float32)
    sure, unsure = merge_views(boxes, scores, np.array([0, 0, 1, 0]), SETTINGS)
    assert sorted(sure[:, 0].tolist()) == [0, 20]
    assert unsure[:, 0].tolist() == [40]


def test_a_product_that_a_tile_cuts_is_labelled_whole():
    """Pieces at the inner borders of tiles are dropped for the box of the view that sees all."""
    image = np.zeros((200, 200, 3), np.uint8)
    image[70:130, 90:150] = 255
    sure, _ = label_facings(image, teacher, SETTINGS)
    assert sure.tolist() == [[90, 70, 150, 130]]


def test_the_hand_wins_over_the_teacher():
    """Drawn products replace the teacher's; one of the teacher's in a drawn gap is dropped."""
    image = np.zeros((200, 200, 3), np.uint8)
    image[70:130, 90:150] = 255
    box = np.array([[88, 68, 152, 132]], np.float32)
    assert label_picture("a", image, teacher, SETTINGS, {"product": box}).products.tolist() == [
        [88, 68, 152, 132]
    ]
    in_gap = label_picture("a", image, teacher, SETTINGS, {"gap": box})
    assert len(in_gap.products) == 0
    assert in_gap.gaps.tolist() == box.tolist()
    assert label_picture("a", image, teacher, SETTINGS).gaps is None


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    """No picture is labelled twice, and the file is as from one run."""
    folder, out = make_pictures(tmp_path), tmp_path / "labels.jsonl"
    label(folder, tmp_path / "whole.jsonl", teacher)
    with pytest.raises(KeyboardInterrupt):
        label(folder, out, Counting(stop_after=2))
    rest = Counting()
    assert len(label(folder, out, rest)) == 3
    assert rest.looks == 1
    assert out.read_text() == (tmp_path / "whole.jsonl").read_text()


def test_pictures_with_changed_hand_labels_are_labelled_again(tmp_path):
    """Look at the sheet, correct a file, run again."""
    folder, out = make_pictures(tmp_path), tmp_path / "labels.jsonl"
    label(folder, out, teacher)
    (folder / "p1.txt").write_text("0 .2 .2 .1 .1\n")
    again, tally = Counting(), Tally()
    label(folder, out, again, tally, named=("gap",))
    assert again.looks == 1
    assert tally.count("pictures labelled again, since the hand's labels changed") == 1
    by_name = {labels.picture: labels for labels in read_labels(out)}
    assert len(by_name) == 3
    assert len(by_name["mine/p1.png"].gaps) == 1
    unchanged = Counting()
    label(folder, out, unchanged, named=("gap",))
    assert unchanged.looks == 0


def test_another_teacher_may_not_add_to_a_file(tmp_path):
    """A file is of one teacher, or its figures mean nothing."""
    folder, out = make_pictures(tmp_path), tmp_path / "labels.jsonl"
    label(folder, out, teacher)
    with pytest.raises(TrainingError, match="expected labels of the teacher sha256:other"):
        label(folder, out, teacher, name="sha256:other")


def test_unreadable_pictures_are_skipped_by_name(tmp_path):
    """The others are labelled."""
    folder, tally = make_pictures(tmp_path), Tally()
    (folder / "broken.jpg").write_bytes(b"no picture")
    assert len(label(folder, tmp_path / "labels.jsonl", teacher, tally)) == 3
    assert list(tally.lines()) == ["pictures that cannot be read, skipped: 1 (mine/broken.jpg)"]


def test_the_sheet_shows_what_was_found(tmp_path):
    """Products green, gaps red, in a grid."""
    folder = make_pictures(tmp_path)
    (folder / "p0.txt").write_text("0 .2 .2 .1 .1\n")
    labels = label(folder, tmp_path / "labels.jsonl", teacher, named=("gap",))
    pictures = [LabelledPicture(cv2.imread(str(tmp_path / one.picture)), one) for one in labels]
    sheet = contact_sheet([label_tile(one) for one in pictures], LABEL_LEGEND, columns=2)
    below_legend = sheet[60:]
    for colour in (PRODUCT_BGR, GAP_BGR):
        assert (below_legend == colour).all(axis=2).sum() > 100


def test_mistakes_are_what_was_missed_and_what_is_wrong():
    """Not what was found, nor what lies where the labels are unsure."""
    labels = PictureLabels(
        "a.png",
        (300, 200),
        np.array([[0, 0, 40, 40], [100, 0, 140, 40]], np.float32),
        np.array([[200, 0, 240, 40]], np.float32),
        None,
    )
    boxes = [[0, 0, 40, 38], [202, 0, 238, 40], [0, 100, 40, 140], [100, 100, 140, 140]]
    found = Detections(
        np.array(boxes, np.float32),
        np.full(4, 0.9, np.float32),
        np.array([0, 0, 0, 1]),
        ("product", "gap"),
    )
    picture = LabelledPicture(np.zeros((200, 300, 3), np.uint8), labels)
    count, tile = mistake_tile(picture, found)
    assert count == 2
    assert tile.caption == "a.png  1 missed, 1 wrong"
