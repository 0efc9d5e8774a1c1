"""The planogram: what is planned to stand where.

Frame of reference: every bay has its own, x to the right from the bay's left edge, y up from
the bay's bottom, in mm. A file without sizes, or in a unit that it does not name, gives a
``relative`` layout: then lengths are right only as ratios.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from shelf.slots import SlotId


class Units(StrEnum):
    """What the lengths of a planogram mean."""

    MM = "mm"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One planogram position: one SKU, ``facings_wide`` x ``facings_high`` facings.

    ``x_mm`` is the slot's left edge, ``y_mm`` its lower edge above its own shelf board (above
    zero for a slot that stands on another), ``width_mm`` and ``height_mm`` the whole slot's.
    ``priority`` weighs its alerts (1 is usual). ``substitutes`` are SKUs that may stand in.
    ``width_is_given`` is False where the width is an estimate because the file is silent.
    """

    id: SlotId
    sku: str
    name: str
    facings_wide: int
    x_mm: float
    width_mm: float
    height_mm: float
    y_mm: float = 0.0
    facings_high: int = 1
    min_facings: int = 1
    gtin: str | None = None
    priority: float = 1.0
    substitutes: tuple[str, ...] = ()
    width_is_given: bool = field(default=True, repr=False)

    @property
    def facings(self) -> int:
        """Planned facings in all."""
        return self.facings_wide * self.facings_high

    @property
    def facing_width_mm(self) -> float:
        """The width of one facing."""
        return self.width_mm / self.facings_wide

    @property
    def facing_height_mm(self) -> float:
        """The height of one facing."""
        return self.height_mm / self.facings_high


class RectMm(NamedTuple):
    """A rectangle on a bay's front plane, mm from the bay's bottom left."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """One shelf of a bay; ``y_mm`` is its board's upper face above the bay's bottom.

    ``y_is_given`` is False where ``y_mm`` is an estimate because the file is silent.
    """

    number: int
    y_mm: float
    height_mm: float
    slots: tuple[PlannedSlot, ...]
    y_is_given: bool = True


@dataclass(frozen=True, slots=True)
class Bay:
    """One bay: shelves from the bottom; mm from its bottom left."""

    number: int
    width_mm: float
    height_mm: float
    shelves: tuple[Shelf, ...]

    @property
    def slots(self) -> Iterator[PlannedSlot]:
        """All slots, shelf by shelf from the bottom, left to right."""
        for shelf in self.shelves:
            yield from shelf.slots

    @property
    def slot_rects_mm(self) -> Iterator[tuple[PlannedSlot, RectMm]]:
        """All slots in the same order, each with its place on the bay."""
        for shelf in self.shelves:
            for slot in shelf.slots:
                bottom = shelf.y_mm + slot.y_mm
                right, top = slot.x_mm + slot.width_mm, bottom + slot.height_mm
                yield slot, RectMm(slot.x_mm, bottom, right, top)


@dataclass(frozen=True)
class Planogram:
    """A version of a planogram; ``content_hash`` identifies what it says, whatever its name."""

    id: str
    version: str
    bays: tuple[Bay, ...]
    units: Units = Units.MM
    valid_from: date | None = None
    valid_until: date | None = None
    _by_id: dict[SlotId, PlannedSlot] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {slot.id: slot for slot in self.slots})

    @property
    def slots(self) -> Iterator[PlannedSlot]:
        """All slots, bay by bay."""
        for bay in self.bays:
            yield from bay.slots

    def __len__(self) -> int:
        return len(self._by_id)

    def slot(self, slot_id: SlotId) -> PlannedSlot:
        """Return one slot; raises ``KeyError`` when it is not planned."""
        return self._by_id[slot_id]

    def bay(self, number: int) -> Bay:
        """Return one bay; raises ``KeyError`` when it is not planned."""
        for bay in self.bays:
            if bay.number == number:
                return bay
        raise KeyError(number)

    @cached_property
    def has_heights(self) -> bool:
        """True when every shelf board's height is given, none estimated."""
        return all(shelf.y_is_given for bay in self.bays for shelf in bay.shelves)

    @cached_property
    def has_sizes(self) -> bool:
        """True when every slot's width is given, none estimated."""
        return all(slot.width_is_given for slot in self.slots)

    @cached_property
    def names(self) -> dict[str, str]:
        """Product names by SKU."""
        return {slot.sku: slot.name for slot in self.slots}

    @cached_property
    def content_hash(self) -> str:
        """``sha256:`` and 64 hex digits over every planned value, in slot order.

        Whether a value was given or estimated does not change it.
        """
        digest = hashlib.sha256(self.units.value.encode())
        for bay in self.bays:
            digest.update(f"bay {bay.number} {bay.width_mm:.3f} {bay.height_mm:.3f}\n".encode())
            for shelf in bay.shelves:
                digest.update(f"shelf {shelf.number} {shelf.y_mm:.3f}\n".encode())
                for slot in shelf.slots:
                    digest.update(repr(slot).encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def name(self) -> str:
        """Id and version in one word, as events carry it."""
        return f"{self.id}-{self.version}"

    def is_valid_on(self, day: date) -> bool:
        """True when ``day`` lies in the validity period (both ends included)."""
        if self.valid_from and day < self.valid_from:
            return False
        return not (self.valid_until and day > self.valid_until)
