"""The commands ``shelfwatch model train-recogniser`` and ``export-recogniser``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.training.command_parts import require
from detector.training.train_cli import INTERRUPTED, stop_flag

if TYPE_CHECKING:
    from detector.training.recogniser_train import RecogniserProgress


def train_recogniser(
    recipe: Annotated[Path, typer.Option(help="A recogniser's file of configs/training.")],
    data: Annotated[Path, typer.Option(help="Folder that the recipe's folders start at.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoints.")],
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Weights to begin with instead of ImageNet's: shipped, a checkpoint, the folder "
            "of a run or a model."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was stopped in --out.")
    ] = False,
) -> None:
    """Train the network that tells products apart; Ctrl-C saves, --resume goes on.

    Example: shelfwatch model train-recogniser --recipe configs/training/recogniser_finetune.yaml
    --data pictures --out runs/recogniser
    """
    require("torch", "torchvision")
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from detector.recogniser import SHIPPED_EMBEDDER
    from detector.training.network import find_weights
    from detector.training.recogniser_train import (
        learned_products,
        read_recogniser_recipe,
    )
    from detector.training.recogniser_train import train_recogniser as run

    parsed = read_recogniser_recipe(recipe)
    begin = None if start_from is None else find_weights(start_from, SHIPPED_EMBEDDER)
    learned = learned_products(parsed, data)
    for source, products in learned.items():
        typer.echo(f"{source.folder}: {len(products)} products to learn from")
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with (
        stop_flag() as stopped,
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("", total=1.0)

        def watch(share: float, place: RecogniserProgress) -> bool:
            figures = (
                f"step {place.step}  loss {place.loss:.3f}  nearest right {place.nearest_right:.3f}"
            )
            bar.update(task, completed=share, description=figures)
            return not stopped()

        best = run(parsed, learned, out, start_from=begin, resume=resume, watch=watch)
    if stopped():
        typer.echo(f"stopped and saved; the same command with --resume goes on in {out}")
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"{best}; next: shelfwatch model export-recogniser {best} --out MODEL")


def export_recogniser(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name in the manifest.")],
    version: Annotated[str, typer.Option(help="Version in the manifest.")],
    golden: Annotated[
        Path, typer.Option(help="A product's picture: every load must embed it as it is now.")
    ],
    known_similarity: Annotated[
        float, typer.Option(min=-1, max=1, help="Likeness from which a product counts as found.")
    ] = 0.6,
    known_margin: Annotated[
        float, typer.Option(min=0, max=2, help="Its lead over the second product.")
    ] = 0.04,
    stranger_similarity: Annotated[
        float, typer.Option(min=-1, max=1, help="Likeness from which a facing is another product.")
    ] = 0.65,
    stranger_margin: Annotated[
        float, typer.Option(min=0, max=2, help="Its lead over the planned product.")
    ] = 0.1,
    reference_width: Annotated[
        list[int] | None,
        typer.Option(min=8, help="Width that catalogue pictures are shrunk to; repeatable."),
    ] = None,
    licence: Annotated[str, typer.Option(help="SPDX name.")] = "AGPL-3.0-or-later",
) -> None:
    """Write a trained recogniser as ONNX with manifest, card and checkpoint; both must agree.

    `shelfwatch catalog evaluate CATALOG --crops FOLDER --embedder MODEL` then says which
    thresholds suit.

    Example: shelfwatch model export-recogniser runs/recogniser --out models/mine --name mine
    --version 1 --golden product.jpg
    """
    require("torch", "torchvision", "onnx")
    from detector.pictures import read_picture
    from detector.recogniser_manifest import Rule
    from detector.training.network import find_weights
    from detector.training.recogniser_export import export_recogniser as run

    manifest = run(
        find_weights(str(checkpoint)),
        out,
        name=name,
        version=version,
        licence=licence,
        golden=read_picture(golden),
        known=Rule(min_similarity=known_similarity, min_margin=known_margin),
        stranger=Rule(min_similarity=stranger_similarity, min_margin=stranger_margin),
        reference_widths_px=tuple(reference_width or ()),
    )
    size = (out / manifest.file).stat().st_size / 1e6
    typer.echo(f"{out}: {manifest.name} {manifest.version}, sha256 {manifest.sha256}")
    typer.echo(f"{manifest.file}: {size:.1f} MB, {manifest.dimension} numbers a crop")
