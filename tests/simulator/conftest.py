"""A small shop that renders fast."""

import pytest

from shelf import Planogram
from simulator.geometry import Camera
from simulator.site import DEMO, demo_planogram
from simulator.store import Store

SMALL = Camera((600.0, 1700.0, 2600.0), (1000.0, 850.0, 0.0), (480, 270), 310.0, -0.1, 0.01, 0.5)


@pytest.fixture(scope="session")
def planogram() -> Planogram:
    return demo_planogram()


@pytest.fixture(scope="session")
def store() -> Store:
    return Store(demo_planogram(), 7, DEMO)


@pytest.fixture
def camera() -> Camera:
    return SMALL
