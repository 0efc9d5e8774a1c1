"""Looks become durable events with their pictures, once, also over a restart or a full disk."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.bookkeeper import Bookkeeper
from edge_agent.config import Site, load_site
from edge_agent.drift import DriftStatus
from edge_agent.outbox import Outbox, OutboxError, StateRow
from edge_agent.station import Looked
from shelf import (
    CameraState,
    PlanogramInForce,
    PlanogramVersions,
    SlotId,
    SlotReading,
    State,
    load_planogram,
)
from shelf.planogram_csv import parse_csv
from shelf.wire import BaySnapshot, CameraStatus, Event, SlotChanged, SlotEvidence, parse

START = datetime(2026, 1, 1, tzinfo=UTC)
SITE = """
tenant: acme
site: s1
node: n1
broker: {url: "mqtt://127.0.0.1:1"}
planograms: [{file: p.csv, aisle: a1}]
cameras:
  - {id: c1, aisle: a1, bays: [1], source: {type: folder, path: looks}}
decide: {confirm_secs: 10, clear_secs: 5, stale_secs: 100, still_weight: 1}
"""
PLANOGRAM = "bay,shelf,slot,sku,name,facings_wide\n1,1,1,A,Apples,2\n1,1,2,B,Beans,2\n"
IN_FORCE = PlanogramInForce(parse_csv(PLANOGRAM, "p.csv", "p"), reset=False)


class Retained:
    """Keeps the newest retained message of each topic."""

    def __init__(self) -> None:
        self.messages: dict[str, bytes] = {}
        self.notified = 0

    def publish_retained(self, topic: str, payload: bytes) -> None:
        self.messages[topic] = payload

    def notify(self) -> None:
        self.notified += 1


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "p.csv").write_text(PLANOGRAM)
    (tmp_path / "state").mkdir()
    return load_site(tmp_path / "site.yaml")


def books(site: Site, outbox: Outbox, retained: Retained) -> Bookkeeper:
    planograms = {"a1": PlanogramVersions([load_planogram(site.planograms[0].file)], UTC)}
    return Bookkeeper(site, planograms, outbox, retained, {"c1": "sha256:x"}, 0.0, START)


def open_outbox(site: Site) -> Outbox:
    return Outbox.open(site.outbox.path, site.address, site.outbox.max_bytes)


def look(
    secs: float,
    first: State,
    camera: CameraState = CameraState.OK,
    moving: float = 0.0,
    model: str = "sha256:x",
) -> Looked:
    image = np.full((100, 200, 3), 128, np.uint8)
    readings = tuple(
        SlotReading(
            SlotId(1, 1, number),
            state,
            0.9,
            2,
            2,
            1.0,
            "because",
            box_xyxy_px=(10.0 * number, 20.0, 10.0 * number + 8, 60.0),
        )
        for number, state in ((1, first), (2, State.STOCKED))
    )
    return Looked(
        "c1",
        START + timedelta(seconds=secs),
        secs,
        image,
        camera,
        "",
        readings,
        inferred=True,
        unsettled=lambda _: moving,
        model=model,
        in_force=IN_FORCE,
        unsettled_cells=np.full((10, 20), moving > 0),
    )


def events(outbox: Outbox) -> list[Event]:
    return [parse(Event, row.payload) for row in outbox.read(0, 1000)]


def run(keeper: Bookkeeper, start: int, end: int, state: State) -> None:
    for secs in range(start, end + 1, 5):
        keeper.looked(look(secs, state))


def test_a_problem_is_told_with_its_pictures(site: Site) -> None:
    """Stocked first, then out of stock with a picture now and before, both readable."""
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, Retained())
        run(keeper, 0, 30, State.STOCKED)
        run(keeper, 35, 55, State.OUT_OF_STOCK)
        told = events(outbox)
    changed = [event for event in told if event.subject == "a1/b01/s1/p01"]
    payloads = [event.payload() for event in changed]
    assert [p.state for p in payloads if isinstance(p, SlotChanged)] == ["stocked", "out_of_stock"]
    evidence = payloads[-1]
    assert isinstance(evidence, SlotEvidence) and evidence.before is not None
    assert evidence.changed == changed[-2].id
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(evidence.now), np.uint8), 1)
    assert picture is not None and max(picture.shape[:2]) <= 480


def test_events_name_the_model_that_looked(site: Site) -> None:
    """A model that was swapped between two looks is named from the next change on."""
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, Retained())
        run(keeper, 0, 15, State.STOCKED)
        known = outbox.last_sequence
        for secs in range(20, 41, 5):
            keeper.looked(look(secs, State.OUT_OF_STOCK, model="sha256:y"))
        keeper.tick(1000.0, START + timedelta(seconds=1000))
        models = [e.data.get("model") for e in events(outbox) if "changed" in e.type]
    assert known == 2
    assert models == ["sha256:x", "sha256:x", "sha256:y", "sha256:y", "sha256:y"]


def test_a_corrected_camera_and_its_calibration_are_told(site: Site) -> None:
    """A drift leaves the camera as it is; a new calibration is named from the next look on."""
    retained = Retained()
    topic = site.address.camera("c1")
    drift = DriftStatus(12.34, START)
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, retained)
        keeper.reported("c1", CameraState.OK, "", START)
        keeper.looked(replace(look(5, State.STOCKED), calibration="c1-1", drift=drift))
        turned = parse(CameraStatus, retained.messages.pop(topic))
        keeper.looked(replace(look(10, State.STOCKED), calibration="c1-1", drift=drift))
        assert topic not in retained.messages
        keeper.looked(replace(look(15, State.STOCKED), calibration="c1-2"))
        again = parse(CameraStatus, retained.messages[topic])
        run(keeper, 20, 60, State.OUT_OF_STOCK)
        named = [e.data.get("calibration") for e in events(outbox) if "changed" in e.type]
    assert (turned.state, turned.detail) == (CameraState.OK, "turned by 12 px, which is corrected")
    assert (turned.drift_px, turned.drift_since, turned.calibration) == (12.3, START, "c1-1")
    assert (again.detail, again.drift_px, again.calibration) == ("", None, "c1-2")
    assert named == ["c1-1", "c1-1", "c1-2"]


def test_a_note_is_published_once(site: Site) -> None:
    """It stands beside the camera's state, which it does not change, until it is taken back."""
    retained = Retained()
    topic = site.address.camera("c1")
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, retained)
        keeper.reported("c1", CameraState.OK, "", START)
        for _ in range(2):
            retained.messages.pop(topic, None)
            keeper.noted("c1", "a new model was refused", START)
        assert topic not in retained.messages
        keeper.looked(replace(look(5, State.STOCKED, CameraState.DARK), detail="too dark"))
        dark = parse(CameraStatus, retained.messages[topic])
        keeper.noted("c1", "", START)
        clear = parse(CameraStatus, retained.messages[topic])
    assert (dark.state, dark.detail) == (CameraState.DARK, "too dark; a new model was refused")
    assert clear.detail == "too dark"


