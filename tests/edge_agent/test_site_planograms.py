"""Versions of planograms and resets in a site file: its mistakes, check, replay, the agent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import pytest
import yaml
from running_agent import SEED, render, running, write_one_camera_site

from detector import Detector
from edge_agent.agent import build_station
from edge_agent.check import check_site
from edge_agent.config import load_site
from edge_agent.frames import Frame
from edge_agent.replay import ReplayError, replay
from edge_agent.site_planograms import load_planograms
from shelf import ConfigError, PlanogramError, PlanogramInForce
from simulator.site import write_site

AISLE = "a12"


def write_versions(folder: Path, **second: str) -> None:
    """Two versions of the demo's planogram from its one, in ``plans``; the second has other oats.

    ``second`` are the comments of the second.
    """
    text = (folder / "planograms" / f"{AISLE}.csv").read_text()
    plans = folder / "plans"
    plans.mkdir(exist_ok=True)
    (plans / "1.csv").write_text(text)
    other = text.replace("2026w47", "2026w48").replace("1,1,1,100101,", "1,1,1,999999,")
    lines = "".join(f"# {key}: {value}\n" for key, value in second.items())
    (plans / "2.csv").write_text(lines + other)


def write_settings(folder: Path, **changes: object) -> Path:
    """The demo's site with these settings, and the folder of versions."""
    settings = yaml.safe_load((folder / "site.yaml").read_text())
    path = folder / "edited.yaml"
    planograms = [{"file": "plans", "aisle": AISLE}]
    path.write_text(yaml.safe_dump(settings | {"planograms": planograms} | changes))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_site(tmp_path, SEED)
    write_versions(tmp_path, valid_from="2026-11-23")
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_zone": "Berlin"}, "time_zone: expected a time zone like Europe/Berlin, found"),
        (
            {"resets": [{"start": 20261123, "end": "2026-11-23T06:00"}]},
            "resets[0].start: expected a time like 2026-11-23T05:00, found 20261123",
        ),
        (
            {"resets": [{"start": "2026-11-23T05:00", "end": "2026-11-23T04:00"}]},
            "resets[0].end: expected a time after the start, 2026-11-23 05:00:00, found",
        ),
        (
            {"resets": [{"start": "2026-11-23T05:00", "end": "2026-11-23T06:00Z"}]},
            "resets[0].end: expected a time without a time zone, as start, found",
        ),
        (
            {"resets": [{"start": "2026-11-23", "end": "2026-11-24", "aisle": "b1"}]},
            "resets[0].aisle of a12, got 'b1'",
        ),
        ({"reset_hours": {"before": 200}}, "reset_hours.before: expected less than or equal"),
        ({"reset_hours": {"befor": 2}}, "did you mean 'before'?"),
    ],
)
def test_mistakes_are_named_by_field(store: Path, changes: dict[str, object], words: str) -> None:
    """Time zone, windows and hours: what was expected and what was found."""
    with pytest.raises(ConfigError) as told:
        load_site(write_settings(store, **changes))
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda plans: (plans / "2.csv").write_text(""), "2.csv: expected"),
        (
            lambda plans: (plans / "2.csv").write_text((plans / "1.csv").read_text()),
            "valid_from: expected another day",
        ),
        (lambda plans: [path.unlink() for path in plans.iterdir()], "expected planogram files"),
    ],
)
def test_a_version_that_cannot_be_used_is_a_problem_of_its_aisle(
    store: Path, spoil: Callable[[Path], object], words: str
) -> None:
    """An empty file, two versions of one day, an empty folder: the field is named before them."""
    spoil(store / "plans")
    (problem, *_) = check_site(load_site(write_settings(store))).problems
    assert problem.startswith("planograms.a12.file: ") and words in problem


def remarks(site: Path, now: datetime) -> list[str]:
    """What check says of the planogram; the demo's files have no problem."""
    checked = check_site(load_site(site), now)
    assert checked.problems == []
    return [remark for remark in checked.remarks if remark.startswith(f"aisle {AISLE}")]


