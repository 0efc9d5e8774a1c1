"""``shelfwatch planogram validate|convert|diff``."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram
from shelf.planogram_csv import write_csv
from shelf.planogram_diff import diff_planograms
from shelf.planogram_file import load_planogram
from shelf.planogram_json import write_json

app = typer.Typer(help="Check, convert and compare planogram files.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A planogram: CSV or JSON.")]


class Form(StrEnum):
    """The forms that `convert` writes."""

    CSV = "csv"
    JSON = "json"


def _summary(planogram: Planogram) -> dict[str, object]:
    return {
        "id": planogram.id,
        "version": planogram.version,
        "units": planogram.units.value,
        "bays": len(planogram.bays),
        "shelves": sum(len(bay.shelves) for bay in planogram.bays),
        "slots": len(planogram),
        "skus": len(planogram.names),
        "facings": sum(slot.facings for slot in planogram.slots),
        "content_hash": planogram.content_hash,
        "valid_from": None if planogram.valid_from is None else str(planogram.valid_from),
        "valid_until": None if planogram.valid_until is None else str(planogram.valid_until),
    }


def _remarks(planogram: Planogram, today: date) -> list[str]:
    """What is not wrong, but worth knowing."""
    remarks = []
    if planogram.valid_from and today < planogram.valid_from:
        remarks.append(f"not valid yet: today is {today}, valid_from {planogram.valid_from}")
    if planogram.valid_until and today > planogram.valid_until:
        remarks.append(f"no longer valid: today is {today}, valid_until {planogram.valid_until}")
    if not planogram.has_heights:
        remarks.append("board heights are estimated: shelf_y_mm is not given for every shelf")
    if not planogram.has_sizes:
        remarks.append("widths are estimated: width_mm is not given for every slot")
    return remarks


@app.command()
def validate(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a file and say what it holds; exit 2 with all problems when it cannot be used.

    Example: shelfwatch planogram validate aisle12.csv
    """
    planogram = load_planogram(file)
    summary = _summary(planogram)
    remarks = _remarks(planogram, date.today())
    if as_json:
        typer.echo(json.dumps({**summary, "remarks": remarks}))
        return
    for key, value in summary.items():
        typer.echo(f"{key:13} {'open' if value is None else value}")
    for remark in remarks:
        typer.echo(f"remark: {remark}")


@app.command()
def convert(
    file: File,
    out: Annotated[Path, typer.Option(help="The file to write; its suffix chooses the form.")],
    form: Annotated[Form | None, typer.Option(help="The form, if the suffix does not say.")] = None,
) -> None:
    """Write a planogram in another form.

    Example: shelfwatch planogram convert planogram.json --out aisle12.csv
    """
    planogram = load_planogram(file)
    suffix = out.suffix.removeprefix(".").lower()
    chosen = form or (Form(suffix) if suffix in tuple(Form) else None)
    if chosen is None:
        raise typer.BadParameter(f"expected a name ending in .csv or .json, got {out.name!r}")
    text = write_csv(planogram) if chosen is Form.CSV else write_json(planogram)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanogramError(
            [Problem(f"--out: {out}", "a file that can be written", error.strerror or str(error))]
        ) from error
    typer.echo(f"{out}: {len(planogram)} slots")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier version.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later version.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Say what changes from one version to another; exit 1 when something does.

    Example: shelfwatch planogram diff week46.csv week47.csv
    """
    changes = diff_planograms(load_planogram(old), load_planogram(new))
    if as_json:
        typer.echo(json.dumps(changes))
    else:
        for change in changes:
            typer.echo(f"{change['slot']}: {change['what']}")
        typer.echo(f"{len(changes)} slots changed" if changes else "no slot changed")
    if changes:
        raise typer.Exit(1)
