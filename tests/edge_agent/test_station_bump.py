"""A bumped camera through the whole of its pipeline: gate, registration, detector, matching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from calibration.registration import Reference
from calibration.registration_file import reference_path, save_reference
from detector import Detector
from edge_agent.agent import build_station
from edge_agent.config import load_site
from edge_agent.frames import Frame
from edge_agent.site_planograms import load_planograms
from edge_agent.station import Looked
from shelf import CameraState, SlotId, State
from simulator.seeing import Seeing, Turn
from simulator.site import demo_store, demo_view, write_site

SEED = 7
START = datetime(2026, 11, 21, 8, tzinfo=UTC)
Look = Callable[[Turn | None], Looked]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Looks of one camera, 10 s apart, whose reference was approved with its calibration."""
    folder: Path = tmp_path_factory.mktemp("site")
    write_site(folder, SEED)
    site = load_site(folder / "site.yaml")
    camera = site.cameras[0]
    planograms = load_planograms(site)
    store = demo_store(SEED)
    view = demo_view(store, camera.id)
    moment = replace(store.at(0.0), people=())
    reference = Reference.of(view.picture(moment))
    assert camera.calibration is not None
    save_reference(
        reference_path(camera.calibration), reference.grey, reference.known, "c1", "c1-1"
    )
    station = build_station(camera, planograms[camera.aisle], lambda _planogram: None)
    in_force = planograms[camera.aisle].in_force(START)
    detector = Detector.load()
    count = 0

    def looked(turn: Turn | None) -> Looked:
        nonlocal count
        count += 1
        picture = view.picture(replace(moment, seeing={camera.id: Seeing(turn)}))
        station.use(detector, in_force)
        at_utc = START + timedelta(seconds=10 * count)
        return station.work(Frame(camera.id, count, at_utc, 10.0 * count, picture))

    return looked


def states(looked: Looked) -> dict[SlotId, State]:
    return {reading.slot: reading.state for reading in looked.readings}


def test_a_bump_never_looks_like_a_shelf_in_disorder(look: Look) -> None:
    """Nothing is read in the look between; then the slots are where they were."""
    before = states(look(None))
    assert State.STOCKED in before.values()
    bump = Turn(pan_deg=1.2, tilt_deg=0.4, roll_deg=0.5)
    between, *after = look(bump), look(bump), look(bump)
    assert between.readings == ()
    assert not between.inferred
    assert between.drift is None
    for looked in after:
        assert looked.state is CameraState.OK
        assert looked.drift is not None
        assert 15 < looked.drift.px < 60
        told = states(looked)
        differing = {slot for slot, state in told.items() if state is not before[slot]}
        assert all(told[slot] is State.UNKNOWN for slot in differing)
        assert len(differing) <= 0.2 * len(before)


def test_a_camera_that_has_moved_says_so_until_it_is_back(look: Look) -> None:
    """Its slots are lost, none of them is judged, and nobody has to restart anything."""
    for _ in range(2):
        look(None)
    far = Turn(pan_deg=5.0, tilt_deg=0.0)
    between, moved, still_moved = look(far), look(far), look(far)
    assert between.readings == ()
    for looked in (moved, still_moved):
        assert looked.state is CameraState.MOVED
        assert "moved by" in looked.detail
        assert looked.lost_bays == (1,)
        assert looked.readings == ()
    assert look(None).state is CameraState.MOVED
    back = look(None)
    assert back.state is CameraState.OK
    assert State.STOCKED in states(back).values()
