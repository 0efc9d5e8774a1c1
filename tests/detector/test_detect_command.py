import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from detector.cli import detect, model
from detector.errors import DetectorError

OUTPUT = np.array([[[32], [32], [16], [16], [0.9], [0.0]]], dtype=np.float32)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "shelf.png"
    cv2.imwrite(str(path), np.zeros((64, 128, 3), np.uint8))
    return path


def run(app: typer.Typer, *arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_json_has_the_agreed_form(make_model, photo, tmp_path):
    """One object a line with photo, size and detections."""
    out = tmp_path / "out.jsonl"
    result = run(detect, photo, "--model", make_model(OUTPUT), "--json", out, "--whole")
    assert result.exit_code == 0
    (line,) = out.read_text().splitlines()
    record = json.loads(line)
    assert record == {
        "photo": str(photo),
        "size_px": [128, 64],
        "detections": [{"box_xyxy_px": [48.0, 16.0, 80.0, 48.0], "score": 0.9, "class": "product"}],
    }


def test_the_table_counts_classes(make_model, photo):
    """Without --json a person reads a table."""
    result = run(detect, photo, "--model", make_model(OUTPUT), "--whole")
    assert "product" in result.output


def test_a_broken_picture_does_not_stop_the_others(make_model, photo, tmp_path):
    """It is named, the exit code says so, and the other picture is done."""
    broken, out = tmp_path / "broken.jpg", tmp_path / "out.jsonl"
    broken.write_bytes(b"nothing")
    result = run(detect, broken, photo, "--model", make_model(OUTPUT), "--json", out)
    assert isinstance(result.exception, DetectorError)
    assert result.exception.exit_code == 1
    assert "broken.jpg" in str(result.exception)
    assert len(out.read_text().splitlines()) == 1


def test_a_folder_stands_for_its_pictures(make_model, photo):
    """Naming a folder looks at every picture in it."""
    folder = make_model(OUTPUT)
    result = run(detect, photo.parent, "--model", folder, "--json", "-", "--whole")
    assert json.loads(result.output)["photo"] == str(photo)


def test_info_describes_the_model(make_model):
    """Name, classes and thresholds, for people and for programs."""
    folder = make_model(OUTPUT)
    assert "product (from score 0.3)" in run(model, "info", folder).output
    assert json.loads(run(model, "info", folder, "--json").output)["name"] == "tiny"


def test_the_training_commands_are_listed():
    """The help names each training command without loading torch."""
    output = run(model, "--help").output
    assert all(name in output for name in ("autolabel", "train", "export", "evaluate"))
