"""Where the reference pictures of cameras lie, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from calibration import Calibration
from calibration.registration import Reference
from calibration.registration_file import (
    ReferencePictureError,
    load_reference,
    reference_path,
    save_reference,
)
from edge_agent.config import CameraSettings
from edge_agent.drift import Drift
from edge_agent.reference_maker import ReferenceMaker
from shelf import Bay, PlanogramVersions

_log = structlog.get_logger(__name__)

FAR_UV = 0.25
"""A corner of a bay so far outside the picture, in shares of it, is no mark."""


def drift_of(
    camera: CameraSettings,
    calibration: Calibration,
    versions: PlanogramVersions,
    folder: Path | None,
) -> Drift:
    """Return what follows where a camera looks.

    The reference picture is the one beside the calibration file, approved with it, else the one
    that the agent made and keeps in ``folder``; one of another version does not count. Where
    there is none it is made from settled looks, and kept if there is a folder.
    """
    planned = {bay.number: bay for planogram in versions.planograms for bay in planogram.bays}
    bays = [planned[number] for number in camera.bays if number in planned]
    marks_uv = marks_of(calibration, bays)
    paths = [] if camera.calibration is None else [reference_path(camera.calibration)]
    kept = None if folder is None else folder / f"{camera.id}.png"
    paths += [] if kept is None else [kept]
    for path in paths:
        reference = _read(path, calibration, marks_uv)
        if reference is not None:
            return Drift(calibration, reference)

    def keep(reference: Reference) -> None:
        _log.info("reference picture made", camera=camera.id, calibration=calibration.version)
        if kept is None:
            return
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_reference(
                kept, reference.grey, reference.known, calibration.camera, calibration.version
            )
        except OSError as error:
            _log.warning("reference picture not kept", path=str(kept), error=error.strerror)

    return Drift(calibration, None, ReferenceMaker(calibration.lens, marks_uv), made=keep)


def marks_of(calibration: Calibration, bays: Iterable[Bay]) -> NDArray[np.float64]:
    """Return the corners (n,2) of bays in shares of the picture, those that are in or near it.

    The picture's own corners where there is none.
    """
    size = calibration.picture
    size_px = (size.width_px, size.height_px)
    corners = []
    for bay in bays:
        if bay.number in calibration.bay_numbers:
            x, y = bay.width_mm, bay.height_mm
            view = calibration.view(bay.number, size_px)
            corners.append(view.image_from_bay([(0, 0), (x, 0), (0, y), (x, y)]) / size_px)
    points = np.concatenate(corners) if corners else np.zeros((0, 2))
    near = ((points > -FAR_UV) & (points < 1 + FAR_UV)).all(axis=1)
    return (
        points[near] if near.any() else np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
    )


def _read(path: Path, calibration: Calibration, marks_uv: NDArray[np.float64]) -> Reference | None:
    try:
        grey, known, camera, version = load_reference(path)
    except FileNotFoundError:
        return None
    except (OSError, ReferencePictureError) as error:
        _log.warning("reference picture left out", path=str(path), error=str(error))
        return None
    if (camera, version) != (calibration.camera, calibration.version):
        _log.info(
            "reference picture left out",
            path=str(path),
            expected=f"{calibration.camera} {calibration.version}",
            found=f"{camera} {version}",
        )
        return None
    return Reference(grey, known, calibration.lens, marks_uv)
