"""The command ``shelfwatch model quantize``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import TrainingError
from detector.training.command_parts import (
    LabelFiles,
    PictureRoot,
    labelled_pictures,
    require,
    say,
    tracked,
    tracker,
)

if TYPE_CHECKING:
    from detector.model import Detector
    from detector.training.evaluate import Example


def quantize(
    model: Annotated[Path, typer.Argument(help="The float model's folder.")],
    labels: LabelFiles,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    pictures: PictureRoot = None,
    max_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Largest loss in AP50, as a mean of the classes.")
    ] = 0.01,
    calibrate_on: Annotated[
        int, typer.Option(min=1, help="Pictures of the training side to take the ranges from.")
    ] = 96,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Measure on at most so many pictures of a side, evenly spread."),
    ] = None,
) -> None:
    """Write a model in 8 bits, and keep it only if it loses little.

    Activations are calibrated on pictures of the side train; how much of the network stays in
    float is chosen on the side val; the side test is reported.

    Example: shelfwatch model quantize models/mine --labels labels.jsonl --pictures photos
    --out models/mine-int8
    """
    require("onnx")
    from detector.model import Detector
    from detector.training.evaluate import measure, measure_speed, whole_pictures
    from detector.training.quantize import mean_ap50
    from detector.training.quantize import quantize as run
    from detector.training.splits import Side
    from detector.training.tally import Tally

    tally = Tally()
    loaded = Detector.load(model)
    if out.resolve() == loaded.manifest_path.parent.resolve():
        raise TrainingError(f"--out: expected another folder than the model's own, found {out}")
    train = labelled_pictures(labels, pictures, Side.TRAIN, tally, calibrate_on)
    val = whole_pictures(labelled_pictures(labels, pictures, Side.VAL, tally, limit))
    test = whole_pictures(labelled_pictures(labels, pictures, Side.TEST, tally, limit))
    say(tally)
    missing = [
        side for side, found in (("train", train), ("val", val), ("test", test)) if not found
    ]
    if missing:
        raise TrainingError(
            f"labels: expected pictures on the sides train, val and test, found none on "
            f"{', '.join(missing)}"
        )

    def ap50_on(examples: list[Example]) -> Callable[[Detector], Mapping[str, float]]:
        def measured(detector: Detector) -> Mapping[str, float]:
            figures = measure(detector, examples, progress=tracker("measuring"))
            keys = {name: f"{name}_ap50" for name in detector.class_names}
            return {name: figures[key] for name, key in keys.items() if key in figures}

        return measured

    inputs = (loaded.input_of(one.image_bgr) for one in tracked(train, "calibrating"))
    done = run(loaded, inputs, out, ap50_of=ap50_on(val), max_loss=max_loss, report=typer.echo)
    before, after = (ap50_on(test)(one) for one in (loaded, done.model))
    for name, value in before.items():
        typer.echo(f"test side, {name}: AP50 {value:.3f} in float, {after[name]:.3f} in 8 bits")
    sizes = [
        (one.manifest_path.parent / one.manifest.file).stat().st_size / 1e6
        for one in (loaded, done.model)
    ]
    speed = measure_speed(done.model, [one.image_bgr for one in test[:8]], loaded)
    typer.echo(f"file: {sizes[0]:.1f} MB in float, {sizes[1]:.1f} MB in 8 bits")
    typer.echo(
        f"time of detect on this machine: {speed['detect_over_reference']:.2f} times the float "
        "model's (below 1 is faster)"
    )
    typer.echo(f"{out}: {done.model.manifest.name} {done.model.manifest.version}")
    if mean_ap50(before) - mean_ap50(after) > max_loss:
        raise TestSideError(
            f"{out}: expected a loss in AP50 of at most {max_loss:g} on the test side too, found "
            f"{mean_ap50(before) - mean_ap50(after):.4f}; the folder was written, use it with care"
        )


class TestSideError(TrainingError):
    """What was chosen on the validation side does not hold on the test side."""

    exit_code = 1
