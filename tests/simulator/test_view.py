"""Pictures of a living shop."""

import numpy as np

from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.photo import Film
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
