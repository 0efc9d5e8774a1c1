"""The settled picture: what stands still is kept, who stands there is not."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import BayView
from calibration.rectify import BORDER_GREY
from edge_agent.config import Mask
from edge_agent.evidence import Evidence
from edge_agent.gate import Gate
from edge_agent.ledger import Change
from edge_agent.outbox import NewEvent
from edge_agent.settled import STEADY_LOOKS, Settled, SettledPicture
from edge_agent.station import Looked, masked
from shelf import (
    BoxPx,
    CameraState,
    PlanogramInForce,
    SlotId,
    SlotReading,
    SlotState,
    State,
)
from shelf.wire import Facings, SlotChanged, SlotEvidence

START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE_PX = (320, 240)
SLOT = SlotId(1, 1, 1)
BOX: BoxPx = (130.0, 90.0, 170.0, 150.0)
SHIRT = (20, 20, 250)


def shelf(empty: bool = False) -> NDArray[np.uint8]:
    """A wall of packages; the middle one may be gone."""
    rng = np.random.default_rng(5)
    wall = rng.integers(40, 220, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(wall, SIZE_PX, interpolation=cv2.INTER_NEAREST)
    if empty:
        image[90:150, 130:170] = (70, 80, 90)
    return np.asarray(image, np.uint8)


def with_person(image: NDArray[np.uint8], left: int, right: int) -> NDArray[np.uint8]:
    """Somebody in a red shirt stands between two columns."""
    seen = image.copy()
    seen[30:, left:right] = SHIRT
    return seen


def shows_a_shirt(image: NDArray[np.uint8]) -> bool:
    apart = np.abs(image.astype(int) - SHIRT).max(axis=2)
    return bool((apart < 40).sum() > 20)


class Watching:
    """A camera with its gate; every look is ten seconds after the last."""

    def __init__(self) -> None:
        self.settled = Settled()
        self.evidence = Evidence()
        self.secs = 0.0
        self._gate = Gate()

    def looked(
        self, image: NDArray[np.uint8], state: State, camera: CameraState = CameraState.OK
    ) -> Looked:
        decided = self._gate.decide(image)
        self.secs += 10
        reading = SlotReading(SLOT, state, 0.9, 2, 0, 1.0, "because", box_xyxy_px=BOX)
        return Looked(
            "c1",
            START + timedelta(seconds=self.secs),
            self.secs,
            image,
            camera,
            "",
            (reading,),
            inferred=True,
            unsettled=decided.unsettled_share,
            model="m",
            in_force=PlanogramInForce(None, reset=False),
            unsettled_cells=decided.unsettled,
        )

    def see(
        self, image: NDArray[np.uint8], state: State = State.STOCKED, times: int = 1
    ) -> SettledPicture:
        for _ in range(times):
            look = self.looked(image, state)
            picture = self.settled.take(look, {SLOT: state})
            self.evidence.remember(look, picture, "a1", {SLOT: state})
        return picture

    def change(self, image: NDArray[np.uint8], *changes: Change) -> list[SlotEvidence]:
        """What evidence a look gives in which the slot is out of stock."""
        look = self.looked(image, State.OUT_OF_STOCK)
        picture = self.settled.take(look, {})
        told = self.evidence.of_look(look, picture, "a1", changes)
        return [event.data for event in told if isinstance(event.data, SlotEvidence)]


def gone(since_secs: float) -> Change:
    """The slot is out of stock, by looks since then."""
    since = START + timedelta(seconds=since_secs)
    state = SlotState(SLOT, State.OUT_OF_STOCK, State.STOCKED, since, 60.0, 0.9, 2, 0, "gap")
    data = SlotChanged(
        state=state.state,
        previous=state.previous,
        since=since,
        sku="A",
        facings=Facings(expected=2, seen=0),
        confidence=0.9,
        observed_secs=60,
        planogram="p",
        model="m",
        calibration="c",
    )
    return Change("a1", state, NewEvent("change-1", since, "a1", f"a1/{SLOT}", data))


def middle_of(image: NDArray[np.uint8]) -> NDArray[np.int_]:
    return image[image.shape[0] // 2, image.shape[1] // 2].astype(int)


def picture_of(text: str) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def test_nothing_is_kept_before_it_has_stood_still() -> None:
    """Of a camera's first looks nothing is known, so nothing of them is kept."""
    watching = Watching()
    early = watching.see(shelf(), times=STEADY_LOOKS - 1)
    assert (early.image_bgr == BORDER_GREY).all()
    assert np.isnan(early.seen_at).all()
    later = watching.see(shelf())
    assert np.array_equal(later.image_bgr, shelf())


