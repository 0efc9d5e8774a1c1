"""From readings to slot states: evidence accumulates in observed seconds, with hysteresis.

Each slot is a small state machine. A reading that contradicts the state in force starts a
candidate; the candidate wins when it has been observed for ``confirm_secs`` (a problem) or
``clear_secs`` (stocked). A reading that agrees with the state in force works the candidate off
at twice the speed it grew, so that flicker never adds up. A slot that nobody could see for
``stale_secs`` becomes unknown; `unknown` readings are no evidence for or against anything, and
time in which a slot could not be read is no evidence either.

Goods do not change by themselves. Where nothing has moved at a slot since it was seen stocked,
what speaks of a problem is rather the detector's doubt, and counts only ``still_weight``: a
change too small for the gate is then told later, and a whim of the detector seldom.

The clock is the caller's: monotonic seconds for durations, aware UTC for records.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shelf import Found, PlannedSlot, SlotReading, SlotState, State
from shelf.settings import Settings

FULL_WEIGHT_CONFIDENCE = 0.75
"""Evidence of this confidence counts second for second, weaker evidence in proportion to how far
it lies above ``min_confidence``: a place in which nothing is seen is a weak sign beside a gap."""

RELAX_SPEED = 2.0
"""How much faster a contradicted candidate shrinks than it grew."""

STILL_VISIBILITY = 0.98
"""Where less of a slot could be seen, something moves there, or has just moved."""


class Rules(Settings):
    """When a slot changes state."""

    confirm_secs: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="Observed evidence needed before a problem is reported."
    )
    clear_secs: Annotated[float, Field(ge=0, le=86_400)] = Field(
        20.0, description="Observed evidence needed before a problem is over."
    )
    stale_secs: Annotated[float, Field(gt=0, le=604_800)] = Field(
        600.0, description="A slot that could not be seen for so long becomes unknown."
    )
    min_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.4, description="Readings less sure than this are no evidence."
    )
    still_weight: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25,
        description="What evidence of a problem counts where nothing has moved since the slot was "
        "seen stocked.",
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    state: State
    foreign: frozenset[str | None]
    since_utc: datetime
    evidence_secs: float
    observed_secs: float


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What of a slot's plan its state is judged by; its place and sizes are not among it."""

    sku: str
    facings: int
    min_facings: int
    substitutes: tuple[str, ...]

    @classmethod
    def of(cls, slot: PlannedSlot) -> SlotPlan:
        """Return what ``slot`` is judged by."""
        return cls(slot.sku, slot.facings, slot.min_facings, slot.substitutes)


@dataclass(frozen=True, slots=True)
class SlotMemory:
    """All that is remembered of one slot.

    ``plan`` is what was planned when ``held`` was decided. ``last_seen_secs`` and
    ``last_seen_utc`` are the time of the last look that could read the slot; ``has_moved`` says
    whether something may have moved there since the state in force was last read.
    """

    plan: SlotPlan
    held: SlotState
    last_seen_secs: float
    last_seen_utc: datetime
    candidate: _Candidate | None = None
    has_moved: bool = True

    def to_json(self) -> str:
        """Return the state in force as JSON, for the disk; the candidate is not kept."""
        held = self.held
        return json.dumps(
            {
                "plan": asdict(self.plan),
                "state": held.state,
                "previous": held.previous,
                "since": held.since_utc.isoformat(),
                "last_seen": self.last_seen_utc.isoformat(),
                "observed_secs": held.observed_secs,
                "confidence": held.confidence,
                "seen": held.facings_seen,
                "reason": held.reason,
                "found": [[f.sku, f.confidence, f.box_xyxy_px] for f in held.found],
            }
        )

    @classmethod
    def from_json(
        cls, slot: PlannedSlot, text: str, now_secs: float, now_utc: datetime
    ) -> SlotMemory:
        """Return what `to_json` wrote, as old as it is now.

        A clock that has been set back makes it fresh, never older than it is.
        Raises ``ValueError``, ``KeyError`` or ``TypeError`` on other text.
        """
        raw = json.loads(text)
        plan = SlotPlan(**raw["plan"])
        plan = replace(plan, substitutes=tuple(plan.substitutes))
        held = SlotState(
            slot=slot.id,
            state=State(raw["state"]),
            previous=State(raw["previous"]),
            since_utc=datetime.fromisoformat(raw["since"]),
            observed_secs=float(raw["observed_secs"]),
            confidence=float(raw["confidence"]),
            facings_expected=slot.facings,
            facings_seen=int(raw["seen"]),
            reason=str(raw["reason"]),
            found=tuple(Found(sku, float(sure), tuple(box)) for sku, sure, box in raw["found"]),
        )
        last_seen_utc = datetime.fromisoformat(raw["last_seen"])
        unseen_secs = max(0.0, (now_utc - last_seen_utc).total_seconds())
        return cls(plan, held, now_secs - unseen_secs, last_seen_utc)


