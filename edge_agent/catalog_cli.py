"""``shelfwatch catalog add|list|evaluate|search``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from detector import (
    Catalog,
    CatalogError,
    Detector,
    Embedder,
    PictureError,
    load_embedder,
    read_picture,
    trim_uniform_border,
)
from detector.catalog_add import NewPicture, add_pictures, check_key, pictures_at
from detector.catalog_evaluate import Evaluation
from detector.catalog_evaluate import evaluate as evaluate_catalog
from detector.catalog_folder import catalog_files
from detector.catalog_index import CatalogIndex, index_folder, save_index
from detector.catalog_twins import made_up_facing
from edge_agent.catalog_frame import FramePictures, frame_pictures
from edge_agent.catalog_search import search_photo
from edge_agent.catalog_words import (
    catalog_json,
    evaluation_json,
    print_catalog,
    print_evaluation,
    print_remarks,
    print_search,
    print_twins,
    search_json,
)
from edge_agent.recognise import Recogniser
from shelf import ShelfwatchError, load_planogram

app = typer.Typer(
    help="Pictures of the products, by which facings are recognised.", no_args_is_help=True
)

T = TypeVar("T")


class NothingChosenError(ShelfwatchError):
    """A photograph that gives no picture for the catalogue."""

    exit_code = 1


MADE_UP = 12
"""Facings made up of each product when there are no crops to evaluate with."""

Folder = Annotated[
    Path,
    typer.Argument(metavar="CATALOG", help="Folder: <product>.jpg or <product>/ with several."),
]
WithEmbedder = Annotated[
    Path | None,
    typer.Option("--embedder", metavar="FOLDER", help="Another embedding network than the usual."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def add(
    catalog: Folder,
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PICTURE]...", help="Pictures, or folders laid out alike."),
    ] = None,
    sku: Annotated[
        str | None, typer.Option(help="Their product; default: the files' or folders' names.")
    ] = None,
    from_frame: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Take crops of a bay that is stocked as planned."),
    ] = None,
    planogram: Annotated[Path | None, typer.Option(help="The planogram of that bay.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="The camera's calibration; without it the bay is found.")
    ] = None,
    sheet: Annotated[
        Path, typer.Option(metavar="OUT", help="Where the crops to look at are written.")
    ] = Path("enrol.png"),
    new_look: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU", help="Take its crops though its pictures look otherwise."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Add the crops without asking.")] = False,
    embedder: WithEmbedder = None,
) -> None:
    """Add pictures and renew the index; without pictures, only renew the index.

    Example: shelfwatch catalog add pictures cola.jpg tea.jpg

    Example: shelfwatch catalog add pictures --from-frame bay.jpg --planogram bay.csv
    """
    _check_usage(pictures, sku, from_frame, planogram, calibration)
    method = load_embedder(embedder)
    new: list[NewPicture] = []
    for path in pictures or ():
        new += pictures_at(path, sku)
    if from_frame is not None:
        assert planogram is not None
        detector = Detector.load()
        chosen = frame_pictures(
            from_frame, planogram, calibration, catalog, detector, method, sheet, new_look or ()
        )
        _say_chosen(chosen, sheet)
        if not chosen.pictures:
            raise NothingChosenError(
                f"{from_frame}: expected slots that can be read for sure, found none; nothing added"
            )
        if not yes:
            count = len(chosen.pictures)
            typer.confirm(f"Look at {sheet}. Add these {count} pictures?", abort=True)
        new += chosen.pictures
    report = add_pictures(catalog, new)
    for reason in report.refused:
        typer.echo(f"refused: {reason}", err=True)
    index = index_folder(catalog, method, progress=_bar)
    save_index(index, catalog)
    already = f", {len(report.there)} already there" if report.there else ""
    refused = f", {len(report.refused)} refused" if report.refused else ""
    products = len(set(index.keys))
    typer.echo(
        f"{catalog}: {len(report.added)} pictures added{already}{refused}; "
        f"{len(index.pictures)} pictures of {products} products indexed"
    )
    print_twins(index)
    print_remarks(tuple(remark for remark in index.remarks if "index.npz" not in remark))
    if report.refused:
        raise typer.Exit(1)


@app.command("list")
def list_command(catalog: Folder, as_json: AsJson = False, embedder: WithEmbedder = None) -> None:
    """Say what a catalogue holds, which products look alike, and what is wrong with it.

    Example: shelfwatch catalog list pictures
    """
    index = index_folder(catalog, load_embedder(embedder), progress=_bar)
    if as_json:
        typer.echo(json.dumps(catalog_json(catalog, index)))
    else:
        print_catalog(index)


@app.command()
def evaluate(
    catalog: Folder,
    crops: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Crops of facings, a folder per product.")
    ] = None,
    as_json: AsJson = False,
    embedder: WithEmbedder = None,
) -> None:
    """Say how many facings get the right name, which products are confused, and what is not known.

    Without --crops, facings are made up from the catalogue's own pictures: small, blurred and in
    other light. That tells which products are too alike; real facings do worse.

    Example: shelfwatch catalog evaluate pictures --crops crops
    """
    method = load_embedder(embedder)
    index = index_folder(catalog, method, progress=_bar)
    known = Catalog.from_index(index, method, catalog)
    if crops is None:
        source = "made up from the catalogue's own pictures (real facings do worse)"
        result = _evaluate_made_up(catalog, index, known, method)
    else:
        source = f"from {crops}"
        result = _evaluate_crops(crops, known, method)
    if as_json:
        typer.echo(json.dumps(evaluation_json(catalog, index, result, source)))
    else:
        print_evaluation(index, result, source)


@app.command()
def search(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photograph of a product.")],
    catalog: Annotated[Path, typer.Option(metavar="DIR", help="Folder with the pictures.")],
    planogram: Annotated[Path | None, typer.Option(help="Says where it belongs.")] = None,
    as_json: AsJson = False,
    embedder: WithEmbedder = None,
) -> None:
    """Say which product a photograph shows and where it belongs; exit 1 when it is not known.

    Example: shelfwatch catalog search found.jpg --catalog pictures --planogram aisle.csv
    """
    image = read_picture(photo)
    plan = None if planogram is None else load_planogram(planogram)
    method = load_embedder(embedder)
    index = index_folder(catalog, method, progress=_bar)
    known = Catalog.from_index(index, method, catalog)
    if plan is not None:
        known = Recogniser(known, method, plan).catalog
    result = search_photo(image, Detector.load(), known, method)
    if as_json:
        size_px = (image.shape[1], image.shape[0])
        typer.echo(json.dumps(search_json(photo, size_px, result, plan)))
    else:
        print_search(result, plan)
        print_remarks(index.remarks)
    if not result.answer:
        raise typer.Exit(1)


def _check_usage(
    pictures: list[Path] | None,
    sku: str | None,
    from_frame: Path | None,
    planogram: Path | None,
    calibration: Path | None,
) -> None:
    if sku is not None:
        check_key(sku)
        if not pictures:
            raise typer.BadParameter("--sku: expected pictures of that product, found none")
    if from_frame is None and (planogram or calibration):
        raise typer.BadParameter("--planogram and --calibration go with --from-frame PHOTO")
    if from_frame is not None and pictures:
        raise typer.BadParameter("expected either pictures or --from-frame, found both")
    if from_frame is not None and planogram is None:
        raise typer.BadParameter("--from-frame: expected --planogram FILE with it, found none")


def _say_chosen(chosen: FramePictures, sheet: Path) -> None:
    enrolment, names = chosen.enrolment, chosen.planogram.names
    for left_out in enrolment.left_out:
        typer.echo(f"left out: {left_out}")
    for item in enrolment.refused:
        name = names[item.crop.sku]
        typer.echo(f"refused: {item.crop.slot} {name}: {item.reason}")
    if enrolment.taken or enrolment.refused:
        products = len({crop.sku for crop in enrolment.taken})
        typer.echo(f"{sheet}: {len(enrolment.taken)} crops of {products} products")


def _evaluate_made_up(
    folder: Path, index: CatalogIndex, known: Catalog, embedder: Embedder
) -> Evaluation:
    rng = np.random.default_rng(1)
    files: dict[str, list[Path]] = {}
    for picture in index.pictures:
        files.setdefault(picture.key, []).append(folder / picture.file)
    vectors, shown = [], []
    for key, paths in _bar(files.items()):
        images = [trim_uniform_border(read_picture(path)) for path in paths[:MADE_UP]]
        made = [made_up_facing(images[k % len(images)], rng) for k in range(MADE_UP)]
        vectors.append(embedder.embed(made))
        shown += [key] * MADE_UP
    return evaluate_catalog(known, np.concatenate(vectors), shown, embedder.stranger)


def _evaluate_crops(folder: Path, known: Catalog, embedder: Embedder) -> Evaluation:
    vectors, shown, unreadable, unknown = [], [], [], []
    for path, key in _bar(catalog_files(folder).items()):
        if key not in known.keys:
            unknown.append(key)
            continue
        try:
            vectors.append(embedder.embed([read_picture(path)]))
        except PictureError as error:
            unreadable.append(str(error))
            continue
        shown.append(key)
    remarks = [f"{len(unreadable)} crops left out: {reason}" for reason in unreadable]
    if unknown:
        named = ", ".join(sorted(set(unknown)))
        remarks.append(f"{len(unknown)} crops of products not in the catalogue left out: {named}")
    print_remarks(tuple(remarks))
    if not shown:
        raise CatalogError(
            f"{folder}: expected crops of the catalogue's products in folders of their names, "
            "found none"
        )
    return evaluate_catalog(known, np.concatenate(vectors), shown, embedder.stranger)


def _bar(items: Iterable[T]) -> Iterable[T]:
    todo = list(items)
    console = Console(stderr=True)
    hidden = len(todo) < 20 or not console.is_terminal
    return todo if hidden else track(todo, "Pictures", console=console, transient=True)
