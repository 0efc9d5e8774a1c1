"""The commands ``shelfwatch detect`` and ``shelfwatch model``."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import DetectorError, PictureError
from detector.training.cli import TRAINING_COMMANDS

if TYPE_CHECKING:
    from detector.detections import Detections

detect = typer.Typer()


class PicturesFailedError(DetectorError):
    """Some pictures could not be used; the others are done."""

    exit_code = 1


@detect.command("detect")
def detect_command(
    photos: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of pictures.", show_default=False)
    ],
    model: Annotated[
        Path | None, typer.Option(help="A model folder or .onnx file; default: the one shipped.")
    ] = None,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", help="Write one JSON object a line here ('-': standard output)."),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Look once at the whole picture; do not search the scale."),
    ] = False,
) -> None:
    """Find products and gaps in photographs.

    Example: shelfwatch detect aisle/*.jpg --json found.jsonl
    """
    from detector.model import Detector
    from detector.pictures import read_picture

    paths = _picture_paths(photos)
    loaded = Detector.load(model)
    problems: list[str] = []
    rows: list[tuple[Path, Detections]] = []
    with ExitStack() as stack:
        lines = _open_lines(json_out, stack)
        for path in _with_progress(paths, stack):
            try:
                image = read_picture(path)
            except PictureError as error:
                problems.append(str(error))
                continue
            found = loaded.detect(image) if whole else loaded.detect_at_best_scale(image)
            rows.append((path, found))
            if lines is not None:
                lines.write(json.dumps(record_of(path, image.shape, found)) + "\n")
    if json_out is None:
        _print_table(rows)
    if problems:
        raise PicturesFailedError("\n".join(problems))


def record_of(path: Path, shape: tuple[int, ...], found: Detections) -> dict[str, Any]:
    """What ``--json`` writes of one picture; boxes are in its pixels."""
    return {
        "photo": str(path),
        "size_px": [shape[1], shape[0]],
        "detections": [
            {
                "box_xyxy_px": [round(side, 1) for side in box],
                "score": round(score, 4),
                "class": name,
            }
            for box, score, name in zip(
                found.boxes_xyxy_px.tolist(), found.scores.tolist(), found.names(), strict=True
            )
        ],
    }


model = typer.Typer(
    no_args_is_help=True,
    help="Look at a detector model, or make one from your own pictures.",
)
for _name, _command in TRAINING_COMMANDS.items():
    model.command(_name)(_command)


@model.command("info")
def model_info(
    path: Annotated[
        Path | None, typer.Argument(help="A model folder or .onnx file; default: the one shipped.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say what a model is, what it expects and what it finds; checks hash, shapes, golden picture.

    Example: shelfwatch model info
    """
    from detector.model import Detector
    from detector.session import OnnxSession

    loaded = Detector.load(path)
    manifest = loaded.manifest
    weights = loaded.manifest_path.parent / manifest.file
    golden = manifest.golden
    facts: dict[str, Any] = {
        "folder": str(loaded.manifest_path.parent),
        "size_bytes": weights.stat().st_size,
        "exported_with": OnnxSession(weights).metadata,
        "providers": list(loaded.providers),
    }
    if as_json:
        content = manifest.model_dump(mode="json")
        if golden is not None:
            # Loading has checked it; the rows are in the manifest.
            content["golden"] = {"picture": golden.picture, "found": len(golden.detections)}
        typer.echo(json.dumps(content | facts))
        return
    free = manifest.input.any_size_multiple_px
    size = f"{manifest.input.size_px} px, letterboxed"
    lines = {
        "model": f"{manifest.name} {manifest.version}",
        "folder": facts["folder"],
        "weights": f"{manifest.file}, {facts['size_bytes'] / 1e6:.1f} MB",
        "sha256": f"{manifest.sha256}, the file agrees",
        "input": f"{size}; any multiple of {free} px" if free else size,
        "facings": "{:g} to {:g} px wide in the input".format(*manifest.facing_px),
        "classes": ", ".join(f"{c.name} (from score {c.threshold:g})" for c in manifest.classes),
        "decoder": manifest.decoder.value,
        **dict(sorted(facts["exported_with"].items())),
        "golden": f"{golden.picture}, all {len(golden.detections)} detections found again"
        if golden
        else "no picture: nothing proves that the model still finds what it found",
        "providers": ", ".join(loaded.providers),
        "licence": manifest.licence,
        "card": manifest.card,
    }
    for name, value in lines.items():
        typer.echo(f"{name:12} {value}")


def _picture_paths(photos: list[Path]) -> list[Path]:
    from detector.pictures import PICTURE_SUFFIXES

    paths: list[Path] = []
    for photo in photos:
        if photo.is_dir():
            inside = sorted(p for p in photo.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
            paths.extend(inside)
        else:
            paths.append(photo)
    return paths


def _open_lines(json_out: Path | None, stack: ExitStack) -> Any:
    if json_out is None:
        return None
    if str(json_out) == "-":
        return sys.stdout
    try:
        return stack.enter_context(json_out.open("w", encoding="utf-8"))
    except OSError as error:
        raise DetectorError(
            f"--json: expected a file that can be written, found {json_out}: {error.strerror}"
        ) from error


def _with_progress(paths: list[Path], stack: ExitStack) -> Any:
    if len(paths) < 4 or not sys.stderr.isatty():
        return paths
    from rich.console import Console
    from rich.progress import Progress

    progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
    return progress.track(paths, description="looking")


def _print_table(rows: list[tuple[Path, Detections]]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    names = list(rows[0][1].class_names)
    table = Table("photo", *names, "median score", box=None)
    for path, found in rows:
        counts = [str(len(found.of_class(name))) for name in names]
        scores = sorted(found.scores.tolist())
        middle = f"{scores[len(scores) // 2]:.2f}" if scores else "-"
        table.add_row(str(path), *counts, middle)
    Console().print(table)
