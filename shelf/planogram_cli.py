"""``shelfwatch planogram validate|convert|diff``."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram
from shelf.planogram_csv import write_csv
from shelf.planogram_diff import diff_planograms
from shelf.planogram_file import PlanogramFile, read_planograms
from shelf.planogram_json import write_json
from shelf.planogram_versions import PlanogramVersions, read_versions

app = typer.Typer(help="Check, convert and compare planogram files.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A planogram: CSV, JSON, ProSpace .psa or PTS.")
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="NAME", help="One planogram of a file that holds several."),
]

WARNINGS_SHOWN = 20


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


def _in_a_line(planogram: Planogram) -> str:
    told = _summary(planogram)
    period = f"{told['valid_from'] or 'open'} to {told['valid_until'] or 'open'}"
    counts = ", ".join(f"{key} {told[key]}" for key in ("bays", "shelves", "slots", "skus"))
    return f"{planogram.name}: {counts}; valid {period}"


def _tell_warnings(warnings: Sequence[Problem], *, to_stderr: bool = False) -> None:
    for warning in warnings[:WARNINGS_SHOWN]:
        typer.echo(f"warning: {warning}", err=to_stderr)
    more = len(warnings) - WARNINGS_SHOWN
    if more > 0:
        typer.echo(f"warning: and {more} more; validate --json tells all", err=to_stderr)


@app.command()
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A planogram (CSV, JSON, ProSpace .psa or PTS); or several files, or a folder, "
            "with the versions of one aisle's planogram.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check files and say what they hold; exit 2 with all problems when they cannot be used.

    Of several versions it also says which counts today, and where they overlap or leave a gap.

    Example: shelfwatch planogram validate aisle12.csv
    """
    if len(files) > 1 or files[0].is_dir():
        _validate_versions(files, as_json)
        return
    file = read_planograms(files[0])
    if len(file.planograms) > 1:
        _validate_several(file, as_json)
        return
    planogram = file.only()
    summary = _summary(planogram)
    remarks = _remarks(planogram, date.today())
    if as_json:
        told = {**summary, "remarks": remarks, "warnings": [str(w) for w in file.warnings]}
        typer.echo(json.dumps(told))
        return
    for key, value in summary.items():
        typer.echo(f"{key:13} {'open' if value is None else value}")
    _tell_warnings(file.warnings)
    for remark in remarks:
        typer.echo(f"remark: {remark}")


def _validate_several(file: PlanogramFile, as_json: bool) -> None:
    if as_json:
        summaries = [_summary(planogram) for planogram in file.planograms]
        warnings = [str(warning) for warning in file.warnings]
        typer.echo(json.dumps({"planograms": summaries, "warnings": warnings}))
        return
    typer.echo(f"{len(file.planograms)} planograms")
    for planogram in file.planograms:
        typer.echo(_in_a_line(planogram))
    _tell_warnings(file.warnings)


def _validate_versions(paths: Sequence[Path], as_json: bool) -> None:
    planograms, warnings = read_versions(paths)
    versions = PlanogramVersions(planograms, UTC)
    warnings += versions.warnings()
    today = date.today()
    now = versions.on(today)
    if as_json:
        told = {
            "versions": [_summary(planogram) for planogram in versions.planograms],
            "today": str(today),
            "in_force": None if now is None else now.name,
            "warnings": [str(warning) for warning in warnings],
        }
        typer.echo(json.dumps(told))
        return
    for planogram in versions.planograms:
        typer.echo(_in_a_line(planogram))
    typer.echo(f"today, {today}: {'no version is valid' if now is None else now.name}")
    _tell_warnings(warnings)


@app.command()
def convert(
    file: File,
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write, whose suffix chooses the form; or a folder, for a file "
            "with several planograms."
        ),
    ],
    form: Annotated[Form | None, typer.Option(help="The form, if the suffix does not say.")] = None,
    only: Only = None,
) -> None:
    """Write a planogram in another form.

    Example: shelfwatch planogram convert aisle12.psa --out aisle12.csv
    """
    read = read_planograms(file)
    _tell_warnings(read.warnings, to_stderr=True)
    suffix = out.suffix.removeprefix(".").lower()
    if out.is_dir() or (only is None and not suffix and len(read.planograms) > 1):
        chosen = form or Form.CSV
        planograms = read.planograms if only is None else (read.only(only),)
        outs = _names_in(out, planograms, chosen)
        _make_folder(out)
    else:
        known = form or (Form(suffix) if suffix in tuple(Form) else None)
        if known is None:
            raise typer.BadParameter(f"expected a name ending in .csv or .json, got {out.name!r}")
        chosen = known
        planograms, outs = (read.only(only),), [out]
    for planogram, path in zip(planograms, outs, strict=True):
        text = write_csv(planogram) if chosen is Form.CSV else write_json(planogram)
        _write(path, text)
        typer.echo(f"{path}: {len(planogram)} slots")


def _names_in(folder: Path, planograms: Sequence[Planogram], form: Form) -> list[Path]:
    """A name of its own in ``folder`` for each planogram, after its id."""
    taken = Counter[str]()
    paths = []
    for planogram in planograms:
        name = re.sub(r"[^\w.-]+", "-", planogram.id).strip("-.") or "planogram"
        taken[name] += 1
        number = f"_{taken[name]}" if taken[name] > 1 else ""
        paths.append(folder / f"{name}{number}.{form.value}")
    return paths


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise PlanogramError(
            [Problem(f"--out: {path}", "a folder to write to", error.strerror or str(error))]
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanogramError(
            [Problem(f"--out: {path}", "a file that can be written", error.strerror or str(error))]
        ) from error


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier version.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later version.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    only: Only = None,
) -> None:
    """Say what changes from one version to another; exit 1 when something does.

    Example: shelfwatch planogram diff week46.csv week47.csv
    """
    before, after = (read_planograms(path).only(only) for path in (old, new))
    changes = diff_planograms(before, after)
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes]))
    else:
        for change in changes:
            typer.echo(f"{change.slot}: {change.what}")
        if before.units is not after.units:
            typer.echo(f"units: {before.units.value} -> {after.units.value}, lengths not compared")
        typer.echo(f"{len(changes)} changes" if changes else "nothing changes")
    if changes:
        raise typer.Exit(1)