@pytest.mark.parametrize("sway", [0, 12])
def test_who_stands_there_is_never_in_it(sway: int) -> None:
    """Somebody comes, stays for four looks and leaves: the shelf stays as it was."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    for look in range(4):
        left = 100 + sway * (look % 2)
        picture = watching.see(with_person(shelf(), left, left + 80))
        assert not shows_a_shirt(picture.image_bgr)
    picture = watching.see(shelf(), times=2)
    assert np.array_equal(picture.image_bgr, shelf())


def test_who_stood_in_the_first_look_and_left_is_not_in_it() -> None:
    """He is scene to the gate, but was never kept; what he hid is kept once it has settled."""
    watching = Watching()
    picture = watching.see(with_person(shelf(), 100, 180), times=STEADY_LOOKS - 1)
    for _ in range(STEADY_LOOKS + 8):
        assert not shows_a_shirt(picture.image_bgr)
        picture = watching.see(shelf())
    assert np.array_equal(picture.image_bgr, shelf())


def test_each_part_has_its_own_age() -> None:
    """What somebody hides grows old, the rest is as new as the look."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    hidden_since = START + timedelta(seconds=watching.secs)
    picture = watching.see(with_person(shelf(), 100, 200), times=3)
    now = START + timedelta(seconds=watching.secs)
    assert picture.oldest(BOX) == hidden_since
    assert picture.oldest((10.0, 100.0, 60.0, 200.0)) == now
    assert picture.share_since(BOX, now) == 0.0
    assert picture.oldest((400.0, 0.0, 500.0, 100.0)) is None


def test_masks_are_black_in_it() -> None:
    """The picture is made of masked looks only."""
    mask = Mask(x1=0.0, y1=0.0, x2=0.25, y2=0.5)
    watching = Watching()
    picture = watching.see(masked(shelf(), [mask]), times=STEADY_LOOKS)
    assert not picture.image_bgr[:120, :80].any()
    assert picture.image_bgr[120:].any()


def test_a_bumped_camera_begins_anew() -> None:
    """What was seen from another place fits no longer."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    look = watching.looked(shelf(), State.STOCKED, CameraState.MOVED)
    assert np.isnan(watching.settled.take(look, {}).seen_at).all()


def test_a_new_calibration_begins_anew() -> None:
    """The gate may begin anew with it, and who stands there then would be scene to it."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    look = replace(watching.looked(shelf(), State.STOCKED), calibration="c1-2")
    assert np.isnan(watching.settled.take(look, {}).seen_at).all()


def test_a_bay_seen_elsewhere_begins_anew() -> None:
    """A calibration that puts the bay elsewhere; one that says the same does not."""
    watching = Watching()
    views = [
        BayView(np.array([[1000, 0, shift], [0, -2000, 2000], [0, 0, 1.0]]), None, SIZE_PX)
        for shift in (0.0, 0.0, 40.0)
    ]
    seen = []
    for number, view in enumerate(views):
        for _ in range(1 if number else STEADY_LOOKS):
            look = watching.looked(shelf(), State.STOCKED)
            picture = watching.settled.take(replace(look, views={1: view}), {})
        seen.append(bool(np.isfinite(picture.seen_at).all()))
    assert seen == [True, True, False]


def test_who_asks_gets_a_copy() -> None:
    """Later looks do not change what is being drawn."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    last = watching.settled.of_camera("c1")
    assert last is not None
    watching.see(shelf(empty=True), times=6)
    assert np.array_equal(last.picture.image_bgr, shelf())
    assert watching.settled.of_camera("c2") is None


def test_evidence_comes_although_somebody_stands_beside_the_slot() -> None:
    """Both pictures show the slot and the shelf around it, and nobody."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    emptied = watching.secs + 20
    for _ in range(3):
        watching.see(shelf(empty=True), State.OUT_OF_STOCK)
    (evidence,) = watching.change(with_person(shelf(empty=True), 200, 260), gone(emptied))
    assert evidence.changed == "change-1" and evidence.before is not None
    now, before = picture_of(evidence.now), picture_of(evidence.before)
    assert not shows_a_shirt(now)
    middle = now[now.shape[0] // 2, now.shape[1] // 2].astype(int)
    assert np.abs(middle - (70, 80, 90)).max() < 12
    assert (
        np.abs(before[before.shape[0] // 2, before.shape[1] // 2].astype(int) - middle).max() > 20
    )


def test_evidence_waits_until_the_slot_itself_is_seen() -> None:
    """While somebody stands before it there is no picture; afterwards it is of the empty slot."""
    watching = Watching()
    watching.see(shelf(), times=STEADY_LOOKS)
    hidden = with_person(shelf(empty=True), 110, 190)
    assert watching.change(hidden, gone(watching.secs + 10)) == []
    assert watching.change(hidden) == []
    told: list[SlotEvidence] = []
    for _ in range(8):
        told += watching.change(shelf(empty=True))
    (evidence,) = told
    assert not shows_a_shirt(picture_of(evidence.now))
