"""From the answers to a slot's planned facings to the reading of the slot, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge_agent.match.items import Kind
from edge_agent.match.observed import Observed
from edge_agent.match.planned import PlannedBay
from shelf import BoxPx, Found, SlotReading, State

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


Shown = tuple[str, ...]
"""The SKU that a facing clearly shows and that should not stand there; several when it is one of
these near-twins."""


@dataclass(frozen=True, slots=True, eq=False)
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

    @property
    def facings(self) -> Ints:
        """The planned facings (k,) that are answered by a facing."""
        return np.flatnonzero(self.kinds == Kind.FACING)

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
    shown: Mapping[int, Shown],
    strangers: Mapping[int, Sequence[int]],
    observed: Observed,
    visibility: Callable[[BoxPx], float],
) -> tuple[SlotReading, ...]:
    """Say what one look means for each slot of ``planned``.

    ``shown`` names, by facing of the picture, the products that do not belong where they stand.
    ``strangers`` are such facings that stand, by a slot's index, in the slot beside or before
    those that answer what is planned.
    """
    reader = _Reader(planned, answers, shown, strangers, observed)
    boxes = _boxes(planned, answers)
    full, sure = _full(planned, answers, observed)
    readings = []
    for index, box in enumerate(boxes):
        visible = visibility(box)
        if full[index] and visible >= MIN_VISIBLE and not reader.is_foreign(index):
            readings.append(reader.stocked(index, box, visible, sure[index] * visible))
        else:
            readings.append(reader.read(index, box, visible))
    return tuple(readings)


def _boxes(planned: PlannedBay, answers: Answers) -> list[BoxPx]:
    """The box around the places of each slot's facings."""
    boxes = answers.boxes_xyxy_px[planned.by_slot]
    low = np.minimum.reduceat(boxes[:, :2], planned.first, axis=0)
    high = np.maximum.reduceat(boxes[:, 2:], planned.first, axis=0)
    return list(map(tuple, np.column_stack((low, high)).tolist()))


def _full(
    planned: PlannedBay, answers: Answers, observed: Observed
) -> tuple[list[bool], list[float]]:
    """Whether facings answer all of each slot's, and how sure they make it that it is stocked."""
    there = (answers.kinds == Kind.FACING)[planned.by_slot]
    full = np.logical_and.reduceat(there, planned.first)
    sources = np.where(there, answers.sources[planned.by_slot], -1)
    scores = np.append(observed.facing_scores, 0.0)[sources]
    counts = np.diff(planned.first, append=len(there))
    sure = 0.5 + np.add.reduceat(scores, planned.first) / counts / 2
    return full.tolist(), sure.tolist()


class _Reader:
    """Reads slot by slot, with lists of Python's own numbers: these are many small steps."""

    def __init__(
        self,
        planned: PlannedBay,
        answers: Answers,
        shown: Mapping[int, Shown],
        strangers: Mapping[int, Sequence[int]],
        observed: Observed,
    ) -> None:
        self._planned = planned
        self._answers = answers
        self._empty = answers.emptiness(observed.gap_scores)
        facings = answers.facings.tolist()
        sources = answers.sources[facings]
        scores = observed.facing_scores[sources]
        fit = np.round(scores * (1 - answers.mismatch[facings] / 2), 3).tolist()
        boxes = observed.facings_xyxy_px[sources].tolist()
        self._scores = dict(zip(facings, scores.tolist(), strict=True))
        self._found = {
            k: Found(planned.wanted[k], sure, tuple(box))
            for k, sure, box in zip(facings, fit, boxes, strict=True)
        }
        self._strangers: dict[int, list[Found]] = {}
        self._names: dict[int, set[str]] = {}
        if not shown:
            return
        for k, source in zip(facings, sources.tolist(), strict=True):
            if source in shown:
                self._found[k] = _foreign(source, shown[source], observed)
                self._names.setdefault(planned.slot_of[k], set()).add(
                    _names(shown[source], observed)
                )
        for index, beside in strangers.items():
            self._strangers[index] = [_foreign(one, shown[one], observed) for one in beside]
            self._names.setdefault(index, set()).update(
                _names(shown[one], observed) for one in beside
            )

    def is_foreign(self, index: int) -> bool:
        """Whether something stands in a slot that does not belong there."""
        return index in self._names

    def stocked(self, index: int, box: BoxPx, visible: float, sure: float) -> SlotReading:
        """Read a slot that is full of what is planned."""
        members = self._planned.members[index]
        count = len(members)
        return SlotReading(
            self._planned.slots[index].id,
            State.STOCKED,
            round(min(sure, 0.99), 3),
            count,
            count,
            round(visible, 3),
            _all_seen(count),
            tuple([self._found[k] for k in members]),
            box,
        )

    def read(self, index: int, box: BoxPx, visible: float) -> SlotReading:
        slot, members = self._planned.slots[index], self._planned.members[index]
        found = [self._found[k] for k in members if k in self._found]
        count, foreign = len(found), []
        if index in self._names:
            found += self._strangers.get(index, ())
            foreign = [item for item in found if item.sku != slot.sku]
            count = len(found) - len(foreign)
        counted = _counted(count, len(members))
        if visible < MIN_VISIBLE:
            state, sure = State.UNKNOWN, 1.0 - visible
            reason = f"{visible:.0%} of the slot could be seen"
        elif foreign:
            state, sure = State.MISPLACED, _mean([item.confidence for item in foreign]) * visible
            named = ", ".join(sorted(self._names[index]))
            reason = f"{counted}; {len(foreign)} of another product: {named}"
        elif count == 0:
            empty = _mean([self._empty[k] for k in members])
            reason = f"{self._absence(members)}, {counted}"
            if empty < MIN_EMPTINESS:
                state, sure = State.UNKNOWN, 1.0 - empty
            else:
                state, sure = State.OUT_OF_STOCK, empty * visible
        else:
            sure = 0.5 + _mean([self._scores[k] for k in members if k in self._scores]) / 2
            if count < slot.min_facings:
                absent = [k for k in members if k not in self._found]
                state = State.LOW
                sure = min(sure, _mean([self._empty[k] for k in absent])) * visible
                reason = f"{self._absence(absent)}, {counted}, {slot.min_facings} wanted"
            else:
                state, sure, reason = State.STOCKED, sure * visible, f"{counted} seen"
        return SlotReading(
            slot.id,
            state,
            round(min(max(sure, 0.0), 0.99), 3),
            len(members),
            count,
            round(visible, 3),
            reason,
            tuple(found),
            box if visible > 0 else None,
        )

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


def _foreign(facing: int, shown: Shown, observed: Observed) -> Found:
    """Name a facing that does not belong; None when it cannot be told which of near-twins it is."""
    x1, y1, x2, y2 = observed.facings_xyxy_px[facing].tolist()
    sku = shown[0] if len(shown) == 1 else None
    return Found(sku, round(0.5 + float(observed.facing_scores[facing]) / 2, 3), (x1, y1, x2, y2))


@cache
def _all_seen(count: int) -> str:
    return f"{_counted(count, count)} seen"


@cache
def _counted(count: int, planned: int) -> str:
    return f"{count} of {planned} {'facing' if planned == 1 else 'facings'}"


def _names(skus: Shown, observed: Observed) -> str:
    named = " or ".join(observed.names.get(sku, sku) for sku in skus)
    return named if len(skus) == 1 else f"{named} (too alike to tell)"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
