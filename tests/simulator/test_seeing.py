"""What comes between a shelf and its picture."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.days.record import moved_px
from simulator.days.sight import Sight
from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.obstacles import Obstacle, ObstacleKind, obstacle_sprite
from simulator.photo import Film
from simulator.seeing import Ambience, Cover, Glare, Seeing, Tube, Turn, turned
from simulator.sprite import Pixels
from simulator.store import Store, StoreState
from simulator.view import View

PLAIN = Film(noise=0.0, jpeg=0)


def picture(store: Store, camera: Camera, **changes: object) -> Pixels:
    view = View(store, "c1", camera, Furniture(), PLAIN)
    return view.picture(replace(store.at(0.0), people=(), **changes))


def shares(store: Store, camera: Camera, state: StoreState, cover: Cover | None = None) -> float:
    """Return the mean share of the slots that is seen."""
    return float(Sight(camera, store.places, [1, 2], with_doors=False).shares(state, cover).mean())


@pytest.mark.parametrize("kind", list(ObstacleKind))
def test_an_obstacle_hides_pixels_and_slots(
    store: Store, camera: Camera, kind: ObstacleKind
) -> None:
    """What stands in the aisle is in the picture, and the truth knows what is behind it."""
    foot = 460.0 if kind is ObstacleKind.SHELF_CARTON else 0.0
    thing = Obstacle(kind, 700.0, foot, 20.0 if foot else 200.0, look=1)
    usual = picture(store, camera).astype(int)
    changed = np.abs(picture(store, camera, obstacles=(thing,)) - usual).max(axis=2) > 20
    assert 0.003 < changed.mean() < 0.7
    sprite = obstacle_sprite(thing, camera)
    assert sprite is not None
    state = replace(store.at(0.0), people=())
    seen = shares(store, camera, replace(state, obstacles=(thing,)))
    assert seen < shares(store, camera, state) - 0.002


def test_a_cover_hides_what_is_behind_it(store: Store, camera: Camera) -> None:
    """A hand over the whole lens leaves nothing to see, one over half of it leaves half."""
    state = replace(store.at(0.0), people=())
    whole, half = Cover(0.5, 0.5, 1.5, 60.0), Cover(0.0, 0.5, 0.55, 60.0)
    assert shares(store, camera, state, whole) == 0.0
    assert 0.1 < shares(store, camera, state, half) < 0.9
    dark = picture(store, camera, seeing={"c1": Seeing(cover=whole)})
    assert dark.std() < 12
    assert np.abs(dark.mean() - 60) < 15


def test_glare_brightens_and_blinds(store: Store, camera: Camera) -> None:
    """A strong reflection hides slots, a weak one only brightens them."""
    usual = picture(store, camera)
    state = replace(store.at(0.0), people=())
    for strength, blinds in ((200.0, True), (50.0, False)):
        ambience = Ambience(glares=(Glare(700.0, 900.0, 300.0, 400.0, strength),))
        assert picture(store, camera, ambience=ambience).mean() > usual.mean() + 1
        seen = shares(store, camera, replace(state, ambience=ambience))
        assert (seen < shares(store, camera, state) - 0.05) == blinds


def test_a_failing_tube_darkens_its_part(store: Store, camera: Camera) -> None:
    """Where the tube hangs it gets darker, elsewhere the light stays."""
    usual = picture(store, camera).astype(float)
    tube = Ambience(tubes=(Tube(0.0, 300.0, 0.4),))
    ratio = picture(store, camera, ambience=tube).mean(axis=(0, 2)) / usual.mean(axis=(0, 2))
    assert ratio.min() < 0.75
    assert ratio[-1] > 0.98


def test_nothing_is_seen_in_the_dark(store: Store, camera: Camera) -> None:
    """With the lamps off the picture is black and no slot counts as seen."""
    night = Ambience(light=0.07)
    assert picture(store, camera, ambience=night).mean() < 18
    assert shares(store, camera, replace(store.at(0.0), ambience=night)) == 0.0


@pytest.mark.parametrize(("pan", "tilt"), [(1.0, 0.0), (0.0, 1.0), (-0.5, 0.5)])
def test_a_bump_moves_the_picture_by_what_the_truth_tells(
    store: Store, camera: Camera, pan: float, tilt: float
) -> None:
    """A turn of one degree moves the picture by focal length times its tangent, about."""
    bays = [(place.bay, place.x_mm) for place in store.places]
    away = moved_px(camera, turned(camera, Turn(pan, tilt)), bays)
    expected = camera.focal_px * np.tan(np.radians(np.hypot(pan, tilt)))
    assert away == pytest.approx(expected, rel=0.25)
    assert moved_px(camera, turned(camera, None), bays) == 0.0
    seeing = {"c1": Seeing(turn=Turn(pan, tilt))}
    assert not np.array_equal(picture(store, camera, seeing=seeing), picture(store, camera))
