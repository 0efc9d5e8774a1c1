"""The answer for one photograph of a planned bay, without any calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.match import BayPose, BayReading, Observed, PlannedBay, locate_bay, read_bay
from edge_agent.match.locate import MIN_PAIRED, fit_plane
from shelf import Bay, BoxPx, Planogram, SlotReading, State

MIN_SEEN = 0.3
"""Below this share of the planned facings that should be in the picture, a bay is not found."""

MAX_UNLIKE = 0.18
"""Nor above this mean cost of what was paired. Random bays seen with half their slots empty, a
faulty detector, and cut off at the side stay below 0.14 where they are placed right; with another
bay's planogram, and where they are placed wrong, nearly all lie above."""

REFITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One bay in a picture; ``pose`` None means that it was not found: its slots are unknown.

    ``used`` and ``unplanned`` index the facings of the picture; ``unlike`` is as for `BayReading`.
    """

    pose: BayPose | None
    slots: tuple[SlotReading, ...]
    unlike: float = np.inf
    used: frozenset[int] = frozenset()
    unplanned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """``slots`` in planogram order; ``unplanned`` indexes facings in the bays without a slot."""

    slots: tuple[SlotReading, ...]
    unplanned: tuple[int, ...]
    poses: dict[int, BayPose]


def audit_photo(observed: Observed, planogram: Planogram) -> Audit:
    """Find each planned bay in the picture and read its slots."""
    placed = place_bays(observed, planogram.bays)
    used = frozenset().union(*(bay.used for bay in placed))
    unplanned = frozenset().union(*(bay.unplanned for bay in placed))
    return Audit(
        slots=tuple(slot for bay in placed for slot in bay.slots),
        unplanned=tuple(sorted(unplanned - used)),
        poses={
            bay.number: found.pose
            for bay, found in zip(planogram.bays, placed, strict=True)
            if found.pose is not None
        },
    )


def place_bays(
    observed: Observed,
    bays: Sequence[Bay],
    unsettled: Callable[[BoxPx], float] = lambda _box: 0.0,
) -> list[Placed]:
    """Find several bays in one picture and read each.

    The bay that fits best is taken first, and what stands in it is left out when the next is
    searched, so that no facing speaks for two bays.
    """
    left = np.arange(len(observed.facing_scores))
    placed: dict[int, Placed] = {}
    while len(placed) < len(bays):
        part = observed.only(left)
        found = {
            k: place_and_read(part, bay, unsettled) for k, bay in enumerate(bays) if k not in placed
        }
        best = min(found, key=lambda k: found[k].unlike)
        if found[best].pose is None:
            placed |= found
            break
        placed[best] = replace(
            found[best],
            used=frozenset(left[sorted(found[best].used)].tolist()),
            unplanned=frozenset(left[sorted(found[best].unplanned)].tolist()),
        )
        left = np.setdiff1d(left, sorted(placed[best].used | placed[best].unplanned))
    return [placed[k] for k in range(len(bays))]


def place_and_read(
    observed: Observed, bay: Bay, unsettled: Callable[[BoxPx], float] = lambda _box: 0.0
) -> Placed:
    """Find ``bay`` in the picture and read it.

    The place is refined by what the reading pairs, which is more than the first guess paired.
    ``unsettled`` says which share of a box in px is in motion.
    """
    located = locate_bay(observed, bay)
    if located is None:
        return _not_found(bay)
    pose, learned = located
    planned = PlannedBay(learned)
    reading = _read(observed, planned, pose, unsettled)
    for _ in range(REFITS):
        refined = _refit(observed, planned, reading)
        if refined is None or refined.support <= pose.support:
            break
        pose, reading = refined, _read(observed, planned, refined, unsettled)
    if not _is_found(reading):
        return _not_found(bay)
    return Placed(
        pose,
        reading.slots,
        reading.unlike,
        used=frozenset(reading.paired[:, 1].tolist()),
        unplanned=frozenset(reading.unplanned.tolist()),
    )


def _is_found(reading: BayReading) -> bool:
    in_picture = sum(
        slot.facings_expected for slot in reading.slots if slot.state is not State.UNKNOWN
    )
    if len(reading.paired) < max(MIN_PAIRED, MIN_SEEN * in_picture):
        return False
    return reading.unlike <= MAX_UNLIKE


def _read(
    observed: Observed, planned: PlannedBay, pose: BayPose, unsettled: Callable[[BoxPx], float]
) -> BayReading:
    width_px, height_px = observed.size_px

    def visibility(box: BoxPx) -> float:
        x1, y1, x2, y2 = box
        inside_x = max(0.0, min(x2, width_px) - max(x1, 0.0))
        inside_y = max(0.0, min(y2, height_px) - max(y1, 0.0))
        in_picture = inside_x * inside_y / max((x2 - x1) * (y2 - y1), 1e-9)
        return in_picture * (1.0 - unsettled(box)) if in_picture > 0 else 0.0

    return read_bay(observed, planned, pose.bay_points, pose.image_points, visibility)


def _refit(observed: Observed, planned: PlannedBay, reading: BayReading) -> BayPose | None:
    facings = [facing for level in planned.levels for facing in level.facings]
    paired = [facings[k] for k in reading.paired[:, 0]]
    return fit_plane(paired, observed.facings_xyxy_px[reading.paired[:, 1]], len(facings))


def _not_found(bay: Bay) -> Placed:
    reason = f"bay {bay.number} was not found in the picture"
    return Placed(
        None,
        tuple(
            SlotReading(
                slot=slot.id,
                state=State.UNKNOWN,
                confidence=0.0,
                facings_expected=slot.facings,
                facings_seen=0,
                visibility=0.0,
                reason=reason,
            )
            for slot in bay.slots
        ),
    )
