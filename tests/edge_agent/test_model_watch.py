"""A model's files are replaced under a running agent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from model_folders import BROKEN, copy_of_shipped, edit_manifest, other_model
from prometheus_client import REGISTRY

from detector import ModelError
from detector.manifest import MANIFEST_NAME
from edge_agent.model_watch import WatchedModel, fingerprint


def changes(result: str) -> float:
    return REGISTRY.get_sample_value("shelfwatch_model_changes_total", {"result": result}) or 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_of_shipped(tmp_path / "now")


def test_nothing_is_loaded_while_nothing_changes(folder: Path) -> None:
    """The same files stay the same object."""
    model = WatchedModel(folder)
    first = model.current
    model.check()
    model.check(at_once=True)
    assert model.current is first
    assert model.refused == ""


def test_a_new_model_is_used_once_it_has_settled(folder: Path, tmp_path: Path) -> None:
    """One check sees the change, the next finds it unchanged and loads it."""
    model = WatchedModel(folder)
    before, used = model.current.identity, changes("used")
    shutil.copytree(other_model(tmp_path / "new"), folder, dirs_exist_ok=True)
    model.check()
    assert model.current.identity == before
    model.check()
    assert model.current.manifest.version == "other"
    assert model.current.identity != before
    assert changes("used") == used + 1


def test_a_link_may_be_pointed_elsewhere(tmp_path: Path) -> None:
    """So that a swap is one step, and its undoing too."""
    old, new = copy_of_shipped(tmp_path / "old"), other_model(tmp_path / "new")
    link = tmp_path / "current"
    link.symlink_to(old)
    model = WatchedModel(link)
    for target, version in ((new, "other"), (old, WatchedModel(old).current.manifest.version)):
        link.unlink()
        link.symlink_to(target)
        model.check(at_once=True)
        assert model.current.manifest.version == version


@pytest.mark.parametrize("kind", BROKEN)
def test_a_bad_model_is_refused_once(folder: Path, kind: str) -> None:
    """The old one stays, the reason is kept, and the same files are not tried again."""
    spoil, words = BROKEN[kind]
    model = WatchedModel(folder)
    first, refused = model.current, changes("refused")
    spoil(folder)
    for _ in range(4):
        model.check()
    assert model.current is first
    assert words in model.refused
    assert changes("refused") == refused + 1


def test_a_copy_that_is_completed_is_used(folder: Path, tmp_path: Path) -> None:
    """A manifest that comes before its weights is refused only for as long."""
    new = other_model(tmp_path / "new")
    model = WatchedModel(folder)
    shutil.copy(new / MANIFEST_NAME, folder)
    model.check(at_once=True)
    assert "sha256: expected" in model.refused
    shutil.copy(new / "model.onnx", folder)
    model.check(at_once=True)
    assert model.refused == ""
    assert model.current.manifest.version == "other"


def test_a_model_that_comes_back_is_the_one_in_use(folder: Path, tmp_path: Path) -> None:
    """Undoing a bad copy clears the reason and loads nothing anew."""
    kept = Path(shutil.copytree(folder, tmp_path / "kept"))
    model = WatchedModel(folder)
    first = model.current
    edit_manifest(folder, decoder="yolov5")
    model.check(at_once=True)
    assert "decoder yolov5" in model.refused
    shutil.copy(kept / MANIFEST_NAME, folder)
    model.check(at_once=True)
    assert model.refused == ""
    assert model.current is first


def test_the_first_model_must_be_good(folder: Path) -> None:
    """There is none to go on with."""
    BROKEN["bad hash"][0](folder)
    with pytest.raises(ModelError, match="sha256"):
        WatchedModel(folder)


def test_the_shipped_model_has_a_fingerprint(tmp_path: Path) -> None:
    """No path is the shipped model; a path to nothing has none."""
    assert MANIFEST_NAME in [name for name, *_ in fingerprint(None)]
    assert fingerprint(tmp_path / "nothing") == ()