def test_check_tells_what_counts_and_what_comes(store: Path) -> None:
    """Today's version, the next with the number of its changes, and the resets to come."""
    site = write_settings(
        store,
        time_zone="Europe/Berlin",
        resets=[{"start": "2026-11-21T20:00", "end": "2026-11-21T23:00"}],
        reset_hours={"before": 2, "after": 6},
    )
    assert remarks(site, datetime(2026, 11, 22, 12, tzinfo=UTC)) == [
        "aisle a12: planogram a12-demo-2026w47, 28 slots in 2 bays, in force today (2026-11-22)",
        "aisle a12: also planogram a12-demo-2026w48, 28 slots in 2 bays, valid from 2026-11-23",
        "aisle a12: from 2026-11-23: planogram a12-demo-2026w48, 1 change (see shelfwatch "
        "planogram diff)",
        "aisle a12: reset from 2026-11-22 22:00 to 2026-11-23 06:00 (Europe/Berlin)",
    ]
    in_reset = remarks(site, datetime(2026, 11, 22, 22, tzinfo=UTC))
    assert "aisle a12: a reset is in progress, so slots are not judged" in in_reset


def test_check_warns_of_gaps_and_of_what_files_leave_out(store: Path) -> None:
    """A day without a version, a version that lacks a camera's bay, and no time zone."""
    plans = store / "plans"
    (plans / "1.csv").write_text(
        "# valid_until: 2026-11-21\n" + (plans / "1.csv").read_text(), encoding="utf-8"
    )
    second = (plans / "2.csv").read_text().splitlines(keepends=True)
    bay_2 = ("2,", "# bay_mm: 2")
    (plans / "2.csv").write_text("".join(row for row in second if not row.startswith(bay_2)))
    checked = check_site(load_site(write_settings(store)), datetime(2026, 11, 22, 12, tzinfo=UTC))
    told = "\n".join(checked.remarks)
    assert checked.problems == []
    assert "warning: no planogram is in force today (2026-11-22), so nothing is watched" in told
    assert "expected a version for every day, found none from 2026-11-22 to 2026-11-22" in told
    assert "time_zone: expected the store's, like Europe/Berlin, found UTC" in told
    assert "camera c2: planogram a12-demo-2026w48 does not plan bay 2" in told


def test_check_tells_what_was_doubtful_in_a_file(store: Path) -> None:
    """A wrong check digit in a PTS file: used, with a warning that names the file."""
    (store / "a.pts").write_text(
        "共通棚割情報,V1.0,IC\n飲料 3尺\n棚台番号,棚段番号,棚位置,商品コード,フェース数,積上数\n"
        "1,1,1,4901234567895,3,1\n1,3,1,123456,4,1\n",
        encoding="cp932",
    )
    planograms = [{"file": "a.pts", "aisle": AISLE}]
    checked = check_site(load_site(write_settings(store, planograms=planograms)))
    warnings = [remark for remark in checked.remarks if "a12: warning: " in remark]
    assert len(warnings) == 1 and "a.pts: " in warnings[0] and "4901234567895" in warnings[0]