def test_a_restart_repeats_nothing(site: Site) -> None:
    """States are taken up where they were; the same looks lead to no new event."""
    with open_outbox(site) as outbox:
        run(books(site, outbox, Retained()), 0, 40, State.OUT_OF_STOCK)
        before = outbox.last_sequence
    with open_outbox(site) as outbox:
        run(books(site, outbox, Retained()), 0, 40, State.OUT_OF_STOCK)
        assert outbox.last_sequence == before


def test_a_full_disk_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written with the next look."""
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, Retained())
        run(keeper, 0, 5, State.STOCKED)
        append = outbox.append

        def refuse(*_: object) -> list[int]:
            raise OutboxError("disk full")

        monkeypatch.setattr(outbox, "append", refuse)
        with pytest.raises(OutboxError):
            run(keeper, 10, 20, State.OUT_OF_STOCK)
        monkeypatch.setattr(outbox, "append", append)
        keeper.looked(look(25, State.OUT_OF_STOCK))
        states = [json.loads(row.payload)["data"].get("state") for row in outbox.read(0, 100)]
    assert states.count("out_of_stock") == 1


def test_a_moved_camera_makes_its_slots_unknown(site: Site) -> None:
    """Nothing seen by a camera that has moved is believed, and the camera says so."""
    retained = Retained()
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, retained)
        keeper.reported("c1", CameraState.OK, "", START)
        run(keeper, 0, 15, State.STOCKED)
        moved = replace(
            look(20, State.OUT_OF_STOCK, CameraState.MOVED), detail="does not fit", lost_bays=(1,)
        )
        keeper.looked(moved)
        last = [event.payload() for event in events(outbox)][-2:]
        moved_status = parse(CameraStatus, retained.messages[site.address.camera("c1")])
    assert moved_status.state is CameraState.MOVED
    assert [p.state for p in last if isinstance(p, SlotChanged)] == ["unknown", "unknown"]


def test_a_late_look_does_not_make_a_lost_camera_ok(site: Site) -> None:
    """A look that was still being read when its camera went offline changes nothing."""
    retained = Retained()
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, retained)
        keeper.reported("c1", CameraState.OK, "", START)
        keeper.reported("c1", CameraState.OFFLINE, "unplugged", START)
        keeper.looked(look(5, State.STOCKED))
    status = parse(CameraStatus, retained.messages[site.address.camera("c1")])
    assert (status.state, status.detail) == (CameraState.OFFLINE, "unplugged")


def test_a_picture_waits_until_nobody_stands_there(site: Site) -> None:
    """The change is told at once; its picture follows from the first look without motion."""
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, Retained())
        run(keeper, 0, 30, State.STOCKED)
        for secs in range(35, 56, 5):
            keeper.looked(look(secs, State.OUT_OF_STOCK, moving=0.3))
        kinds = [event.type for event in events(outbox)]
        assert not any("evidence" in kind for kind in kinds)
        keeper.looked(look(60, State.OUT_OF_STOCK))
        told = events(outbox)
    assert told[-1].type == "io.shelfwatch.slot.evidence.v1"
    assert told[-1].data["changed"] == told[-2].id


def test_a_new_planogram_forgets_what_was_said_of_the_old_product(site: Site) -> None:
    """Another product in the slot: unknown first, then seen for itself; a slot gone is told."""
    with open_outbox(site) as outbox:
        run(books(site, outbox, Retained()), 0, 40, State.OUT_OF_STOCK)
    site.planograms[0].file.write_text(
        PLANOGRAM.replace("A,Apples", "C,Carrots").replace("1,1,2,B,Beans,2\n", "")
    )
    with open_outbox(site) as outbox:
        known = outbox.last_sequence
        keeper = books(site, outbox, Retained())
        told = [event.payload() for event in events(outbox)[known:]]
        assert outbox.load_states() and len(outbox.load_states()) == 1
        for secs in range(50, 91, 5):
            looked = look(secs, State.OUT_OF_STOCK)
            now = PlanogramInForce(load_planogram(site.planograms[0].file), reset=False)
            keeper.looked(replace(looked, readings=looked.readings[:1], in_force=now))
        last = [e.payload() for e in events(outbox)[known:] if "changed" in e.type][-1]
    changes = [p for p in told if isinstance(p, SlotChanged)]
    assert [(p.state, p.sku) for p in changes] == [(State.UNKNOWN, "C"), (State.UNKNOWN, "")]
    assert isinstance(last, SlotChanged)
    assert (last.state, last.sku) == (State.OUT_OF_STOCK, "C")


def test_old_states_are_not_made_fresh_by_a_restart(site: Site) -> None:
    """A node that was off for a day knows nothing until it has looked."""
    with open_outbox(site) as outbox:
        run(books(site, outbox, Retained()), 0, 40, State.OUT_OF_STOCK)
    with open_outbox(site) as outbox:
        planograms = {"a1": PlanogramVersions([load_planogram(site.planograms[0].file)], UTC)}
        tomorrow = START + timedelta(days=1)
        keeper = Bookkeeper(site, planograms, outbox, Retained(), {"c1": "sha256:x"}, 5.0, tomorrow)
        changes = keeper.tick(6.0, tomorrow)
    assert {change.state.state for change in changes} == {State.UNKNOWN}


def test_an_unreadable_state_row_is_left_out(site: Site) -> None:
    """What another version wrote must not keep the agent from starting."""
    with open_outbox(site) as outbox:
        outbox.append([], [StateRow("a1/b01/s1/p01", "{}"), StateRow("nowhere", "x")])
        run(books(site, outbox, Retained()), 0, 15, State.STOCKED)
        assert {row.slot for row in outbox.load_states()} == {"a1/b01/s1/p01", "a1/b01/s1/p02"}


def test_snapshots_follow_changes(site: Site) -> None:
    """The retained snapshot of a bay tells every slot, as of the last event."""
    retained = Retained()
    with open_outbox(site) as outbox:
        run(books(site, outbox, retained), 0, 15, State.STOCKED)
        sequence = outbox.last_sequence
    snapshot = parse(BaySnapshot, retained.messages[site.address.bay_state("a1", "b01")])
    assert snapshot.sequence == sequence
    assert {name: slot.state for name, slot in snapshot.slots.items()} == {
        "s1/p01": State.STOCKED,
        "s1/p02": State.STOCKED,
    }


def test_unseen_slots_grow_unknown_with_time(site: Site) -> None:
    """Without looks, `stale_secs` make a slot unknown, and that is an event."""
    with open_outbox(site) as outbox:
        keeper = books(site, outbox, Retained())
        run(keeper, 0, 15, State.STOCKED)
        keeper.tick(116.0, START + timedelta(seconds=116))
        last = events(outbox)[-1].payload()
    assert isinstance(last, SlotChanged) and last.state is State.UNKNOWN
