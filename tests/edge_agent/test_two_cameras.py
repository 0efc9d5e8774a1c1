"""Two cameras on one bay: for each slot the better view decides, and nothing counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.check import check_site
from edge_agent.config import Site, load_site
from edge_agent.ledger import Change, Ledger, Watch
from edge_agent.occupancy import Rules
from shelf import ConfigError, Found, PlanogramVersions, SlotId, SlotReading, State
from shelf.planogram_csv import parse_csv
from shelf.wire import SlotChanged

START = datetime(2026, 11, 21, tzinfo=UTC)
SLOT = SlotId(1, 1, 1)
NEAR, FAR = (
    Watch(camera, "a1", (1,), "m", f"calibration of {camera}", 25.0) for camera in ("near", "far")
)
BOX = {"near": (0.0, 0.0, 100.0, 200.0), "far": (0.0, 0.0, 60.0, 120.0)}
PLANOGRAM = parse_csv("bay,shelf,slot,sku,name,facings_wide\n1,1,1,A,Apples,1\n", "p.csv", "p")
STOCKED, EMPTY, UNKNOWN = State.STOCKED, State.OUT_OF_STOCK, State.UNKNOWN


class Store:
    """A ledger with two cameras, each looking every ten seconds, the far one five later."""

    def __init__(self) -> None:
        versions = PlanogramVersions([PLANOGRAM], ZoneInfo("UTC"))
        self.ledger = Ledger({"a1": versions}, [NEAR, FAR], Rules(still_weight=1), 0.0, START)
        self.secs = 0.0

    def look(self, watch: Watch, state: State, *, lost: bool = False) -> list[Change]:
        visible = 0.1 if state is UNKNOWN else 1.0
        found = (Found("A", 0.9, BOX[watch.camera]),) if state is STOCKED else ()
        reading = SlotReading(
            SLOT, state, 0.9, 1, len(found), visible, "", found, BOX[watch.camera]
        )
        now = START + timedelta(seconds=self.secs)
        if lost:
            return self.ledger.take(
                watch, [], self.secs, now, lost_bays=[1], why_lost="the camera has moved"
            )
        return self.ledger.take(watch, [reading], self.secs, now)

    def run(self, secs: float, near: State, far: State) -> list[Change]:
        """Both cameras look for so long; what has changed."""
        changes = []
        for _ in range(round(secs / 10)):
            changes += self.look(NEAR, near)
            self.secs += 5
            changes += self.look(FAR, far)
            self.secs += 5
        return changes

    @property
    def state(self) -> State:
        return self.ledger.state("a1", SLOT).state


def told(changes: list[Change]) -> list[tuple[State, str | None, str]]:
    """The states, with the camera and the calibration that the events name."""
    events = [change.event.data for change in changes]
    return [
        (event.state, event.camera, event.calibration)
        for event in events
        if isinstance(event, SlotChanged)
    ]


def test_the_better_view_decides_and_is_named() -> None:
    """The far camera says empty all the while; its view is the smaller."""
    assert told(Store().run(600, STOCKED, EMPTY)) == [(STOCKED, "near", "calibration of near")]


def test_two_cameras_confirm_no_sooner_than_one() -> None:
    """Sixty seconds of evidence are sixty seconds, however many look."""
    store = Store()
    store.run(60, STOCKED, STOCKED)
    began = store.secs
    while not (changes := store.run(10, EMPTY, EMPTY)):
        pass
    assert 60 <= store.secs - began <= 80
    assert changes[0].state.observed_secs == 60


def test_the_other_view_decides_while_the_better_one_is_hidden() -> None:
    """Not at once, and then for as long as it takes one camera; the event names it."""
    store = Store()
    store.run(60, STOCKED, STOCKED)
    assert store.run(20, UNKNOWN, EMPTY) == []
    assert store.state is STOCKED
    assert told(store.run(100, UNKNOWN, EMPTY)) == [(EMPTY, "far", "calibration of far")]


def test_a_view_that_errs_is_not_believed_when_the_better_one_is_hidden() -> None:
    """Shoppers hide the slot from the near camera again and again: nothing changes."""
    store = Store()
    store.run(60, STOCKED, EMPTY)
    changes = []
    for _ in range(10):
        changes += store.run(150, UNKNOWN, EMPTY)
        changes += store.run(40, STOCKED, EMPTY)
    assert changes == []


def test_a_view_that_erred_is_believed_when_it_sees_something_new() -> None:
    """What it was wrong about says nothing of its next word."""
    store = Store()
    store.run(60, EMPTY, STOCKED)
    store.run(120, EMPTY, STOCKED)
    assert store.state is EMPTY
    store.run(60, UNKNOWN, EMPTY)
    assert told(store.run(60, UNKNOWN, STOCKED)) == [(STOCKED, "far", "calibration of far")]


def test_a_bay_that_one_camera_has_lost_is_still_read_by_the_other() -> None:
    """Unknown only when neither sees it where it should."""
    store = Store()
    store.run(60, STOCKED, STOCKED)
    assert store.look(NEAR, STOCKED, lost=True) == []
    assert told(store.look(FAR, STOCKED, lost=True))[0][0] is UNKNOWN


def test_alone_the_far_view_decides_at_once() -> None:
    """The near camera has never delivered a picture."""
    store = Store()
    for _ in range(3):
        store.look(FAR, STOCKED)
        store.secs += 10
    assert store.state is STOCKED


SITE = """
tenant: t
site: s
node: n
broker: {{url: "mqtt://127.0.0.1:1"}}
planograms: [{{file: p.csv, aisle: a1}}]
cameras:
  - {{id: c1, aisle: a1, bays: [{bays}], source: {{type: folder, path: frames}}}}
  - {{id: c2, aisle: a1, bays: [1], source: {{type: folder, path: frames}}}}
"""


def site_of(folder: Path, bays: str) -> Site:
    (folder / "p.csv").write_text("bay,shelf,slot,sku,name,facings_wide\n1,1,1,A,Apples,1\n")
    (folder / "site.yaml").write_text(SITE.format(bays=bays))
    return load_site(folder / "site.yaml")


def test_a_site_may_have_two_cameras_on_a_bay(tmp_path: Path) -> None:
    """The check says so and finds nothing wrong."""
    checked = check_site(site_of(tmp_path, "1"))
    assert checked.problems == []
    assert any("bay 1 of aisle a1: cameras c1, c2 see it" in remark for remark in checked.remarks)


def test_a_bay_twice_for_one_camera_is_refused(tmp_path: Path) -> None:
    """Which is a slip of the pen."""
    with pytest.raises(ConfigError, match="each bay of camera 'c1' once, got bay 1 twice"):
        site_of(tmp_path, "1, 1")
