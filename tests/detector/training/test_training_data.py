"""Labels, sides and crops: the parts of training that need no torch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.errors import TrainingError
from detector.training.dataset import (
    CropSampler,
    CropSettings,
    LabelledPicture,
    ShelfClass,
    cut_crop,
    load_pictures,
)
from detector.training.labels import PictureLabels
from detector.training.splits import (
    Side,
    group_pictures,
    hash_file,
    side_of_group,
    source_of,
    split_groups,
)
from detector.training.tally import Tally

NONE = np.zeros((0, 4), np.float32)


def shelf_picture() -> LabelledPicture:
    """White packages on black, one red gap; every label is exact."""
    image = np.zeros((400, 600, 3), np.uint8)
    boxes = [[x, y, x + 30, y + 60] for y in (40, 160, 280) for x in range(20, 560, 50) if x != 220]
    gaps = [[220, y, 250, y + 60] for y in (40, 160, 280)]
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    for x1, y1, x2, y2 in gaps:
        image[y1:y2, x1:x2] = (0, 0, 255)
    labels = PictureLabels(
        "mine/images/a.png",
        (600, 400),
        np.array(boxes, np.float32),
        np.array([[0, 0, 15, 15]], np.float32),
        np.array(gaps, np.float32),
    )
    return LabelledPicture(image, labels)


@pytest.mark.parametrize("seed", range(12))
def test_crops_keep_boxes_on_their_objects(seed):
    """At any zoom, inside a product's box is white and inside a gap's box is red."""
    plain = CropSettings(grey_share=0, blur_share=0, noise_share=0)
    crop = cut_crop(shelf_picture(), 320, plain, np.random.default_rng(seed), plain=True)
    assert crop.image_bgr.shape == (320, 320, 3)
    for (x1, y1, x2, y2), kind in zip(crop.boxes_px, crop.class_ids, strict=True):
        inside = crop.image_bgr[round(y1) : round(y2), round(x1) : round(x2)].reshape(-1, 3)
        expected = (255, 255, 255) if kind == ShelfClass.PRODUCT else (0, 0, 255)
        assert np.abs(inside.mean(axis=0) - expected).max() < 60


def test_crops_cover_the_range_of_widths():
    """Widths of facings spread from small to large, which is what crops are for."""
    rng, picture = np.random.default_rng(0), shelf_picture()
    widths = [
        np.median(np.diff(crop.boxes_px[:, [0, 2]]))
        for crop in (cut_crop(picture, 320, CropSettings(), rng) for _ in range(60))
        if len(crop.boxes_px)
    ]
    assert min(widths) < 25
    assert max(widths) > 90


def test_unlabelled_gaps_stay_unknown():
    """A picture without gap labels makes no statement about gaps."""
    picture = shelf_picture()
    unknown = LabelledPicture(picture.image_bgr, replace(picture.labels, gaps=None))
    assert not cut_crop(unknown, 320, CropSettings(), np.random.default_rng(0)).gaps_known


def test_folder_weights_must_name_the_folders():
    """A folder without a weight would silently never be drawn."""
    with pytest.raises(TrainingError, match="expected mine as in the labels, found yours"):
        CropSampler([shelf_picture()], {"yours": 1.0})


def test_a_folder_of_no_weight_is_not_drawn():
    """Its pictures may stay in the label file."""
    mine = shelf_picture()
    yours = LabelledPicture(mine.image_bgr, replace(mine.labels, picture="yours/a.png"))
    sampler = CropSampler([mine, yours, yours], {"mine": 1.0, "yours": 0})
    assert sampler.picture_count == 1


def test_without_weights_every_folder_is_drawn():
    """The normal case of one folder needs no weights."""
    assert CropSampler([shelf_picture()]).picture_count == 1


def test_unreadable_and_exchanged_pictures_are_counted(tmp_path):
    """A broken file, and one of another size than its labels, are skipped by name."""
    tally = Tally()
    labels = shelf_picture().labels
    folder = tmp_path / "mine" / "images"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "b.png"), np.zeros((10, 10, 3), np.uint8))
    both = [labels, replace(labels, picture="mine/images/b.png")]
    assert load_pictures(both, [tmp_path], tally) == []
    assert list(tally.lines()) == [
        "pictures that cannot be read, skipped: 1 (mine/images/a.png)",
        "pictures of another size than their labels, skipped: 1 (mine/images/b.png)",
    ]


def test_missing_pictures_are_named(tmp_path):
    """The label file and the pictures must be of one set."""
    with pytest.raises(TrainingError, match=r"a\.png"):
        load_pictures([shelf_picture().labels], [tmp_path])


@pytest.mark.parametrize(
    ("name", "source"), [("b/images/test_1__3.jpg", "test_1"), ("a/images/x.jpg", "x")]
)
def test_the_source_is_the_name_before_the_mark(name, source):
    """Augmented copies share a source."""
    assert source_of(name) == source


def test_copies_are_on_one_side(tmp_path):
    """The same scene, smaller, brighter and compressed, in another folder, is one group."""
    rng = np.random.default_rng(5)
    scenes = [cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (320, 240)) for _ in range(6)]
    pictures = {}
    for index, scene in enumerate(scenes):
        for name, image in (
            (f"a/images/s{index}.png", scene),
            (f"b/images/other{index}.jpg", cv2.convertScaleAbs(scene[::2, ::2], alpha=0.9)),
        ):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
            pictures[name] = path
    groups = group_pictures({name: hash_file(path) for name, path in pictures.items()})
    sides = split_groups(groups)
    assert len(set(groups.values())) == 6
    for index in range(6):
        assert sides[f"a/images/s{index}.png"] is sides[f"b/images/other{index}.jpg"]


def test_shares_of_the_sides():
    """Of many groups about 15 % are for testing and 7 % for validation."""
    sides = [side_of_group(f"group {index}") for index in range(4000)]
    assert sides.count(Side.TEST) / 4000 == pytest.approx(0.15, abs=0.02)
    assert sides.count(Side.VAL) / 4000 == pytest.approx(0.07, abs=0.015)


def test_new_pictures_do_not_move_old_ones():
    """A group stays on the side that one of its pictures had, whatever its name now says."""
    groups = {"a/new.jpg": "a/new.jpg", "b/old.jpg": "a/new.jpg"}
    for side in Side:
        sides = split_groups(groups, {"b/old.jpg": side})
        assert sides == {"a/new.jpg": side, "b/old.jpg": side}


def test_a_picture_that_joins_two_sides_brings_them_together():
    """Two old pictures turn out to be one scene: the first by name decides."""
    groups = dict.fromkeys(["a.jpg", "b.jpg", "c.jpg"], "a.jpg")
    sides = split_groups(groups, {"a.jpg": Side.TEST, "c.jpg": Side.TRAIN})
    assert set(sides.values()) == {Side.TEST}


@pytest.mark.parametrize("count", [6, 12, 30])
def test_a_few_pictures_still_have_every_side(count):
    """At least half of a side's share, however the names hash; and the same each time."""
    groups = {f"{index}.jpg": f"{index}.jpg" for index in range(count)}
    sides = list(split_groups(groups, val_share=0.25, test_share=0.25).values())
    assert min(sides.count(side) for side in Side) >= count * 0.25 / 2
    assert sides == list(split_groups(groups, val_share=0.25, test_share=0.25).values())


def test_a_share_of_zero_leaves_a_side_empty():
    """Renders with exact labels may all be trained on."""
    sides = split_groups({f"{n}.jpg": f"{n}.jpg" for n in range(9)}, val_share=0, test_share=0)
    assert set(sides.values()) == {Side.TRAIN}
