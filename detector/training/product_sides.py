"""Which side a product is on: what a recogniser is tested on must be new to it."""

from __future__ import annotations

import hashlib

from detector.training.splits import Side


def side_of_product(key: str, val_share: float = 0.12) -> Side:
    """The side of a product, a pure function of its name: a third is kept for testing."""
    number = int(hashlib.sha256(key.encode()).hexdigest(), 16)
    if number % 3 == 0:
        return Side.TEST
    return Side.VAL if (number // 3) % 1000 < 1000 * val_share else Side.TRAIN
