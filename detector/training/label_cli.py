"""The command ``shelfwatch model autolabel``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import TrainingError
from detector.training.command_parts import say, tracked

if TYPE_CHECKING:
    from detector.training.labels import PictureLabels

#: Fewer pictures than this on a side choose no threshold and prove nothing.
FEW_PICTURES = 8
SHEET_PICTURES = 12


def autolabel(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of pictures, or with images/ and labels/.")
    ],
    teacher: Annotated[Path, typer.Option(help="Model folder or .onnx file of the teacher.")],
    out: Annotated[Path, typer.Option(help="Label file to write or to go on with.")],
    classes: Annotated[
        list[str] | None,
        typer.Option(
            help="Names of the classes in a folder's label files, FOLDER=product,gap; `ignore` "
            "leaves a class out. Default: its classes.txt or data.yaml."
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Picture to write: some of the pictures with their boxes.")
    ] = None,
    drafts: Annotated[
        Path | None,
        typer.Option(help="Folder to write the boxes to as YOLO files, for a drawing tool."),
    ] = None,
    val_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the scenes for choosing thresholds.")
    ] = 0.07,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the scenes for the final figures.")
    ] = 0.15,
) -> None:
    """Label facings with a teacher model, merge hand labels, divide into train, val and test.

    Pictures that --out has already are kept, so a run that was stopped goes on where it was.

    Example: shelfwatch model autolabel photos/mine --teacher teacher/ --out labels.jsonl
    --sheet sheet.jpg
    """
    from detector.model import PRODUCT, Detector
    from detector.training.autolabel import AutolabelSettings, label_folders
    from detector.training.hand_labels import open_folder, write_drafts
    from detector.training.tally import Tally

    named = _named_classes(classes or [], folders)
    opened = [open_folder(folder, named.get(folder.resolve().name)) for folder in folders]
    settings = AutolabelSettings()
    loaded = Detector.load(teacher)
    if PRODUCT not in loaded.class_names:
        raise TrainingError(
            f"{teacher}: expected a teacher with the class {PRODUCT}, "
            f"found {', '.join(loaded.class_names)}"
        )
    loaded = loaded.with_thresholds({PRODUCT: settings.unsure_score})

    def teach(image: Any) -> Any:
        found = loaded.detect(image).of_class(PRODUCT)
        return found.boxes_xyxy_px, found.scores

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a", encoding="utf-8").close()
    except OSError as error:
        raise TrainingError(
            f"--out: expected a file that can be written, found {out}: {error.strerror}"
        ) from error
    tally = Tally()
    labels = label_folders(
        opened,
        teach,
        out,
        tally,
        teacher_name=loaded.identity,
        shares=(val_share, test_share),
        settings=settings,
        progress=tracked,
    )
    say(tally)
    for line in summary(labels):
        typer.echo(line)
    if sheet is not None:
        _write_sheet(labels, opened, sheet)
    if drafts is not None:
        count = write_drafts(labels, drafts)
        typer.echo(
            f"{drafts}: {count} label files to correct; draw the gaps as well, or take `gap` out "
            "of classes.txt"
        )


def summary(labels: Sequence[PictureLabels]) -> list[str]:
    """What a label file holds, in words."""
    from detector.training.splits import Side

    sides = Counter(one.side for one in labels)
    drawn = [one.gaps for one in labels if one.gaps is not None]
    by_hand = sum(one.by_hand for one in labels)
    lines = [
        f"{len(labels)} pictures: " + ", ".join(f"{sides[side]} {side.value}" for side in Side),
        f"{sum(len(one.products) for one in labels)} products "
        f"(drawn by hand in {by_hand} pictures), "
        f"{sum(len(one.unsure) for one in labels)} unsure, left out of the loss",
        f"{sum(map(len, drawn))} gaps in {len(drawn)} pictures; "
        f"{len(labels) - len(drawn)} pictures say nothing about gaps",
    ]
    for side, option in ((Side.VAL, "--val-share"), (Side.TEST, "--test-share")):
        if sides[side] < FEW_PICTURES:
            lines.append(
                f"only {sides[side]} on the side {side.value}, too few to trust a figure: label "
                f"more scenes, or give a larger {option} and a new --out"
            )
    return lines


def _named_classes(given: Sequence[str], folders: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    named = {}
    known = [folder.resolve().name for folder in folders]
    for text in given:
        folder, mark, names = text.partition("=")
        if not mark or folder not in known or not names:
            raise TrainingError(
                f"--classes: expected FOLDER=name,name with a folder out of {', '.join(known)}, "
                f"found {text!r}"
            )
        named[folder] = tuple(name.strip() for name in names.split(","))
    return named


def _write_sheet(labels: Sequence[PictureLabels], folders: Sequence[Any], path: Path) -> None:
    from detector.pictures import read_picture
    from detector.training.dataset import LabelledPicture, spread
    from detector.training.sheet import LABEL_LEGEND, contact_sheet, label_tile, write_sheet

    paths = {name: path for folder in folders for name, path in folder.pictures().items()}
    mine = sorted((one for one in labels if one.picture in paths), key=lambda one: one.picture)
    chosen = spread(mine, SHEET_PICTURES)
    tiles = [label_tile(LabelledPicture(read_picture(paths[o.picture]), o)) for o in chosen]
    write_sheet(contact_sheet(tiles, LABEL_LEGEND), path)
    typer.echo(f"{path}: {len(chosen)} pictures to look at")
