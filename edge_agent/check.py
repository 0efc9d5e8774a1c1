"""Everything that can be wrong with a site file and the files it names, without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from calibration import Calibration
from detector import Detector, DetectorError
from edge_agent.config import CameraSettings, Site
from edge_agent.recognise import Recogniser
from shelf import Planogram, ShelfwatchError, load_planogram

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
            checked.remarks.append(
                f"aisle {entry.aisle}: planogram {planogram.name}, {len(planogram)} slots in "
                f"{len(planogram.bays)} bays"
            )
    model = checked.get(lambda: Detector.load(site.model))
    for camera in site.cameras:
        _check_camera(checked, camera, planograms.get(camera.aisle), model)
    if site.catalog is not None:
        for planogram in planograms.values():
            _check_catalog(checked, site.catalog, planogram)
    return checked


def _check_camera(
    checked: Checked, camera: CameraSettings, planogram: Planogram | None, model: Detector | None
) -> None:
    calibration = None
    if camera.calibration is not None:
        path = camera.calibration
        calibration = checked.get(lambda: Calibration.load(path))
        if calibration is None:
            return
    if planogram is not None:
        planned = {bay.number for bay in planogram.bays}
        for bay in camera.bays:
            if bay not in planned:
                checked.problems.append(
                    f"cameras.{camera.id}.bays: expected bays of planogram {planogram.name} "
                    f"({_list(planned)}), found {bay}"
                )
    if calibration is not None:
        if calibration.camera != camera.id:
            checked.problems.append(
                f"cameras.{camera.id}.calibration: expected a calibration of camera "
                f"{camera.id}, found one of {calibration.camera}"
            )
        missing = set(camera.bays) - set(calibration.bay_numbers)
        if missing:
            checked.problems.append(
                f"cameras.{camera.id}.calibration: expected bays {_list(set(camera.bays))}, "
                f"found {_list(set(calibration.bay_numbers))}"
            )
    with_model = f"model {model.identity[:19]}" if model else "no usable model"
    placed = f"calibration {calibration.version}" if calibration else "no calibration"
    checked.remarks.append(
        f"camera {camera.id}: {camera.source.type}, bays {_list(set(camera.bays))}, "
        f"{placed}, {with_model}"
    )


def _check_catalog(checked: Checked, folder: Path, planogram: Planogram) -> None:
    recogniser = checked.get(lambda: Recogniser.load(folder, planogram))
    if recogniser is not None and recogniser.unpictured:
        names = ", ".join(recogniser.unpictured)
        checked.remarks.append(f"catalogue {folder.name}: no picture of {names}")


def _list(numbers: set[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
