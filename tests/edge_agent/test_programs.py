"""The agent's commands as their user runs them: audit, check, replay and their errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from model_folders import BROKEN, edit_manifest, other_model

from simulator.site import write_site

REPOSITORY = Path(__file__).parents[2]
SHELFWATCH = str(Path(sys.executable).with_name("shelfwatch"))


def shelfwatch(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SHELFWATCH, *map(str, arguments)], capture_output=True, text=True, timeout=150
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_site(folder, 7)
    return folder


def test_audit_reads_the_real_bay(crackers: Path, tmp_path: Path) -> None:
    """Six shelves aligned, 80 % of the facings found, the three empty places named."""
    answer, picture = tmp_path / "out.json", tmp_path / "out.png"
    done = shelfwatch(
        "audit",
        crackers / "shelf.jpg",
        "--planogram",
        crackers / "planogram.json",
        "--catalog",
        crackers / "catalog",
        "--json",
        answer,
        "--picture",
        picture,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(answer.read_text())
    states = {slot["slot"]: slot["state"] for slot in result["slots"]}
    for empty in ("b01/s1/p03", "b01/s4/p01", "b01/s6/p06"):
        assert states[empty] == "out_of_stock"
    stocked = [slot for slot, state in states.items() if state == "stocked"]
    assert {slot.split("/")[1] for slot in stocked} == {f"s{n}" for n in range(1, 7)}
    assert (
        result["summary"]["slots"]
        == 58
        == sum(
            result["summary"][s] for s in ("stocked", "low", "out_of_stock", "misplaced", "unknown")
        )
    )
    assert picture.stat().st_size > 100_000
    found = [item["box_xyxy_px"] for slot in result["slots"] for item in slot["found"]]
    found += [item["box_xyxy_px"] for item in result["unplanned"]]
    truth = json.loads((crackers / "recognition.json").read_text())["products"]
    assert _recall(np.array(found), truth) >= 0.8


def _recall(found: np.ndarray, truth: list[dict[str, dict[str, float]]]) -> float:
    hits = 0
    for item in truth:
        box = item["boundingBox"]
        x1, y1 = box["x"], box["y"]
        x2, y2 = x1 + box["w"], y1 + box["h"]
        wide = np.clip(np.minimum(found[:, 2], x2) - np.maximum(found[:, 0], x1), 0, None)
        tall = np.clip(np.minimum(found[:, 3], y2) - np.maximum(found[:, 1], y1), 0, None)
        both = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1]) + box["w"] * box["h"]
        hits += bool(np.any(wide * tall / (both - wide * tall) >= 0.5))
    return hits / len(truth)


@pytest.mark.parametrize(
    ("photo", "planogram", "code", "words"),
    [
        ("none.jpg", "a12.csv", 1, "none.jpg"),
        ("broken.jpg", "a12.csv", 1, "broken.jpg: expected a picture"),
        ("catalog/100101.png", "none.csv", 2, "none.csv: expected a planogram file"),
        ("catalog/100101.png", "empty.csv", 2, "an empty file"),
    ],
)
def test_audit_says_what_is_wrong(
    store: Path, photo: str, planogram: str, code: int, words: str
) -> None:
    """A missing or broken picture and planogram: one message, the right exit code."""
    (store / "broken.jpg").write_text("no picture")
    (store / "planograms" / "empty.csv").write_text("")
    done = shelfwatch("audit", store / photo, "--planogram", store / "planograms" / planogram)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_audit_of_something_else_is_unknown(store: Path) -> None:
    """A picture without the bay gives unknown slots, not empty ones."""
    planogram = store / "planograms" / "a12.csv"
    done = shelfwatch(
        "audit", store / "catalog" / "100101.png", "--planogram", planogram, "--json", "-"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert summary["unknown"] == summary["slots"]
    assert summary["osa"] is None


def test_audit_prints_names_as_they_are(store: Path, tmp_path: Path) -> None:
    """Square brackets in a product's name are no markup."""
    planogram = tmp_path / "p.csv"
    planogram.write_text(
        "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm\n"
        "1,1,1,A,Crisps [red] 200 g,1,0,100,200\n1,1,2,B,Soap [/],1,100,60,90\n"
    )
    done = shelfwatch("audit", store / "catalog" / "100101.png", "--planogram", planogram)
    assert done.returncode == 0, done.stderr
    assert "Crisps [red] 200 g" in done.stdout
    assert "Soap [/]" in done.stdout


