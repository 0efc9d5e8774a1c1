"""Labels, sides and crops: the parts of training that need no torch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.errors import TrainingError
from detector.training.autolabel import (
    AutolabelSettings,
    PictureLabels,
    label_facings,
    merge_views,
    read_yolo_boxes,
)
from detector.training.dataset import (
    CropSampler,
    CropSettings,
    LabelledPicture,
    ShelfClass,
    cut_crop,
    load_pictures,
)
from detector.training.splits import (
    Side,
    difference_hash,
    group_pictures,
    side_of_group,
    source_of,
    split_pictures,
)

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


def test_missing_pictures_are_named(tmp_path):
    """The label file and the pictures must be of one set."""
    with pytest.raises(TrainingError, match=r"a\.png"):
        load_pictures([shelf_picture().labels], [tmp_path])


@pytest.mark.parametrize("gaps", [None, NONE, np.array([[1, 2, 3, 4]], np.float32)])
def test_labels_survive_a_line_of_json(gaps):
    """No gap labels and no gaps are different things, before and after."""
    labels = replace(shelf_picture().labels, gaps=gaps, side=Side.TEST)
    back = PictureLabels.from_json(labels.to_json())
    assert (back.picture, back.side, back.size_px) == (labels.picture, Side.TEST, (600, 400))
    assert back.products.tolist() == labels.products.tolist()
    assert (back.gaps is None) == (gaps is None)
    assert gaps is None or back.gaps.tolist() == gaps.tolist()


def test_views_vote():
    """Confident alone is sure; weak in two views is sure; weak in one is unsure."""
    boxes = np.array([[0, 0, 9, 9], [20, 0, 29, 9], [20, 0, 29, 9], [40, 0, 49, 9]], np.float32)
    scores = np.array([0.8, 0.35, 0.35, 0.2], np.float32)
    sure, unsure = merge_views(boxes, scores, np.array([0, 0, 1, 0]), AutolabelSettings())
    assert sorted(sure[:, 0].tolist()) == [0, 20]
    assert unsure[:, 0].tolist() == [40]


def test_a_product_that_a_tile_cuts_is_labelled_whole():
    """Pieces at the inner borders of tiles are dropped for the box of the view that sees all."""

    def teacher(image):
        mask = (image[..., 0] > 0).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]]
        return np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32)

    image = np.zeros((200, 200, 3), np.uint8)
    image[70:130, 90:150] = 255
    sure, _ = label_facings(image, teacher, AutolabelSettings())
    assert sure.tolist() == [[90, 70, 150, 130]]


def test_yolo_files_hold_boxes_or_polygons(tmp_path):
    """Both become corners in pixels; a missing file means nothing was drawn."""
    path = tmp_path / "a.txt"
    path.write_text("0 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.3 0.1 0.3 0.2\n")
    boxes = read_yolo_boxes(path, (100, 100))
    assert boxes.tolist() == pytest.approx(np.array([[40, 30, 60, 70], [10, 10, 30, 20]]))
    assert len(read_yolo_boxes(tmp_path / "none.txt", (10, 10))) == 0


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
    sides = split_pictures(pictures)
    hashes = {name: difference_hash(cv2.imread(str(path))) for name, path in pictures.items()}
    groups = group_pictures(hashes)
    assert len(set(groups.values())) == 6
    for index in range(6):
        assert sides[f"a/images/s{index}.png"] is sides[f"b/images/other{index}.jpg"]


def test_shares_of_the_sides():
    """Of many groups about 15 % are for testing and 7 % for validation."""
    sides = [side_of_group(f"group {index}") for index in range(4000)]
    assert sides.count(Side.TEST) / 4000 == pytest.approx(0.15, abs=0.02)
    assert sides.count(Side.VAL) / 4000 == pytest.approx(0.07, abs=0.015)
