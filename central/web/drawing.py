"""Where the lines and boxes of a bay go on the page: pure geometry.

Frame of reference: SVG user units, x to the right, y down, origin at the upper left corner of
the drawing. A planogram's widest bay is `BAY_UNITS` wide, so that all of its bays have one scale
and line widths and letters the same size whatever the planogram's unit is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from zlib import crc32

from central.web.words import shortened
from shelf import Bay, PlannedSlot, Planogram, Shelf, SlotId

BAY_UNITS = 1000.0
MARGIN = 26.0
STRIP = 40.0
"""Height of the shelf-edge strip that carries the labels."""


class Weight(Enum):
    """How heavy a label is; the value is the mean advance of a letter at 24 units."""

    PLAIN = 13.4
    BOLD = 14.2


MAX_BADGE = 44.0
MIN_BADGE = 15.0

TONES = 3

_PITCH = 300.0
"""Pitch of the shelves of a bay without a planogram."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in user units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DrawnSlot:
    """One slot: ``area`` is what can be tapped, ``box`` the planned products.

    ``facings`` go column by column from the left, each from the bottom. ``strip`` is None for a
    slot that stands on another. ``tone`` (1 to `TONES`)
    is the product's: it tells neighbours apart.
    """

    id: SlotId
    planned: PlannedSlot
    area: Box
    box: Box
    facings: tuple[Box, ...]
    badge_x: float
    badge_y: float
    badge_radius: float
    strip: Box | None
    tone: int

    def label(self, text: str, weight: Weight) -> str:
        """Return ``text`` cut to the strip."""
        return shortened(text, int((self.box.width - 10) / weight.value))


@dataclass(frozen=True, slots=True)
class DrawnBay:
    """One bay: ``frame`` is the fixture, ``boards`` the shelves' front edges.

    ``plinth`` is what lies below the lowest board.
    """

    number: int
    width: float
    height: float
    frame: Box
    plinth: Box
    boards: tuple[Box, ...]
    slots: tuple[DrawnSlot, ...]


def draw(planogram: Planogram) -> list[DrawnBay]:
    """Return the bays of ``planogram`` from the left, all at one scale and of one height."""
    if not planogram.bays:
        return []
    scale = BAY_UNITS / max(bay.width_mm for bay in planogram.bays)
    tops_mm = [shelf.y_mm + shelf.height_mm for bay in planogram.bays for shelf in bay.shelves]
    top = max([*tops_mm, *(bay.height_mm for bay in planogram.bays)]) * scale
    return [_draw_bay(bay, scale, top) for bay in planogram.bays]


def _draw_bay(bay: Bay, scale: float, top: float) -> DrawnBay:
    frame = Box(MARGIN, MARGIN, bay.width_mm * scale, top + STRIP)
    boards = []
    slots = []
    for shelf in bay.shelves:
        floor = MARGIN + top - shelf.y_mm * scale
        boards.append(Box(frame.x, floor, frame.width, STRIP))
        slots += [_draw_slot(slot, shelf, floor, scale) for slot in shelf.slots]
    lowest = max([board.y for board in boards], default=frame.y + frame.height)
    return DrawnBay(
        bay.number,
        BAY_UNITS + 2 * MARGIN,
        frame.height + 2 * MARGIN,
        frame,
        Box(frame.x, lowest, frame.width, frame.y + frame.height - lowest),
        tuple(boards),
        tuple(slots),
    )


def _draw_slot(slot: PlannedSlot, shelf: Shelf, floor: float, scale: float) -> DrawnSlot:
    width, height = slot.width_mm * scale, slot.height_mm * scale
    box = Box(MARGIN + slot.x_mm * scale, floor - slot.y_mm * scale - height, width, height)
    stands_on_board = slot.y_mm <= 0
    is_under_another = any(s.y_mm > 0 and _overlap_in_x(s, slot) for s in shelf.slots)
    area = box
    if stands_on_board:
        top = box.y if is_under_another else min(box.y, floor - shelf.height_mm * scale + STRIP)
        area = Box(box.x, top, width, floor + STRIP - top)
    strip = Box(box.x, floor, width, STRIP) if stands_on_board else None
    return DrawnSlot(
        id=slot.id,
        planned=slot,
        area=area,
        box=box,
        facings=tuple(_facings(slot, box)),
        badge_x=box.x + width / 2,
        badge_y=box.y + height / 2,
        badge_radius=max(MIN_BADGE, min(MAX_BADGE, width * 0.36, height * 0.36)),
        strip=strip,
        tone=1 + crc32(slot.sku.encode()) % TONES,
    )


def _overlap_in_x(a: PlannedSlot, b: PlannedSlot) -> bool:
    return a.x_mm < b.x_mm + b.width_mm and b.x_mm < a.x_mm + a.width_mm


def _facings(slot: PlannedSlot, box: Box) -> Iterable[Box]:
    wide, high = box.width / slot.facings_wide, box.height / slot.facings_high
    inset = min(4.0, wide * 0.06, high * 0.06)
    for column in range(slot.facings_wide):
        for row in range(slot.facings_high):
            yield Box(
                box.x + column * wide + inset,
                box.y + box.height - (row + 1) * high + inset,
                wide - 2 * inset,
                high - 2 * inset,
            )


def without_planogram(
    slots: Sequence[SlotId],
    names: Mapping[SlotId, tuple[str, str]],
    facings: Mapping[SlotId, int],
) -> Planogram:
    """Return a layout of equal widths for slots of which only the ids are known.

    ``names`` holds SKU and product name, ``facings`` how many are expected.
    """
    shelves_by_bay: dict[int, dict[int, list[SlotId]]] = defaultdict(lambda: defaultdict(list))
    for slot in sorted(slots):
        shelves_by_bay[slot.bay][slot.shelf].append(slot)
    bays = []
    for number, by_shelf in sorted(shelves_by_bay.items()):
        shelves = []
        for row, (shelf, ids) in enumerate(sorted(by_shelf.items())):
            width = BAY_UNITS / len(ids)
            planned = tuple(
                PlannedSlot(
                    id=slot,
                    sku=names[slot][0],
                    name=names[slot][1],
                    facings_wide=max(1, facings[slot]),
                    x_mm=index * width + 0.04 * width,
                    width_mm=width * 0.92,
                    height_mm=_PITCH * 0.7,
                )
                for index, slot in enumerate(ids)
            )
            shelves.append(Shelf(shelf, row * _PITCH, _PITCH, planned))
        bays.append(Bay(number, BAY_UNITS, _PITCH * len(shelves), tuple(shelves)))
    return Planogram("slots", "seen", tuple(bays))
