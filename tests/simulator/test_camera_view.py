"""Pictures of a living shop."""

from dataclasses import replace

import numpy as np

from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.photo import Film
from simulator.scenario import Bump, Light
from simulator.site import demo_store
from simulator.sprite import Pixels
from simulator.store import Store
from simulator.view import View


def pictures(store: Store, camera: Camera, *seconds: float) -> list[Pixels]:
    view = View(store, "c1", camera, Furniture(), Film())
    return [view.picture(store.at(second)) for second in seconds]


def test_a_moment_gives_the_same_bytes_whatever_was_seen_before(
    store: Store, camera: Camera
) -> None:
    """The same seed and time give the same picture; another seed another one."""
    (first,) = pictures(store, camera, 40.0)
    *_, later = pictures(store, camera, 0.0, 133.0, 40.0)
    assert np.array_equal(first, later)
    (other,) = pictures(demo_store(8), camera, 40.0)
    assert not np.array_equal(first, other)


def test_people_are_in_the_picture(store: Store, camera: Camera) -> None:
    """Someone who stands before the shelf changes many pixels, but not the whole picture."""
    with_people = store.at(16.0)
    assert with_people.people
    view = View(store, "c1", camera, Furniture(), Film(noise=0.0, jpeg=0))
    crowded = view.picture(with_people).astype(int)
    empty = view.picture(type(with_people)(16.0, with_people.contents, ())).astype(int)
    share = (np.abs(crowded - empty).max(axis=2) > 20).mean()
    assert 0.01 < share < 0.6


def test_a_bump_moves_the_picture(store: Store, camera: Camera) -> None:
    """From its time on, a bumped camera's picture is the one before, moved."""
    bumped = replace(store.scenario, bumps=(Bump(10.0, "c1", (12.0, -6.0)),))
    shop = Store(store.planogram, store.seed, bumped)
    view = View(shop, "c1", replace(camera, k1=0.0, k2=0.0), Furniture(), Film(noise=0.0, jpeg=0))
    before, after = view.picture(shop.at(0.0)), view.picture(shop.at(10.0))
    inside = np.abs(after[50:150, 100:300].astype(int) - before[56:156, 88:288])
    assert np.median(inside) < 4
    assert shop.at(9.9).shifts_px == {}


def test_the_lights_go_out_and_on_again(store: Store, camera: Camera) -> None:
    """A picture with little light is dark; afterwards it is as before."""
    dim = replace(store.scenario, lights=(Light(5.0, 9.0, 0.05),))
    shop = Store(store.planogram, store.seed, dim)
    view = View(shop, "c1", camera, Furniture(), Film())
    usual, dark, again = (view.picture(shop.at(t)).mean() for t in (4.0, 6.0, 9.0))
    assert dark < 0.2 * usual
    assert again > 0.9 * usual
