"""What the delivery tests share."""

from __future__ import annotations

import pytest

from shelf.topics import Node


@pytest.fixture
def node() -> Node:
    return Node("acme", "s0421", "s0421-e1")
