"""Everything that can be wrong with a site file and the files it names, without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from calibration import BayCalibration, Calibration
from detector import Detector, DetectorError
from detector.manifest import ModelInput
from edge_agent.config import CameraSettings, Site
from edge_agent.ledger import NO_PLANOGRAM
from edge_agent.model_watch import words_of
from edge_agent.recognise import Recogniser
from edge_agent.site_planograms import load_aisle
from shelf import Bay, Planogram, PlanogramVersions, Problem, ShelfwatchError, Units
from shelf.planogram_diff import diff_planograms
from shelf.planogram_versions import ONE_DAY

T = TypeVar("T")

MINUTES = "%Y-%m-%d %H:%M"
CHANGE_AT_MIDNIGHT = "versions change at its midnight"


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


def check_site(site: Site, now: datetime | None = None) -> Checked:
    """Load all that the agent would load and compare it, as of ``now`` (with a time zone)."""
    checked = Checked()
    now = now or datetime.now(UTC)
    planograms: dict[str, PlanogramVersions] = {}
    for entry in site.planograms:
        loaded = checked.get(lambda entry=entry: load_aisle(site, entry))  # type: ignore[misc]
        if loaded is not None:
            planograms[entry.aisle] = loaded.versions
            checked.remarks += planogram_remarks(
                f"aisle {entry.aisle}", loaded.versions, loaded.warnings, now, site.time_zone
            )
    models = {path: _model_words(checked, path) for path in site.models}
    for camera in site.cameras:
        words = models[site.model_of(camera)]
        _check_camera(checked, camera, planograms.get(camera.aisle), words)
    checked.remarks += _shared_bays(site)
    if site.catalog is not None:
        for versions in planograms.values():
            used = versions.in_force(now).planogram or versions.planograms[-1]
            _check_catalog(checked, site.catalog, used)
    return checked


def planogram_remarks(
    where: str,
    versions: PlanogramVersions,
    warnings: Iterable[Problem],
    now: datetime,
    time_zone: str,
) -> list[str]:
    """Return what is in force at ``now``, what comes after it, and what is doubtful, in words."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    in_force = versions.in_force(now)
    several = len(versions.planograms) > 1
    if in_force.planogram is None:
        remarks = [f"{where}: warning: {NO_PLANOGRAM} today ({today}), so nothing is watched"]
    else:
        remarks = [f"{where}: planogram {_words(in_force.planogram)}, in force today ({today})"]
    remarks += [
        f"{where}: also planogram {_words(planogram)}, {_period(planogram)}"
        for planogram in versions.planograms
        if planogram is not in_force.planogram
    ]
    for day, planogram in versions.changes():
        before = versions.on(day - ONE_DAY)
        if day <= today:
            continue
        if planogram is None:
            remarks.append(f"{where}: from {day}: {NO_PLANOGRAM}")
        elif before is None:
            remarks.append(f"{where}: from {day}: planogram {planogram.name}")
        else:
            count = len(diff_planograms(before, planogram))
            changes = f"{count} change{'s' * (count != 1)} (see shelfwatch planogram diff)"
            remarks.append(f"{where}: from {day}: planogram {planogram.name}, {changes}")
    if in_force.reset:
        remarks.append(f"{where}: a reset is in progress, so slots are not judged")
    remarks += [
        f"{where}: reset from {start:{MINUTES}} to {end:{MINUTES}} ({time_zone})"
        for start, end in versions.resets
        if end > now
    ]
    doubts = [*versions.warnings(), *warnings]
    if several and time_zone == "UTC":
        doubts.append(
            Problem("time_zone", "the store's, like Europe/Berlin", "UTC", CHANGE_AT_MIDNIGHT)
        )
    return remarks + [f"{where}: warning: {doubt}" for doubt in doubts]


def _words(planogram: Planogram) -> str:
    return f"{planogram.name}, {len(planogram)} slots in {len(planogram.bays)} bays"


def _period(planogram: Planogram) -> str:
    begins, ends = planogram.valid_from, planogram.valid_until
    words = [f"from {begins}" if begins else "", f"until {ends}" if ends else ""]
    return "valid " + (" ".join(word for word in words if word) or "always")


def _check_camera(
    checked: Checked, camera: CameraSettings, versions: PlanogramVersions | None, with_model: str
) -> None:
    calibration = None
    path = camera.calibration
    if path is not None and not path.exists():
        checked.remarks.append(
            f"warning: camera {camera.id}: not calibrated yet: {path} does not exist; make it with "
            f"shelfwatch calibrate --site FILE --camera {camera.id}"
        )
    elif path is not None:
        calibration = checked.get(lambda: Calibration.load(path))
        if calibration is None:
            return
    if versions is not None:
        checked.problems += [str(p) for p in camera_problems(camera, versions, calibration)]
        checked.remarks += _bays_not_planned(camera, versions)
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
    camera: CameraSettings, versions: PlanogramVersions, calibration: Calibration | None
) -> list[Problem]:
    """Return what does not fit between a camera, its planogram and its calibration.

    A bay has to be in one of the planogram's versions; while another counts it is not watched.
    """
    where = f"cameras.{camera.id}"
    planned = {bay.number for planogram in versions.planograms for bay in planogram.bays}
    names = ", ".join(planogram.name for planogram in versions.planograms)
    problems = [
        Problem(f"{where}.bays", f"bays of planogram {names} ({_list(planned)})", str(bay))
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
    for planogram in versions.planograms:
        problems += calibration_problems(f"{where}.calibration", planogram, calibration)
    return problems


def _shared_bays(site: Site) -> list[str]:
    """Say which bays several cameras see."""
    cameras: dict[tuple[str, int], list[str]] = {}
    for camera in site.cameras:
        for bay in camera.bays:
            cameras.setdefault((camera.aisle, bay), []).append(camera.id)
    return [
        f"bay {bay} of aisle {aisle}: cameras {', '.join(seen_by)} see it; for each slot the one "
        "that shows it larger decides"
        for (aisle, bay), seen_by in cameras.items()
        if len(seen_by) > 1
    ]


def _bays_not_planned(camera: CameraSettings, versions: PlanogramVersions) -> list[str]:
    remarks = []
    for planogram in versions.planograms:
        missing = set(camera.bays) - {bay.number for bay in planogram.bays}
        if missing and len(versions.planograms) > 1:
            remarks.append(
                f"warning: camera {camera.id}: planogram {planogram.name} does not plan bay "
                f"{_list(missing)}, which is not watched while it counts"
            )
    return remarks


def calibration_problems(
    where: str, planogram: Planogram, calibration: Calibration
) -> list[Problem]:
    """Return why ``planogram`` cannot be used with a calibration, which maps pictures to mm.

    A calibration that has found sizes and boards itself makes up for a planogram without.
    """
    bays = [bay for bay in planogram.bays if bay.number in calibration.bay_numbers]
    if all(_is_placed(planogram, bay, calibration.of_bay(bay.number)) for bay in bays):
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


def _is_placed(planogram: Planogram, bay: Bay, entry: BayCalibration) -> bool:
    """Whether mm and every board's height are known, from the planogram or the calibration."""
    if planogram.units is not Units.MM and entry.size_mm is None:
        return False
    found = {board.shelf for board in entry.boards}
    return all(shelf.y_is_given or shelf.number in found for shelf in bay.shelves)


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
