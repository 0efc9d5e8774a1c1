"""Proposals from pictures of the simulated demo store, and the command that makes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration import BayView, Calibration, Verdict
from calibration.calibration_file import Board
from calibration.edit import outline_mm
from calibration.median import median_picture
from detector import Detector
from edge_agent.calibrate_cli import app
from edge_agent.match import BayPose
from edge_agent.propose import PlanogramProposer
from edge_agent.propose_search import view_of
from edge_agent.recognise import Recogniser
from edge_agent.slot_crops import FRONT_PX_PER_MM, slot_sheet, store_crops, too_wide
from shelf import PictureError, Planogram, Units, load_planogram
from simulator.days.stores import design_of
from simulator.people import Person
from simulator.site import demo_store, demo_view, write_site
from simulator.store import StoreState

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the demo store, with its true calibrations."""
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, 7)
    store = demo_store(7)
    for name in ("c1", "c2"):
        cv2.imwrite(str(folder / f"{name}.jpg"), demo_view(store, name).picture(store.at(0.0)))
    return folder


@pytest.fixture(scope="module")
def planogram(site: Path) -> Planogram:
    """Return the demo store's planogram."""
    return load_planogram(site / "planograms" / "a12.csv")


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Return the shipped detector."""
    return Detector.load()


@pytest.fixture(scope="module")
def proposer(site: Path, planogram: Planogram, detector: Detector) -> PlanogramProposer:
    """Return what proposes bay 1, with the store's catalogue."""
    recogniser = Recogniser.load(site / "catalog", planogram)
    return PlanogramProposer(planogram, detector, recogniser, bays=[1])


def true_view(site: Path, image: np.ndarray) -> BayView:
    """Return bay 1 as camera c1 sees it."""
    calibration = Calibration.load(site / "calibration" / "c1.yaml")
    return calibration.view(1, (image.shape[1], image.shape[0]))


def picture(site: Path, name: str = "c1") -> np.ndarray:
    """Return a camera's picture of the full shelves."""
    image = cv2.imread(str(site / f"{name}.jpg"))
    assert image is not None
    return image


def test_an_unedited_proposal_is_right_and_says_so(
    site: Path, planogram: Planogram, proposer: PlanogramProposer
) -> None:
    """Corners within 10 px, every slot within a quarter of its width, and nothing red."""
    image = picture(site)
    proposal = proposer.propose([image])
    (bay,) = proposal.bays
    view = true_view(site, image)
    planned = planogram.bay(1)
    assert bay.verdict is not Verdict.RED, bay.reason
    off = np.array(bay.corners_px) - view.image_from_bay(outline_mm(planned))
    assert np.median(np.linalg.norm(off, axis=1)) < 10.0
    for slot in bay.slots:
        truth = planogram.slot(slot.slot)
        found = view.bay_from_image(np.array(slot.corners_px))
        assert np.abs(found[:, 0].mean() - truth.x_mm - truth.width_mm / 2) < truth.width_mm / 4
    assert bay.found is not None
    assert 0 < bay.found.error_px < 10
    assert {finding.name for finding in bay.findings} >= {"angle", "facing_px", "visible", "fit"}


def test_what_was_made_by_hand_stays_after_a_bump(
    site: Path, proposer: PlanogramProposer, planogram: Planogram
) -> None:
    """From the old calibration a new view is proposed, with the boards that were nudged."""
    image = picture(site)
    before = Calibration.load(site / "calibration" / "c1.yaml")
    y_mm = planogram.bay(1).shelves[0].y_mm
    board = Board(shelf=1, planned_y_mm=y_mm, y_mm=y_mm + 4.0)
    bays = tuple(bay.model_copy(update={"boards": (board,)}) for bay in before.bays)
    again = proposer.propose([image], start=before.model_copy(update={"bays": bays}))
    found = again.bay(1).found
    assert found is not None and found.boards == (board,)
    assert again.lens == before.lens


