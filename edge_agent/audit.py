"""The answer for one photograph of a planned bay, without any calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_agent.match import BayPose, BayReading, Observed, locate_bay, read_bay
from edge_agent.match.locate import fit_plane
from edge_agent.match.planned import levels_of
from shelf import Bay, BoxPx, Planogram, SlotReading, State

MIN_SUPPORT = 0.3
"""Below this share of its planned facings, a bay is not taken to be in the photograph."""

REFITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """``slots`` in planogram order; ``unplanned`` are facings in the bays without a slot.

    ``poses`` says where each bay was found, by number; a bay that is absent was not found and
    its slots are unknown.
    """

    slots: tuple[SlotReading, ...]
    unplanned: tuple[int, ...]
    poses: dict[int, BayPose]


def audit_photo(observed: Observed, planogram: Planogram) -> Audit:
    """Find each planned bay in the picture and read its slots."""
    slots: list[SlotReading] = []
    unplanned: set[int] = set()
    used: set[int] = set()
    poses: dict[int, BayPose] = {}
    for bay in planogram.bays:
        placed = place_and_read(observed, bay)
        if placed is None:
            slots += [_not_found(bay, slot.id) for slot in bay.slots]
            continue
        pose, reading = placed
        poses[bay.number] = pose
        slots += reading.slots
        unplanned |= set(reading.unplanned.tolist())
        used |= set(reading.paired[:, 1].tolist())
    return Audit(tuple(slots), tuple(sorted(unplanned - used)), poses)


def place_and_read(observed: Observed, bay: Bay) -> tuple[BayPose, BayReading] | None:
    """Find ``bay`` in the picture and read it; None when it cannot be found.

    The place is refined by what the reading pairs, which is more than the first guess paired.
    """
    pose = locate_bay(observed, bay)
    if pose is None:
        return None
    reading = _read(observed, bay, pose)
    for _ in range(REFITS):
        refined = _refit(observed, bay, reading, pose)
        if refined is None or refined.support <= pose.support:
            break
        pose, reading = refined, _read(observed, bay, refined)
    if pose.support < MIN_SUPPORT:
        return None
    return pose, reading


def _read(observed: Observed, bay: Bay, pose: BayPose) -> BayReading:
    width_px, height_px = observed.size_px

    def visibility(box: BoxPx) -> float:
        x1, y1, x2, y2 = box
        inside_x = max(0.0, min(x2, width_px) - max(x1, 0.0))
        inside_y = max(0.0, min(y2, height_px) - max(y1, 0.0))
        return inside_x * inside_y / max((x2 - x1) * (y2 - y1), 1e-9)

    return read_bay(observed, bay, pose.bay_points, pose.image_points, visibility)


def _refit(observed: Observed, bay: Bay, reading: BayReading, pose: BayPose) -> BayPose | None:
    facings = [facing for level in levels_of(bay) for facing in level.facings]
    if len(reading.paired) < 4:
        return None
    planned = [facings[k] for k in reading.paired[:, 0]]
    left = np.array([facing.left for facing in planned])
    bottom = np.array([facing.bottom for facing in planned])
    right = left + np.array([facing.width for facing in planned])
    top = bottom + np.array([facing.height for facing in planned])
    x1, y1, x2, y2 = observed.facings_xyxy_px[reading.paired[:, 1]].T
    bay_points = np.concatenate(
        [np.column_stack(p) for p in ((left, bottom), (right, bottom), (left, top), (right, top))]
    )
    image_points = np.concatenate(
        [np.column_stack(p) for p in ((x1, y2), (x2, y2), (x1, y1), (x2, y1))]
    )
    return fit_plane(bay_points, image_points, np.tile(x2 - x1, 4), len(facings), pose.cost)


def _not_found(bay: Bay, slot_id: object) -> SlotReading:
    slot = next(slot for slot in bay.slots if slot.id == slot_id)
    return SlotReading(
        slot=slot.id,
        state=State.UNKNOWN,
        confidence=0.0,
        facings_expected=slot.facings,
        facings_seen=0,
        visibility=0.0,
        reason=f"bay {bay.number} was not found in the picture",
    )
