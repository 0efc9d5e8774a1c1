"""A node's answers on its simulated store: products by photograph, and bays without people."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import Calibration
from detector import Detector, load_embedder
from detector.catalog_index import index_folder, save_index
from edge_agent.answers import Answers
from edge_agent.commands import UnanswerableError
from edge_agent.config import Site, load_site
from edge_agent.settled import STEADY_LOOKS, Settled
from edge_agent.site_planograms import load_planograms, load_recognisers
from edge_agent.station import Looked
from shelf import CameraState, Found, PlanogramInForce, SlotId, SlotReading, State
from shelf.commands import (
    BayView,
    BayViewReply,
    CommandName,
    Outcome,
    Search,
    SearchReply,
    Sureness,
    to_base64,
)
from shelf.wire import InvalidMessageError
from simulator.site import write_site
from simulator.source import open_source

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
GONE = SlotId(1, 2, 1)
LOW = SlotId(1, 4, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_site(folder, 7)
    save_index(index_folder(folder / "catalog", load_embedder()), folder / "catalog")
    return folder


@cache
def stocked() -> NDArray[np.uint8]:
    image, _ = open_source({"type": "simulator", "seed": 7, "start": NOW.timestamp()}).grab()
    return np.asarray(image, np.uint8)


class Node:
    """Answers of the store in ``folder``, whose camera has seen what a test showed it."""

    def __init__(self, folder: Path, catalog: bool = True) -> None:
        site = load_site(folder / "site.yaml")
        self.site: Site = site if catalog else site.model_copy(update={"catalog": None})
        self.planograms = load_planograms(self.site)
        self.settled = Settled()
        self.answers = Answers(
            self.site,
            self.planograms,
            load_recognisers(self.site, self.planograms),
            lambda camera: detector(),
            self.settled,
            lambda: NOW,
        )
        self.at = NOW - timedelta(minutes=10)

    def see(
        self,
        image: NDArray[np.uint8],
        looks: int = STEADY_LOOKS,
        unsettled: NDArray[np.bool_] | None = None,
        state: CameraState = CameraState.OK,
        calibrated: bool = True,
    ) -> None:
        """Let camera c1 look; Corn Flakes are held to be gone and the coffee low."""
        path = self.site.cameras[0].calibration
        assert path is not None
        size_px = (image.shape[1], image.shape[0])
        view = Calibration.load(path).view(1, size_px)
        planogram = self.planograms["a12"].planograms[0]
        held = {slot.id: State.STOCKED for slot in planogram.bay(1).slots}
        held |= {GONE: State.OUT_OF_STOCK, LOW: State.LOW}
        readings = []
        for shelf in planogram.bay(1).shelves:
            for slot in shelf.slots:
                rect = (slot.x_mm, shelf.y_mm, slot.x_mm + slot.width_mm, shelf.y_mm + 200)
                box = view.image_box(rect)
                facing = view.image_box((rect[0], rect[1], rect[0] + slot.facing_width_mm, rect[3]))
                assert box is not None and facing is not None
                found = (Found(slot.sku, 0.9, facing),) if slot.id == LOW else ()
                readings.append(
                    SlotReading(slot.id, held[slot.id], 0.9, 2, 2, 1.0, "", found, box_xyxy_px=box)
                )
        for _ in range(looks):
            self.at += timedelta(seconds=10)
            look = Looked(
                "c1",
                self.at,
                0.0,
                image,
                state,
                "bumped" if state is CameraState.MOVED else "",
                tuple(readings),
                inferred=True,
                unsettled=lambda box: 0.0,
                model="m",
                in_force=PlanogramInForce(planogram, reset=False),
                unsettled_cells=np.zeros((30, 40), bool) if unsettled is None else unsettled,
                views={1: view} if calibrated else {},
            )
            self.settled.take(look, held)

    def bay(self, planned: bool = True, bay: int = 1) -> BayViewReply:
        command = BayView(id="abcdefgh", aisle="a12", bay=bay, planned=planned)
        reply = self.answers.handlers[CommandName.BAY_VIEW](command)
        assert isinstance(reply, BayViewReply)
        return reply

    def search(self, image: NDArray[np.uint8]) -> SearchReply:
        _, code = cv2.imencode(".jpg", image)
        command = Search(id="abcdefgh", picture=to_base64(code.tobytes()))
        reply = self.answers.handlers[CommandName.SEARCH](command)
        assert isinstance(reply, SearchReply)
        return reply


@cache
def detector() -> Detector:
    return Detector.load()


def picture_of(reply: BayViewReply) -> NDArray[np.uint8]:
    assert reply.picture is not None
    code = np.frombuffer(base64.b64decode(reply.picture), np.uint8)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def part_of(reply: BayViewReply, slot: SlotId) -> NDArray[np.uint8]:
    (one,) = [one for one in reply.slots if one.slot == f"a12/{slot}"]
    x1, y1, x2, y2 = (
        round(share * side)
        for share, side in zip(one.box, (reply.width_px, reply.height_px) * 2, strict=True)
    )
    return picture_of(reply)[y1:y2, x1:x2]


def test_a_photograph_finds_its_product_and_place(folder: Path) -> None:
    """A package held before a wall, a stranger, and nothing at all."""
    node = Node(folder)
    package = cv2.imread(str(folder / "catalog" / "100105.png"))
    wall = np.full((900, 700, 3), (90, 120, 140), np.uint8)
    large = cv2.resize(package, None, fx=0.9, fy=0.9)[:700, :600]
    wall[100 : 100 + large.shape[0], 60 : 60 + large.shape[1]] = large
    reply = node.search(wall)
    (found,) = reply.found
    assert (found.name, found.slots) == ("Blossom Honey 500 g", ("a12/b01/s3/p01",))
    assert found.sureness is Sureness.PRINT and found.print_points > 20
    assert found.sku not in {other.sku for other in reply.others}
    blank = node.search(np.full((300, 300, 3), 120, np.uint8))
    assert blank.found == () and "one colour" in blank.detail


def test_too_large_a_photograph_is_not_decoded(folder: Path) -> None:
    """Whoever sends it: the center never does."""
    with pytest.raises(InvalidMessageError, match="at most 1024 px a side, found 1600x1200"):
        Node(folder).search(np.full((1200, 1600, 3), 90, np.uint8))


def test_a_node_without_a_catalogue_says_so(folder: Path) -> None:
    """Nothing can be recognised there; bays can be looked at."""
    node = Node(folder, catalog=False)
    with pytest.raises(UnanswerableError, match="no catalogue") as caught:
        node.search(np.full((300, 300, 3), 120, np.uint8))
    assert caught.value.outcome is Outcome.NOT_HERE
    node.see(stocked())
    assert node.bay().outcome is Outcome.OK


def test_a_bay_is_frontal_with_its_slots(folder: Path) -> None:
    """Every slot has its place in the picture, left to right and bottom to top."""
    node = Node(folder)
    node.see(stocked())
    reply = node.bay(planned=False)
    assert (reply.frontal, reply.unseen, reply.seen) == (True, 0.0, node.at)
    assert picture_of(reply).shape[:2] == (reply.height_px, reply.width_px)
    boxes = {one.slot: one.box for one in reply.slots}
    assert len(boxes) == 13
    assert boxes["a12/b01/s1/p01"][0] < boxes["a12/b01/s1/p02"][0]
    assert boxes["a12/b01/s1/p01"][1] > boxes["a12/b01/s5/p01"][1]
    assert all(one.seen == node.at and one.drawn == 0 for one in reply.slots)


def test_what_belongs_in_a_gap_is_drawn_there(folder: Path) -> None:
    """All facings of an empty slot, the missing ones of a low one, and nowhere else."""
    node = Node(folder)
    node.see(stocked())
    plain, planned = node.bay(planned=False), node.bay()
    drawn = {one.slot: one.drawn for one in planned.slots if one.drawn}
    assert drawn == {f"a12/{GONE}": 3, f"a12/{LOW}": 3}
    for slot in planned.slots:
        where = SlotId.parse(slot.slot.removeprefix("a12/"))
        differs = np.abs(part_of(plain, where).astype(int) - part_of(planned, where)).mean()
        assert (differs > 8) == (where in (GONE, LOW)), where


def test_nobody_who_stands_there_is_in_a_bay(folder: Path) -> None:
    """What he hides is told with its age; the picture shows the shelf behind him."""
    node = Node(folder)
    node.see(stocked())
    hidden_since = node.at
    shirt = stocked().copy()
    shirt[200:, 300:700] = (0, 0, 255)
    cells = np.zeros((30, 40), bool)
    cells[5:, 7:18] = True
    node.see(shirt, looks=5, unsettled=cells)
    reply = node.bay(planned=False)
    red = np.abs(picture_of(reply).astype(int) - (0, 0, 255)).max(axis=2) < 60
    assert not red.any()
    ages = {one.seen for one in reply.slots}
    assert hidden_since in ages and reply.seen == node.at


def test_a_bay_that_was_never_seen_still_is_not_shown_as_seen(folder: Path) -> None:
    """Before anything has settled the picture is grey and says so."""
    node = Node(folder)
    node.see(stocked(), looks=1)
    reply = node.bay()
    assert reply.unseen == 1.0
    assert all(one.seen is None for one in reply.slots)


def test_without_a_calibration_the_bay_is_as_the_camera_sees_it(folder: Path) -> None:
    """Cut out around where its slots were found."""
    node = Node(folder)
    node.see(stocked(), calibrated=False)
    reply = node.bay()
    assert not reply.frontal
    assert picture_of(reply).std() > 20


@pytest.mark.parametrize(
    ("bay", "outcome", "words"),
    [
        (3, Outcome.NOT_HERE, "no camera of this node watches bay 3"),
        (2, Outcome.FAILED, "camera c2 has sent no picture yet"),
    ],
)
def test_why_there_is_no_picture(folder: Path, bay: int, outcome: Outcome, words: str) -> None:
    """Another node's bay, and a camera that has not come up."""
    with pytest.raises(UnanswerableError, match=words) as caught:
        Node(folder).bay(bay=bay)
    assert caught.value.outcome is outcome


def test_a_moved_camera_shows_nothing(folder: Path) -> None:
    """Its slots would be drawn in the wrong places."""
    node = Node(folder)
    node.see(stocked())
    node.see(stocked(), looks=1, state=CameraState.MOVED)
    with pytest.raises(UnanswerableError, match="has moved: bumped"):
        node.bay()


def test_every_bay_fits_a_message(folder: Path) -> None:
    """Also the worst picture: noise."""
    node = Node(folder)
    noise = np.random.default_rng(2).integers(0, 255, stocked().shape, dtype=np.uint8)
    node.see(noise)
    assert len(node.bay().to_json()) < 1024 * 1024


def test_settings_are_what_they_say(folder: Path) -> None:
    """All commands are answered and nothing is kept unless the site says otherwise."""
    site = load_site(folder / "site.yaml")
    assert site.answers == tuple(CommandName)
    assert site.keep.frames is None
