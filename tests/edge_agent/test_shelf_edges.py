"""Who or what stands before a shelf hides its edge, and then nothing is said of the slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibration import Calibration
from edge_agent.shelf_edges import ShelfEdges, Strips, edge_strips
from shelf import SlotId, SlotReading, State
from simulator.days.sight import Sight
from simulator.obstacles import Obstacle, ObstacleKind
from simulator.seeing import Ambience, Tube
from simulator.site import calibration_of, demo_cameras, demo_store, demo_view
from simulator.store import StoreState

BAY = 1


class Scene:
    """One bay of the demo store, in which everything can be put before the shelves."""

    def __init__(self) -> None:
        self._store = demo_store(7)
        self._view = demo_view(self._store, "c1")
        camera = demo_cameras()["c1"]
        self.bay = self._store.planogram.bay(BAY)
        calibration = Calibration.model_validate(calibration_of("c1", camera, [BAY]))
        view = calibration.view(BAY, camera.size_px)
        self._rectifier = view.rectifier(self.bay.width_mm, self.bay.height_mm, 60.0, 0.45)
        self._sight = Sight(camera, self._store.places, [BAY], with_doors=False)
        self.still = replace(self._store.at(0.0), people=())

    def strips(self, state: StoreState) -> Strips:
        """The edges as the camera sees them."""
        frontal = self._rectifier.apply(self._view.picture(state))
        return edge_strips(frontal, self._rectifier, self.bay)

    def seen(self, state: StoreState) -> dict[SlotId, float]:
        """The share of each slot that is really seen."""
        shares = self._sight.shares(state, None)
        return dict(zip(self._sight.slots, shares.tolist(), strict=True))

    def readings(self, state: State) -> list[SlotReading]:
        """Readings that say the same of every slot."""
        return [
            SlotReading(slot.id, state, 0.9, slot.facings, 0, 1.0, "as the test says")
            for slot in self.bay.slots
        ]

    def taught(self) -> ShelfEdges:
        """Edges that have seen the full shelves once."""
        edges = ShelfEdges(len(list(self.bay.slots)))
        edges.judge(self.strips(self.still), self.readings(State.STOCKED))
        return edges


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The demo store's first bay."""
    return Scene()


@pytest.mark.parametrize("kind", [ObstacleKind.PALLET, ObstacleKind.CAGE, ObstacleKind.CARTONS])
def test_nothing_is_empty_behind_what_is_parked(scene: Scene, kind: ObstacleKind) -> None:
    """A slot that is hidden is unknown, whatever was read; most others are judged.

    Not all: of the row just above the thing only the edge is hidden.
    """
    parked = replace(scene.still, obstacles=(Obstacle(kind, 500.0, 0.0, 200.0, 3),))
    judged = scene.taught().judge(scene.strips(parked), scene.readings(State.OUT_OF_STOCK))
    seen = scene.seen(parked)
    hidden = [reading for reading in judged if seen[reading.slot] < 0.3]
    clear = [reading for reading in judged if seen[reading.slot] == 1.0]
    assert hidden and {reading.state for reading in hidden} == {State.UNKNOWN}
    assert "hidden" in hidden[0].reason
    kept = [reading for reading in clear if reading.state is State.OUT_OF_STOCK]
    assert len(kept) >= 0.6 * len(clear) > 0


def test_an_empty_slot_is_judged(scene: Scene) -> None:
    """With all goods gone the edges are still those that were learned."""
    bare = replace(scene.still, contents=dict.fromkeys(scene.still.contents, ()))
    judged = scene.taught().judge(scene.strips(bare), scene.readings(State.OUT_OF_STOCK))
    assert {reading.state for reading in judged} == {State.OUT_OF_STOCK}


def test_a_failing_lamp_hides_nothing(scene: Scene) -> None:
    """Half of the light over a part of the shelf is no reason to say nothing."""
    dim = replace(scene.still, ambience=Ambience(tubes=(Tube(400.0, 500.0, 0.5),)))
    judged = scene.taught().judge(scene.strips(dim), scene.readings(State.OUT_OF_STOCK))
    kept = [reading for reading in judged if reading.state is State.OUT_OF_STOCK]
    assert len(kept) >= 0.9 * len(judged)


def test_an_edge_is_learned_anew_where_the_goods_are_seen(scene: Scene) -> None:
    """A new price tag hides its slot until the slot is seen to be stocked."""
    edges, strips = scene.taught(), scene.strips(scene.still)
    strips[3, ..., 2] -= 0.6  # less red
    before = edges.judge(strips, scene.readings(State.OUT_OF_STOCK))
    edges.judge(strips, scene.readings(State.STOCKED))
    after = edges.judge(strips, scene.readings(State.OUT_OF_STOCK))
    assert before[3].state is State.UNKNOWN
    assert {reading.state for reading in after} == {State.OUT_OF_STOCK}


def test_an_edge_that_nobody_knows_hides_nothing(scene: Scene) -> None:
    """A slot that was never seen stocked is judged as it is read."""
    edges = ShelfEdges(len(list(scene.bay.slots)))
    judged = edges.judge(scene.strips(scene.still), scene.readings(State.OUT_OF_STOCK))
    assert {reading.state for reading in judged} == {State.OUT_OF_STOCK}
