"""Divide pictures into train, validation and test so that no scene is on two sides.

Pictures belong together when their file names share a source (the part before ``__``) or when
their difference hashes are almost equal. Groups are then dealt to the sides by a hash of the
group's name, so the same pictures always get the same sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

UNREADABLE = "pictures that cannot be read, skipped"


class Side(StrEnum):
    """What a picture may be used for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def source_of(name: str) -> str:
    """The scene a file name stands for: ``voids_b/images/test_1__3.jpg`` -> ``test_1``."""
    return Path(name).stem.split("__")[0]


def difference_hash(image_bgr: NDArray[np.uint8], side: int = 12) -> NDArray[np.bool_]:
    """Signs of horizontal brightness steps on a ``side`` x ``side`` grid, shape (side * side,).

    Robust to scale, compression and brightness; not to crops (those keep their source's name).
    """
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (side + 1, side), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.asarray(small[:, 1:] > small[:, :-1]).ravel()


def group_pictures(
    hashes: Mapping[str, NDArray[np.bool_]], max_differing_share: float = 0.12
) -> dict[str, str]:
    """Name of each picture's group: the smallest picture name in it.

    Two unrelated pictures differ in about half of the bits; copies of one differ in a few percent.
    """
    if not hashes:
        return {}
    names = sorted(hashes)
    parent = list(range(len(names)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_of_source: dict[str, int] = {}
    for index, name in enumerate(names):
        first = first_of_source.setdefault(source_of(name), index)
        parent[root(index)] = root(first)
    bits = np.stack([hashes[name] for name in names]).astype(np.float32) * 2 - 1
    agreement = bits @ bits.T / bits.shape[1]
    near = np.argwhere(np.triu(agreement, 1) > 1 - 2 * max_differing_share)
    for left, right in near:
        low, high = sorted((root(int(left)), root(int(right))))
        parent[high] = low
    members: dict[int, str] = {}
    for index, name in enumerate(names):
        group = root(index)
        members[group] = min(members.get(group, name), name)
    return {name: members[root(index)] for index, name in enumerate(names)}


def side_of_group(group: str, val_share: float = 0.07, test_share: float = 0.15) -> Side:
    """The side a group is on: a pure function of its name."""
    position = _position(group)
    if position < test_share:
        return Side.TEST
    return Side.VAL if position < test_share + val_share else Side.TRAIN


def split_groups(
    groups: Mapping[str, str],
    known: Mapping[str, Side] | None = None,
    *,
    val_share: float = 0.07,
    test_share: float = 0.15,
) -> dict[str, Side]:
    """Side of each picture, from its group's name (see :func:`group_pictures`).

    ``known``: sides given earlier. A group with such a picture stays on its side, so new pictures
    move no old one; only where a new picture shows that old ones on different sides are one
    scene, all of them go to the side of the first by name. Of a few dozen groups chance may leave
    a side empty: new groups for training fill it up to half of its share.
    """
    known = known or {}
    sides: dict[str, Side] = {}
    for name in sorted(groups):
        if name in known:
            sides.setdefault(groups[name], known[name])
    old = set(sides)
    for group in groups.values():
        sides.setdefault(group, side_of_group(group, val_share, test_share))
    for side, share in ((Side.TEST, test_share), (Side.VAL, val_share)):
        spare = sorted((g for g in sides if sides[g] is Side.TRAIN and g not in old), key=_position)
        missing = round(share * len(sides) / 2 + 0.5) - list(sides.values()).count(side)
        for group in spare[: min(missing, len(spare) - 1) if share > 0 and missing > 0 else 0]:
            sides[group] = side
    return {name: sides[group] for name, group in groups.items()}


def hash_file(path: Path) -> NDArray[np.bool_] | None:
    """Difference hash of a picture file; None when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2)
    return None if image is None else difference_hash(np.asarray(image, dtype=np.uint8))


def _position(group: str) -> float:
    """A number in 0..1 that only the name decides."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") / 2**32
