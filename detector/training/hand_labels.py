"""Folders of pictures, and the boxes that somebody drew in them (YOLO text files).

A class that the list of names has is taken as drawn completely in every picture that has a label
file: an empty file says that nothing is there. A picture without a file was not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from detector.boxes import FloatArray
from detector.errors import TrainingError
from detector.pictures import PICTURE_SUFFIXES
from detector.training.labels import PictureLabels, cut_to_picture
from detector.training.tally import Tally

#: Names that a class list may have; boxes of the last are not read.
PRODUCT, GAP, IGNORE = "product", "gap", "ignore"
KNOWN_CLASSES = (PRODUCT, GAP, IGNORE)

EMPTY_FILE = "empty label files, read as: nothing is there"
BAD_LINE = "label lines that are no box and no polygon, dropped"


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """Pictures, either in ``path/images`` with ``path/labels``, or in ``path`` itself.

    ``classes``: names of the class ids in the label files; None where there are no such files.
    """

    path: Path
    classes: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """First part of its pictures' names in the label file."""
        return self.path.resolve().name

    def pictures(self) -> dict[str, Path]:
        """Files by their name in the label file, sorted."""
        return {
            f"{self.name}/{path.relative_to(self.path).as_posix()}": path
            for path in _pictures_in(self.path)
        }

    def drawn(
        self, picture: Path, size_px: tuple[int, int], tally: Tally
    ) -> dict[str, FloatArray] | None:
        """Boxes (n, 4) in the picture's pixels for each class drawn there; None: no label file."""
        path = _label_file(self.path, picture)
        if self.classes is None or not path.is_file():
            return None
        return read_yolo_file(path, size_px, self.classes, tally)


def open_folder(path: Path, named: Sequence[str] | None = None) -> PictureFolder:
    """The folder with its class list: ``named``, or else ``classes.txt`` or ``data.yaml`` in it.

    Raises :class:`~detector.errors.TrainingError` when there are no pictures, or label files but
    no list, when the list has other names than product, gap and ignore, or is too short.
    """
    try:
        pictures = _pictures_in(path)
    except OSError as error:
        raise TrainingError(f"{path}: expected a folder, found: {error.strerror}") from error
    if not pictures:
        kinds = ", ".join(sorted(PICTURE_SUFFIXES))
        raise TrainingError(f"{path}: expected pictures ({kinds}), found none")
    files = [file for picture in pictures if (file := _label_file(path, picture)).is_file()]
    found, where = (tuple(named), "--classes") if named else _class_list(path)
    if not files:
        return PictureFolder(path, None)
    if found is None:
        raise TrainingError(
            f"{path}: expected the names of the classes in {files[0].name} and {len(files) - 1} "
            f"more label files, found neither classes.txt nor data.yaml; write one, or give "
            f"--classes {path.name}=product,gap"
        )
    strange = sorted(set(found) - set(KNOWN_CLASSES))
    if strange:
        mapped = ",".join(name if name in KNOWN_CLASSES else IGNORE for name in found)
        raise TrainingError(
            f"{where}: expected names out of {', '.join(KNOWN_CLASSES)}, found "
            f"{', '.join(map(repr, strange))}; say what they are with --classes "
            f"{path.name}={mapped}"
        )
    _check_ids(files, found, where)
    return PictureFolder(path, found)


def read_yolo_file(
    path: Path, size_px: tuple[int, int], classes: Sequence[str], tally: Tally
) -> dict[str, FloatArray]:
    """Boxes (n, 4) in px of a YOLO text file, for each class in ``classes`` but `ignore`.

    A line is ``class cx cy w h`` or ``class x1 y1 x2 y2 x3 y3 ...`` (a polygon, whose bounds
    count), all in 0..1 of the picture. Lines of another form, boxes outside the picture and empty
    files are counted in ``tally``.
    """
    rows: dict[str, list[list[float]]] = {name: [] for name in classes if name != IGNORE}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not any(line.strip() for line in lines):
        tally.add(EMPTY_FILE, path.name)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parsed = _parse(line)
        if parsed is None:
            tally.add(BAD_LINE, f"{path.name}:{number}")
        elif classes[parsed[0]] != IGNORE:
            rows[classes[parsed[0]]].append(parsed[1])
    scale = np.array([*size_px, *size_px], dtype=np.float32)
    return {
        name: cut_to_picture(
            np.asarray(boxes, dtype=np.float32).reshape(-1, 4) * scale, size_px, path.name, tally
        )
        for name, boxes in rows.items()
    }


def write_drafts(labels: Iterable[PictureLabels], folder: Path) -> int:
    """YOLO text files of the labels and their class list, for a drawing tool to correct.

    Returns how many. Moved beside the pictures (or into ``labels/``) once they are right, they
    are hand labels. Unsure boxes are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text(f"{PRODUCT}\n{GAP}\n", encoding="utf-8")
    count = 0
    for one in labels:
        lines = []
        for class_id, boxes in enumerate((one.products, one.gaps)):
            for x1, y1, x2, y2 in [] if boxes is None else boxes / np.array([*one.size_px] * 2):
                place = f"{(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}"
                lines.append(f"{class_id} {place}\n")
        path = folder / f"{Path(one.picture).stem}.txt"
        path.write_text("".join(lines), encoding="utf-8")
        count += 1
    return count


def _parse(line: str) -> tuple[int, list[float]] | None:
    try:
        class_id, *numbers = (float(field) for field in line.split())
    except ValueError:
        return None
    if class_id < 0 or class_id != int(class_id) or not all(map(math.isfinite, numbers)):
        return None
    if len(numbers) == 4:
        cx, cy, w, h = numbers
        return int(class_id), [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[0::2], numbers[1::2]
        return int(class_id), [min(xs), min(ys), max(xs), max(ys)]
    return None


def _check_ids(files: Sequence[Path], classes: Sequence[str], where: str) -> None:
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            parsed = _parse(line)
            if parsed is not None and parsed[0] >= len(classes):
                raise TrainingError(
                    f"{file}:{number}: expected a class below {len(classes)}, as {where} names "
                    f"{', '.join(classes)}, found class {parsed[0]}"
                )


def _class_list(folder: Path) -> tuple[tuple[str, ...] | None, str]:
    for path in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return tuple(line.strip() for line in lines if line.strip()), str(path)
    path = folder / "data.yaml"
    if not path.is_file():
        return None, ""
    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
        if isinstance(names, Mapping):
            names = [names[index] for index in range(len(names))]
        return tuple(str(name) for name in names), str(path)
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path}: names: expected a list of class names, found: {error}"
        ) from error


def _pictures_in(folder: Path) -> list[Path]:
    images = folder / "images"
    place = images if images.is_dir() else folder
    return sorted(path for path in place.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def _label_file(folder: Path, picture: Path) -> Path:
    place = folder if picture.parent == folder else folder / "labels"
    return place / f"{picture.stem}.txt"
