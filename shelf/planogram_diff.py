"""What changes from one version of a planogram to another, slot by slot."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shelf.planogram import PlannedSlot, Planogram, Units
from shelf.slots import SlotId

MOVED_MM = 10.0
"""A slot that keeps its neighbours counts as moved when shifted by more than this."""

RESIZED_MM = 1.0

_SETTINGS = ("min_facings", "priority", "substitutes", "name", "gtin")


class Kind(StrEnum):
    """What may happen to a slot; a board only moves, a bay only changes its size."""

    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"
    MOVED = "moved"
    RENUMBERED = "renumbered"
    FACINGS = "facings"
    RESIZED = "resized"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of the slot, board (``b01/s2``) or bay (``b01``) that ``slot`` names.

    ``slot`` is the id in the new version, of a removed slot in the old; ``was`` the id in the
    old version, None for an added one. ``what`` says it in words.
    """

    slot: str
    was: str | None
    kinds: tuple[Kind, ...]
    what: str


def diff_planograms(old: Planogram, new: Planogram) -> list[Change]:
    """Return what changes, in the order of the slots; boards and bays come first.

    A slot of the old version is found in the new one by id and SKU, else by SKU, nearest first;
    what is then left of both versions at one place is a replacement. Planograms with the same
    content give no change.
    """
    changes = list(_furniture(old, new))
    pairs = _pairs(old, new)
    kept = {new_id: old_id for old_id, new_id in pairs if old_id and new_id}
    moved = _out_of_order(kept)
    in_mm = old.units is new.units is Units.MM
    told: list[tuple[SlotId, Change]] = []
    for old_id, new_id in pairs:
        before = old.slot(old_id) if old_id else None
        after = new.slot(new_id) if new_id else None
        change = _change(before, after, new_id in moved, in_mm)
        if change is not None:
            told.append((new_id or old_id or SlotId(1, 1, 1), change))
    return changes + [change for _, change in sorted(told, key=lambda item: item[0])]


def _pairs(old: Planogram, new: Planogram) -> list[tuple[SlotId | None, SlotId | None]]:
    left_old = {slot.id: slot for slot in old.slots}
    left_new = {slot.id: slot for slot in new.slots}
    pairs: list[tuple[SlotId | None, SlotId | None]] = []

    def pair(old_id: SlotId, new_id: SlotId) -> None:
        pairs.append((old_id, new_id))
        del left_old[old_id], left_new[new_id]

    for slot_id in sorted(left_old.keys() & left_new.keys()):
        if left_old[slot_id].sku == left_new[slot_id].sku:
            pair(slot_id, slot_id)
    for same_shelf in (True, False):
        waiting: dict[tuple[object, ...], deque[SlotId]] = defaultdict(deque)
        for slot_id in sorted(left_old):
            waiting[_place(left_old[slot_id], same_shelf)].append(slot_id)
        for slot_id in sorted(left_new):
            queue = waiting[_place(left_new[slot_id], same_shelf)]
            if queue:
                pair(queue.popleft(), slot_id)
    for slot_id in sorted(left_old.keys() & left_new.keys()):
        pair(slot_id, slot_id)
    return [*pairs, *((gone, None) for gone in left_old), *((None, came) for came in left_new)]


def _place(slot: PlannedSlot, same_shelf: bool) -> tuple[object, ...]:
    return (slot.sku, slot.id.bay, slot.id.shelf) if same_shelf else (slot.sku,)


def _out_of_order(kept: dict[SlotId, SlotId]) -> set[SlotId]:
    """The slots that change shelf, or their place among those that stay: the fewest such."""
    moved = set()
    shelves: dict[tuple[int, int], list[tuple[SlotId, SlotId]]] = defaultdict(list)
    for new_id, old_id in sorted(kept.items()):
        shelf = (new_id.bay, new_id.shelf)
        if shelf == (old_id.bay, old_id.shelf):
            shelves[shelf].append((new_id, old_id))
        else:
            moved.add(new_id)
    for stay in shelves.values():
        in_order = _longest_rising([old_id.position for _, old_id in stay])
        moved |= {new_id for index, (new_id, _) in enumerate(stay) if index not in in_order}
    return moved


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Indices of a longest rising subsequence (patience sorting)."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        pile = bisect_left(ends, number)
        ends[pile : pile + 1] = [number]
        before.append(tops[pile - 1] if pile else None)
        tops[pile : pile + 1] = [index]
    chosen = set()
    last = tops[-1] if tops else None
    while last is not None:
        chosen.add(last)
        last = before[last]
    return chosen


