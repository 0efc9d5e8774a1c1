"""A calibration file is replaced under a running agent."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from running_agent import render, running, write_one_camera_site

from edge_agent.calibration_watch import WatchedCalibration
from edge_agent.config import CameraSettings, load_site
from edge_agent.site_planograms import load_planograms
from shelf import ConfigError, PlanogramVersions
from simulator.site import write_site

Watched = tuple[WatchedCalibration, Path]


@pytest.fixture
def camera(tmp_path: Path) -> tuple[CameraSettings, PlanogramVersions]:
    write_site(tmp_path, 7)
    site = load_site(tmp_path / "site.yaml")
    return site.cameras[0], load_planograms(site)[site.cameras[0].aisle]


@pytest.fixture
def watched(camera: tuple[CameraSettings, PlanogramVersions]) -> Watched:
    assert camera[0].calibration is not None
    return WatchedCalibration(*camera), camera[0].calibration


def rewrite(path: Path, **changes: object) -> None:
    """Replace the file, as one step, by one with other values."""
    settings = yaml.safe_load(path.read_text()) | changes
    partial = path.with_suffix(".new")
    partial.write_text(yaml.safe_dump(settings))
    partial.replace(path)


def test_the_same_file_stays_the_same_object(watched: Watched) -> None:
    """Also when it is written again."""
    calibration, path = watched
    first = calibration.current
    calibration.check(at_once=True)
    rewrite(path)
    calibration.check(at_once=True)
    assert calibration.current is first
    assert calibration.refused == ""


def test_a_new_version_is_used_once_it_has_settled(watched: Watched) -> None:
    """One check sees the change, the next finds it unchanged and reads it."""
    calibration, path = watched
    rewrite(path, version="c1-2")
    calibration.check()
    assert calibration.current is not None
    assert calibration.current.version == "c1-1"
    calibration.check()
    assert calibration.current.version == "c1-2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bays": []}, "bays"),
        ({"camera": "c9"}, "a calibration of camera c1"),
        ({"version": ""}, "version"),
    ],
)
def test_a_file_that_does_not_do_is_refused(
    watched: Watched, changes: dict[str, object], words: str
) -> None:
    """The old one stays in use, the reason is told, and a good file ends it."""
    calibration, path = watched
    first, good = calibration.current, path.read_text()
    rewrite(path, **changes)
    calibration.check(at_once=True)
    assert calibration.current is first
    assert words in calibration.refused
    path.write_text(good)
    calibration.check(at_once=True)
    assert calibration.refused == ""
    assert calibration.current is first


def test_a_file_that_is_gone_or_no_calibration_is_refused(watched: Watched) -> None:
    """Nobody looks with nothing."""
    calibration, path = watched
    path.write_text("{broken")
    calibration.check(at_once=True)
    assert str(path) in calibration.refused
    path.unlink()
    calibration.check(at_once=True)
    assert str(path) in calibration.refused
    assert calibration.current is not None


def test_a_camera_without_a_calibration_has_none(
    camera: tuple[CameraSettings, PlanogramVersions],
) -> None:
    """There is no file to watch."""
    settings, versions = camera
    calibration = WatchedCalibration(settings.model_copy(update={"calibration": None}), versions)
    calibration.check(at_once=True)
    assert calibration.current is None


def test_a_file_that_is_not_there_yet_is_waited_for(
    camera: tuple[CameraSettings, PlanogramVersions],
) -> None:
    """One that does not do is told and not used; the first that does is."""
    path = camera[0].calibration
    assert path is not None
    good = path.read_text()
    path.unlink()
    calibration = WatchedCalibration(*camera)
    assert calibration.current is None
    assert calibration.note == f"not calibrated yet: {path} does not exist"
    path.write_text("version: c1-1")
    calibration.check(at_once=True)
    assert calibration.current is None
    assert calibration.note.startswith("a new calibration was refused, no calibration is used: ")
    path.write_text(good)
    calibration.check(at_once=True)
    assert calibration.current is not None
    assert calibration.note == ""


def test_the_first_calibration_has_to_do(
    camera: tuple[CameraSettings, PlanogramVersions],
) -> None:
    """There is no other one to fall back on."""
    settings, versions = camera
    assert settings.calibration is not None
    rewrite(settings.calibration, camera="c9")
    with pytest.raises(ConfigError, match="a calibration of camera c1"):
        WatchedCalibration(settings, versions)


def test_a_camera_is_calibrated_while_the_agent_runs(tmp_path: Path) -> None:
    """The agent starts without the file that its site names, says so, and takes it up."""
    site = load_site(write_one_camera_site(tmp_path))
    path = site.cameras[0].calibration
    assert path is not None
    good = path.read_text()
    path.unlink()
    with running(site) as agent:
        agent.wait_until(
            lambda: "not calibrated yet" in agent.health()["cameras"]["c1"]["detail"],
            "the installer is told",
        )
        agent.wait_until(lambda: agent.looks() > 0, "it looks all the same")
        path.write_text(good)
        agent.agent.check_models()
        agent.wait_until(
            lambda: agent.health()["cameras"]["c1"]["detail"] == "", "the file is taken"
        )
        render(tmp_path / "looks", "2.png", 36.0)
        agent.wait_until(
            lambda: "c1-1" in {event["calibration"] for event in agent.told()},
            "an event rests on it",
        )


def test_events_of_a_running_agent_name_the_new_calibration(tmp_path: Path) -> None:
    """Without a restart; a broken file before it is told in the camera's detail."""
    site = load_site(write_one_camera_site(tmp_path))
    path = site.cameras[0].calibration
    assert path is not None
    good = path.read_text()
    with running(site) as agent:
        path.write_text("version: c1-2")
        agent.agent.check_models()
        agent.wait_until(
            lambda: "new calibration was refused" in agent.health()["cameras"]["c1"]["detail"],
            "the installer is told",
        )
        path.write_text(good.replace("c1-1", "c1-2"))
        agent.agent.check_models()
        agent.wait_until(
            lambda: agent.health()["cameras"]["c1"]["detail"] == "", "the file is taken"
        )
        render(tmp_path / "looks", "2.png", 36.0)
        agent.wait_until(
            lambda: "c1-2" in {event["calibration"] for event in agent.told()},
            "an event names the new calibration",
        )
