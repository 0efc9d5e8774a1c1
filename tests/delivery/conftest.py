"""Real brokers for the delivery tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from parts import LINKS, Broker, Link, find

from shelf.topics import Node


@pytest.fixture
def node() -> Node:
    return Node("acme", "s0421", "s0421-e1")


@pytest.fixture(params=LINKS, ids=str)
def link(request: pytest.FixtureRequest) -> Link:
    """Each broker with each version of MQTT that it speaks."""
    link: Link = request.param
    find(link.program)
    return link


@pytest.fixture
def broker(tmp_path: Path, link: Link) -> Iterator[Broker]:
    """A running broker."""
    broker = Broker(tmp_path / "broker", link)
    broker.start()
    yield broker
    broker.stop()