def test_a_bay_of_no_version_is_a_problem(store: Path) -> None:
    """It is in neither of the two, so the number is wrong."""
    settings = yaml.safe_load((store / "site.yaml").read_text())
    settings["cameras"][0]["bays"] = [9]
    (problem, *_) = check_site(
        load_site(write_settings(store, cameras=settings["cameras"]))
    ).problems
    assert "bays of planogram a12-demo-2026w47, a12-demo-2026w48 (1, 2), found 9" in problem


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of the first camera, a picture every 10 s."""
    folder = tmp_path_factory.mktemp("frames")
    for secs in range(0, 120, 10):
        render(folder, f"{secs}.jpg", secs)
    return folder


def told_by(site: Path, frames: Path, start: datetime | None) -> list[dict[str, object]]:
    out = site.with_suffix(".jsonl")
    replay(load_site(site), "c1", frames, out, start=start)
    events = [json.loads(line) for line in out.read_text().splitlines()]
    return [
        {"slot": event["subject"].removeprefix("a12/"), "time": event["time"]} | event["data"]
        for event in events
    ]


def test_a_recording_is_judged_by_the_version_of_its_time(store: Path, frames: Path) -> None:
    """Over midnight only the other oats begin anew; each event names the version of its time."""
    site = write_settings(store, time_zone="Europe/Berlin")
    told = told_by(site, frames, datetime(2026, 11, 22, 23, 59))
    at_midnight = "2026-11-22T23:00:00Z"
    before = [event for event in told if event["time"] < at_midnight]
    assert len(before) > 8 and {e["planogram"] for e in before} == {"a12-demo-2026w47"}
    changed = [event for event in told if event["time"] == at_midnight]
    assert [(e["slot"], e["state"], e["sku"]) for e in changed] == [
        ("b01/s1/p01", "unknown", "999999")
    ]
    after = [event for event in told if event["time"] > at_midnight]
    assert {e["planogram"] for e in after} == {"a12-demo-2026w48"}
    assert ("b01/s1/p01", "999999") in [(e["slot"], e["sku"]) for e in after]


def test_nothing_is_told_of_a_recorded_reset(store: Path, frames: Path) -> None:
    """A reset that begins with the look that would be told first leaves nothing to tell."""
    start = datetime(2026, 11, 20, 8, tzinfo=UTC)
    told = told_by(write_settings(store), frames, start)
    resets = [{"start": told[0]["time"], "end": "2026-11-20T09:00Z"}]
    assert told_by(write_settings(store, resets=resets), frames, start) == []


def test_a_change_of_what_is_in_force_has_the_same_picture_read_again(
    store: Path, frames: Path
) -> None:
    """After a reset and after a change of version, as after a new model; not otherwise."""
    site = load_site(write_settings(store))
    versions = load_planograms(site)[AISLE]
    station = build_station(site.cameras[0], versions, lambda _planogram: None)
    detector = Detector.load()
    image = cv2.imread(str(frames / "0.jpg"))
    assert image is not None
    first, second = versions.planograms
    reset = PlanogramInForce(first, reset=True)
    steps = [
        reset,
        reset,
        PlanogramInForce(first, reset=False),
        PlanogramInForce(second, reset=False),
    ]
    told = []
    for number, in_force in enumerate([*steps, steps[-1]]):
        station.use(detector, in_force)
        looked = station.work(Frame("c1", number, datetime.now(UTC), float(number), image))
        told.append((looked.inferred, len(looked.readings)))
    assert told == [(False, 0), (False, 0), (True, 13), (True, 13), (False, 13)]


def test_versions_of_a_recording_without_a_date_are_asked_for(store: Path, frames: Path) -> None:
    """Of several it cannot be said which counts; one holds, whatever its dates."""
    with pytest.raises(ReplayError, match=r"--start: expected the time .*2026w47, .*2026w48"):
        told_by(write_settings(store), frames, None)
    (store / "plans" / "1.csv").unlink()
    assert {e["planogram"] for e in told_by(write_settings(store), frames, None)} == {
        "a12-demo-2026w48"
    }


def test_the_agent_holds_until_the_reset_ends(tmp_path: Path) -> None:
    """It looks, tells nothing and says why; with the end of the reset it tells what it sees."""
    begun = datetime.now(UTC)
    end = begun + timedelta(seconds=20)
    resets = [{"start": str(begun - timedelta(hours=1)), "end": str(end)}]
    site = load_site(write_one_camera_site(tmp_path, resets=resets))
    with running(site) as run:
        run.wait_until(lambda: run.looks() > 3, "it looks")
        health, told = run.health(), run.told()
        if datetime.now(UTC) < end:  # else the machine was too slow to see it in the reset
            assert health["planograms"] == {AISLE: {"in_force": "a12-demo-2026w47", "reset": True}}
            assert "a reset is in progress" in health["cameras"]["c1"]["detail"]
            assert told == []
        run.wait_until(lambda: len(run.told()) >= 10, "the first states are told")
        assert run.health()["planograms"][AISLE]["reset"] is False
        assert run.health()["cameras"]["c1"]["detail"] == ""
        told = run.told()
    assert all(datetime.fromisoformat(data["since"]) >= end for data in told)


def test_the_agent_watches_nothing_without_a_version(tmp_path: Path) -> None:
    """It works and says so; it is not unwell, as it does what it is told."""
    path = write_one_camera_site(tmp_path)
    planogram = tmp_path / "planograms" / f"{AISLE}.csv"
    planogram.write_text("# valid_until: 2026-01-31\n" + planogram.read_text())
    with running(load_site(path)) as run:
        run.wait_until(lambda: run.looks() > 3, "it looks")
        assert run.health()["planograms"] == {AISLE: {"in_force": None, "reset": False}}
        assert "no planogram is in force" in run.health()["cameras"]["c1"]["detail"]
        assert run.told() == []


def test_all_files_that_cannot_be_used_are_told_at_once(store: Path) -> None:
    """The agent does not start, and names each of them."""
    settings = [{"file": "none.csv", "aisle": AISLE}, {"file": "no-folder", "aisle": "b1"}]
    with pytest.raises(PlanogramError) as told:
        load_planograms(load_site(write_settings(store, planograms=settings)))
    assert len(told.value.problems) == 2
