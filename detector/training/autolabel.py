"""Label facings with a teacher: the whole picture plus zoomed tiles, merged by votes.

The teacher is any callable from a BGR picture to boxes and scores. Each product is seen in several
views; a box is *sure* when one view is confident or two views agree, and *unsure* otherwise.
Training uses the sure boxes as facings and ignores the unsure ones: they are neither product nor
background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, box_areas, containment_matrix, intersection_areas, nms
from detector.errors import PictureError, TrainingError
from detector.pictures import read_picture
from detector.training.hand_labels import GAP, PRODUCT, PictureFolder
from detector.training.labels import HAND, PictureLabels, read_unfinished
from detector.training.splits import UNREADABLE, group_pictures, hash_file, split_groups
from detector.training.tally import Tally

Teacher = Callable[[NDArray[np.uint8]], tuple[FloatArray, FloatArray]]
Progress = Callable[[Iterable[Any], str], Iterable[Any]]

#: A teacher's facing of which more than this share lies in a drawn gap is no facing.
IN_GAP = 0.6


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


def label_picture(
    name: str,
    image_bgr: NDArray[np.uint8],
    teacher: Teacher,
    settings: AutolabelSettings,
    drawn: Mapping[str, FloatArray] | None = None,
) -> PictureLabels:
    """Labels of one picture: what the hand drew, and the teacher's facings where it drew none.

    ``drawn``: boxes (n, 4) in px of each class drawn in this picture; the hand wins. With drawn
    products the teacher is not asked; a facing of the teacher's that lies mostly in a drawn gap
    is dropped.
    """
    drawn = drawn or {}
    gaps = drawn.get(GAP)
    if PRODUCT in drawn:
        products, unsure = drawn[PRODUCT], _boxes([])
    else:
        products, unsure = label_facings(image_bgr, teacher, settings)
        if gaps is not None and len(gaps) and len(products):
            products = products[containment_matrix(products, gaps).max(axis=1) < IN_GAP]
    size_px = (image_bgr.shape[1], image_bgr.shape[0])
    return PictureLabels(name, size_px, products, unsure, gaps)


def label_folders(
    folders: Sequence[PictureFolder],
    teacher: Teacher,
    out: Path,
    tally: Tally,
    *,
    teacher_name: str,
    shares: tuple[float, float] = (0.07, 0.15),
    settings: AutolabelSettings | None = None,
    progress: Progress = lambda items, _what: items,
) -> list[PictureLabels]:
    """Label every picture of ``folders`` into the file ``out`` and return what it then holds.

    Pictures that ``out`` has already are kept as they are, so a killed run goes on where it was,
    and new pictures are added to old ones. ``shares``: of validation and of test pictures.
    ``progress(items, what)`` is told of each long loop. Raises
    :class:`~detector.errors.TrainingError` when another teacher wrote ``out``, or two folders
    have one name.
    """
    settings = settings or AutolabelSettings()
    pictures, owners = _gathered(folders)
    done = {labels.picture: labels for labels in read_unfinished(out)}
    others = sorted({o.teacher for o in done.values() if o.teacher} - {teacher_name, HAND})
    if others:
        raise TrainingError(
            f"{out}: expected labels of the teacher {teacher_name}, found those of {others[0]}; "
            "name another --out, or delete this file to label again"
        )
    hashes = {}
    for name in progress(pictures, "dividing"):
        picture_hash = hash_file(pictures[name])
        if picture_hash is None:
            tally.add(UNREADABLE, name)
        else:
            hashes[name] = picture_hash
    known = {name: labels.side for name, labels in done.items()}
    sides = split_groups(group_pictures(hashes), known, val_share=shares[0], test_share=shares[1])
    redrawn = [
        name
        for name in done.keys() & owners.keys()
        if not _as_drawn(done[name], owners[name].drawn(pictures[name], done[name].size_px, tally))
    ]
    for name in sorted(redrawn):
        tally.add("pictures labelled again, since the hand's labels changed", name)
        del done[name]
    moved = {
        n: replace(done[n], side=s) for n, s in sides.items() if n in done and known[n] is not s
    }
    for name in moved:
        tally.add("pictures moved to the side of a new one of their scene", name)
    done.update(moved)
    if moved or redrawn:
        _rewrite(out, done.values())
    todo = [name for name in pictures if name in sides and name not in done]
    with out.open("a", encoding="utf-8") as lines:
        for name in progress(todo, "labelling"):
            try:
                image = read_picture(pictures[name])
            except PictureError:
                tally.add(UNREADABLE, name)
                continue
            size_px = (image.shape[1], image.shape[0])
            drawn = owners[name].drawn(pictures[name], size_px, tally)
            labels = label_picture(name, image, teacher, settings, drawn)
            done[name] = replace(
                labels,
                side=sides[name],
                teacher=HAND if drawn and PRODUCT in drawn else teacher_name,
            )
            lines.write(done[name].to_json() + "\n")
            lines.flush()
    return list(done.values())


def _gathered(
    folders: Sequence[PictureFolder],
) -> tuple[dict[str, Path], dict[str, PictureFolder]]:
    names = [folder.name for folder in folders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TrainingError(f"folders: expected each name once, found {twice!r} twice; rename one")
    owners = {name: folder for folder in folders for name in folder.pictures()}
    pictures = {name: path for folder in folders for name, path in folder.pictures().items()}
    return pictures, owners


def _as_drawn(labels: PictureLabels, drawn: Mapping[str, FloatArray] | None) -> bool:
    """Whether a record still says what the hand's files say."""
    drawn = drawn or {}
    gaps, products = drawn.get(GAP), drawn.get(PRODUCT)
    if (gaps is None) != (labels.gaps is None) or (products is None and labels.by_hand):
        return False
    return _alike(gaps, labels.gaps) and (products is None or _alike(products, labels.products))


def _alike(boxes: FloatArray | None, others: FloatArray | None) -> bool:
    if boxes is None or others is None:
        return boxes is others
    # The label file holds tenths of a pixel.
    return boxes.shape == others.shape and bool(np.allclose(boxes, others, atol=0.1))


def _rewrite(path: Path, records: Iterable[PictureLabels]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text("".join(one.to_json() + "\n" for one in records), encoding="utf-8")
    partial.replace(path)


def _boxes(rows: object) -> FloatArray:
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)