def test_a_shifted_calibration_is_judged_worse(site: Path, proposer: PlanogramProposer) -> None:
    """The true one is no worse than amber; half a facing beside it nothing is green."""
    image = picture(site)
    true = Calibration.load(site / "calibration" / "c1.yaml")
    assert proposer.judge(image, true).bay(1).verdict is not Verdict.RED
    rows = np.array(true.bays[0].bay_from_image)
    moved = np.array([[1, 0, 70.0], [0, 1, 0], [0, 0, 1]]) @ rows
    entry = true.bays[0].model_copy(update={"bay_from_image": tuple(map(tuple, moved.tolist()))})
    shifted = true.model_copy(update={"bays": (entry,)})
    assert proposer.judge(image, shifted).bay(1).verdict is not Verdict.GREEN


def test_another_stores_planogram_is_never_green(site: Path, detector: Detector) -> None:
    """The picture of one store is no place for another's bay, even without a catalogue."""
    other = design_of(3).planogram
    proposal = PlanogramProposer(other, detector).propose([picture(site)])
    assert Verdict.GREEN not in {bay.verdict for bay in proposal.bays}


def test_people_do_not_stay_in_the_median() -> None:
    """Who stands in one of three pictures is not in what most of them show."""
    store = demo_store(7)
    view = demo_view(store, "c1")
    empty = store.at(0.0)
    crowded = StoreState(0.0, empty.contents, (Person(look=3, x_mm=500.0, z_mm=400.0),))
    pictures = [view.picture(empty), view.picture(crowded), view.picture(empty)]
    off = cv2.absdiff(median_picture(pictures), pictures[0])
    assert (off.max(axis=2) > 40).mean() < 0.001
    assert (cv2.absdiff(pictures[1], pictures[0]).max(axis=2) > 40).mean() > 0.05


def test_a_median_needs_pictures_of_one_size() -> None:
    """Sizes are named."""
    pictures = [np.zeros((40, 60, 3), np.uint8), np.zeros((50, 60, 3), np.uint8)]
    with pytest.raises(PictureError, match="60x40, 60x50"):
        median_picture(pictures)


def test_crops_of_an_approved_view_become_pictures(
    site: Path, planogram: Planogram, detector: Detector, tmp_path: Path
) -> None:
    """Each slot of a full bay shows its product, and what is approved is in the catalogue."""
    calibration = Calibration.load(site / "calibration" / "c1.yaml")
    crops = slot_sheet(picture(site), calibration, planogram, detector)
    shown = {crop.slot for crop in crops}
    assert len(shown) >= 0.9 * len(list(planogram.bay(1).slots))
    assert len({crop.id for crop in crops}) == len(crops)
    report = store_crops(tmp_path / "catalog", crops[:3], "c1")
    assert len(report.added) == 3
    assert report.added[0].parent.name == crops[0].sku
    assert report.added[0].name.startswith("c1-b01-s1-p01")


def test_a_crop_of_several_packages_is_doubted() -> None:
    """Two bags that were taken for one are no picture of the product."""
    bag_mm = 120.0
    assert too_wide(1.2 * bag_mm * FRONT_PX_PER_MM, bag_mm) == ""
    assert "2.1 times as wide as one facing" in too_wide(2.1 * bag_mm * FRONT_PX_PER_MM, bag_mm)


