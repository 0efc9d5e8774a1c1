"""Shelves unlike their plan though their slots are stocked: pushed, squeezed, stacked, intruded."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from synthetic_bays import SCENES, see_scene

from edge_agent.match import PlannedBay, read_bay
from edge_agent.match.pose import project
from shelf import State

SEEDS = range(200, 208)


def faults(scene: str, identity: bool) -> tuple[float, float]:
    """The share of stocked slots that are called a problem, and of empty ones called stocked."""
    false = stocked = missed = empty = 0
    for seed in SEEDS:
        seen = see_scene(np.random.default_rng(seed), scene, identity)
        reading = read_bay(
            seen.observed,
            PlannedBay(seen.bay),
            partial(project, np.asarray(np.linalg.inv(seen.image_from_bay), dtype=np.float64)),
            partial(project, seen.image_from_bay),
            lambda _box: 1.0,
        )
        for slot in reading.slots:
            is_empty = slot.slot in seen.empty
            empty += is_empty
            stocked += not is_empty
            missed += is_empty and slot.state in (State.STOCKED, State.LOW)
            false += not is_empty and slot.state.is_problem
    return false / stocked, missed / empty


@pytest.mark.parametrize("scene", SCENES)
def test_what_is_stocked_is_no_problem(scene: str) -> None:
    """Not one slot in a hundred is called a problem, and few empty ones are called stocked."""
    false, missed = faults(scene, identity=True)
    assert false < 0.01
    assert missed < 0.1


@pytest.mark.parametrize("scene", ["compressed", "resized", "neighbours"])
def test_order_and_sizes_do_without_a_recogniser(scene: str) -> None:
    """What nothing but its place tells from its neighbour is in its place."""
    false, missed = faults(scene, identity=False)
    assert false < 0.01
    assert missed < 0.2
