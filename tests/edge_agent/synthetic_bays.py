"""Random bays, seen through random cameras: boxes with their truth, no pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.match import Observed
from edge_agent.match.pose import project
from shelf import Bay, Planogram, SlotId
from shelf.planogram_build import BoardRow, Row, build_planogram


@dataclass(frozen=True)
class Seen:
    """A bay seen by a camera. ``empty`` are the slots without a single facing."""

    planogram: Planogram
    observed: Observed
    empty: frozenset[SlotId]
    image_from_bay: NDArray[np.float64]

    @property
    def bay(self) -> Bay:
        return self.planogram.bays[0]


def random_planogram(rng: np.random.Generator, headroom: float = 1.0) -> Planogram:
    """One bay of 4-6 shelves, 900-1300 mm wide, filled with products of one width a slot.

    ``headroom`` is the distance of the boards by the height of the highest product, or so.
    """
    width = rng.uniform(900, 1300)
    rows: list[Row] = []
    boards: list[BoardRow] = []
    y = 100.0
    for shelf in range(1, int(rng.integers(4, 7)) + 1):
        height = rng.uniform(140, 300)
        x, position = rng.uniform(0, 20), 1
        while True:
            facing = rng.uniform(60, 160)
            wide = int(rng.integers(1, 4))
            if x + facing * wide > width:
                break
            sku = f"{shelf}-{position}"
            rows.append(
                Row(
                    "test",
                    SlotId(1, shelf, position),
                    sku,
                    sku,
                    wide,
                    x_mm=x,
                    width_mm=facing * wide,
                    height_mm=height * rng.uniform(0.8, 1.0),
                )
            )
            x += facing * wide + rng.uniform(0, 12)
            position += 1
        boards.append(BoardRow(1, shelf, y))
        y += headroom * height + rng.uniform(40, 90)
    return build_planogram("test", rows, id="random", boards=boards, bay_sizes_mm={1: (width, y)})


def random_view(
    rng: np.random.Generator, bay: Bay, tilt: float
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """A homography that shows the whole bay in a picture, leaning by up to ``tilt``."""
    size = (1200, 1600)
    source = np.array(
        [[0, 0], [bay.width_mm, 0], [bay.width_mm, bay.height_mm], [0, bay.height_mm]]
    )
    scale = min(1000 / bay.width_mm, 1400 / bay.height_mm)
    target = (
        np.array(
            [[0.0, 0.0], [bay.width_mm, 0], [bay.width_mm, -bay.height_mm], [0, -bay.height_mm]]
        )
        * scale
    )
    target += rng.uniform(-tilt, tilt, size=(4, 2)) * scale * bay.width_mm
    target += np.array(size) / 2 - (target.min(axis=0) + target.max(axis=0)) / 2
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    transform = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    return transform / transform[2, 2], size


def see(
    rng: np.random.Generator,
    planogram: Planogram,
    *,
    empty_share: float = 0.1,
    missed_share: float = 0.0,
    drift_mm: float = 10.0,
    jitter_px: float = 1.5,
    tilt: float = 0.04,
    gap_share: float = 0.7,
    extra: int = 0,
) -> Seen:
    """Look at a bay of which some slots are empty.

    A detector's faults: facings missed, boxes jittered, gaps seen only in part of the holes,
    ``extra`` boxes that are none. Rows drift along the shelf.
    """
    bay = planogram.bays[0]
    transform, size = random_view(rng, bay, tilt)
    boxes: list[list[float]] = []
    gaps: list[list[float]] = []
    empty = set()
    for shelf in bay.shelves:
        drift = rng.uniform(-drift_mm, drift_mm)
        for slot in shelf.slots:
            is_empty = rng.random() < empty_share
            if is_empty:
                empty.add(slot.id)
                if rng.random() < gap_share:
                    left = slot.x_mm + drift
                    gaps.append(_quad(transform, left, shelf.y_mm, slot.width_mm, slot.height_mm))
                continue
            for column in range(slot.facings_wide):
                if rng.random() < missed_share and slot.facings_wide > 1:
                    continue
                left = slot.x_mm + drift + column * slot.facing_width_mm
                boxes.append(
                    _quad(transform, left, shelf.y_mm, slot.facing_width_mm, slot.height_mm)
                )
    for _ in range(extra):
        x, y = rng.uniform(0, size[0] - 60), rng.uniform(0, size[1] - 90)
        boxes.append([x, y, x + rng.uniform(30, 60), y + rng.uniform(40, 90)])
    facings = np.array(boxes).reshape(-1, 4) + rng.normal(0, jitter_px, size=(len(boxes), 4))
    observed = Observed(
        size_px=size,
        facings_xyxy_px=facings,
        facing_scores=rng.uniform(0.5, 0.95, len(facings)),
        gaps_xyxy_px=np.array(gaps).reshape(-1, 4),
        gap_scores=rng.uniform(0.3, 0.9, len(gaps)),
    )
    return Seen(planogram, observed, frozenset(empty), transform)


def _quad(
    transform: NDArray[np.float64], left: float, bottom: float, width: float, height: float
) -> list[float]:
    """The box in px around a rectangle of the bay."""
    right, top = left + width, bottom + height
    corners = project(
        transform, np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
    )
    return [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]


@dataclass
class _Thing:
    """A facing on a bay's front plane, in its frame of reference (mm)."""

    sku: str
    left: float
    bottom: float
    width: float
    height: float


