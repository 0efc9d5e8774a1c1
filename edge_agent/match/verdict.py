"""From the answers to a slot's planned facings to the reading of the slot, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from edge_agent.match.observed import Observed
from edge_agent.match.planned import PlannedFacing
from shelf import BoxPx, Found, PlannedSlot, SlotId, SlotReading, State

MIN_VISIBLE = 0.6
"""A slot of which less could be seen is unknown."""

NOTHING_SEEN_CONFIDENCE = 0.6
"""No box where a facing is planned: weak evidence, as a detector may overlook one."""


BLIND_ROW_WEIGHT = 0.8
"""Where neither products nor gaps of a row are seen, the detector is blind to them rather."""

MIN_EMPTINESS = 0.53
"""Less sure than this, a place without a facing is not called empty: something covers it."""


Stranger = Callable[[int, SlotId], tuple[str, ...]]
"""Facing of the picture and slot to the SKU that it clearly is and should not be; several when
it is one of these near-twins, none when nothing speaks against it."""


class Answer(Enum):
    """What answers a planned facing."""

    FACING = "facing"
    GAP = "gap"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answered:
    """A planned facing with what was seen in its place.

    ``source`` indexes the facing or gap of the picture (-1 for nothing); ``mismatch`` is 0..1
    (see `Observed.mismatch`); ``box`` is the expected place in px; ``covered`` the share of it
    that some other facing covers; ``blind`` says that hardly anything of its whole row was seen,
    and no gap either.
    """

    planned: PlannedFacing
    answer: Answer
    source: int
    mismatch: float
    box: BoxPx
    covered: float
    blind: bool = False


def slot_reading(
    slot: PlannedSlot,
    answers: Sequence[Answered],
    strangers: Sequence[int],
    stranger: Stranger,
    observed: Observed,
    visibility: Callable[[BoxPx], float],
) -> SlotReading:
    """Say what one look means for ``slot``; ``answers`` has one entry per planned facing.

    ``strangers`` are facings of the picture that stand in the slot beside or before the planned
    ones and are clearly of another product; ``stranger`` names the product of such a facing.
    """
    box = _around([answer.box for answer in answers])
    visible = visibility(box)
    seen = [a for a in answers if a.answer is Answer.FACING]
    shown = {
        facing: stranger(facing, slot.id) for facing in [*(a.source for a in seen), *strangers]
    }
    found = tuple(_found(a.source, a.mismatch, slot, shown[a.source], observed) for a in seen)
    found += tuple(_found(facing, 1.0, slot, shown[facing], observed) for facing in strangers)
    foreign = [item for item in found if item.sku != slot.sku]
    count = sum(item.sku == slot.sku for item in found)

    def reading(state: State, confidence: float, reason: str) -> SlotReading:
        return SlotReading(
            slot=slot.id,
            state=state,
            confidence=round(min(max(confidence, 0.0), 0.99), 3),
            facings_expected=slot.facings,
            facings_seen=count,
            visibility=round(visible, 3),
            reason=reason,
            found=found,
            box_xyxy_px=box if visible > 0 else None,
        )

    if visible < MIN_VISIBLE:
        return reading(State.UNKNOWN, 1.0 - visible, f"{visible:.0%} of the slot could be seen")
    counted = f"{count} of {slot.facings} {'facing' if slot.facings == 1 else 'facings'}"
    if foreign:
        sure = float(np.mean([item.confidence for item in foreign]))
        return reading(
            State.MISPLACED,
            sure * visible,
            f"{counted}; {len(foreign)} of another product: "
            + ", ".join(sorted({_names(skus, observed) for skus in shown.values() if skus})),
        )
    if count == 0 and (empty := _emptiness(answers, observed)) < MIN_EMPTINESS:
        return reading(State.UNKNOWN, 1.0 - empty, f"{_absence(answers)}, {counted}")
    if count == 0:
        return reading(
            State.OUT_OF_STOCK,
            _emptiness(answers, observed) * visible,
            f"{_absence(answers)}, {counted}",
        )
    sure = float(np.mean([observed.facing_scores[a.source] for a in seen]))
    if count < slot.min_facings:
        absent = [a for a in answers if a.answer is not Answer.FACING]
        sure = min(0.5 + sure / 2, _emptiness(absent, observed))
        return reading(
            State.LOW, sure * visible, f"{_absence(absent)}, {counted}, {slot.min_facings} wanted"
        )
    return reading(State.STOCKED, (0.5 + sure / 2) * visible, f"{counted} seen")


def _found(
    facing: int, mismatch: float, slot: PlannedSlot, shown: tuple[str, ...], observed: Observed
) -> Found:
    """Name a facing: the planned SKU unless it clearly is another product.

    None when it is one of several near-twins and cannot be told which.
    """
    box = observed.facings_xyxy_px[facing]
    box_px = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    score = float(observed.facing_scores[facing])
    if shown:
        sku = shown[0] if len(shown) == 1 else None
        return Found(sku, round(0.5 + score / 2, 3), box_px)
    return Found(slot.sku, round(score * (1 - mismatch / 2), 3), box_px)


def _names(skus: tuple[str, ...], observed: Observed) -> str:
    named = " or ".join(observed.names.get(sku, sku) for sku in skus)
    return named if len(skus) == 1 else f"{named} (too alike to tell)"


def _emptiness(answers: Sequence[Answered], observed: Observed) -> float:
    """How sure it is that these planned places are empty, 0..1."""
    sure = []
    for answer in answers:
        if answer.answer is Answer.GAP:
            sure.append(0.75 + 0.24 * float(observed.gap_scores[answer.source]))
        else:
            weight = BLIND_ROW_WEIGHT if answer.blind else 1.0
            sure.append(NOTHING_SEEN_CONFIDENCE * weight * (1 - answer.covered / 2))
    return float(np.mean(sure)) if sure else 0.0


def _absence(answers: Sequence[Answered]) -> str:
    gaps = sum(answer.answer is Answer.GAP for answer in answers)
    if gaps == len(answers):
        return "gap seen"
    covered = [a for a in answers if a.answer is Answer.NOTHING and a.covered > 0.5]
    if covered:
        return "no facing in its place, something else covers it"
    if all(answer.blind for answer in answers):
        return "hardly anything of its row was seen, and no gap"
    return "gap seen in part" if gaps else "no facing in its place"


def _around(boxes: Sequence[BoxPx]) -> BoxPx:
    table = np.array(boxes)
    low, high = table[:, :2].min(axis=0), table[:, 2:].max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
