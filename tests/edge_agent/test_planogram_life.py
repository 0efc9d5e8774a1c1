"""Versions of a planogram that follow each other, and resets: never a wrong alert."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bookkeeper import Bookkeeper
from edge_agent.config import Site, load_site
from edge_agent.ledger import Ledger, Watch
from edge_agent.occupancy import Rules
from edge_agent.outbox import Outbox
from edge_agent.site_planograms import load_planograms
from edge_agent.station import Looked
from shelf import (
    CameraState,
    PlanogramVersions,
    ResetWindow,
    SlotId,
    SlotReading,
    State,
)
from shelf.planogram_csv import parse_csv
from shelf.wire import BaySnapshot, CameraStatus, Event, SlotChanged, SlotEvidence, parse

MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)
"""In Berlin, between the two versions."""

SITE = """
tenant: acme
site: s1
node: n1
broker: {url: "mqtt://127.0.0.1:1"}
planograms: [{file: plans, aisle: a1}]
time_zone: Europe/Berlin
cameras:
  - {id: c1, aisle: a1, bays: [1], look_every_secs: 5, source: {type: folder, path: looks}}
decide: {confirm_secs: 10, clear_secs: 5, stale_secs: 100}
"""
APPLES, BEANS, CARROTS = "1,1,1,A,Apples,2", "1,1,2,B,Beans,2", "1,1,1,C,Carrots,2"
FIRST, SECOND = SlotId(1, 1, 1), SlotId(1, 1, 2)


def csv(version: str, *slots: str, **period: str) -> str:
    lines = [f"# {key}: {day}" for key, day in period.items()]
    header = "bay,shelf,slot,sku,name,facings_wide"
    return "\n".join(["# id: a1", f"# version: {version}", *lines, header, *slots, ""])


class Store:
    """A bookkeeper of one bay, the time, and what it has told."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.retained: dict[str, bytes] = {}
        (folder / "site.yaml").write_text(SITE + more)
        self.site: Site = load_site(folder / "site.yaml")
        self.planograms = load_planograms(self.site)
        site = self.site
        self.outbox = Outbox.open(site.outbox.path, site.address, site.outbox.max_bytes)
        self.known = self.outbox.last_sequence

    def open(self, secs: float) -> Store:
        """Start the bookkeeper so many seconds after midnight."""
        self.books = Bookkeeper(
            self.site, self.planograms, self.outbox, self, {"c1": "m"}, secs, at(secs)
        )
        self.books.reported("c1", CameraState.OK, "", at(secs))
        return self

    def publish_retained(self, topic: str, payload: bytes) -> None:
        self.retained[topic] = payload

    def notify(self) -> None:
        pass

    def watch(self, start: int, end: int, state: State, taken: float | None = None) -> None:
        """Look every 5 s: the first slot is in ``state``, the second stocked."""
        for secs in range(start, end + 1, 5):
            self.books.tick(float(secs), at(secs))
            self.books.looked(self.look(secs, state, secs if taken is None else taken))

    def look(self, secs: float, state: State, taken: float) -> Looked:
        """A look at what is in force when it was taken, in seconds after midnight."""
        in_force = self.planograms["a1"].in_force(at(taken))
        states = {FIRST: state, SECOND: State.STOCKED}
        slots = in_force.planogram.slots if in_force.planogram and not in_force.reset else ()
        readings = tuple(reading(slot.id, states.get(slot.id, State.STOCKED)) for slot in slots)
        return Looked(
            "c1",
            at(taken),
            secs,
            np.full((100, 200, 3), 128, np.uint8),
            CameraState.OK,
            "",
            readings,
            inferred=True,
            unsettled=lambda _: 0.0,
            model="m",
            in_force=in_force,
        )

    def told(self) -> list[tuple[str, str, str, str]]:
        """Slot, state, SKU and planogram of each change since the last call."""
        rows = self.outbox.read(self.known, 1000)
        self.known = self.outbox.last_sequence
        events = [parse(Event, row.payload) for row in rows]
        changes = [(event.subject, event.payload()) for event in events]
        return [
            (subject.removeprefix("a1/"), change.state.value, change.sku, change.planogram)
            for subject, change in changes
            if isinstance(change, SlotChanged)
        ]

    def camera_detail(self) -> str:
        return parse(CameraStatus, self.retained[self.site.address.camera("c1")]).detail

    def snapshot(self, bay: str = "b01") -> bytes:
        return self.retained[self.site.address.bay_state("a1", bay)]


def at(secs: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=secs)


def reading(slot: SlotId, state: State) -> SlotReading:
    box = (10.0 * slot.position, 20.0, 10.0 * slot.position + 8, 60.0)
    return SlotReading(slot, state, 0.9, 2, 2, 1.0, "because", box_xyxy_px=box)


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """Apples and beans until Sunday, carrots and beans from Monday on."""
    (tmp_path / "state").mkdir()
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "w47.csv").write_text(csv("w47", APPLES, BEANS))
    (folder / "w48.csv").write_text(csv("w48", CARROTS, BEANS, valid_from="2026-11-23"))
    return folder


