"""Promotions: a new version of the planogram, and the reset that brings it to the shelf."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shelf import PlannedSlot, Planogram, SlotId

_WORDS = ("Summer", "Winter", "Jubilee", "Festival", "Double", "Giant")


@dataclass(frozen=True, slots=True)
class Reset:
    """From ``since_secs`` until ``until_secs`` staff change ``slots`` over to ``version``."""

    since_secs: float
    until_secs: float
    slots: tuple[SlotId, ...]
    version: str


def promoted(
    planogram: Planogram, version: str, random: np.random.Generator
) -> tuple[Planogram, list[SlotId]]:
    """Return a new version in which some slots of one shelf get other SKUs of the same size."""
    shelves = [shelf for bay in planogram.bays for shelf in bay.shelves]
    shelf = shelves[int(random.integers(0, len(shelves)))]
    count = min(len(shelf.slots), int(random.integers(2, 5)))
    first = int(random.integers(0, len(shelf.slots) - count + 1))
    chosen = shelf.slots[first : first + count]
    family = int(random.integers(100_000, 1_000_000))
    new = {slot.id: _other(slot, family, i, random) for i, slot in enumerate(chosen, start=1)}
    bays = tuple(
        replace(
            bay,
            shelves=tuple(
                replace(s, slots=tuple(new.get(slot.id, slot) for slot in s.slots))
                for s in bay.shelves
            ),
        )
        for bay in planogram.bays
    )
    return replace(planogram, version=version, bays=bays), list(new)


def _other(slot: PlannedSlot, family: int, number: int, random: np.random.Generator) -> PlannedSlot:
    """Return the slot with another family's product; slots of one size share the family."""
    noun = slot.name.split()[-3]
    word = str(random.choice(_WORDS))
    size = round(slot.facing_width_mm) + round(slot.facing_height_mm)
    sku = f"{family + size}.{number}"
    return replace(slot, sku=sku, name=f"{word} {noun} {number * 100} g", gtin=None)
