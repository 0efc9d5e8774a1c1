"""From the answers to a slot's planned facings to the reading of the slot, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import Kind
from edge_agent.match.observed import Observed
from edge_agent.match.planned import PlannedBay
from shelf import BoxPx, Found, PlannedSlot, SlotReading, State

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_VISIBLE = 0.6
"""A slot of which less could be seen is unknown."""

NOTHING_SEEN_CONFIDENCE = 0.6
"""No box where a facing is planned: weak evidence, as a detector may overlook one."""


BLIND_ROW_WEIGHT = 0.8
"""Where neither products nor gaps of a row are seen, the detector is blind to them rather."""

MIN_EMPTINESS = 0.53
"""Less sure than this, a place without a facing is not called empty: something covers it."""


Stranger = Callable[[int, int], tuple[str, ...]]
"""Facing of the picture and slot (its index) to the SKU that it clearly is and should not be;
several when it is one of these near-twins, none when nothing speaks against it."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What was seen in the place of each planned facing of a bay, all arrays (n,).

    ``kinds`` are of `Kind`, -1 for nothing; ``sources`` index the facings or gaps of the picture;
    ``mismatch`` is 0..1 (see `Observed.mismatch`); ``boxes_xyxy_px`` (n,4) is the expected place;
    ``covered`` the share of it that some other facing covers; ``blind`` says that hardly anything
    of its whole row was seen, and no gap either.
    """

    kinds: Ints
    sources: Ints
    mismatch: Floats
    boxes_xyxy_px: Floats
    covered: Floats
    blind: NDArray[np.bool_]

    @cached_property
    def is_facing(self) -> list[bool]:
        """Which are answered by a facing."""
        return list((self.kinds == Kind.FACING).tolist())

    def emptiness(self, gap_scores: Floats) -> list[float]:
        """How sure it is that each place is empty, 0..1; without meaning where a facing is."""
        weight = np.where(self.blind, BLIND_ROW_WEIGHT, 1.0)
        sure = NOTHING_SEEN_CONFIDENCE * weight * (1 - self.covered / 2)
        gaps = self.kinds == Kind.GAP
        sure[gaps] = 0.75 + 0.24 * gap_scores[self.sources[gaps]]
        return list(sure.tolist())


def slot_readings(
    planned: PlannedBay,
    answers: Answers,
    strangers: Mapping[int, Sequence[int]],
    stranger: Stranger,
    observed: Observed,
    visibility: Callable[[BoxPx], float],
) -> tuple[SlotReading, ...]:
    """Say what one look means for each slot of ``planned``.

    ``strangers`` are, by a slot's index, facings of the picture that stand in the slot beside or
    before the planned ones and are clearly of another product; ``stranger`` names the product of
    such a facing.
    """
    reader = _Reader(answers, stranger, observed)
    return tuple(
        reader.read(slot, index, members, strangers.get(index, ()), box, visibility(box))
        for index, (slot, members, box) in enumerate(
            zip(planned.slots, planned.members, _boxes(planned, answers), strict=True)
        )
    )


def _boxes(planned: PlannedBay, answers: Answers) -> list[BoxPx]:
    """The box around the places of each slot's facings."""
    flat = [facing for members in planned.members for facing in members]
    counts = [len(members) for members in planned.members]
    first = np.cumsum([0, *counts[:-1]])
    boxes = answers.boxes_xyxy_px[flat]
    low = np.minimum.reduceat(boxes[:, :2], first, axis=0)
    high = np.maximum.reduceat(boxes[:, 2:], first, axis=0)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in np.column_stack((low, high)).tolist()]