@pytest.fixture
def store(plans: Path) -> Iterator[Store]:
    opened = Store(plans.parent)
    with opened.outbox:
        yield opened


def test_only_what_is_planned_otherwise_begins_anew(store: Store) -> None:
    """The carrots are unknown until they are seen; the beans keep their state; all name w48."""
    store.open(-60).watch(-60, -5, State.OUT_OF_STOCK)
    assert store.told() == [
        ("b01/s1/p02", "stocked", "B", "a1-w47"),
        ("b01/s1/p01", "out_of_stock", "A", "a1-w47"),
    ]
    store.watch(0, 5, State.OUT_OF_STOCK)
    assert store.told() == [("b01/s1/p01", "unknown", "C", "a1-w48")]
    snapshot = parse(BaySnapshot, store.snapshot())
    assert snapshot.planogram == "a1-w48"
    assert snapshot.slots["s1/p02"].state is State.STOCKED
    store.watch(10, 20, State.OUT_OF_STOCK)
    assert store.told() == [("b01/s1/p01", "out_of_stock", "C", "a1-w48")]


def test_a_late_look_of_the_version_before_says_nothing(store: Store) -> None:
    """It was judged by the apples; however often it comes, nothing is told of the carrots."""
    store.open(-60).watch(-60, -5, State.STOCKED)
    store.watch(0, 60, State.OUT_OF_STOCK, taken=-1)
    assert ("b01/s1/p01", "out_of_stock", "C", "a1-w48") not in store.told()


def test_the_picture_before_is_of_the_same_version(store: Store) -> None:
    """A gap among the carrots is not shown beside the apples that stood there."""
    store.open(-60).watch(-60, -5, State.STOCKED)
    store.watch(0, 20, State.OUT_OF_STOCK)
    events = [parse(Event, row.payload) for row in store.outbox.read(0, 1000)]
    (evidence,) = [e.payload() for e in events if "evidence" in e.type]
    assert isinstance(evidence, SlotEvidence) and evidence.before is None


def test_slots_and_bays_that_go_are_told_once(plans: Path) -> None:
    """Their alerts end, their snapshot is taken back, and a restart has nothing to add."""
    (plans / "w47.csv").write_text(csv("w47", APPLES, BEANS, "2,1,1,D,Dates,1"))
    store = Store(plans.parent)
    with store.outbox:
        store.open(-60).watch(-60, -5, State.STOCKED)
        store.told()
        store.watch(0, 0, State.STOCKED)
        assert store.told() == [
            ("b01/s1/p01", "unknown", "C", "a1-w48"),
            ("b02/s1/p01", "unknown", "", "a1-w48"),
        ]
        assert store.snapshot("b02") == b""
    again = Store(plans.parent)
    with again.outbox:
        again.open(5)
        assert again.told() == []


def test_a_bay_that_goes_unseen_leaves_no_snapshot(plans: Path) -> None:
    """Nothing was told of its slots, and nobody reads of it after midnight."""
    (plans / "w47.csv").write_text(csv("w47", APPLES, BEANS, "2,1,1,D,Dates,1"))
    store = Store(plans.parent)
    with store.outbox:
        store.open(-60)
        assert store.snapshot("b02") != b""
        store.books.tick(0.0, at(0))
        assert store.snapshot("b02") == b""
        assert store.told() == []


def test_a_restart_over_midnight_is_a_change_of_version_too(plans: Path) -> None:
    """More facings of the same SKU: what was stocked yesterday may be low today."""
    (plans / "w48.csv").write_text(csv("w48", "1,1,1,A,Apples,4", BEANS, valid_from="2026-11-23"))
    store = Store(plans.parent)
    with store.outbox:
        store.open(-60).watch(-60, -5, State.STOCKED)
        store.books.save()
    again = Store(plans.parent)
    with again.outbox:
        again.open(5)
        assert again.told() == [("b01/s1/p01", "unknown", "A", "a1-w48")]


RESET = """
resets: [{start: 2026-11-22T23:58, end: 2026-11-23T00:02, aisle: a1}]
"""


def test_a_reset_is_no_fault(plans: Path) -> None:
    """Every slot is unknown, empty shelves raise nothing, and the camera's status says why."""
    store = Store(plans.parent, RESET)
    with store.outbox:
        store.open(-180).watch(-180, -125, State.STOCKED)
        assert store.camera_detail() == ""
        store.told()
        store.watch(-120, -120, State.OUT_OF_STOCK)
        assert store.told() == [
            ("b01/s1/p01", "unknown", "A", "a1-w47"),
            ("b01/s1/p02", "unknown", "B", "a1-w47"),
        ]
        assert store.camera_detail() == "a reset is in progress: slots are not judged"
        # A look of before the reset that was read slowly, and those within it.
        store.watch(-115, -60, State.OUT_OF_STOCK, taken=-121)
        store.watch(-55, 115, State.OUT_OF_STOCK)
        # At midnight what was told of the apples is taken back, so that their alert ends.
        assert store.told() == [("b01/s1/p01", "unknown", "C", "a1-w48")]
        store.watch(120, 135, State.OUT_OF_STOCK)
        assert store.told() == [
            ("b01/s1/p02", "stocked", "B", "a1-w48"),
            ("b01/s1/p01", "out_of_stock", "C", "a1-w48"),
        ]
        assert store.camera_detail() == ""


