"""Label facings with a teacher: the whole picture plus zoomed tiles, merged by votes.

The teacher is any callable from a BGR picture to boxes and scores. Each product is seen in several
views; a box is *sure* when one view is confident or two views agree, and *unsure* otherwise.
Training uses the sure boxes as facings and ignores the unsure ones: they are neither product nor
background.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, box_areas, containment_matrix, intersection_areas, nms
from detector.training.splits import Side

Teacher = Callable[[NDArray[np.uint8]], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class AutolabelSettings:
    """When to believe the teacher. Scores are the teacher's own, 0..1."""

    sure_score: float = 0.45
    agreed_score: float = 0.30
    unsure_score: float = 0.12
    merge_iou: float = 0.5
    part_of_other: float = 0.75
    tile_fractions: tuple[float, ...] = (0.6,)
    tile_grid: int = 2
    border_px: float = 3.0


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """Labels of one picture, boxes (n, 4) in its pixels.

    ``gaps`` is None where nobody labelled gaps: then an empty place says nothing. ``side`` says
    what the picture may be used for.
    """

    picture: str
    size_px: tuple[int, int]
    products: FloatArray
    unsure: FloatArray
    gaps: FloatArray | None
    side: Side = Side.TRAIN

    def to_json(self) -> str:
        """One line of the label file."""
        record = {
            "picture": self.picture,
            "side": self.side.value,
            "size_px": list(self.size_px),
            "products": np.round(self.products, 1).tolist(),
            "unsure": np.round(self.unsure, 1).tolist(),
            "gaps": None if self.gaps is None else np.round(self.gaps, 1).tolist(),
        }
        return json.dumps(record, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> PictureLabels:
        """The inverse of :meth:`to_json`."""
        record = json.loads(line)
        width, height = record["size_px"]
        gaps = record["gaps"]
        return cls(
            picture=record["picture"],
            size_px=(width, height),
            products=_boxes(record["products"]),
            unsure=_boxes(record["unsure"]),
            gaps=None if gaps is None else _boxes(gaps),
            side=Side(record.get("side", Side.TRAIN)),
        )


def read_labels(path: Path) -> list[PictureLabels]:
    """Every record of a label file."""
    with path.open(encoding="utf-8") as lines:
        return [PictureLabels.from_json(line) for line in lines if line.strip()]


def read_yolo_boxes(path: Path, size_px: tuple[int, int]) -> FloatArray:
    """Boxes of a YOLO text file (class cx cy w h, 0..1) in pixels; polygons become their bounds."""
    width, height = size_px
    boxes: list[list[float]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        numbers = [float(field) for field in line.split()[1:]]
        if len(numbers) == 4:
            cx, cy, w, h = numbers
            box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        elif len(numbers) >= 6:
            box = [min(numbers[0::2]), min(numbers[1::2]), max(numbers[0::2]), max(numbers[1::2])]
        else:
            continue
        boxes.append([box[0] * width, box[1] * height, box[2] * width, box[3] * height])
    return _boxes(boxes)


def tiles_of(
    size_px: tuple[int, int], fraction: float, grid: int
) -> Iterator[tuple[int, int, int, int]]:
    """``(x1, y1, x2, y2)`` of grid x grid tiles, each ``fraction`` of the picture's side."""
    width, height = size_px
    tile_width, tile_height = round(width * fraction), round(height * fraction)
    for row in range(grid):
        for column in range(grid):
            x1 = round((width - tile_width) * column / max(grid - 1, 1))
            y1 = round((height - tile_height) * row / max(grid - 1, 1))
            yield x1, y1, x1 + tile_width, y1 + tile_height


def label_facings(
    image_bgr: NDArray[np.uint8], teacher: Teacher, settings: AutolabelSettings
) -> tuple[FloatArray, FloatArray]:
    """``(sure, unsure)`` boxes of one picture, each (n, 4) in its pixels."""
    height, width = image_bgr.shape[:2]
    views = [(0, 0, width, height)]
    for fraction in settings.tile_fractions:
        views += tiles_of((width, height), fraction, settings.tile_grid)
    boxes_of_views, scores_of_views, view_ids = [], [], []
    for index, (x1, y1, x2, y2) in enumerate(views):
        boxes, scores = teacher(np.ascontiguousarray(image_bgr[y1:y2, x1:x2]))
        # A box at a tile's inner border is probably a cut product: another view has all of it.
        b = settings.border_px
        cut = (
            ((boxes[:, 0] < b) & (x1 > 0))
            | ((boxes[:, 1] < b) & (y1 > 0))
            | ((boxes[:, 2] > x2 - x1 - b) & (x2 < width))
            | ((boxes[:, 3] > y2 - y1 - b) & (y2 < height))
        )
        boxes_of_views.append(boxes[~cut] + np.array([x1, y1, x1, y1], dtype=np.float32))
        scores_of_views.append(scores[~cut])
        view_ids.append(np.full(int((~cut).sum()), index))
    return merge_views(
        np.concatenate(boxes_of_views).astype(np.float32),
        np.concatenate(scores_of_views).astype(np.float32),
        np.concatenate(view_ids),
        settings,
    )


def merge_views(
    boxes: FloatArray,
    scores: FloatArray,
    view_ids: NDArray[np.integer],
    settings: AutolabelSettings,
) -> tuple[FloatArray, FloatArray]:
    """Merge the views' boxes (n, 4) into ``(sure, unsure)``; positions are score-weighted means."""
    kept = nms(boxes, scores, settings.merge_iou, contained_threshold=settings.part_of_other)
    if len(kept) == 0:
        return _boxes([]), _boxes([])
    shared = intersection_areas(boxes[kept], boxes)
    union = box_areas(boxes[kept])[:, None] + box_areas(boxes)[None, :] - shared
    same = shared > settings.merge_iou * union
    sure: list[FloatArray] = []
    unsure: list[FloatArray] = []
    for row, index in enumerate(kept):
        group = np.flatnonzero(same[row])
        votes = len(set(view_ids[group[scores[group] >= settings.agreed_score]].tolist()))
        weights = scores[group, None]
        mean = (boxes[group] * weights).sum(0) / weights.sum()
        if scores[index] >= settings.sure_score or votes >= 2:
            sure.append(mean)
        elif scores[index] >= settings.unsure_score:
            unsure.append(mean)
    return _boxes(sure), _boxes(unsure)


def label_folder(
    folder: Path,
    teacher: Teacher,
    settings: AutolabelSettings,
    *,
    gaps_labelled: bool,
    name: str,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> Iterator[PictureLabels]:
    """Labels of each picture in ``folder/images``; gaps come from ``folder/labels``.

    ``gaps_labelled=False`` where the label files hold something else (shelf rows).
    A facing that lies mostly inside a hand-drawn gap is dropped: the hand wins.
    """
    for path in progress(sorted((folder / "images").iterdir())):
        decoded = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if decoded is None:
            continue
        image = np.asarray(decoded, dtype=np.uint8)
        size = (image.shape[1], image.shape[0])
        products, unsure = label_facings(image, teacher, settings)
        gaps = None
        if gaps_labelled:
            gaps = read_yolo_boxes(folder / "labels" / f"{path.stem}.txt", size)
            if len(gaps) and len(products):
                products = products[containment_matrix(products, gaps).max(axis=1) < 0.6]
        yield PictureLabels(f"{name}/images/{path.name}", size, products, unsure, gaps)


def _boxes(rows: object) -> FloatArray:
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)
