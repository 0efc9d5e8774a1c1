"""Painting shelves, all at once and change by change."""

import numpy as np
import pytest

from shelf import SlotId
from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.layout import FacingId
from simulator.sprite import Sprite, cut
from simulator.stage import Stage
from simulator.store import Store

CORN = FacingId(SlotId(1, 2, 1), 1)


@pytest.fixture
def stage(store: Store, camera: Camera) -> Stage:
    return Stage(camera, store.places, Furniture(), 7)


def test_repainting_changes_gives_the_same_as_painting_all(
    store: Store, camera: Camera, stage: Stage
) -> None:
    """After takes, returns and refills the canvas equals that of a stage that starts there."""
    for seconds in (0.0, 20.0, 300.0, 130.0, 600.0):
        canvas = stage.show(store.at(seconds).contents)
    fresh = Stage(camera, store.places, Furniture(), 7)
    assert np.array_equal(canvas, fresh.show(store.at(600.0).contents))


def test_a_taken_item_changes_the_pixels_of_its_facing_only(store: Store, stage: Stage) -> None:
    """Taking a front unit shows, and shows nowhere else."""
    contents = dict(store.at(0.0).contents)
    before = stage.show(contents).copy()
    sprite = stage.front_sprite(CORN)
    assert sprite is not None
    contents[CORN] = ()
    changed = (stage.show(contents) != before).any(axis=2)
    x1, y1, x2, y2 = sprite.box
    assert changed[y1:y2, x1:x2].mean() > 0.5
    changed[y1 - 12 : y2 + 12, x1 - 12 : x2 + 12] = False
    assert not changed.any()


def test_the_owner_map_names_the_front_unit(store: Store, stage: Stage) -> None:
    """The pixels in the middle of a front unit are marked with its facing."""
    stage.show(store.at(0.0).contents)
    sprite = stage.front_sprite(CORN)
    assert sprite is not None
    x1, y1, x2, y2 = sprite.box
    assert stage.owners[(y1 + y2) // 2, (x1 + x2) // 2] == stage.number_of(CORN)


def test_an_item_taken_shows_the_next_one_deeper(store: Store, stage: Stage) -> None:
    """The second unit of a facing is drawn smaller and darker than the first."""
    contents = dict(store.at(0.0).contents)
    key = next(k for k, items in contents.items() if len(items) > 1 and k in stage.facings)
    stage.show(contents)
    first = stage.front_sprite(key)
    contents[key] = contents[key][1:]
    stage.show(contents)
    second = stage.front_sprite(key)
    assert first is not None
    assert second is not None
    widths = [np.ptp(np.nonzero(s.bgra[:, :, 3] > 127)[1]) for s in (first, second)]
    assert widths[1] < widths[0]
    assert second.bgra[:, :, :3].sum() < first.bgra[:, :, :3].sum()


def test_what_lies_outside_the_canvas_is_let_go() -> None:
    """A sprite is cut to an area without moving, in memory of its own; one beside it is none."""
    pixels = np.arange(6 * 8 * 4, dtype=np.uint8).reshape(6, 8, 4)
    sprite = Sprite(-2, 3, pixels, owner=5)
    found = cut(sprite, (0, 0, 4, 7))
    assert found is not None
    assert (found.box, found.owner) == ((0, 3, 4, 7), 5)
    assert np.array_equal(found.bgra, pixels[:4, 2:6])
    assert found.bgra.base is None
    assert cut(sprite, (6, 0, 9, 9)) is None
