"""The ``shelfwatch model`` commands that make a detector.

This module imports neither torch nor ultralytics; each command does so when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
import yaml

from detector.errors import TrainingError

if TYPE_CHECKING:
    from detector.training.autolabel import PictureLabels
    from detector.training.dataset import LabelledPicture

Item = TypeVar("Item")

_Labels = Annotated[list[Path], typer.Option("--labels", help="Label file(s), one JSON a line.")]
_Pictures = Annotated[
    Path | None,
    typer.Option("--pictures", help="Folder that the labels' paths start at; default: beside."),
]


class PictureSide(StrEnum):
    """Which pictures to measure on."""

    VAL = "val"
    TEST = "test"


def autolabel(
    folders: Annotated[list[Path], typer.Argument(help="Folders with images/ and labels/.")],
    teacher: Annotated[Path, typer.Option(help="Model folder or .onnx file of the teacher.")],
    out: Annotated[Path, typer.Option(help="Label file to write, one JSON object a line.")],
    without_gaps: Annotated[
        list[str] | None, typer.Option(help="Folder whose label files are not gaps; repeatable.")
    ] = None,
) -> None:
    """Label facings in pictures with a teacher model, and divide them into sides.

    Example: shelfwatch model autolabel photos/mine --teacher teacher/ --out labels.jsonl
    """
    from dataclasses import replace

    from detector.model import PRODUCT, Detector
    from detector.training.autolabel import AutolabelSettings, label_folder
    from detector.training.splits import split_pictures

    settings = AutolabelSettings()
    loaded = Detector.load(teacher).with_thresholds({PRODUCT: settings.unsure_score})

    def teach(image: Any) -> Any:
        found = loaded.detect(image).of_class(PRODUCT)
        return found.boxes_xyxy_px, found.scores

    pictures = {
        f"{folder.name}/images/{path.name}": path
        for folder in folders
        for path in sorted((folder / "images").iterdir())
    }
    sides = split_pictures(pictures)
    with out.open("w", encoding="utf-8") as lines:
        for folder in folders:
            known = folder.name not in (without_gaps or [])
            for labels in label_folder(
                folder,
                teach,
                settings,
                gaps_labelled=known,
                name=folder.name,
                progress=_progress(folder.name),
            ):
                lines.write(replace(labels, side=sides[labels.picture]).to_json() + "\n")


def train(
    recipe: Annotated[Path, typer.Option(help="A file of configs/training.")],
    labels: _Labels,
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint.")],
    pictures: _Pictures = None,
    start_from: Annotated[
        Path | None, typer.Option(help="Checkpoint of an earlier run to go on from.")
    ] = None,
) -> None:
    """Train a detector from labelled pictures.

    Example: shelfwatch model train --recipe configs/training/stage1.yaml --labels labels.jsonl
    --pictures photos --out runs/stage1
    """
    from pydantic import ValidationError

    _require("torch", "ultralytics")
    from detector.training.dataset import CropSampler
    from detector.training.splits import Side
    from detector.training.train import TrainRecipe
    from detector.training.train import train as run

    try:
        parsed = TrainRecipe.model_validate(yaml.safe_load(recipe.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise TrainingError(f"{recipe}: expected a training recipe, found: {error}") from error
    chosen = _load_pictures(labels, pictures, Side.TRAIN)
    sampler = CropSampler(chosen, parsed.folder_weights)
    typer.echo(f"{len(chosen)} pictures, {parsed.minutes:g} minutes")
    typer.echo(str(run(parsed, sampler, out, start_from=start_from, report=typer.echo)))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint that `train` wrote.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name in the manifest.")],
    version: Annotated[str, typer.Option(help="Version in the manifest.")],
    product_threshold: Annotated[float, typer.Option(help="Score from which products count.")],
    gap_threshold: Annotated[float, typer.Option(help="Score from which gaps count.")],
    licence: Annotated[str, typer.Option(help="SPDX name.")] = "AGPL-3.0-or-later",
    size_px: Annotated[int, typer.Option(help="Default side of the input.")] = 640,
) -> None:
    """Write a trained detector as ONNX with its manifest, and check that both agree.

    Example: shelfwatch model export runs/stage1/averaged.pt --out mine --name mine --version 1
    --product-threshold 0.3 --gap-threshold 0.2
    """
    _require("torch", "ultralytics", "onnx")
    from detector.training.export import export as run

    manifest = run(
        checkpoint,
        out,
        name=name,
        version=version,
        licence=licence,
        thresholds={"product": product_threshold, "gap": gap_threshold},
        size_px=size_px,
    )
    typer.echo(f"{out}: {manifest.name} {manifest.version}, sha256 {manifest.sha256}")


def evaluate(
    labels: _Labels,
    pictures: _Pictures = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder or .onnx file; default: the one shipped.")
    ] = None,
    side: Annotated[
        PictureSide, typer.Option(help="val to choose thresholds, test to report.")
    ] = PictureSide.TEST,
    bay: Annotated[
        Path | None, typer.Option(help="Folder with shelf.jpg and recognition.json as well.")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures as one flat object.")
    ] = None,
) -> None:
    """Measure a detector on the pictures kept for testing.

    Example: shelfwatch model evaluate --labels labels.jsonl --pictures photos
    """
    from detector.model import Detector
    from detector.training.evaluate import measure, measure_bay, whole_pictures, zoomed_crops
    from detector.training.splits import Side

    loaded = Detector.load(model)
    chosen = _load_pictures(labels, pictures, Side(side.value))
    figures: dict[str, float | str] = {"model": loaded.identity, "side": side.value}
    for kind, examples in (("whole", whole_pictures(chosen)), ("zoomed", zoomed_crops(chosen))):
        found = measure(loaded, examples, progress=_progress(kind))
        figures.update({f"{kind}_{key}": value for key, value in found.items()})
    if bay is not None:
        for kind, best in (("bay", False), ("bay_best_scale", True)):
            found = measure_bay(
                loaded, bay / "shelf.jpg", bay / "recognition.json", best_scale=best
            )
            figures.update({f"{kind}_{key}": value for key, value in found.items()})
    for key, value in figures.items():
        typer.echo(f"{key:45} {value:.3f}" if isinstance(value, float) else f"{key:45} {value}")
    if json_out is not None:
        json_out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


TRAINING_COMMANDS: dict[str, Callable[..., None]] = {
    "autolabel": autolabel,
    "train": train,
    "export": export,
    "evaluate": evaluate,
}


def _require(*modules: str) -> None:
    from importlib.util import find_spec

    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise TrainingError(
            f"expected the training tools, found no module {', '.join(missing)}; "
            "pip install 'shelfwatch[train]'"
        )


def _load_pictures(files: Sequence[Path], root: Path | None, side: Any) -> list[LabelledPicture]:
    from detector.training.autolabel import read_labels
    from detector.training.dataset import load_pictures

    chosen: list[LabelledPicture] = []
    for file in files:
        try:
            labels: list[PictureLabels] = read_labels(file)
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(f"{file}: expected a label file, found: {error}") from error
        roots = [file.parent, *([root] if root is not None else [])]
        chosen += load_pictures([one for one in labels if one.side is side], roots)
    if not chosen:
        raise TrainingError(f"labels: expected pictures on the side {side.value!r}, found none")
    return chosen


def _progress(what: str) -> Callable[[Iterable[Item]], Iterable[Item]]:
    from rich.console import Console
    from rich.progress import track

    return lambda items: track(
        list(items), description=what, console=Console(stderr=True), transient=True
    )
