"""The command ``shelfwatch simulate``."""

import json
from datetime import timedelta
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from calibration import Calibration
from edge_agent.config import load_site
from edge_agent.replay import pictures_in
from edge_agent.site_planograms import load_planograms
from shelf import ShelfwatchError, State
from simulator.cli import app
from simulator.days import DaysShop, Life, design_of, load_truth
from simulator.days.files import starts_at, write_store
from simulator.site import SIZE_PX, demo_planogram


def test_hours_0_writes_only_the_site(tmp_path: Path) -> None:
    """Without hours there are no pictures and no truth; its own folder is written again."""
    out = tmp_path / "store"
    for _ in range(2):
        result = CliRunner().invoke(app, ["--out", str(out), "--hours", "0"])
        assert result.exit_code == 0, result.output
    assert (out / "site.yaml").is_file()
    assert not (out / "frames").exists()
    assert not (out / "truth.jsonl").exists()


def test_pictures_come_with_truth(tmp_path: Path) -> None:
    """Each moment has a picture of each camera and a line for each slot and camera."""
    arguments = ["--out", str(tmp_path), "--hours", "0.0126", "--every-secs", "40"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    names = sorted(str(p.relative_to(tmp_path / "frames")) for p in tmp_path.rglob("*.jpg"))
    assert names == ["c1/000000.0.jpg", "c2/000000.0.jpg"]
    picture = cv2.imread(str(tmp_path / "frames" / names[0]))
    assert picture is not None
    assert picture.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len(lines) == len(demo_planogram()) * 2
    assert set(lines[0]) == {"secs", "camera", "slot", "state", "facings_seen", "visibility"}
    assert {line["state"] for line in lines} == {State.STOCKED.value}


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    """A folder that the command has not made is refused and stays as it was."""
    (tmp_path / "site.yaml").write_text("tenant: acme\n")
    result = CliRunner().invoke(app, ["--out", str(tmp_path), "--hours", "0"])
    assert isinstance(result.exception, ShelfwatchError)
    assert "site.yaml" in str(result.exception)
    assert (tmp_path / "site.yaml").read_text() == "tenant: acme\n"


def test_something_must_be_asked_for() -> None:
    """Neither a folder nor a port is wrong usage."""
    result = CliRunner().invoke(app, [])
    assert isinstance(result.exception, ShelfwatchError)
    assert result.exception.exit_code == 2
    assert "--out, --serve or both" in str(result.exception)


def test_days_come_with_all_that_an_agent_needs(tmp_path: Path) -> None:
    """A site file that the agent accepts, pictures by second, the truth, and what is expected."""
    arguments = ["--out", str(tmp_path), "--days", "0.005", "--every-secs", "15"]
    result = CliRunner().invoke(app, [*arguments, "--store", "1", "--seed", "3"])
    assert result.exit_code == 0, result.output
    site = load_site(tmp_path / "site.yaml")
    (camera,) = site.cameras
    (planogram,) = load_planograms(site)[camera.aisle].planograms
    truth = load_truth(tmp_path / "truth.jsonl")
    assert set(truth.slots) == {slot.id for slot in planogram.slots}
    assert truth.about.bays == {camera.id: camera.bays}
    pictures = pictures_in(tmp_path / "frames" / camera.id, 1.0)
    assert [picture.secs for picture in pictures] == [0.0, 15.0, 30.0]
    assert camera.calibration is not None
    calibrated = Calibration.load(camera.calibration)
    image = cv2.imread(str(pictures[0].path))
    assert image is not None
    assert image.shape[:2] == (calibrated.picture.height_px, calibrated.picture.width_px)
    assert site.catalog is not None
    assert {path.stem for path in site.catalog.iterdir()} == set(planogram.names)
    lines = [json.loads(line) for line in (tmp_path / "expected.jsonl").read_text().splitlines()]
    assert {line["state"] for line in lines} <= {state.value for state in State}


def test_a_promotion_is_a_version_and_a_reset(tmp_path: Path) -> None:
    """By the clock of the pictures the agent follows a promotion second by second."""
    shop = DaysShop(design_of(1), 2, 1.0, Life(promotions=1.0))
    write_store(tmp_path, shop, 10.0)
    versions = load_planograms(load_site(tmp_path / "site.yaml"))["a01"]
    assert len(versions.planograms) == len(shop.plan.versions) == 2
    (reset,) = shop.plan.resets
    for secs in (0.0, reset.since_secs - 1, reset.since_secs, reset.until_secs, 7000.0):
        now = versions.in_force(starts_at(shop) + timedelta(seconds=secs))
        assert now.reset == (reset.since_secs <= secs < reset.until_secs)
        assert now.planogram is not None
        assert now.planogram.names == shop.planogram_at(secs).names


@pytest.mark.parametrize("others", [[], ["--hours", "1"], ["--serve", "0"]])
def test_days_go_with_a_folder_alone(tmp_path: Path, others: list[str]) -> None:
    """Days are written, not served, and are not hours of the demo store."""
    out = ["--out", str(tmp_path)] if others else []
    result = CliRunner().invoke(app, ["--days", "1", *out, *others])
    assert isinstance(result.exception, ShelfwatchError)
    assert "expected --days with --out and without --serve and --hours" in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--store", "--compress"])
def test_the_demo_store_has_no_number(tmp_path: Path, option: str) -> None:
    """What only drawn stores have is not ignored for the demo store."""
    result = CliRunner().invoke(app, ["--out", str(tmp_path), option, "3"])
    assert isinstance(result.exception, ShelfwatchError)
    assert f"expected {option} with --days" in str(result.exception)
