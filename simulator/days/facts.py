"""What stands in a slot, and which of its facings a camera can see past boards and neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelf import PlannedSlot, State
from simulator.geometry import Camera
from simulator.items import Item
from simulator.layout import BayPlace, Facing, FacingId, facings_of_shelf, tops_of_shelf
from simulator.truth import state_of

BACK_MM = 80.0
"""A facing whose front stands so far behind the shelf's edge is set back."""

SEEN_SHARE = 0.4
"""A facing can be seen when so much of its front is not hidden by boards and neighbours."""

Contents = Mapping[FacingId, tuple[Item, ...]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """What is true of a slot.

    ``sku`` is planned and ``state`` is by what stands there. ``facings`` show the planned SKU;
    ``hidden`` of all that stand there no camera can see, because they stand too far back;
    ``set_back`` stand `BACK_MM` or more behind the edge. ``found`` counts the front units of
    each SKU, also on top. ``is_plain`` is False where what can be seen would tell another state.
    """

    sku: str
    state: State
    facings: int
    hidden: int
    set_back: int
    found: tuple[tuple[str, int], ...]
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class Front:
    """A front unit as a rectangle that faces the aisle, in mm of the aisle.

    ``is_seen`` unless boards and neighbours hide it from its camera.
    """

    facing: Facing
    item: Item
    x1: float
    x2: float
    y1: float
    y2: float
    z: float
    is_seen: bool = True


def shelf_facts(
    place: BayPlace,
    shelf_number: int,
    planned: Sequence[PlannedSlot],
    contents: Contents,
    camera: Camera,
    board_mm: float,
) -> list[SlotFacts]:
    """Return what is true of each slot of a shelf; ``planned`` is what is planned for them now."""
    fronts = shelf_fronts(place, shelf_number, contents, camera, board_mm)
    return [_facts(slot, [f for f in fronts if f.facing.id.slot == slot.id]) for slot in planned]


def shelf_fronts(
    place: BayPlace, shelf_number: int, contents: Contents, camera: Camera, board_mm: float
) -> list[Front]:
    """Return the front units of a shelf, also those on top of what is planned."""
    shelf = next(s for s in place.bay.shelves if s.number == shelf_number)
    fronts = []
    for facing in facings_of_shelf(shelf, place.x_mm) + tops_of_shelf(shelf, place.x_mm):
        items = contents.get(facing.id, ())
        if items:
            width, height = items[0].size_mm
            x, y = facing.centre_x_mm, facing.y_mm
            z = items[0].front_z_mm
            fronts.append(Front(facing, items[0], x - width / 2, x + width / 2, y, y + height, z))
    opening = (shelf.y_mm + 4.0, shelf.y_mm + shelf.height_mm - board_mm)
    seen = _seen(fronts, opening, np.asarray(camera.position_mm, dtype=np.float64))
    return [replace(front, is_seen=s) for front, s in zip(fronts, seen, strict=True)]


def _facts(planned: PlannedSlot, everything: Sequence[Front]) -> SlotFacts:
    allowed = {planned.sku, *planned.substitutes}

    def state(shown: Sequence[Front]) -> State:
        own = sum(f.item.sku in allowed for f in shown)
        return state_of(planned, own, len(shown) - own)

    visible = [front for front in everything if front.is_seen]
    true = state(everything)
    return SlotFacts(
        sku=planned.sku,
        state=true,
        facings=sum(front.item.sku in allowed for front in everything),
        hidden=len(everything) - len(visible),
        set_back=sum(front.z <= -BACK_MM for front in everything),
        found=tuple(sorted(Counter(front.item.sku for front in everything).items())),
        is_plain=state(visible) is true,
    )


def _seen(fronts: Sequence[Front], opening: tuple[float, float], eye: Floats) -> list[bool]:
    """Return which fronts an eye sees enough of through a shelf's opening."""
    boxes = np.array([(f.x1, f.x2, f.y1, f.y2, f.z) for f in fronts]).reshape(-1, 5)
    out = []
    share = np.linspace(0.08, 0.92, 6)
    for number, front in enumerate(fronts):
        xs, ys = np.meshgrid(
            front.x1 + (front.x2 - front.x1) * share, front.y1 + (front.y2 - front.y1) * share
        )
        points = np.column_stack([xs.ravel(), ys.ravel(), np.full(xs.size, front.z)])
        _, at_y = _crossing(points, eye, 0.0)
        free = (at_y > opening[0]) & (at_y < opening[1])
        for other in np.flatnonzero(boxes[:, 4] > front.z + 15):
            if other == number:
                continue
            x1, x2, y1, y2, z = boxes[other]
            x, y = _crossing(points, eye, z)
            free &= ~((x > x1) & (x < x2) & (y > y1) & (y < y2))
        out.append(bool(free.mean() >= SEEN_SHARE))
    return out


def _crossing(points: Floats, eye: Floats, z: float) -> tuple[Floats, Floats]:
    """Return where the lines from points to the eye cross the plane at ``z``."""
    share = (z - points[:, 2]) / (eye[2] - points[:, 2])
    crossed = points[:, :2] + (eye[:2] - points[:, :2]) * share[:, None]
    return crossed[:, 0], crossed[:, 1]
