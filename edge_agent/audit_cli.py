"""``shelfwatch audit``: what one photograph says of a planned bay."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calibration import Calibration, adjusted
from detector import Detector, read_picture
from edge_agent.audit import audit_photo
from edge_agent.check import calibration_problems
from edge_agent.look import Looker
from edge_agent.observing import observe_picture
from edge_agent.picture import draw_slots
from edge_agent.recognise import Recogniser
from shelf import (
    Bay,
    BoxPx,
    ConfigError,
    Planogram,
    Problem,
    ShelfwatchError,
    SlotReading,
    State,
    load_planogram,
)

app = typer.Typer()


class OutputError(ShelfwatchError):
    """A result that cannot be written where it was asked for."""


@app.command()
def audit(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photograph of a bay.")],
    planogram: Annotated[Path, typer.Option(help="Its planogram: CSV or JSON.")],
    catalog: Annotated[
        Path | None, typer.Option(help="Folder with pictures of the products.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="The camera's calibration; without it the bay is found.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Another detector than the shipped.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the answer here ('-').")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the photograph with its slots.")
    ] = None,
) -> None:
    """Say which slots of a bay are out of stock, low or misplaced, from one photograph.

    Example: shelfwatch audit shelf.jpg --planogram bay.csv --catalog pictures --picture out.png
    """
    plan = load_planogram(planogram)
    known = None if calibration is None else Calibration.load(calibration)
    bays = [] if known is None else bays_of(known, plan, f"--calibration: {calibration}")
    image = read_picture(photo)
    recogniser = None if catalog is None else Recogniser.load(catalog, plan)
    detector = Detector.load(model)
    if known is None:
        observed = observe_picture(
            image, detector.detect_at_best_scale(image), detector, recogniser
        )
        answer = audit_photo(observed, plan)
        slots = answer.slots
        unplanned = [_box(observed.facings_xyxy_px[index]) for index in answer.unplanned]
    else:
        look = Looker(detector, bays, recogniser, known).look(image)
        slots, unplanned = look.readings, list(look.unplanned)
    result = audit_json(photo, (image.shape[1], image.shape[0]), plan, slots, unplanned)
    if picture is not None:
        _write_picture(picture, draw_slots(image, slots, unplanned))
    if json_out is not None and str(json_out) == "-":
        typer.echo(json.dumps(result))
        return
    if json_out is not None:
        _write_text(json_out, json.dumps(result, indent=1) + "\n")
    _print(result, recogniser)


def bays_of(calibration: Calibration, planogram: Planogram, where: str) -> list[Bay]:
    """Return the planned bays that are calibrated, as the calibration found them.

    Raises `ConfigError`, naming ``where``, when there is none, or when neither the planogram nor
    the calibration says in mm where the boards are.
    """
    calibrated = [bay for bay in planogram.bays if bay.number in calibration.bay_numbers]
    bays = [adjusted(bay, calibration) for bay in calibrated]
    problems = []
    if not bays:
        planned = ", ".join(str(bay.number) for bay in planogram.bays)
        found = ", ".join(map(str, calibration.bay_numbers))
        problems.append(
            Problem(where, f"a bay of planogram {planogram.name} ({planned})", f"bays {found}")
        )
    problems += calibration_problems(where, planogram, calibration)
    if problems:
        raise ConfigError(problems)
    return bays


def audit_json(
    photo: Path,
    size_px: tuple[int, int],
    planogram: Planogram,
    slots: tuple[SlotReading, ...],
    unplanned: list[BoxPx],
) -> dict[str, Any]:
    """Return the answer in the published form; boxes are px of the photograph."""
    states = Counter(slot.state for slot in slots)
    observable = len(slots) - states[State.UNKNOWN]
    available = sum(slot.state.is_available for slot in slots)
    return {
        "photo": photo.name,
        "size_px": list(size_px),
        "planogram": {"id": planogram.id, "version": planogram.version},
        "slots": [_slot_json(planogram, slot) for slot in slots],
        "unplanned": [{"box_xyxy_px": _rounded(box), "sku": None} for box in unplanned],
        "summary": {
            "slots": len(slots),
            **{state.value: states[state] for state in State},
            "osa": round(available / observable, 4) if observable else None,
        },
    }


def _slot_json(planogram: Planogram, reading: SlotReading) -> dict[str, Any]:
    slot = planogram.slot(reading.slot)
    return {
        "slot": str(reading.slot),
        "sku": slot.sku,
        "name": slot.name,
        "state": reading.state.value,
        "confidence": reading.confidence,
        "facings": {"expected": reading.facings_expected, "seen": reading.facings_seen},
        "box_xyxy_px": None if reading.box_xyxy_px is None else _rounded(reading.box_xyxy_px),
        "found": [
            {
                "sku": item.sku,
                "confidence": item.confidence,
                "box_xyxy_px": _rounded(item.box_xyxy_px),
            }
            for item in reading.found
        ],
        "reason": reading.reason,
    }


def _rounded(box: BoxPx) -> list[float]:
    return [round(value, 1) for value in box]


def _box(row: Any) -> BoxPx:
    x1, y1, x2, y2 = (float(value) for value in row)
    return (x1, y1, x2, y2)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _write_picture(path: Path, image: Any) -> None:
    try:
        done = cv2.imwrite(str(path), image)
    except cv2.error:
        done = False
    if not done:
        raise OutputError(
            f"{path}: expected a name ending in .png or .jpg in a folder that can be written"
        )


def _print(result: dict[str, Any], recogniser: Recogniser | None) -> None:
    console = Console()
    table = Table("slot", "product", "state", "confidence", "reason", box=None)
    for slot in result["slots"]:
        if slot["state"] != State.STOCKED:
            table.add_row(
                slot["slot"],
                escape(slot["name"]),
                slot["state"],
                f"{slot['confidence']:.2f}",
                escape(slot["reason"]),
            )
    if table.row_count:
        console.print(table)
    summary = result["summary"]
    counts = ", ".join(f"{summary[s.value]} {s.value}" for s in State if summary[s.value])
    osa = "none observable" if summary["osa"] is None else f"{summary['osa']:.0%}"
    console.print(f"{summary['slots']} slots: {counts}; on-shelf availability {osa}")
    if recogniser is not None and recogniser.unpictured:
        missing = ", ".join(recogniser.unpictured)
        console.print(f"no picture in the catalogue of: {missing}", markup=False)
