"""From readings to slot states: evidence accumulates in observed seconds, with hysteresis.

Each slot is a small state machine. A reading that contradicts the state in force starts a
candidate; the candidate wins when it has been observed for ``confirm_secs`` (a problem) or
``clear_secs`` (stocked). A reading that agrees with the state in force works the candidate off
at twice the speed it grew, so that flicker never adds up. A slot that nobody could see for
``stale_secs`` becomes unknown; `unknown` readings are no evidence for or against anything.

The clock is the caller's: monotonic seconds for durations, aware UTC for records.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shelf import Found, PlannedSlot, SlotReading, SlotState, State
from shelf.settings import Settings

FULL_WEIGHT_CONFIDENCE = 0.75
"""Evidence of this confidence counts second for second, weaker evidence in proportion."""

RELAX_SPEED = 2.0
"""How much faster a contradicted candidate shrinks than it grew."""


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
    max_gap_secs: Annotated[float, Field(gt=0, le=3_600)] = Field(
        60.0, description="Looks further apart than this add no more evidence than this."
    )
    min_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.4, description="Readings less sure than this are no evidence."
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    state: State
    since_utc: datetime
    evidence_secs: float
    observed_secs: float


@dataclass(frozen=True, slots=True)
class SlotMemory:
    """All that is remembered of one slot. ``held`` is what is in force."""

    held: SlotState
    last_seen_secs: float
    candidate: _Candidate | None = None

    def to_json(self) -> str:
        """Return the state in force as JSON, for the disk; the candidate is not kept."""
        held = self.held
        return json.dumps(
            {
                "state": held.state,
                "previous": held.previous,
                "since": held.since_utc.isoformat(),
                "observed_secs": held.observed_secs,
                "confidence": held.confidence,
                "seen": held.facings_seen,
                "reason": held.reason,
                "found": [[f.sku, f.confidence, f.box_xyxy_px] for f in held.found],
            }
        )

    @classmethod
    def from_json(cls, slot: PlannedSlot, text: str, now_secs: float) -> SlotMemory:
        """Return what `to_json` wrote; raises ``ValueError`` or ``KeyError`` on other text."""
        raw = json.loads(text)
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
        return cls(held, now_secs)


def first_memory(slot: PlannedSlot, now_secs: float, now_utc: datetime) -> SlotMemory:
    """Return the memory of a slot that has never been seen: unknown."""
    held = SlotState(
        slot=slot.id,
        state=State.UNKNOWN,
        previous=State.UNKNOWN,
        since_utc=now_utc,
        observed_secs=0.0,
        confidence=0.0,
        facings_expected=slot.facings,
        facings_seen=0,
        reason="not seen yet",
    )
    return SlotMemory(held, now_secs)


def observe(
    memory: SlotMemory, reading: SlotReading, rules: Rules, now_secs: float, now_utc: datetime
) -> SlotMemory:
    """Return the memory after one reading of the slot.

    ``now_secs`` and ``now_utc`` are the time of the look. A look older than the last is ignored.
    """
    if reading.state is State.UNKNOWN or reading.confidence < rules.min_confidence:
        return memory
    step = now_secs - memory.last_seen_secs
    if step < 0:
        return memory
    step = min(step, rules.max_gap_secs)
    held = memory.held
    if _agrees(held, reading):
        refreshed = replace(
            held,
            confidence=reading.confidence,
            facings_seen=reading.facings_seen,
            reason=reading.reason,
            found=reading.found,
        )
        return SlotMemory(refreshed, now_secs, _relaxed(memory.candidate, step))
    candidate = memory.candidate
    if candidate is None or candidate.state is not reading.state:
        # The first look of a state proves an instant, not a duration.
        candidate = _Candidate(reading.state, now_utc, 0.0, 0.0)
    else:
        weight = min(1.0, reading.confidence / FULL_WEIGHT_CONFIDENCE)
        candidate = replace(
            candidate,
            evidence_secs=candidate.evidence_secs + step * weight,
            observed_secs=candidate.observed_secs + step,
        )
    if candidate.evidence_secs < _needed(reading.state, rules):
        return SlotMemory(held, now_secs, candidate)
    return SlotMemory(_decided(held, reading, candidate), now_secs)


def age(memory: SlotMemory, rules: Rules, now_secs: float, now_utc: datetime) -> SlotMemory:
    """Return the memory after time has passed without a look: unseen for long is unknown."""
    unseen = now_secs - memory.last_seen_secs
    if memory.held.state is State.UNKNOWN or unseen < rules.stale_secs:
        return memory
    return forget(memory, now_utc, f"not seen for {unseen:.0f} s")


def forget(memory: SlotMemory, now_utc: datetime, reason: str) -> SlotMemory:
    """Return the memory of a slot that is unknown from now on, for ``reason``."""
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
    return SlotMemory(held, memory.last_seen_secs)


def _agrees(held: SlotState, reading: SlotReading) -> bool:
    if held.state is not reading.state:
        return False
    if reading.state is not State.MISPLACED:
        return True
    return {item.sku for item in held.found} == {item.sku for item in reading.found}


def _relaxed(candidate: _Candidate | None, step: float) -> _Candidate | None:
    if candidate is None or candidate.evidence_secs <= RELAX_SPEED * step:
        return None
    return replace(candidate, evidence_secs=candidate.evidence_secs - RELAX_SPEED * step)


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
