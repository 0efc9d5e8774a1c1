"""The command ``shelfwatch model evaluate``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import TrainingError
from detector.training.command_parts import (
    LabelFiles,
    PictureRoot,
    labelled_pictures,
    make_folder,
    say,
    tracker,
)
from detector.training.views import View

if TYPE_CHECKING:
    from detector.model import Detector
    from detector.training.dataset import LabelledPicture
    from detector.training.evaluate import Collected


#: The pictures with the most mistakes, at the thresholds in use.
MISTAKES = "mistakes.jpg"
MISTAKE_PICTURES = 12


class PictureSide(StrEnum):
    """Which pictures to measure on."""

    VAL = "val"
    TEST = "test"


def evaluate(
    labels: LabelFiles,
    pictures: PictureRoot = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder or .onnx file; default: the one shipped.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Another model; its speed is measured in turns.")
    ] = None,
    side: Annotated[PictureSide, typer.Option(help="Which pictures.")] = PictureSide.TEST,
    view: Annotated[list[View] | None, typer.Option(help="Repeatable; default: all three.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many pictures, evenly spread.")
    ] = None,
    choose_thresholds: Annotated[
        bool,
        typer.Option(
            "--choose-thresholds", help="Print the thresholds with the best F1; on the side val."
        ),
    ] = False,
    bay: Annotated[
        Path | None, typer.Option(help="Folder with shelf.jpg and recognition.json as well.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures.json and the plots.")] = None,
    update_card: Annotated[
        bool, typer.Option("--update-card", help="Write the figures into the model's card.")
    ] = False,
) -> None:
    """Measure a detector on pictures that it was not trained on: precision, recall, speed.

    Example: shelfwatch model evaluate --model models/mine --labels labels.jsonl
    --pictures photos --out runs/mine/test
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from detector.manifest import manifest_path_of
    from detector.model import DEFAULT_MODEL, SHIPPED_MODELS, Detector
    from detector.training.card import figures_table, update_figures
    from detector.training.evaluate import (
        collect,
        examples_of,
        figures_of,
        measure_bay,
        measure_speed,
    )
    from detector.training.splits import Side
    from detector.training.tally import Tally

    if choose_thresholds:
        side = PictureSide.VAL
    if update_card and (side is PictureSide.VAL or limit is not None):
        raise TrainingError(
            "--update-card: expected figures of the whole side test, found --side val, --limit or "
            "--choose-thresholds"
        )
    if out is not None:
        make_folder(out)
    loaded = Detector.load(model)
    peer = None if reference is None else Detector.load(reference)
    tally = Tally()
    chosen = labelled_pictures(labels, pictures, Side(side.value), tally, limit)
    say(tally)
    if not chosen:
        raise TrainingError(f"labels: expected pictures on the side {side.value!r}, found none")
    views = view or list(View)
    figures: dict[str, float | str] = {"model": loaded.identity, "side": side.value}
    collected: dict[str, Collected] = {}
    for one in views:
        examples = examples_of(chosen, one)
        collected[one.value] = collect(loaded, examples, view=one, progress=tracker(one.value))
        for key, value in figures_of(collected[one.value]).items():
            figures[f"{one.value}_{key}"] = value
    if choose_thresholds:
        _print_thresholds(collected)
        return
    images = [picture.image_bgr for picture in chosen[:5]]
    figures.update(measure_speed(loaded, images, peer))
    if bay is not None:
        for kind, best in (("bay", False), ("bay_best_scale", True)):
            found = measure_bay(
                loaded, bay / "shelf.jpg", bay / "recognition.json", best_scale=best
            )
            figures.update({f"{kind}_{key}": value for key, value in found.items()})
    words = {one.value: one.words for one in views}
    table = figures_table(figures, words)
    Console().print(Markdown(table))
    for key in (name for name in figures if name.startswith("bay")):
        typer.echo(f"{key:32} {figures[key]:.3g}")
    if out is not None:
        _write(out, loaded, figures, collected)
        _write_mistakes(out / MISTAKES, loaded, chosen)
    if update_card:
        place = manifest_path_of(SHIPPED_MODELS / DEFAULT_MODEL if model is None else model)
        card = place.parent / loaded.manifest.card
        update_figures(card, table)
        typer.echo(f"{card}: figures written")


def _print_thresholds(collected: Mapping[str, Collected]) -> None:
    from detector.training.evaluate import choose_thresholds

    for view, found in collected.items():
        chosen = choose_thresholds(found)
        options = " ".join(
            f"--{name}-threshold {max(o.threshold, 0.001):.3f}" for name, o in chosen.items()
        )
        f1 = ", ".join(
            f"{name} F1 {o.f1:.3f} (precision {o.precision:.3f}, recall {o.recall:.3f})"
            for name, o in chosen.items()
        )
        typer.echo(f"{view}: {options}    {f1}")
    typer.echo("`shelfwatch model export` takes these options")


def _write(
    out: Path,
    detector: Detector,
    figures: Mapping[str, float | str],
    collected: Mapping[str, Collected],
) -> None:
    import cv2

    from detector.training.plots import precision_recall_plot, size_plot

    title = f"{detector.manifest.name} {detector.manifest.version}, side {figures['side']}"
    curves = {
        f"{name}, {view} (AP50 {figures[f'{view}_{name}_ap50']:.3f})": found.scored(name)
        for view, found in collected.items()
        for name in detector.class_names
        if f"{view}_{name}_ap50" in figures
    }
    bars = {view: found.recall_by_size() for view, found in collected.items()}
    known = {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in figures.items()
    }
    (out / "figures.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    cv2.imwrite(str(out / "precision_recall.png"), precision_recall_plot(curves, title))
    cv2.imwrite(str(out / "recall_by_size.png"), size_plot(bars, title))
    typer.echo(f"{out}: figures.json, precision_recall.png, recall_by_size.png, {MISTAKES}")


def _write_mistakes(path: Path, detector: Detector, pictures: Sequence[LabelledPicture]) -> None:
    from detector.training.sheet import MISTAKE_LEGEND, contact_sheet, mistake_tile, write_sheet

    looked = tracker("mistakes")(pictures)
    counted = [mistake_tile(one, detector.detect(one.image_bgr)) for one in looked]
    counted.sort(key=lambda pair: -pair[0])
    tiles = [tile for _, tile in counted[:MISTAKE_PICTURES]]
    write_sheet(contact_sheet(tiles, MISTAKE_LEGEND), path)
