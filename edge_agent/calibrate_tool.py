"""A site's own cameras, model and broker, put together for the calibration tool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from calibration.tool.site import CameraPlace, SiteParts
from detector import Detector
from edge_agent.calibrate_camera import WatchedCamera
from edge_agent.calibrate_enrol import CatalogEnroller, Seeing
from edge_agent.calibrate_listen import AgentListener
from edge_agent.config import CameraSettings, Site
from edge_agent.propose import PlanogramProposer
from edge_agent.site_planograms import load_planograms, load_recognisers
from shelf import ConfigError, Planogram, PlanogramVersions, Problem


@contextmanager
def opened(site: Site, site_file: Path, camera: str | None = None) -> Iterator[SiteParts]:
    """Load what the site file names; cameras and broker are let go at the end.

    ``camera`` leaves the others out. Raises `ShelfwatchError` and `detector.DetectorError` for
    what cannot be loaded; nothing waits for a camera or the broker.
    """
    chosen = [one for one in site.cameras if camera in (None, one.id)]
    if not chosen:
        known = ", ".join(one.id for one in site.cameras)
        raise ConfigError([Problem("--camera", f"one of {known}", str(camera))])
    planograms = {
        aisle: _now_in_force(aisle, versions) for aisle, versions in load_planograms(site).items()
    }
    for one in chosen:
        _check_bays(one, planograms[one.aisle])
    recogniser_of = load_recognisers(site, load_planograms(site))
    detectors = {path: Detector.load(path) for path in {site.model_of(one) for one in chosen}}
    with ExitStack() as stack:
        places = {}
        for one in chosen:
            planogram = planograms[one.aisle]
            watched = WatchedCamera(one)
            stack.callback(watched.close)
            proposer = PlanogramProposer(
                planogram, detectors[site.model_of(one)], recogniser_of(planogram), bays=one.bays
            )
            file, named_in = _file_of(one, site_file)
            places[one.id] = CameraPlace(
                one.id, one.aisle, one.bays, planogram, file, named_in, watched, proposer
            )
        listener = AgentListener(site.address, site.broker, [one.aisle for one in chosen])
        listener.start()
        stack.callback(listener.stop)
        enroller = None
        if site.catalog is not None:
            enroller = CatalogEnroller(
                site.catalog,
                {
                    one.id: Seeing(
                        planograms[one.aisle],
                        detectors[site.model_of(one)],
                        recogniser_of(planograms[one.aisle]),
                    )
                    for one in chosen
                },
            )
        yield SiteParts(
            f"{site.tenant} {site.site}",
            places,
            site.outbox.path.parent / "calibrate",
            listener,
            enroller,
        )


def _now_in_force(aisle: str, versions: PlanogramVersions) -> Planogram:
    """Return the planogram to calibrate with: today's, or the next there is."""
    planogram = versions.in_force(datetime.now(UTC)).planogram or versions.planograms[-1]
    if not len(planogram):
        raise ConfigError([Problem(f"planograms.{aisle}", "a planogram with slots", "none")])
    return planogram


def _check_bays(camera: CameraSettings, planogram: Planogram) -> None:
    planned = [bay.number for bay in planogram.bays]
    missing = [number for number in camera.bays if number not in planned]
    if missing:
        where = f"cameras.{camera.id}.bays"
        expected = f"bays of planogram {planogram.name} ({', '.join(map(str, planned))})"
        raise ConfigError([Problem(where, expected, ", ".join(map(str, missing)))])


def _file_of(camera: CameraSettings, site_file: Path) -> tuple[Path, str]:
    """Return where the calibration is kept, and what the site file still has to say of it."""
    if camera.calibration is not None:
        return camera.calibration, ""
    name = f"calibration/{camera.id}.yaml"
    return site_file.resolve().parent / name, f"calibration: {name}"