def test_audit_with_a_calibration_names_strangers(store: Path, tmp_path: Path) -> None:
    """Facings that no slot explains are told, as without a calibration."""
    made = shelfwatch("simulate", "--out", tmp_path / "s", "--hours", 0.005, "--every-secs", 12)
    assert made.returncode == 0, made.stderr
    photo = sorted((tmp_path / "s" / "frames" / "c1").iterdir())[0]
    planogram = tmp_path / "fewer.csv"
    lines = (store / "planograms" / "a12.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("1,2,", "1,3,"))]
    planogram.write_text("\n".join(kept) + "\n")
    done = shelfwatch(
        *("audit", photo, "--planogram", planogram, "--json", "-"),
        *("--calibration", store / "calibration" / "c1.yaml"),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["summary"]["stocked"] > 5
    assert len(result["unplanned"]) > 5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("7,1,1,A,a,1,100,0\n9,1,1,B,b,1,100,0", "a bay of planogram p-1 (7, 9), found bays 1"),
        ("1,1,1,A,a,1,100,", "found p-1 in mm, heights estimated; without a calibration"),
        ("1,1,1,A,a,1,,0", "found p-1 in relative, heights given"),
    ],
)
def test_audit_refuses_a_calibration_that_does_not_fit(
    store: Path, tmp_path: Path, rows: str, words: str
) -> None:
    """Another bay's calibration, and a planogram that a calibration cannot place, exit with 2."""
    planogram = tmp_path / "p.csv"
    planogram.write_text(
        f"# version: 1\nbay,shelf,slot,sku,name,facings_wide,width_mm,shelf_y_mm\n{rows}\n"
    )
    calibration = store / "calibration" / "c1.yaml"
    done = shelfwatch(
        *("audit", store / "catalog" / "100101.png", "--planogram", planogram),
        *("--calibration", calibration),
    )
    assert done.returncode == 2
    assert f"--calibration: {calibration}: expected a" in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def edited(store: Path, name: str, **changes: object) -> Path:
    """A copy of the store's site file with other settings."""
    settings = yaml.safe_load((store / "site.yaml").read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = settings
        for parent in parents:
            target = target[int(parent) if parent.isdigit() else parent]
        target[last] = value
    out = store / name
    out.write_text(yaml.safe_dump(settings))
    return out


def test_check_finds_nothing_wrong_with_the_demo(store: Path) -> None:
    """The written site is usable, and each camera's model is named with how it was proved."""
    done = shelfwatch("check", "--site", store / "site.yaml")
    assert done.returncode == 0, done.stderr
    assert "no problems found" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("camera ")]
    assert len(lines) == 2
    for line in lines:
        assert "model shelf-nano" in line and "(sha256:" in line
        assert "input of 640 px in the picture's shape, golden picture agrees" in line


def test_check_names_the_model_of_each_camera(store: Path) -> None:
    """A camera may have its own; one without a golden picture is used, with a warning."""
    own = other_model(store / "models" / "own")
    edit_manifest(own, golden=None)
    site = edited(store, "edited.yaml", cameras__1__model="models/own")
    done = shelfwatch("check", "--site", site)
    assert done.returncode == 0, done.stderr
    first, second = (line for line in done.stdout.splitlines() if line.startswith("camera "))
    assert "golden picture agrees" in first and " other (" not in first
    assert "model shelf-nano other (sha256:" in second and "no golden picture" in second
    (warning,) = (line for line in done.stdout.splitlines() if line.startswith("warning"))
    assert "models/own/manifest.yaml: no golden picture" in warning


