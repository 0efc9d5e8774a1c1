"""The simulator as a source of frames."""

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from shelf import ShelfwatchError
from simulator.site import SIZE_PX
from simulator.source import open_source


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"camera": "c1"}, "source.seed"),
        ({"seed": "7", "camera": "c1"}, "source.seed"),
        ({"seed": 7, "camera": 1}, "source.camera"),
        ({"seed": 7, "camera": "c9"}, "source.camera"),
        ({"seed": 7, "camera": "c1", "speed": 0}, "source.speed"),
        ({"seed": 7, "camera": "c1", "start": "now"}, "source.start"),
        ({"seed": 7, "camera": "c1", "sped": 2}, "source.sped"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], key: str) -> None:
    """The message names the key, what was expected and what was found."""
    with pytest.raises(ShelfwatchError, match=key):
        open_source(settings)


def test_cameras_give_pictures_of_the_same_moment() -> None:
    """Two sources of one seed share the shop's start and give pictures with the time."""
    first = open_source({"type": "simulator", "seed": 3, "camera": "c1", "speed": 1.0})
    second = open_source({"type": "simulator", "seed": 3, "camera": "c2", "speed": 1.0})
    assert abs(first.seconds - second.seconds) < 0.5
    before = datetime.now(UTC)
    picture, taken = second.grab()
    second.close()
    assert picture.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert picture.dtype == np.uint8
    assert taken is not None
    assert before <= taken <= datetime.now(UTC)


def test_start_and_speed_set_the_shops_time() -> None:
    """A start in the past and a speed of 10 give ten times the seconds since."""
    source = open_source({"seed": 3, "camera": "c1", "speed": 10, "start": time.time() - 60})
    assert source.seconds == pytest.approx(600, abs=100)