def run(*arguments: object) -> tuple[int, str]:
    """Run the command; return its exit code and what it says."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return int(getattr(result.exception, "exit_code", 99)), str(result.exception)
    return result.exit_code, result.output


def test_the_command_writes_a_file_and_keeps_the_old(site: Path, tmp_path: Path) -> None:
    """Run twice, it leaves version 2, with version 1 in the history."""
    out = tmp_path / "c1.yaml"
    given = ("propose", "--photo", site / "c1.jpg", "--bay", 1, "--out", out)
    given += ("--planogram", site / "planograms" / "a12.csv", "--catalog", site / "catalog")
    code, words = run(*given, "--json", tmp_path / "p.json", "--picture", tmp_path / "p.png")
    assert code == 0, words
    code, words = run(*given)
    assert "version c1-2 written" in words
    assert (tmp_path / "c1.history" / "c1-1.yaml").exists()
    content = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert content["bays"][0]["score"] in ("green", "amber")
    assert (tmp_path / "p.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"--photo": "nowhere.jpg"}, 1, "nowhere.jpg: expected a picture"),
        ({"--photo": "black.png"}, 1, "too dark"),
        ({"--photo": "blurred.png"}, 1, "blurred"),
        ({"--bay": "9"}, 2, "expected a bay of planogram"),
        ({"--corners": "300,100 900,110 290,640 920,650"}, 2, "lines that cross"),
        ({"--corners": "300,100 900"}, 2, "four points like"),
        ({"--strip": "2-700"}, 2, "number:x,y"),
        ({"--lens": "site.yaml"}, 2, "site.yaml"),
    ],
)
def test_what_is_wrong_is_said(
    site: Path, tmp_path: Path, changes: dict[str, str], code: int, words: str
) -> None:
    """Each wrong thing ends with its message and exit code, and nothing is written."""
    cv2.imwrite(str(site / "black.png"), np.zeros((600, 800, 3), np.uint8))
    cv2.imwrite(str(site / "blurred.png"), cv2.GaussianBlur(picture(site), (0, 0), 7.0))
    options = {"--photo": "c1.jpg", "--bay": "1", **changes}
    for name in ("--photo", "--lens"):
        if name in options:
            options[name] = str(site / options[name])
    given = [part for pair in options.items() for part in pair]
    out = tmp_path / "c1.yaml"
    plan = site / "planograms" / "a12.csv"
    found = run("propose", "--planogram", plan, "--out", out, *given)
    assert found[0] == code
    assert words in found[1]
    assert not out.exists()


BAY = Path(__file__).resolve().parents[3] / "shared/data/crackers_bay"


@pytest.mark.skipif(not BAY.exists(), reason="no ../shared/data/crackers_bay beside the checkout")
def test_a_planogram_without_mm_gets_its_slots_on_the_products(detector: Detector) -> None:
    """On the real bay each of the 55 facings that another system found has its own slot."""
    image = cv2.imread(str(BAY / "shelf.jpg"))
    proposal = PlanogramProposer(load_planogram(BAY / "planogram.json"), detector).propose([image])
    (bay,) = proposal.bays
    known = json.loads((BAY / "recognition.json").read_text(encoding="utf-8"))["products"]
    boxes = [item["boundingBox"] for item in known]
    middles = np.array([(b["x"] + b["w"] / 2, b["y"] + b["h"] / 2) for b in boxes])
    held = []
    for slot in bay.slots:
        low, high = np.min(slot.corners_px, axis=0), np.max(slot.corners_px, axis=0)
        held.append(int(((middles > low) & (middles < high)).all(axis=1).sum()))
    assert sorted(held) == [0] * 3 + [1] * 55
    assert bay.found is not None and bay.found.size_mm is not None


def test_boards_of_a_planogram_in_unknown_units_are_where_feet_stand(
    site: Path, planogram: Planogram, detector: Detector
) -> None:
    """Its heights need not be true: each slot stands on its board all the same."""
    image = picture(site)
    bay = planogram.bay(1)
    shelves = tuple(
        replace(shelf, y_mm=shelf.y_mm + 50 * (shelf.number == 2)) for shelf in bay.shelves
    )
    bays = (replace(bay, shelves=shelves),)
    drawn = replace(planogram, bays=bays, units=Units.RELATIVE)
    recogniser = Recogniser.load(site / "catalog", planogram)
    (found,) = PlanogramProposer(drawn, detector, recogniser).propose([image]).bays
    view = true_view(site, image)
    y_mm = {slot.id: shelf.y_mm for shelf in bay.shelves for slot in shelf.slots}
    off = [
        view.bay_from_image([slot.corners_px[3]])[0][1] - y_mm[slot.slot] for slot in found.slots
    ]
    assert np.abs(off).max() < 20


def test_a_pose_of_the_matching_is_a_view() -> None:
    """What the matching found in px, a view gives back."""
    pose = BayPose(np.array([[0.5, 0.01, 100.0], [0.02, -0.5, 900.0], [1e-5, 2e-5, 1.0]]), 1.0)
    points = np.array([[0.0, 0.0], [800.0, 200.0], [400.0, 1500.0]])
    view = view_of(pose, (1280, 960))
    np.testing.assert_allclose(view.image_from_bay(points), pose.image_points(points), atol=1e-6)