class _Reader:
    """Reads slot by slot, with lists of Python's own numbers: these are many small steps."""

    def __init__(self, answers: Answers, stranger: Stranger, observed: Observed) -> None:
        self._answers = answers
        self._stranger = stranger
        self._observed = observed
        self._is_facing = answers.is_facing
        self._sources: list[int] = answers.sources.tolist()
        self._mismatch: list[float] = answers.mismatch.tolist()
        self._empty = answers.emptiness(observed.gap_scores)
        self._scores: list[float] = observed.facing_scores.tolist()
        self._boxes: list[list[float]] = observed.facings_xyxy_px.tolist()

    def read(
        self,
        slot: PlannedSlot,
        index: int,
        members: Sequence[int],
        strangers: Sequence[int],
        box: BoxPx,
        visible: float,
    ) -> SlotReading:
        seen = [k for k in members if self._is_facing[k]]
        sources = [self._sources[k] for k in seen]
        shown = {facing: self._stranger(facing, index) for facing in (*sources, *strangers)}
        found = [
            self._found(facing, self._mismatch[k], slot, shown[facing])
            for k, facing in zip(seen, sources, strict=True)
        ]
        found += [self._found(facing, 1.0, slot, shown[facing]) for facing in strangers]
        foreign = [item for item in found if item.sku != slot.sku]
        count = len(found) - len(foreign)
        if visible < MIN_VISIBLE:
            state, sure = State.UNKNOWN, 1.0 - visible
            reason = f"{visible:.0%} of the slot could be seen"
        elif foreign:
            state = State.MISPLACED
            sure = _mean([item.confidence for item in foreign]) * visible
            reason = f"{_counted(count, slot)}; {len(foreign)} of another product: " + ", ".join(
                sorted({_names(skus, self._observed) for skus in shown.values() if skus})
            )
        elif count == 0:
            empty = _mean([self._empty[k] for k in members])
            reason = f"{self._absence(members)}, {_counted(count, slot)}"
            if empty < MIN_EMPTINESS:
                state, sure = State.UNKNOWN, 1.0 - empty
            else:
                state, sure = State.OUT_OF_STOCK, empty * visible
        else:
            sure = 0.5 + _mean([self._scores[facing] for facing in sources]) / 2
            if count < slot.min_facings:
                absent = [k for k in members if not self._is_facing[k]]
                state = State.LOW
                sure = min(sure, _mean([self._empty[k] for k in absent])) * visible
                reason = (
                    f"{self._absence(absent)}, {_counted(count, slot)}, {slot.min_facings} wanted"
                )
            else:
                state, sure, reason = State.STOCKED, sure * visible, f"{_counted(count, slot)} seen"
        return SlotReading(
            slot=slot.id,
            state=state,
            confidence=round(min(max(sure, 0.0), 0.99), 3),
            facings_expected=slot.facings,
            facings_seen=count,
            visibility=round(visible, 3),
            reason=reason,
            found=tuple(found),
            box_xyxy_px=box if visible > 0 else None,
        )

    def _found(
        self, facing: int, mismatch: float, slot: PlannedSlot, shown: tuple[str, ...]
    ) -> Found:
        """Name a facing: the planned SKU unless it clearly is another product.

        None when it is one of several near-twins and cannot be told which.
        """
        x1, y1, x2, y2 = self._boxes[facing]
        score = self._scores[facing]
        if shown:
            sku = shown[0] if len(shown) == 1 else None
            return Found(sku, round(0.5 + score / 2, 3), (x1, y1, x2, y2))
        return Found(slot.sku, round(score * (1 - mismatch / 2), 3), (x1, y1, x2, y2))

    def _absence(self, members: Sequence[int]) -> str:
        places = np.array(members, dtype=np.int64)
        gaps = self._answers.kinds[places] == Kind.GAP
        if gaps.all():
            return "gap seen"
        if np.any(self._answers.covered[places][~gaps] > 0.5):
            return "no facing in its place, something else covers it"
        if not gaps.any() and self._answers.blind[places].all():
            return "hardly anything of its row was seen, and no gap"
        return "gap seen in part" if gaps.any() else "no facing in its place"


def _counted(count: int, slot: PlannedSlot) -> str:
    return f"{count} of {slot.facings} {'facing' if slot.facings == 1 else 'facings'}"


def _names(skus: tuple[str, ...], observed: Observed) -> str:
    named = " or ".join(observed.names.get(sku, sku) for sku in skus)
    return named if len(skus) == 1 else f"{named} (too alike to tell)"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