def test_an_agent_that_starts_in_a_reset_knows_nothing(plans: Path) -> None:
    """What was held before it is unknown from the first moment."""
    store = Store(plans.parent, RESET)
    with store.outbox:
        store.open(-180).watch(-180, -125, State.OUT_OF_STOCK)
    again = Store(plans.parent, RESET)
    with again.outbox:
        again.open(-60)
        assert {state for _, state, _, _ in again.told()} == {"unknown"}
        assert again.camera_detail().startswith("a reset is in progress")


def test_hours_around_a_change_are_a_reset(plans: Path) -> None:
    """From an hour before midnight to half an hour after it nothing is judged."""
    store = Store(plans.parent, "reset_hours: {before: 1, after: 0.5}\n")
    with store.outbox:
        store.open(-3600).watch(-3600, -3500, State.OUT_OF_STOCK)
        store.watch(1700, 1795, State.OUT_OF_STOCK)
        assert store.told() == []
        store.watch(1800, 1815, State.OUT_OF_STOCK)
        assert {planogram for *_, planogram in store.told()} == {"a1-w48"}


def test_days_without_a_version_are_not_watched(plans: Path) -> None:
    """All that was told is taken back, the camera says why, and the next version begins anew."""
    (plans / "w47.csv").write_text(csv("w47", APPLES, BEANS, valid_until="2026-11-22"))
    (plans / "w48.csv").write_text(csv("w48", APPLES, BEANS, valid_from="2026-11-24"))
    store = Store(plans.parent)
    with store.outbox:
        store.open(-60).watch(-60, -5, State.OUT_OF_STOCK)
        store.told()
        store.watch(0, 60, State.OUT_OF_STOCK)
        assert store.told() == [
            ("b01/s1/p01", "unknown", "", ""),
            ("b01/s1/p02", "unknown", "", ""),
        ]
        assert store.camera_detail() == "no planogram is in force: nothing is watched"
        assert store.snapshot() == b""
        assert store.books.planograms["a1"].planogram is None
        tomorrow = 24 * 3600
        store.watch(tomorrow, tomorrow + 15, State.OUT_OF_STOCK)
        assert [(state, plan) for _, state, _, plan in store.told()] == [
            ("stocked", "a1-w48"),
            ("out_of_stock", "a1-w48"),
        ]
        assert json.loads(store.snapshot())["planogram"] == "a1-w48"


WEEKS = [
    parse_csv(csv(f"w{number}", f"1,1,1,{sku},x,2", BEANS, valid_from=day), "x", "a1")
    for number, sku, day in (
        (1, "A", "2026-11-22"),
        (2, "B2", "2026-11-23"),
        (3, "A", "2026-11-24"),
    )
]
DAY_SECS = 86_400


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([5.0, 10.0, 15.0, 3600.0, 20_000.0]),
            st.sampled_from(list(State)),
        ),
        max_size=60,
    ),
    reset=st.tuples(st.integers(-DAY_SECS, DAY_SECS), st.integers(1, DAY_SECS)),
)
def test_no_problem_rests_on_another_plan_or_on_a_reset(
    steps: list[tuple[float, State]], reset: tuple[int, int]
) -> None:
    """Whatever is seen when: from the first look of its evidence on, one plan and no reset."""
    window = ResetWindow(at(reset[0]), at(reset[0] + reset[1]))
    versions = PlanogramVersions(WEEKS, UTC, resets=[window])
    watch = Watch("c1", "a1", (1,), "m", "none", 30.0)
    rules = Rules(confirm_secs=10, clear_secs=5, stale_secs=30_000)
    secs = -float(DAY_SECS)
    ledger = Ledger({"a1": versions}, [watch], rules, secs, at(secs))
    for step, state in steps:
        secs += step
        changes = ledger.follow(secs, at(secs))
        now = ledger.in_force("a1")
        if now.planogram and not now.reset:
            changes += ledger.take(watch, [reading(FIRST, state)], secs, at(secs))
        changes += ledger.tick(secs, at(secs))
        for change in changes:
            if change.state.state is State.UNKNOWN:
                continue
            since = change.state.since_utc
            assert not (since < window.end and window.start <= at(secs))
            names = {versions.in_force(moment).planogram for moment in (since, at(secs))}
            assert len({plan.slot(FIRST).sku for plan in names if plan}) == 1
