"""What the training commands share: their tools, the labelled pictures, progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from detector.errors import TrainingError

if TYPE_CHECKING:
    from detector.training.dataset import LabelledPicture
    from detector.training.splits import Side
    from detector.training.tally import Tally

Item = TypeVar("Item")

LabelFiles = Annotated[list[Path], typer.Option("--labels", help="Label file(s), repeatable.")]
PictureRoot = Annotated[
    Path | None,
    typer.Option(
        "--pictures", help="Folder that the labels' picture paths start at; default: beside them."
    ),
]


def require(*modules: str) -> None:
    """Raise :class:`~detector.errors.TrainingError` unless the ``train`` extra is installed."""
    from importlib.util import find_spec

    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise TrainingError(
            f"expected the training tools, found no module {', '.join(missing)}; "
            "pip install 'shelfwatch[train]'"
        )


def labelled_pictures(
    files: Sequence[Path], root: Path | None, side: Side, tally: Tally, limit: int | None = None
) -> list[LabelledPicture]:
    """Pictures of one side in the label files; at most ``limit``, evenly spread."""
    from detector.training.dataset import load_pictures
    from detector.training.labels import read_labels

    chosen = [
        (file, labels)
        for file in files
        for labels in read_labels(file, tally)
        if labels.side is side
    ]
    if limit is not None and limit < len(chosen):
        step = len(chosen) / limit
        chosen = [chosen[int(index * step)] for index in range(limit)]
    above = [root] if root is not None else []
    pictures: list[LabelledPicture] = []
    for file in files:
        mine = [labels for owner, labels in chosen if owner == file]
        pictures += load_pictures(mine, [*above, file.parent], tally)
    return pictures


def make_folder(path: Path) -> None:
    """Raise :class:`~detector.errors.TrainingError` unless ``--out`` is a folder to write to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise TrainingError(
            f"--out: expected a folder that can be written, found {path}: {error.strerror}"
        ) from error


def say(tally: Tally) -> None:
    """Print what was left out, on standard error."""
    for line in tally.lines():
        typer.echo(f"note: {line}", err=True)


def tracked(items: Iterable[Item], what: str) -> Iterable[Item]:
    """``items`` with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import track

    return track(list(items), what, console=Console(stderr=True), transient=True)


def tracker(what: str) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """:func:`tracked` with the words given beforehand."""
    return lambda items: tracked(items, what)