def test_check_refuses_a_model_once_for_all_its_cameras(store: Path) -> None:
    """The problem names the file; each camera says that it has none."""
    bad = other_model(store / "models" / "bad")
    BROKEN["wrong golden"][0](bad)
    done = shelfwatch("check", "--site", edited(store, "edited.yaml", model="models/bad"))
    assert done.returncode == 2
    assert done.stderr.count("models/bad/manifest.yaml: golden: expected") == 1
    assert done.stdout.count("no usable model") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodee": "x"}, "did you mean 'node'?"),
        ({"cameras__0__look_every_secs": 0}, "cameras[0].look_every_secs: expected"),
        ({"cameras__0__bays": [9]}, "bays of planogram a12"),
        ({"cameras__0__aisle": "b1"}, "a planogram for the aisle 'b1'"),
        ({"cameras__0__calibration": "calibration/c2.yaml"}, "found one of c2"),
        ({"cameras__0__source__type": "webcam"}, "cameras[0].source"),
        ({"planograms__0__file": "none.csv"}, "none.csv: expected a planogram file"),
        ({"catalog": "none"}, "none: expected a folder of product pictures"),
        ({"model": "none"}, "none"),
        ({"broker__url": "http://x"}, "mqtt://host:port"),
    ],
)
def test_check_names_file_and_field(store: Path, changes: dict[str, object], words: str) -> None:
    """Each mistake in a site file ends in exit code 2 and says where it is."""
    done = shelfwatch("check", "--site", edited(store, "edited.yaml", **changes))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_check_tells_all_problems_at_once(store: Path) -> None:
    """Two mistakes, two lines."""
    site = edited(store, "edited.yaml", nodee="x", cameras__1__look_every_secs="often")
    lines = shelfwatch("check", "--site", site).stderr.splitlines()
    assert len(lines) == 2


def replay(folder: Path, camera: str, frames: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return shelfwatch(
        *("replay", "--site", folder / "site.yaml", "--camera", camera),
        *("--frames", frames, "--events", out),
    )


def test_replay_is_the_same_every_time(tmp_path: Path) -> None:
    """The same frames give the same bytes of events, however their times are spelt."""
    made = shelfwatch("simulate", "--out", tmp_path, "--hours", 0.04, "--every-secs", 12)
    assert made.returncode == 0, made.stderr
    frames, renamed = tmp_path / "frames" / "c1", tmp_path / "renamed"
    renamed.mkdir()
    (renamed / "notes.txt").write_text("not a picture")
    for picture in frames.iterdir():
        (renamed / f"{float(picture.stem):g}{picture.suffix}").symlink_to(picture)
    in_text_order = [float(path.stem) for path in sorted(renamed.glob("*.jpg"))]
    assert in_text_order != sorted(in_text_order)
    outs = []
    for folder in (frames, renamed):
        outs.append(tmp_path / f"{folder.name}.jsonl")
        done = replay(tmp_path, "c1", folder, outs[-1])
        assert (done.returncode, done.stderr) == (0, "")
    assert outs[0].read_bytes() == outs[1].read_bytes()
    told = [json.loads(line) for line in outs[0].read_text().splitlines()]
    assert [event["sequence"] for event in told] == list(range(1, len(told) + 1))
    calibration = yaml.safe_load((tmp_path / "calibration" / "c1.yaml").read_text())
    assert {event["data"]["calibration"] for event in told} == {calibration["version"]}


@pytest.mark.parametrize(
    ("camera", "frames", "events", "words"),
    [
        ("c9", "catalog", "x.jsonl", "--camera: expected one of c1, c2, found 'c9'"),
        ("c1", "none", "x.jsonl", "none: expected a folder of pictures or a video, found nothing"),
        ("c1", "planograms", "x.jsonl", "planograms: expected pictures"),
        ("c1", "catalog", "none/x.jsonl", "x.jsonl: expected a file that can be written, found No"),
    ],
)
def test_replay_says_what_is_wrong(
    store: Path, camera: str, frames: str, events: str, words: str
) -> None:
    """An unknown camera, no recording, a place that cannot be written: one message, exit 2."""
    done = replay(store, camera, store / frames, store / events)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (store / events).exists()


def test_importing_the_agent_loads_no_torch() -> None:
    """The store's computer needs neither torch nor ultralytics, nor the center's libraries."""
    code = (
        "import sys, edge_agent.agent, edge_agent.cli\n"
        "heavy = {'torch', 'ultralytics', 'sqlalchemy', 'starlette', 'central', 'simulator'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
