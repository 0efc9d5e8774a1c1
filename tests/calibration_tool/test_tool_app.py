"""The tool over HTTP: who may come in, what is refused, and that no work is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from browser import wait_until
from running_tool import Client, RunningTool, running_tool
from tool_site import ToolSite, picture_at, tool_site

from calibration import Calibration
from calibration.history import history, next_version, save
from shelf import State
from shelf.states import CameraState


@pytest.fixture
def site(tmp_path: Path) -> ToolSite:
    return tool_site(tmp_path)


@pytest.fixture
def tool(site: ToolSite) -> Iterator[RunningTool]:
    with running_tool(site.parts) as tool:
        yield tool


@pytest.fixture
def ana(tool: RunningTool) -> Client:
    return tool.client("Ana")


def proposed(client: Client) -> dict:
    answer = client.ask("propose")
    assert answer.status_code == 200, answer.text
    return answer.json()["draft"]


def error_of(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


def saved(client: Client) -> dict:
    draft = proposed(client)
    answer = client.ask("save", revision=draft["revision"])
    assert answer.status_code == 200, answer.text
    return answer.json()["saved"]


def test_a_link_lets_one_device_in_once(tool: RunningTool) -> None:
    """Looking at it does not use it up; the second use is refused."""
    link, headers = tool.door.new_link(), {"Origin": tool.url}
    with httpx.Client(base_url=tool.url) as first, httpx.Client(base_url=tool.url) as second:
        assert first.get(link).status_code == 200
        assert first.post(link, data={"name": " "}, headers=headers).status_code == 400
        assert first.post(link, data={"name": "Ana"}, headers=headers).status_code == 303
        assert first.get("/cameras/c1").status_code == 200
        answer = second.post(link, data={"name": "Eve"}, headers=headers)
        assert answer.status_code == 404
        assert "This link has been used." in answer.text
        assert second.get("/cameras/c1").status_code == 401


def test_nothing_is_shown_without_a_session(tool: RunningTool) -> None:
    """Neither pages nor pictures nor the interface; a browser is sent to the door."""
    with httpx.Client(base_url=tool.url) as http:
        for path in ("/", "/cameras/c1", "/cameras/c1/live.jpg", "/api/cameras/c1"):
            assert http.get(path).status_code == 401
        answer = http.get("/cameras/c1", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/enter")
        assert "newest link" in http.get("/enter").text


def test_another_page_cannot_act_for_the_installer(tool: RunningTool, ana: Client) -> None:
    """A request from elsewhere, or without the page's own token, is refused."""
    elsewhere = ana.http.post("/api/cameras/c1/propose", json={}, headers={"Origin": "http://x"})
    assert elsewhere.status_code == 403
    no_token = ana.http.post("/api/cameras/c1/propose", json={}, headers={"X-CSRF-Token": "no"})
    assert no_token.status_code == 403
    assert ana.state()["draft"] is None


def test_every_answer_keeps_the_page_to_its_own_files(ana: Client) -> None:
    """The policy names no other origin and no inline script."""
    policy = ana.http.get("/cameras/c1").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_proposal_is_saved_and_reported(site: ToolSite, ana: Client) -> None:
    """The file names who, the score and the planogram; the draft is gone; a report is there."""
    assert saved(ana)["version"] == "c1-1"
    calibration = Calibration.load(site.file)
    assert calibration.approved is not None
    assert calibration.approved.by == "Ana"
    assert calibration.planogram == "a12-demo-2026w47"
    assert calibration.bays[0].score == "green"
    state = ana.state()
    assert state["draft"] is None
    assert [one["version"] for one in state["history"]] == ["c1-1"]
    assert list((site.folder / "work").iterdir()) == []
    report = ana.http.get("/cameras/c1/reports/c1-1/")
    assert "Calibration of camera c1" in report.text
    assert "No alert has been seen" in report.text
    picture = ana.http.get("/cameras/c1/reports/c1-1/picture.png")
    image = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] == 1280