def first_memory(
    slot: PlannedSlot, now_secs: float, now_utc: datetime, reason: str = "not seen yet"
) -> SlotMemory:
    """Return the memory of a slot that has never been seen: unknown, for ``reason``."""
    held = SlotState(
        slot=slot.id,
        state=State.UNKNOWN,
        previous=State.UNKNOWN,
        since_utc=now_utc,
        observed_secs=0.0,
        confidence=0.0,
        facings_expected=slot.facings,
        facings_seen=0,
        reason=reason,
    )
    return SlotMemory(SlotPlan.of(slot), held, now_secs, now_utc)


def observe(
    memory: SlotMemory,
    reading: SlotReading,
    rules: Rules,
    now_secs: float,
    now_utc: datetime,
    max_gap_secs: float,
) -> SlotMemory:
    """Return the memory after one reading of the slot.

    ``now_secs`` and ``now_utc`` are the time of the look. Between two looks that could read the
    slot and are more than ``max_gap_secs`` apart nothing was observed: the time in between is no
    evidence, and after ``stale_secs`` the evidence before it is forgotten too. A look older than
    the last is ignored.
    """
    gap = now_secs - memory.last_seen_secs
    if gap < 0:
        return memory
    moves = reading.visibility < STILL_VISIBILITY
    memory = replace(memory, has_moved=memory.has_moved or moves or gap > max_gap_secs)
    if reading.state is State.UNKNOWN or reading.confidence < rules.min_confidence:
        return memory
    step = gap if gap <= max_gap_secs else 0.0
    candidate = memory.candidate if gap < rules.stale_secs else None
    held = memory.held
    foreign = _foreign(reading, memory.plan.sku)
    if held.state is reading.state and foreign == _foreign(held, memory.plan.sku):
        refreshed = replace(
            held,
            confidence=reading.confidence,
            facings_seen=reading.facings_seen,
            reason=reading.reason,
            found=reading.found,
        )
        return replace(
            memory,
            held=refreshed,
            last_seen_secs=now_secs,
            last_seen_utc=now_utc,
            candidate=_relaxed(candidate, step),
            has_moved=moves,
        )
    if candidate is None or (candidate.state, candidate.foreign) != (reading.state, foreign):
        # The first look of a state proves an instant, not a duration.
        candidate = _Candidate(reading.state, foreign, now_utc, 0.0, 0.0)
    else:
        weight = _weight(reading.confidence, rules)
        if held.state is State.STOCKED and not memory.has_moved:
            weight *= rules.still_weight
        candidate = replace(
            candidate,
            evidence_secs=candidate.evidence_secs + step * weight,
            observed_secs=candidate.observed_secs + step,
        )
    decided = candidate.evidence_secs >= _needed(reading.state, rules)
    return replace(
        memory,
        held=_decided(held, reading, candidate) if decided else held,
        last_seen_secs=now_secs,
        last_seen_utc=now_utc,
        candidate=None if decided else candidate,
    )


def age(memory: SlotMemory, rules: Rules, now_secs: float, now_utc: datetime) -> SlotMemory:
    """Return the memory after time has passed without a look: unseen for long is unknown.

    It is so since the last look that could read the slot: nothing was known in between.
    """
    unseen = now_secs - memory.last_seen_secs
    if unseen < rules.stale_secs:
        return memory
    return forget(memory, memory.last_seen_utc, f"not seen for {unseen:.0f} s")


def forget(memory: SlotMemory, now_utc: datetime, reason: str) -> SlotMemory:
    """Return the memory of a slot that is unknown from now on, for ``reason``."""
    if memory.held.state is State.UNKNOWN:
        return memory if memory.candidate is None else replace(memory, candidate=None)
    held = replace(
        memory.held,
        state=State.UNKNOWN,
        previous=memory.held.state,
        since_utc=now_utc,
        observed_secs=0.0,
        confidence=0.0,
        facings_seen=0,
        reason=reason,
        found=(),
    )
    return replace(memory, held=held, candidate=None)


def _foreign(shown: SlotReading | SlotState, sku: str) -> frozenset[str | None]:
    """What stands in a misplaced slot and does not belong there; nothing for other states."""
    if shown.state is not State.MISPLACED:
        return frozenset()
    return frozenset(item.sku for item in shown.found if item.sku != sku)


def _relaxed(candidate: _Candidate | None, step: float) -> _Candidate | None:
    if candidate is None or candidate.evidence_secs <= RELAX_SPEED * step:
        return None
    return replace(candidate, evidence_secs=candidate.evidence_secs - RELAX_SPEED * step)


def _weight(confidence: float, rules: Rules) -> float:
    if confidence >= FULL_WEIGHT_CONFIDENCE:
        return 1.0
    least = rules.min_confidence
    return (confidence - least) / (FULL_WEIGHT_CONFIDENCE - least)


def _needed(state: State, rules: Rules) -> float:
    return rules.confirm_secs if state.is_problem else rules.clear_secs


def _decided(held: SlotState, reading: SlotReading, candidate: _Candidate) -> SlotState:
    return SlotState(
        slot=held.slot,
        state=reading.state,
        previous=held.state,
        since_utc=candidate.since_utc,
        observed_secs=round(candidate.observed_secs, 3),
        confidence=reading.confidence,
        facings_expected=reading.facings_expected,
        facings_seen=reading.facings_seen,
        reason=reading.reason,
        found=reading.found,
    )
