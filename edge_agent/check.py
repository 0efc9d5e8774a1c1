"""Everything that can be wrong with a site file and the files it names, without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from calibration import Calibration
from detector import Detector, DetectorError
from detector.manifest import ModelInput
from edge_agent.config import CameraSettings, Site
from edge_agent.model_watch import words_of
from edge_agent.recognise import Recogniser
from shelf import Planogram, Problem, ShelfwatchError, Units, load_planogram

T = TypeVar("T")


@dataclass(slots=True)
class Checked:
    """What was found: ``problems`` end in exit code 2, ``remarks`` are worth knowing."""

    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (ShelfwatchError, DetectorError) as error:
            self.problems.append(str(error))

    def get(self, make: Callable[[], T]) -> T | None:
        """Return what ``make`` returns, or None with the problem noted."""
        with self._noting():
            return make()
        return None


def check_site(site: Site) -> Checked:
    """Load all that the agent would load and compare it."""
    checked = Checked()
    planograms: dict[str, Planogram] = {}
    for entry in site.planograms:
        planogram = checked.get(lambda file=entry.file: load_planogram(file))  # type: ignore[misc]
        if planogram is not None:
            planograms[entry.aisle] = planogram
            if not planogram.is_valid_on(date.today()):
                checked.remarks.append(
                    f"aisle {entry.aisle}: planogram {planogram.name} is not valid today "
                    f"({planogram.valid_from} to {planogram.valid_until})"
                )
            checked.remarks.append(
                f"aisle {entry.aisle}: planogram {planogram.name}, {len(planogram)} slots in "
                f"{len(planogram.bays)} bays"
            )
    models = {path: _model_words(checked, path) for path in site.models}
    for camera in site.cameras:
        words = models[site.model_of(camera)]
        _check_camera(checked, camera, planograms.get(camera.aisle), words)
    if site.catalog is not None:
        for planogram in planograms.values():
            _check_catalog(checked, site.catalog, planogram)
    return checked


def _check_camera(
    checked: Checked, camera: CameraSettings, planogram: Planogram | None, with_model: str
) -> None:
    calibration = None
    if camera.calibration is not None:
        path = camera.calibration
        calibration = checked.get(lambda: Calibration.load(path))
        if calibration is None:
            return
    if planogram is not None:
        checked.problems += [str(p) for p in camera_problems(camera, planogram, calibration)]
    placed = f"calibration {calibration.version}" if calibration else "no calibration"
    checked.remarks.append(
        f"camera {camera.id}: {camera.source.type}, bays {_list(camera.bays)}, "
        f"{placed}, {with_model}"
    )


def _model_words(checked: Checked, path: Path | None) -> str:
    """Load a model as the agent would; what it is, in words."""
    model = checked.get(lambda: Detector.load(path))
    if model is None:
        return "no usable model"
    if model.manifest.golden is None:
        checked.remarks.append(
            f"warning: {model.manifest_path}: no golden picture, so nothing proves that the model "
            "still sees what it saw when it was made"
        )
    golden = "golden picture agrees" if model.manifest.golden else "no golden picture"
    return f"model {words_of(model)}, {_input_words(model.manifest.input)}, {golden}"


def _input_words(spec: ModelInput) -> str:
    if spec.any_size_multiple_px is None:
        return f"input {spec.size_px} x {spec.size_px} px"
    return f"input of {spec.size_px} px in the picture's shape"


def camera_problems(
    camera: CameraSettings, planogram: Planogram, calibration: Calibration | None
) -> list[Problem]:
    """Return what does not fit between a camera, its planogram and its calibration."""
    where = f"cameras.{camera.id}"
    planned = [bay.number for bay in planogram.bays]
    problems = [
        Problem(f"{where}.bays", f"bays of planogram {planogram.name} ({_list(planned)})", str(bay))
        for bay in camera.bays
        if bay not in planned
    ]
    if calibration is None:
        return problems
    if calibration.camera != camera.id:
        problems.append(
            Problem(
                f"{where}.calibration",
                f"a calibration of camera {camera.id}",
                f"one of {calibration.camera}",
            )
        )
    if set(camera.bays) - set(calibration.bay_numbers):
        problems.append(
            Problem(
                f"{where}.calibration",
                f"bays {_list(camera.bays)}",
                _list(calibration.bay_numbers),
            )
        )
    return problems + calibration_problems(f"{where}.calibration", planogram)


def calibration_problems(where: str, planogram: Planogram) -> list[Problem]:
    """Return why ``planogram`` cannot be used with a calibration, which maps pictures to mm."""
    if planogram.units is Units.MM and planogram.has_heights:
        return []
    heights = "given" if planogram.has_heights else "estimated"
    return [
        Problem(
            where,
            "a planogram in mm with the height of each board (shelf_y_mm)",
            f"{planogram.name} in {planogram.units.value}, heights {heights}",
            "without a calibration the bay is searched for",
        )
    ]


def _check_catalog(checked: Checked, folder: Path, planogram: Planogram) -> None:
    recogniser = checked.get(lambda: Recogniser.load(folder, planogram))
    if recogniser is None:
        return
    where = f"catalogue {folder.name}"
    checked.remarks += [f"{where}: {remark}" for remark in recogniser.remarks]
    if recogniser.unpictured:
        checked.remarks.append(f"{where}: no picture of {', '.join(recogniser.unpictured)}")


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(set(numbers)))
