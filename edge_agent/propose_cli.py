"""``shelfwatch calibrate propose``: a calibration file from photographs of a stocked bay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from calibration import Calibration, CalibrationError, Lens, Verdict
from calibration.calibration_file import BayCalibration, PictureSize
from calibration.edit import bay_from_corners, rows_of
from calibration.history import next_version, save
from calibration.markers import view_from_strips
from calibration.median import median_picture
from calibration.proposal import BayProposal, Proposal
from detector import Detector, read_picture
from edge_agent.frames import ImageBgr
from edge_agent.propose import PlanogramProposer
from edge_agent.propose_marks import hung_strips, read_lens
from edge_agent.propose_picture import draw_proposal
from edge_agent.propose_score import GOOD_SLOT
from edge_agent.recognise import Recogniser
from shelf import Bay, ConfigError, Planogram, Problem, ShelfwatchError, load_planogram

MOST_TOLD = 8
"""Doubtful slots that are named."""


class ProposalError(ShelfwatchError):
    """No bay could be proposed that may be used."""

    exit_code = 1


def propose(
    photo: Annotated[
        list[Path],
        typer.Option(metavar="PHOTO", help="Of a stocked bay; of several the median is used."),
    ],
    planogram: Annotated[Path, typer.Option(metavar="FILE", help="The planogram of the bay.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The calibration file to write.")],
    bay: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Only this bay; may be given again.", show_default=False),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="ID", help="The camera; by default OUT's name.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pictures of the products: much surer.")
    ] = None,
    lens: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The lens, of `calibrate lens`.")
    ] = None,
    strip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N:X,Y",
            help="A strip of `calibrate print` that hangs at X,Y mm of one --bay; several.",
            show_default=False,
        ),
    ] = None,
    corners: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y X,Y X,Y X,Y",
            help="Use these corners of one --bay in px, from the top left clockwise; only score.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the photograph with the proposal.")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the proposal ('-').")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Another detector than the shipped.")] = None,
) -> None:
    """Find the bays of a planogram in a photograph, score it, and write the calibration.

    A red bay is not written, and when none is left the command ends with 1. An earlier
    calibration in FILE is kept in its history.

    Example: shelfwatch calibrate propose --photo bay.jpg --planogram a12.csv --out c1.yaml
    """
    plan = load_planogram(planogram)
    numbers = _numbers(plan, bay)
    known = None if lens is None else read_lens(lens)
    marked = None if corners is None else _corners(corners, numbers)
    hung = hung_strips(strip or [])
    if hung:
        _check_one_bay("--strip", numbers)
    image = median_picture([read_picture(path) for path in photo])
    recogniser = None if catalog is None else Recogniser.load(catalog, plan)
    proposer = PlanogramProposer(plan, Detector.load(model), recogniser, bays=numbers, lens=known)
    name = camera or out.stem
    if marked is not None:
        matrix = _matrix_of(plan.bay(numbers[0]), marked, known, image)
        proposal = proposer.judge(image, _given(numbers[0], matrix, known, image, name))
    elif strip:
        fitted = view_from_strips(image, hung, known)
        given = _given(numbers[0], fitted.bay_from_image, fitted.fitted_lens, image, name)
        proposal = proposer.judge(image, given)
    else:
        proposal = proposer.propose([image])
    if picture is not None:
        _write_picture(picture, draw_proposal(image, proposal))
    if json_out is not None and str(json_out) != "-":
        _write_text(json_out, json.dumps(proposal.as_json(), indent=1) + "\n")
    if json_out is not None and str(json_out) == "-":
        typer.echo(json.dumps(proposal.as_json()))
    else:
        _tell(proposal)
    usable = _without_red(proposal)
    if usable is None:
        raise ProposalError(_why_not(photo[0], proposal))
    there = Calibration.load(out).version if out.exists() else None
    written = usable.calibration(name, next_version(out, name))
    save(written, out, expected_version=there)
    if str(json_out) != "-":
        typer.echo(f"{out}: version {written.version} written, bays {_list(written.bay_numbers)}")


def _numbers(plan: Planogram, wanted: list[int] | None) -> list[int]:
    planned = [bay.number for bay in plan.bays]
    missing = sorted(set(wanted or ()) - set(planned))
    if missing:
        raise ConfigError(
            [Problem("--bay", f"a bay of planogram {plan.name} ({_list(planned)})", _list(missing))]
        )
    return list(dict.fromkeys(wanted)) if wanted else planned


def _corners(text: str, numbers: list[int]) -> list[tuple[float, float]]:
    _check_one_bay("--corners", numbers)
    try:
        points = [tuple(float(value) for value in pair.split(",")) for pair in text.split()]
    except ValueError:
        points = []
    if len(points) != 4 or any(len(point) != 2 for point in points):
        form = "four points like '120,80 900,85 910,700 110,690'"
        raise ConfigError([Problem("--corners", form, repr(text))])
    return [(point[0], point[1]) for point in points]


def _check_one_bay(where: str, numbers: list[int]) -> None:
    if len(numbers) != 1:
        raise ConfigError([Problem(where, "one --bay that they are of", _list(numbers))])


def _matrix_of(
    bay: Bay, corners: list[tuple[float, float]], lens: Lens | None, image: ImageBgr
) -> NDArray[np.float64]:
    try:
        return bay_from_corners(bay, corners, lens, (image.shape[1], image.shape[0]))
    except CalibrationError as error:
        raise CalibrationError(f"--corners: {str(error).removeprefix('corners: ')}") from error


def _given(
    number: int, matrix: NDArray[np.float64], lens: Lens | None, image: ImageBgr, camera: str
) -> Calibration:
    """A calibration that is not searched for, only scored."""
    height_px, width_px = image.shape[:2]
    return Calibration(
        camera=camera,
        version="given",
        picture=PictureSize(width_px=width_px, height_px=height_px),
        lens=lens,
        bays=(BayCalibration(bay=number, bay_from_image=rows_of(matrix)),),
    )


def _without_red(proposal: Proposal) -> Proposal | None:
    bays = tuple(
        bay for bay in proposal.bays if bay.found is not None and bay.verdict is not Verdict.RED
    )
    if not bays:
        return None
    return Proposal(proposal.size_px, proposal.planogram, bays, proposal.lens)


def _tell(proposal: Proposal) -> None:
    for finding in proposal.findings:
        if finding.verdict is not Verdict.GREEN:
            typer.echo(f"picture: {finding.verdict.value}: {finding.words}; {finding.advice}")
    for bay in proposal.bays:
        typer.echo(f"bay {bay.bay}: {bay.verdict.value}: {bay.reason}")
        for finding in bay.findings:
            if finding.verdict is not Verdict.GREEN:
                typer.echo(f"  {finding.verdict.value}: {finding.words}: {finding.advice}")
        _tell_slots(bay)


def _tell_slots(bay: BayProposal) -> None:
    doubtful = [slot for slot in bay.doubtful if slot.confidence < GOOD_SLOT]
    for slot in doubtful[:MOST_TOLD]:
        typer.echo(f"  look at {slot.slot} {slot.name} ({slot.confidence:.2f}): {slot.reason}")
    if len(doubtful) > MOST_TOLD:
        typer.echo(f"  and at {len(doubtful) - MOST_TOLD} more")


def _why_not(photo: Path, proposal: Proposal) -> str:
    bad = [finding for finding in proposal.findings if finding.verdict is Verdict.RED]
    if bad:
        words = "; ".join(f"{finding.words}; {finding.advice}" for finding in bad)
        return f"{photo}: {words}; nothing written"
    return f"{photo}: no bay that may be used; nothing written"


def _write_picture(path: Path, image: ImageBgr) -> None:
    try:
        done = cv2.imwrite(str(path), image)
    except cv2.error:
        done = False
    if not done:
        raise CalibrationError(
            f"{path}: expected a name ending in .png or .jpg in a folder that can be written"
        )


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be written: {error.strerror}") from error


def _list(numbers: list[int] | tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers)
