"""The label file: one JSON object a line, one line a picture, boxes in the picture's pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import FloatArray, clip_boxes
from detector.errors import TrainingError
from detector.training.splits import Side
from detector.training.tally import Tally

#: Boxes with a side below this, in px of the picture, show nothing that can be learned.
MIN_SIDE_PX = 1.0

#: In the place of a teacher's identity.
HAND = "hand"

OUTSIDE = "boxes outside the picture, dropped"
CLIPPED = "boxes partly outside the picture, cut at its edge"
TWICE = "pictures labelled twice, the last line counts"


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """Labels of one picture, boxes (n, 4) in its pixels.

    ``picture``: its path below the folder that ``--pictures`` names; the first part is its folder.
    ``gaps`` is None where nobody labelled gaps: then an empty place says nothing. ``side`` says
    what the picture may be used for. ``teacher``: identity of the model that found the products, or
    ``hand``; None where a file does not say.
    """

    picture: str
    size_px: tuple[int, int]
    products: FloatArray
    unsure: FloatArray
    gaps: FloatArray | None
    side: Side = Side.TRAIN
    teacher: str | None = None

    def to_json(self) -> str:
        """One line of the label file."""
        record = {
            "picture": self.picture,
            "side": self.side.value,
            "size_px": list(self.size_px),
            "products": _rounded(self.products),
            "unsure": _rounded(self.unsure),
            "gaps": None if self.gaps is None else _rounded(self.gaps),
        }
        if self.teacher is not None:
            record["teacher"] = self.teacher
        return json.dumps(record, separators=(",", ":"))

    @property
    def by_hand(self) -> bool:
        """Whether somebody drew the products."""
        return self.teacher == HAND

    @classmethod
    def from_json(cls, line: str) -> PictureLabels:
        """The inverse of :meth:`to_json`; ValueError or KeyError for anything else."""
        record = json.loads(line)
        if not isinstance(record, Mapping):
            raise ValueError(f"expected a JSON object, found {type(record).__name__}")
        width, height = record["size_px"]
        gaps = record["gaps"]
        return cls(
            picture=str(record["picture"]),
            size_px=(int(width), int(height)),
            products=_boxes(record["products"], "products"),
            unsure=_boxes(record.get("unsure", []), "unsure"),
            gaps=None if gaps is None else _boxes(gaps, "gaps"),
            side=Side(record.get("side", Side.TRAIN)),
            teacher=record.get("teacher"),
        )


def read_labels(path: Path, tally: Tally | None = None) -> list[PictureLabels]:
    """Every record of a label file, its boxes cut to the picture; what is dropped is counted.

    Raises :class:`~detector.errors.TrainingError` naming the file and line that is no record.
    """
    tally = tally if tally is not None else Tally()
    records: dict[str, PictureLabels] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: expected a label file, found: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            labels = PictureLabels.from_json(line)
        except KeyError as error:
            raise TrainingError(f"{where}: expected the key {error}, found none") from error
        except (TypeError, ValueError) as error:
            raise TrainingError(
                f"{where}: expected one picture's labels as JSON, found: {error}"
            ) from error
        if labels.picture in records:
            tally.add(TWICE, f"{path.name}:{number}")
        records[labels.picture] = _inside(labels, f"{path.name}:{number}", tally)
    return list(records.values())


def read_unfinished(path: Path) -> list[PictureLabels]:
    """The records of a label file that a killed run may have left; none when there is no file.

    A last line that was cut off is removed from the file, so that it can be appended to.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
    return read_labels(path)


def cut_to_picture(
    boxes: FloatArray, size_px: tuple[int, int], where: str, tally: Tally, slack_px: float = 0.6
) -> FloatArray:
    """``boxes`` (n, 4) cut to the picture, those without an area left out; both are counted.

    A side may stick out by ``slack_px`` uncounted: rounding does that.
    """
    cut = clip_boxes(boxes, *size_px)
    seen = ((cut[:, 2:] - cut[:, :2]) >= MIN_SIDE_PX).all(axis=1)
    moved = np.abs(cut - boxes).max(axis=1, initial=0.0) > slack_px
    for _ in range(int((~seen).sum())):
        tally.add(OUTSIDE, where)
    for _ in range(int((seen & moved).sum())):
        tally.add(CLIPPED, where)
    return cut[seen]


def _inside(labels: PictureLabels, where: str, tally: Tally) -> PictureLabels:
    def cut(boxes: FloatArray) -> FloatArray:
        return cut_to_picture(boxes, labels.size_px, where, tally)

    return PictureLabels(
        labels.picture,
        labels.size_px,
        cut(labels.products),
        cut(labels.unsure),
        None if labels.gaps is None else cut(labels.gaps),
        labels.side,
        labels.teacher,
    )


def _rounded(boxes: FloatArray) -> list[Any]:
    # In double precision, so that 48.1 is written as 48.1 and not as 48.099998.
    return list(np.round(boxes.astype(np.float64), 1).tolist())


def _boxes(rows: object, name: str) -> FloatArray:
    boxes = np.asarray(rows, dtype=np.float32)
    if boxes.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"{name}: expected rows of four numbers")
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError(f"{name}: expected x1 <= x2 and y1 <= y2")
    return boxes
