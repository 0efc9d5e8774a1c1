"""Configuration files: every problem at once, each with its path, and no secrets."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from shelf import ConfigError
from shelf.settings import Settings, load_settings, redact, with_paths_from


class Box(Settings):
    type: Literal["box"]
    width: int = Field(ge=1)


class Tin(Settings):
    type: Literal["tin"]
    radius: int


class Thing(Settings):
    name: str
    file: Path = Path("x.csv")
    password: str = ""
    parts: tuple[Annotated[Box | Tin, Field(discriminator="type")], ...] = ()


def _load(tmp_path: Path, text: str) -> Thing:
    path = tmp_path / "thing.yaml"
    path.write_text(text)
    return load_settings(path, Thing)


def test_all_problems_are_told_with_their_paths(tmp_path: Path) -> None:
    """Unknown keys get the nearest known one, wrong values what was expected."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "nmae: x\nparts: [{type: box, width: 0}, {type: tin, radios: 2}]\n")
    text = str(caught.value)
    assert "name: expected a value, found nothing" in text
    assert "did you mean 'name'?" in text
    assert "parts[0].box.width: expected greater than or equal to 1, found 0" in text
    assert "did you mean 'radius'?" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "line 1 column 8: expected valid YAML"),
        ("name: a\nname: b\n", "the key 'name' twice"),
        ("- a\n", "keys and values"),
        ("", "name: expected a value"),
        ("name: x\nparts: [{type: can}]", "parts[0]"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, words: str) -> None:
    """Syntax errors carry their line; doubled keys are errors."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert words in str(caught.value)
    assert "thing.yaml" in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is said so."""
    with pytest.raises(ConfigError, match="No such file"):
        load_settings(tmp_path / "none.yaml", Thing)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """A wrong password's value never reaches a message."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, "name: x\npassword: [hunter2]\n")
    assert "hunter2" not in str(caught.value)
    assert redact("rtsp://admin:hunter2@cam/1") == "rtsp://***@cam/1"


def test_relative_paths_are_taken_from_the_files_folder() -> None:
    """Paths in nested settings too; absolute ones stay."""
    thing = with_paths_from(Path("/etc/shop"), Thing(name="x"))
    assert thing.file == Path("/etc/shop/x.csv")
    assert with_paths_from(Path("/b"), thing).file == thing.file