def _standing(rng: np.random.Generator, bay: Bay, empty: set[SlotId]) -> list[list[_Thing]]:
    """What stands on each shelf: all that is planned, but for some slots."""
    rows = []
    for shelf in bay.shelves:
        row = []
        for slot in shelf.slots:
            if rng.random() < 0.1:
                empty.add(slot.id)
                continue
            row += [
                _Thing(
                    slot.sku,
                    slot.x_mm + column * slot.facing_width_mm,
                    shelf.y_mm,
                    slot.facing_width_mm,
                    slot.facing_height_mm,
                )
                for column in range(slot.facings_wide)
            ]
        rows.append(row)
    return rows


def _compressed(rng: np.random.Generator, bay: Bay, rows: list[list[_Thing]]) -> None:
    """Each shelf is squeezed or spread by up to 10 % from its left or its right end."""
    for row in rows:
        factor, end = rng.uniform(0.9, 1.04), bay.width_mm * rng.integers(0, 2)
        for thing in row:
            thing.left = end + (thing.left - end) * factor
            thing.width *= min(1.0, factor)


def _pushed(rng: np.random.Generator, _bay: Bay, rows: list[list[_Thing]]) -> None:
    """Each shelf is pushed aside by up to 150 mm, more than a facing."""
    for row in rows:
        aside = rng.uniform(-150, 150)
        for thing in row:
            thing.left += aside


def _resized(rng: np.random.Generator, _bay: Bay, rows: list[list[_Thing]]) -> None:
    """Products are up to a fifth wider or narrower than planned, and stand side by side."""
    for row in rows:
        factors = {thing.sku: rng.uniform(0.8, 1.2) for thing in row}
        grown = 0.0
        for thing in row:
            thing.left += grown
            grown += thing.width * (factors[thing.sku] - 1)
            thing.width *= factors[thing.sku]


def _stacked(rng: np.random.Generator, _bay: Bay, rows: list[list[_Thing]]) -> None:
    """On some facings stands a second one that is not planned."""
    for row in rows:
        for thing in list(row):
            if rng.random() < 0.3:
                row.append(replace(thing, bottom=thing.bottom + thing.height))


def _lying(rng: np.random.Generator, _bay: Bay, rows: list[list[_Thing]]) -> None:
    """On some facings lies another one of their neighbours."""
    for row in rows:
        for thing in list(row):
            if rng.random() < 0.15:
                row.append(
                    _Thing(
                        thing.sku,
                        thing.left - 10,
                        thing.bottom + thing.height,
                        1.2 * thing.width,
                        0.35 * thing.height,
                    )
                )


def _side_faces(rng: np.random.Generator, _bay: Bay, rows: list[list[_Thing]]) -> None:
    """Beside some facings their side is seen as another, narrow one; some are turned."""
    for row in rows:
        for thing in list(row):
            if rng.random() < 0.1:
                row.append(
                    _Thing(
                        thing.sku,
                        thing.left + thing.width,
                        thing.bottom,
                        0.3 * thing.width,
                        thing.height,
                    )
                )
            elif rng.random() < 0.1:
                thing.left += 0.2 * thing.width
                thing.width *= 0.55