def test_what_is_in_force_stays_until_the_draft_is_saved(site: ToolSite, ana: Client) -> None:
    """Edits, and throwing them away, do not touch the file."""
    saved(ana)
    before = site.file.read_bytes()
    draft = proposed(ana)
    edit = {"do": "board", "bay": 1, "shelf": 2, "by_mm": 30}
    answer = ana.edit(draft["revision"], **edit)
    assert site.file.read_bytes() == before
    assert ana.ask("discard", revision=answer.json()["draft"]["revision"]).status_code == 200
    assert ana.state()["draft"] is None
    assert site.file.read_bytes() == before


def test_a_second_installer_is_told_and_overwrites_nothing(tool: RunningTool, ana: Client) -> None:
    """Ben sees the work and whose it is; he can only take it over, and then Ana is told."""
    draft = proposed(ana)
    ben = tool.client("Ben")
    seen = ben.state()
    assert (seen["draft"]["mine"], seen["draft"]["by"]) == (False, "Ana")
    assert seen["others"] == ["Ana"]
    edit = {"do": "board", "bay": 1, "shelf": 2, "by_mm": 30}
    refused = ben.edit(draft["revision"], **edit)
    assert "Ana is calibrating this camera" in error_of(refused, 409)
    assert "Ana is calibrating" in error_of(ben.ask("propose"), 409)
    assert ben.ask("take-over").json()["draft"]["mine"] is True
    assert ben.edit(draft["revision"], **edit).status_code == 200
    assert "Ben is calibrating" in error_of(ana.edit(draft["revision"], **edit), 409)


def test_a_change_of_an_old_revision_is_refused(ana: Client) -> None:
    """A second tab of the same person has not seen the first one's change."""
    revision = proposed(ana)["revision"]
    edit = {"do": "board", "bay": 1, "shelf": 2, "by_mm": 30}
    assert ana.edit(revision, **edit).status_code == 200
    assert "has changed this meanwhile" in error_of(ana.edit(revision, **edit), 409)


def test_a_calibration_saved_elsewhere_is_not_overwritten(site: ToolSite, ana: Client) -> None:
    """The draft is kept; going on with it is a decision."""
    saved(ana)
    draft = proposed(ana)
    there = Calibration.load(site.file)
    other = there.model_copy(update={"version": next_version(site.file, "c1")})
    save(other, site.file, expected_version=there.version)
    refused = ana.ask("save", revision=draft["revision"])
    assert "Your work is kept as a draft" in error_of(refused, 409)
    state = ana.state()
    assert state["draft"]["overtaken"] == "c1-2"
    assert Calibration.load(site.file).version == "c1-2"
    draft = ana.ask("rebase", revision=state["draft"]["revision"]).json()["draft"]
    assert ana.ask("save", revision=draft["revision"]).json()["saved"]["version"] == "c1-3"


def test_work_outlives_the_browser_and_the_tool(site: ToolSite) -> None:
    """The draft, its picture and its steps are there after a new start."""
    with running_tool(site.parts) as tool:
        ana = tool.client("Ana")
        draft = proposed(ana)
        answer = ana.edit(draft["revision"], do="board", bay=1, shelf=2, by_mm=30)
        kept = answer.json()["draft"]
    with running_tool(site.parts) as tool:
        ben = tool.client("Ben")
        again = ben.state()["draft"]
        assert (again["by"], again["mine"]) == ("Ana", True)
        assert again["undo"] == "shelf 2 of bay 1"
        assert again["bays"][0]["boards"] == kept["bays"][0]["boards"]
        assert ben.http.get("/cameras/c1/picture.jpg").headers["content-type"] == "image/jpeg"
        assert ben.ask("undo", revision=again["revision"]).status_code == 200


