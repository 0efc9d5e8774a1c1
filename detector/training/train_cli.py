"""The commands ``shelfwatch model train`` and ``shelfwatch model export``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import TrainingError
from detector.training.command_parts import (
    LabelFiles,
    PictureRoot,
    labelled_pictures,
    make_folder,
    require,
    say,
)

if TYPE_CHECKING:
    from detector.training.progress import Checkpoint, Watch

#: What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


def train(
    recipe: Annotated[Path, typer.Option(help="A file of configs/training.")],
    labels: LabelFiles,
    out: Annotated[Path, typer.Option(help="Folder for the checkpoints and the log.")],
    pictures: PictureRoot = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Weights to begin with, instead of the recipe's: shipped, a checkpoint, the "
            "folder of a run or a model."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was stopped in --out.")
    ] = False,
) -> None:
    """Train a detector from labelled pictures; Ctrl-C saves, --resume goes on.

    Example: shelfwatch model train --recipe configs/training/finetune.yaml
    --labels labels.jsonl --pictures photos --out runs/mine
    """
    require("torch", "ultralytics")
    from detector.training.recipe import read_recipe
    from detector.training.splits import Side
    from detector.training.tally import Tally
    from detector.training.train import train as run

    parsed = read_recipe(recipe)
    if start_from is not None:
        parsed = parsed.model_copy(update={"start_from": start_from})
    make_folder(out)
    tally = Tally()
    chosen = labelled_pictures(labels, pictures, Side.TRAIN, tally)
    validation = labelled_pictures(labels, pictures, Side.VAL, tally)
    say(tally)
    if not chosen:
        raise TrainingError("labels: expected pictures on the side 'train', found none")
    begin = parsed.start_from or "random weights"
    typer.echo(f"{len(chosen)} pictures to train, {len(validation)} to validate, from {begin}")
    if not validation:
        typer.echo("no pictures on the side val: the last weights count as the best ones")
    with stop_flag() as stopped, _progress(stopped) as watch:
        best = run(parsed, chosen, validation, out, resume=resume, watch=watch)
    if stopped():
        typer.echo(f"stopped and saved; the same command with --resume goes on in {out}")
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"{best}: the best weights; next: shelfwatch model export {best} --out MODEL")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name in the manifest.")],
    version: Annotated[str, typer.Option(help="Version in the manifest.")],
    product_threshold: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Score from which products count.")
    ] = 0.25,
    gap_threshold: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Score from which gaps count.")
    ] = 0.15,
    licence: Annotated[str, typer.Option(help="SPDX name.")] = "AGPL-3.0-or-later",
    size_px: Annotated[
        int, typer.Option(min=64, max=2048, help="Default side of the input, a multiple of 32.")
    ] = 640,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Golden picture: every load must find in it what is found now. Default: "
            "the shipped model's."
        ),
    ] = None,
) -> None:
    """Write a trained detector as ONNX with manifest, card and checkpoint; both must agree.

    Example: shelfwatch model export runs/mine --out models/mine --name mine --version 1
    --picture photos/mine/a.jpg
    """
    require("torch", "ultralytics", "onnx")
    if size_px % 32:
        raise TrainingError(f"--size-px: expected a multiple of 32, found {size_px}")
    make_folder(out)
    from detector.training.export import AXES, OPSET
    from detector.training.export import export as run

    done = run(
        checkpoint,
        out,
        name=name,
        version=version,
        licence=licence,
        thresholds={"product": product_threshold, "gap": gap_threshold},
        size_px=size_px,
        picture=picture,
    )
    manifest = done.manifest
    size = (out / manifest.file).stat().st_size / 1e6
    typer.echo(f"{out}: {manifest.name} {manifest.version}, sha256 {manifest.sha256}")
    typer.echo(f"{manifest.file}: {size:.1f} MB, opset {OPSET}, {AXES}")
    for one in done.parity:
        typer.echo(
            f"same as the trained network at {one.size_px[0]}x{one.size_px[1]}: "
            f"scores within {one.score:.4f}, boxes within {one.box_px:.2f} px"
        )
    if done.no_golden:
        typer.echo(f"no golden picture: {done.no_golden}")


@contextmanager
def stop_flag() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a terminate signal has come; a second one ends at once."""
    came: list[int] = []
    kinds = signal.SIGINT, signal.SIGTERM
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def note(number: int, _frame: object) -> None:
        came.append(number)
        for kind, handler in before.items():
            signal.signal(kind, handler)

    for kind in kinds:
        signal.signal(kind, note)
    try:
        yield lambda: bool(came)
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextmanager
def _progress(stopped: Callable[[], bool]) -> Iterator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from detector.training.progress import Watch

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, int] = {}

        def step(stage: str, share: float, figures: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=1.0, figures="")
            progress.update(progress.task_ids[tasks[stage]], completed=share, figures=figures)

        yield Watch(
            step=lambda stage, share, place: step(
                stage.name,
                share,
                "{} crops  box {:.2f} class {:.2f} edge {:.2f}  lr {:.5f}".format(
                    place.seen, *place.losses, place.learning_rate
                ),
            ),
            checkpoint=lambda told: console.print(
                checkpoint_line(told), highlight=False, soft_wrap=True
            ),
            should_stop=stopped,
        )


def checkpoint_line(told: Checkpoint) -> str:
    """What is told of a checkpoint, in one line."""
    place = told.progress
    begin = f"{told.stage} {told.share_done:4.0%}  {place.elapsed_secs / 60:6.1f} min"
    if told.share_done == 0:
        train_loss = "start"
    else:
        train_loss = f"{place.seen} crops, loss {sum(place.losses):.2f}"
    if told.score is None:
        return f"{begin}  {train_loss}"
    score = told.score
    return (
        f"{begin}  {train_loss}; val loss {score.loss:.2f}, "
        f"AP50 product {score.product_ap50:.3f} gap {score.gap_ap50:.3f}"
        f"{'  best so far' if told.best else ''}"
    )