def _neighbours(rng: np.random.Generator, bay: Bay, rows: list[list[_Thing]]) -> None:
    """Beside the bay stand others' products; they reach into it and push its own aside."""
    for row in rows:
        if not row:
            continue
        for at_left in (True, False):
            inside = rng.uniform(-20, 60)
            width, height = rng.uniform(70, 140), rng.uniform(0.7, 1.2) * row[0].height
            edge = inside if at_left else bay.width_mm - inside
            for k in range(3):
                left = edge - (k + 1) * width if at_left else edge + k * width
                row.append(_Thing("neighbour", left, row[0].bottom, width, height))
        for thing in row:
            if thing.sku != "neighbour" and rng.random() < 0.5:
                thing.left += 15


def _rows_beside(rng: np.random.Generator, bay: Bay, rows: list[list[_Thing]]) -> None:
    """Above and below the planned shelves stand rows that are not planned."""
    low = min(thing.bottom for row in rows for thing in row)
    for bottom in (bay.height_mm + 10, low - rng.uniform(160, 260)):
        width, height = rng.uniform(60, 150), rng.uniform(120, 240)
        count = int(bay.width_mm / width)
        rows.append([_Thing("other", k * width, bottom, width - 2, height) for k in range(count)])


def _as_planned(_rng: np.random.Generator, _bay: Bay, _rows: list[list[_Thing]]) -> None:
    """Nothing but the empty slots."""


SCENES = {
    "as planned": _as_planned,
    "compressed": _compressed,
    "pushed": _pushed,
    "resized": _resized,
    "stacked": _stacked,
    "lying": _lying,
    "side faces": _side_faces,
    "neighbours": _neighbours,
    "rows beside": _rows_beside,
}
"""What makes a shelf unlike its plan though its slots are stocked."""


def see_scene(rng: np.random.Generator, scene: str, identity: bool) -> Seen:
    """Look at a random bay in one of `SCENES`, with a recogniser or without.

    The detector sees every facing, and three in four of the empty slots as gaps.
    """
    planogram = random_planogram(rng, 2.0 if scene in ("stacked", "lying") else 1.0)
    bay = planogram.bays[0]
    transform, size = random_view(rng, bay, 0.03)
    empty: set[SlotId] = set()
    rows = _standing(rng, bay, empty)
    bare = [
        _quad(transform, slot.x_mm, shelf.y_mm, slot.width_mm, slot.height_mm)
        for shelf in bay.shelves
        for slot in shelf.slots
        if slot.id in empty and rng.random() < 0.75
    ]
    SCENES[scene](rng, bay, rows)
    things = [thing for row in rows for thing in row]
    boxes = np.array(
        [_quad(transform, thing.left, thing.bottom, thing.width, thing.height) for thing in things]
    )
    # A gap is seen where nothing stands, not where something has been pushed to.
    gaps = [gap for gap in bare if not _is_taken(gap, boxes)]
    skus = tuple(dict.fromkeys(slot.sku for slot in bay.slots))
    similarity = rng.uniform(0.1, 0.5, (len(things), len(skus)))
    for k, thing in enumerate(things):
        if thing.sku in skus:
            similarity[k, skus.index(thing.sku)] = rng.normal(0.8, 0.1)
    observed = Observed(
        size_px=size,
        facings_xyxy_px=boxes + rng.normal(0, 1.5, boxes.shape),
        facing_scores=rng.uniform(0.5, 0.95, len(boxes)),
        gaps_xyxy_px=np.array(gaps).reshape(-1, 4),
        gap_scores=rng.uniform(0.3, 0.9, len(gaps)),
        skus=skus if identity else (),
        similarity=similarity if identity else None,
    )
    return Seen(planogram, observed, frozenset(empty), transform)


def _is_taken(gap: list[float], boxes: NDArray[np.float64]) -> bool:
    wide = np.minimum(boxes[:, 2], gap[2]) - np.maximum(boxes[:, 0], gap[0])
    tall = np.minimum(boxes[:, 3], gap[3]) - np.maximum(boxes[:, 1], gap[1])
    taken = float((np.clip(wide, 0, None) * np.clip(tall, 0, None)).sum())
    return taken > 0.4 * (gap[2] - gap[0]) * (gap[3] - gap[1])