def test_scores_follow_a_change(ana: Client) -> None:
    """A corner far off is red soon after, and red is not saved without a reason."""
    draft = proposed(ana)
    assert draft["bays"][0]["verdict"] == "green"
    x, y = draft["bays"][0]["corners"][0]
    edited = ana.edit(draft["revision"], do="corner", bay=1, corner=0, x=x - 150, y=y).json()
    assert edited["draft"]["scored"] is False
    wait_until(lambda: ana.state()["draft"]["scored"])
    draft = ana.state()["draft"]
    assert draft["bays"][0]["verdict"] == "red"
    refused = ana.ask("save", revision=draft["revision"])
    assert "Bay 1 is red" in error_of(refused)
    assert "note" in error_of(refused)
    done = ana.ask("save", revision=draft["revision"], note="The bay is being rebuilt")
    assert done.json()["saved"]["note"] == "The bay is being rebuilt"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"do": "corner", "bay": 1, "corner": 0, "x": 1500, "y": 100}, "corners: expected"),
        ({"do": "corner", "bay": 4, "corner": 0, "x": 1, "y": 1}, "expected bay 4, found bays 1"),
        ({"do": "corner", "bay": 1, "corner": 7, "x": 1, "y": 1}, "corner"),
        ({"do": "dance"}, "edit"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_in_words(
    ana: Client, edit: dict[str, object], words: str
) -> None:
    """The draft stays as it was."""
    draft = proposed(ana)
    assert words in error_of(ana.edit(draft["revision"], **edit))
    assert ana.state()["draft"]["revision"] == draft["revision"]


def test_a_useless_picture_is_refused_before_any_work(site: ToolSite, ana: Client) -> None:
    """Black and blurred pictures are named, with what to do; by hand it goes all the same."""
    site.camera.show(np.zeros((1200, 1600, 3), np.uint8))
    assert "No proposal is made of this picture" in error_of(ana.ask("propose"))
    assert {one["verdict"] for one in ana.state()["live"]["findings"]} >= {"red"}
    blurred = cv2.GaussianBlur(picture_at(0.0), (0, 0), 14)
    site.camera.show(np.asarray(blurred, np.uint8))
    assert "No proposal is made" in error_of(ana.ask("propose"))
    assert ana.ask("propose", by_hand=True).json()["draft"]["bays"][0]["corners"]


def test_a_planogram_of_another_bay_is_said(site: ToolSite, ana: Client) -> None:
    """Nothing is drafted, and the reason reaches the installer."""
    site.proposer.is_blind = True
    assert "is it the planogram of another bay?" in error_of(ana.ask("propose"))
    assert ana.state()["draft"] is None


def test_a_camera_that_dies_is_said_and_the_work_is_kept(site: ToolSite, ana: Client) -> None:
    """The draft can still be edited and saved; a new picture cannot be taken."""
    draft = proposed(ana)
    site.camera.fault = "no fresh picture for 6 s: connection refused"
    state = ana.state()
    assert state["live"]["fault"] == "no fresh picture for 6 s: connection refused"
    assert "gives no new pictures" in error_of(ana.ask("propose"))
    answer = ana.edit(draft["revision"], do="board", bay=1, shelf=2, by_mm=3)
    revision = answer.json()["draft"]["revision"]
    assert ana.ask("save", revision=revision).status_code == 200


def test_a_bump_is_proposed_from_the_old_calibration(site: ToolSite, ana: Client) -> None:
    """The proposer gets what is in force, whose lens and adjustments it keeps."""
    saved(ana)
    site.agent.state = CameraState.MOVED
    assert ana.state()["agent"]["camera"] == "moved"
    assert saved(ana)["version"] == "c1-2"
    assert [one and one.version for one in site.proposer.started_from] == [None, "c1-1"]


def test_an_earlier_version_comes_back_as_a_new_one(site: ToolSite, ana: Client) -> None:
    """Nothing of the history is lost by going back."""
    saved(ana)
    saved(ana)
    answer = ana.ask("roll-back", version="c1-1").json()
    assert answer["saved"]["version"] == "c1-3"
    assert {one.version for one in history(site.file)} == {"c1-1", "c1-2", "c1-3"}
    assert "expected one of the versions" in error_of(ana.ask("roll-back", version="c1-9"))


def test_a_broken_file_is_said_and_put_aside(site: ToolSite, ana: Client) -> None:
    """It can be replaced, and is not lost."""
    site.file.parent.mkdir()
    site.file.write_text("camera: c1\nbays: []\n")
    assert "c1.yaml" in ana.state()["saved_fault"]
    saved(ana)
    assert Calibration.load(site.file).version == "c1-1"
    assert [path.read_text() for path in site.file.parent.glob("*.broken-*")] == [
        "camera: c1\nbays: []\n"
    ]


def test_the_sign_off_ends_in_the_report(site: ToolSite, ana: Client) -> None:
    """The agent's alert and its clearing are shown, and kept with pictures and times."""
    assert "Save a calibration first" in error_of(ana.ask("test", slot="b01/s2/p01"))
    saved(ana)
    assert "expected a slot of bay 1" in error_of(ana.ask("test", slot="b02/s2/p01"))
    assert "expected a slot id" in error_of(ana.ask("test", slot="jam"))
    begun = ana.ask("test", slot="b01/s2/p01").json()["test"]["now"]
    assert (begun["stage"], begun["alert"]) == ("empty_it", None)
    site.agent.say("b01/s2/p01", State.OUT_OF_STOCK, "c1-1")
    now = ana.state()["test"]["now"]
    assert now["stage"] == "fill_it"
    assert now["alert"]["words"] == "out of stock (0 of 3 facings seen)"
    assert now["other_calibration"] is None
    site.agent.say("b01/s2/p01", State.STOCKED, "c1-1", seen=3)
    assert ana.state()["test"]["now"]["stage"] == "passed"
    report = ana.http.get("/cameras/c1/reports/c1-1/").text
    assert "out of stock (0 of 3 facings seen)" in report
    for name in ("alert.jpg", "cleared.jpg", "report.css", "bay-1.jpg"):
        assert ana.http.get(f"/cameras/c1/reports/c1-1/{name}").status_code == 200
    assert ana.ask("end-test").json()["test"]["now"] is None


def test_an_agent_with_an_older_calibration_is_told_apart(site: ToolSite, ana: Client) -> None:
    """An alert that rests on another version proves nothing of this one."""
    saved(ana)
    ana.ask("test", slot="b01/s2/p01")
    site.agent.say("b01/s2/p01", State.OUT_OF_STOCK, "c1-0")
    assert ana.state()["test"]["now"]["other_calibration"] == "c1-0"


def test_a_slot_with_an_open_alert_is_not_tested(site: ToolSite, ana: Client) -> None:
    """Its alert would not be the test's."""
    saved(ana)
    site.agent.say("b01/s2/p01", State.OUT_OF_STOCK, "c1-1")
    words = error_of(ana.ask("test", slot="b01/s2/p01"))
    assert "already says out of stock" in words


def test_only_approved_crops_become_catalogue_pictures(site: ToolSite, ana: Client) -> None:
    """The sheet shows each crop with its doubt; what is chosen is stored."""
    saved(ana)
    assert "Look at the crops first" in error_of(ana.ask("store", crops=[0]))
    sheet = ana.ask("sheet").json()
    assert [crop["doubt"] for crop in sheet["crops"]] == ["", "half hidden"]
    assert len(sheet["left_out"]) == 11
    picture = ana.http.get("/cameras/c1/crops/0.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert "expected numbers from 0 to 1, found 7" in error_of(ana.ask("store", crops=[7]))
    assert ana.ask("store", crops=[0]).json()["words"] == "1 pictures were stored in catalog."
    assert [crop.sku for crop in site.enroller.stored] == ["100101"]


def test_reports_do_not_lead_elsewhere(site: ToolSite, ana: Client) -> None:
    """Neither a version nor a name leaves the folder of reports."""
    saved(ana)
    for path in ("c1-1/../../c1.yaml", "c1-1/report.json", "%2e%2e/index.html", "c1-9/"):
        assert ana.http.get(f"/cameras/c1/reports/{path}").status_code == 404
