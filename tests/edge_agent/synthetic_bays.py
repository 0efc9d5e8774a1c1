"""Random bays, seen through random cameras: boxes with their truth, no pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.match import Observed
from edge_agent.match.pose import project
from shelf import Bay, PlannedSlot, Planogram, SlotId
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


def random_planogram(rng: np.random.Generator) -> Planogram:
    """One bay of 4-6 shelves, 900-1300 mm wide, filled with products of one width a slot."""
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
        y += height + rng.uniform(40, 90)
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
                    gaps.append(
                        _box(
                            transform,
                            slot,
                            slot.x_mm + drift,
                            slot.width_mm,
                            shelf.y_mm,
                            slot.height_mm,
                        )
                    )
                continue
            for column in range(slot.facings_wide):
                if rng.random() < missed_share and slot.facings_wide > 1:
                    continue
                left = slot.x_mm + drift + column * slot.facing_width_mm
                boxes.append(
                    _box(transform, slot, left, slot.facing_width_mm, shelf.y_mm, slot.height_mm)
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


def _box(
    transform: NDArray[np.float64],
    slot: PlannedSlot,
    left: float,
    width: float,
    y: float,
    height: float,
) -> list[float]:
    corners = project(
        transform,
        np.array([[left, y], [left + width, y], [left + width, y + height], [left, y + height]]),
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    return [low[0], low[1], high[0], high[1]]