def _change(
    old: PlannedSlot | None, new: PlannedSlot | None, moved: bool, in_mm: bool
) -> Change | None:
    if new is None:
        assert old is not None
        what = f"{old.name} ({old.sku}) is removed"
        return Change(str(old.id), str(old.id), (Kind.REMOVED,), what)
    if old is None:
        what = f"{new.name} ({new.sku}) is added, {_facings(new)} facings"
        return Change(str(new.id), None, (Kind.ADDED,), what)
    told = list(_differences(old, new, moved, in_mm))
    if not told:
        return None
    words = "; ".join(text for _, text in told)
    kinds = tuple(dict.fromkeys(kind for kind, _ in told))
    start = "" if kinds[0] is Kind.REPLACED else f"{new.name} "
    return Change(str(new.id), str(old.id), kinds, start + words)


def _differences(
    old: PlannedSlot, new: PlannedSlot, moved: bool, in_mm: bool
) -> Iterator[tuple[Kind, str]]:
    replaced = old.sku != new.sku
    if replaced:
        yield Kind.REPLACED, f"{old.name} ({old.sku}) gives way to {new.name} ({new.sku})"
    shift_mm = new.x_mm - old.x_mm if in_mm else 0.0
    raised_mm = new.y_mm - old.y_mm if in_mm else 0.0
    if moved:
        yield Kind.MOVED, f"moves here from {old.id}"
    elif abs(shift_mm) > MOVED_MM or abs(raised_mm) > MOVED_MM:
        parts = [f"{abs(shift_mm):.0f} mm to the {'right' if shift_mm > 0 else 'left'}"] * (
            abs(shift_mm) > MOVED_MM
        ) + [f"{abs(raised_mm):.0f} mm {'up' if raised_mm > 0 else 'down'}"] * (
            abs(raised_mm) > MOVED_MM
        )
        number = f" (was {old.id})" if old.id != new.id else ""
        yield Kind.MOVED, f"moves {' and '.join(parts)}{number}"
    elif old.id != new.id:
        yield Kind.RENUMBERED, f"is now counted here, was {old.id}"
    if (old.facings_wide, old.facings_high) != (new.facings_wide, new.facings_high):
        yield Kind.FACINGS, f"facings {_facings(old)} -> {_facings(new)}"
    if any(
        abs(getattr(old, side) - getattr(new, side)) > (RESIZED_MM if in_mm else 0.0)
        for side in ("width_mm", "height_mm")
    ):
        unit = " mm" if in_mm else ""
        yield Kind.RESIZED, f"size {_size(old)} -> {_size(new)}{unit}"
    for name in _SETTINGS:
        if getattr(old, name) != getattr(new, name) and not (replaced and name in ("name", "gtin")):
            yield Kind.SETTINGS, f"{name} {_shown(old, name)} -> {_shown(new, name)}"


def _facings(slot: PlannedSlot) -> str:
    return f"{slot.facings_wide} x {slot.facings_high}"


def _size(slot: PlannedSlot) -> str:
    return f"{slot.width_mm:g} x {slot.height_mm:g}"


def _shown(slot: PlannedSlot, name: str) -> str:
    value = getattr(slot, name)
    if isinstance(value, tuple):
        return "|".join(value) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _furniture(old: Planogram, new: Planogram) -> Iterator[Change]:
    """Boards that are moved and bays of another size, of what both versions give in mm."""
    if old.units is not Units.MM or new.units is not Units.MM:
        return
    bays = {bay.number: bay for bay in old.bays}
    for bay in new.bays:
        before = bays.get(bay.number)
        if before is None:
            continue
        sizes = [f"{b.width_mm:.0f} x {b.height_mm:.0f}" for b in (before, bay)]
        bay_id = SlotId(bay.number, 1, 1).bay_id
        if sizes[0] != sizes[1]:
            what = f"bay {bay.number}: size {sizes[0]} -> {sizes[1]} mm"
            yield Change(bay_id, bay_id, (Kind.RESIZED,), what)
        shelves = {shelf.number: shelf for shelf in before.shelves}
        for shelf in bay.shelves:
            was = shelves.get(shelf.number)
            if (
                was
                and was.y_is_given
                and shelf.y_is_given
                and abs(was.y_mm - shelf.y_mm) > RESIZED_MM
            ):
                shelf_id = f"{bay_id}/s{shelf.number}"
                what = f"board of shelf {shelf.number}: {was.y_mm:g} -> {shelf.y_mm:g} mm"
                yield Change(shelf_id, shelf_id, (Kind.MOVED,), what)
