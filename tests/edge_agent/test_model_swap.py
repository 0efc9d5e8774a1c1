"""An agent at work on rendered pictures, while its model is replaced under it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from model_folders import BROKEN, copy_of_shipped, other_model
from running_agent import render, running, write_one_camera_site

from detector.manifest import read_manifest
from edge_agent.config import Site, load_site

EMPTIED_AT_SECS = 120.0
"""The simulated store has sold out of a slot of the first bay by then."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose model is a folder that can be replaced."""
    copy_of_shipped(tmp_path / "model")
    return load_site(write_one_camera_site(tmp_path, model="model"))


def sha256(folder: Path) -> str:
    return read_manifest(folder / "manifest.yaml").sha256


def replace_model(folder: Path, by: Path) -> None:
    """Put another folder in the place of ``folder`` by renaming."""
    folder.rename(folder.with_name(f"{folder.name}-{time.monotonic_ns()}"))
    by.rename(folder)


def test_events_name_the_model_that_looked(site: Site) -> None:
    """After a swap new events carry the new hash; none is lost and the camera stays ok."""
    with running(site) as run:
        model = run.folder / "model"
        before = sha256(model)
        run.wait_until(lambda: len(run.told()) >= 10, "the first states are told")
        replace_model(model, other_model(run.folder / "new"))
        after = sha256(model)
        run.agent.check_models()
        run.wait_until(lambda: run.model()["sha256"] == after, "the new model is in use")
        known = len(run.told())
        render(run.folder / "looks", "2.png", EMPTIED_AT_SECS)
        run.wait_until(
            lambda: "out_of_stock" in [data["state"] for data in run.told()[known:]],
            "an empty slot is told",
        )
        told = run.told()
        assert run.health()["cameras"]["c1"] == {"state": "ok", "detail": ""}
    assert {data["model"] for data in told[:known]} == {f"sha256:{before}"}
    assert {data["model"] for data in told[known + 1 :]} == {f"sha256:{after}"}


def test_bad_models_are_refused_and_the_watch_goes_on(site: Site) -> None:
    """Each is named in health and in the camera's status; looks go on with the old one."""
    with running(site) as run:
        model = run.folder / "model"
        before = sha256(model)
        run.wait_until(lambda: run.health()["cameras"]["c1"]["state"] == "ok", "a look")
        for number, (kind, (spoil, words)) in enumerate(BROKEN.items()):
            bad = other_model(run.folder / f"bad-{number}")
            spoil(bad)
            replace_model(model, bad)
            run.agent.check_models()
            run.wait_until(lambda words=words: words in run.model()["refused"], f"refused: {kind}")
            looks = run.looks()
            run.wait_until(lambda looks=looks: run.looks() > looks + 1, "it goes on looking")
            assert run.model()["sha256"] == before
        run.wait_until(
            lambda: "a new model was refused" in run.health()["cameras"]["c1"]["detail"],
            "the camera's status says so",
        )
        assert run.health()["ok"] is True
        assert run.health()["cameras"]["c1"]["state"] == "ok"
        replace_model(model, other_model(run.folder / "good"))
        after = sha256(model)
        run.wait_until(lambda: run.model()["sha256"] == after, "a good one is found by polling")
        run.wait_until(
            lambda: run.health()["cameras"]["c1"]["detail"] == "", "the status is clear again"
        )


def test_half_a_copy_is_waited_for(site: Site) -> None:
    """Files that arrive one by one, manifest first, do no harm and are used when complete."""
    with running(site) as run:
        model, new = run.folder / "model", other_model(run.folder / "new")
        shutil.copy(new / "manifest.yaml", model)
        run.agent.check_models()
        run.wait_until(lambda: "sha256" in run.model()["refused"], "half a copy is refused")
        shutil.copy(new / "model.onnx", model)
        run.agent.check_models()
        run.wait_until(lambda: run.model()["sha256"] == sha256(new), "the whole copy is used")
        assert run.model()["refused"] == ""
