"""What is held to be true of every slot of a node, and the events that tell of its changes.

A pure shell around `edge_agent.occupancy`: it is given looks and times, and returns what has to
be written. Threads, files and sockets are its caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_agent.occupancy import Rules, SlotMemory, age, first_memory, forget, observe
from edge_agent.outbox import NewEvent, StateRow
from shelf import Planogram, SlotId, SlotReading, SlotState, State
from shelf.ids import uuid7
from shelf.wire import (
    BaySnapshot,
    Clock,
    Facings,
    FoundItem,
    SlotChanged,
    SlotSnapshot,
)

Place = tuple[str, SlotId]
"""Aisle and slot."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the readings of a look were judged with; every event names it."""

    camera: str
    model: str
    calibration: str


@dataclass(frozen=True, slots=True)
class Change:
    """One slot's change of state: the event to send and the state that it tells of."""

    aisle: str
    state: SlotState
    event: NewEvent


class Ledger:
    """The slots of all planograms of a node. Not thread-safe: one thread owns it."""

    def __init__(
        self,
        planograms: Mapping[str, Planogram],
        rules: Rules,
        now_secs: float,
        now_utc: datetime,
        *,
        new_id: Callable[[], str] = lambda: str(uuid7()),
        clock: Callable[[], Clock] = lambda: Clock.UNSYNCED,
    ) -> None:
        """Begin with every slot unknown; ``clock`` says whether ``now_utc`` can be trusted."""
        self._planograms = dict(planograms)
        self._rules = rules
        self._new_id = new_id
        self._clock = clock
        self._judged: dict[Place, Judged] = {}
        self._memories: dict[Place, SlotMemory] = {
            (aisle, slot.id): first_memory(slot, now_secs, now_utc)
            for aisle, planogram in self._planograms.items()
            for slot in planogram.slots
        }

    def resume(self, rows: Iterable[StateRow], now_secs: float) -> list[str]:
        """Take up the states of an earlier run; returns the slots that are no longer planned."""
        gone = []
        for row in rows:
            place = _place(row.slot)
            if place not in self._memories:
                gone.append(row.slot)
                continue
            slot = self._planograms[place[0]].slot(place[1])
            self._memories[place] = SlotMemory.from_json(slot, row.json, now_secs)
        return gone

    def state(self, aisle: str, slot: SlotId) -> SlotState:
        """Return what is held of one slot."""
        return self._memories[aisle, slot].held

    def apply(
        self,
        aisle: str,
        readings: Iterable[SlotReading],
        judged: Judged,
        now_secs: float,
        now_utc: datetime,
    ) -> list[Change]:
        """Take in the readings of one look; returns the changes that they lead to."""
        changes = []
        for reading in readings:
            place = (aisle, reading.slot)
            memory = self._memories[place]
            self._judged[place] = judged
            after = observe(memory, reading, self._rules, now_secs, now_utc)
            changes += self._keep(place, memory, after, now_utc)
        return changes

    def tick(self, now_secs: float, now_utc: datetime) -> list[Change]:
        """Let time pass: slots that nobody could see for long become unknown."""
        changes = []
        for place, memory in list(self._memories.items()):
            after = age(memory, self._rules, now_secs, now_utc)
            changes += self._keep(place, memory, after, now_utc)
        return changes

    def lose(self, aisle: str, bays: Iterable[int], reason: str, now_utc: datetime) -> list[Change]:
        """Make all slots of ``bays`` unknown, for ``reason``."""
        wanted = set(bays)
        changes = []
        for place, memory in list(self._memories.items()):
            if place[0] != aisle or place[1].bay not in wanted:
                continue
            if memory.held.state is State.UNKNOWN:
                continue
            changes += self._keep(place, memory, forget(memory, now_utc, reason), now_utc)
        return changes

    def rows(self, changes: Iterable[Change]) -> list[StateRow]:
        """Return the state rows to write in one transaction with the changes' events."""
        return [
            StateRow(
                f"{change.aisle}/{change.state.slot}",
                self._memories[change.aisle, change.state.slot].to_json(),
            )
            for change in changes
        ]

    def snapshot(
        self, aisle: str, bay: int, epoch: int, sequence: int, now_utc: datetime
    ) -> BaySnapshot:
        """Return the compact snapshot of one bay as of event ``sequence``."""
        planogram = self._planograms[aisle]
        slots = {}
        for slot in planogram.bay(bay).slots:
            held = self._memories[aisle, slot.id].held
            slots[f"s{slot.id.shelf}/p{slot.id.position:02d}"] = SlotSnapshot(
                state=held.state,
                since=held.since_utc,
                sku=slot.sku,
                facings=Facings(expected=slot.facings, seen=held.facings_seen),
                confidence=held.confidence,
            )
        return BaySnapshot(
            aisle=aisle,
            bay=f"b{bay:02d}",
            time=now_utc,
            epoch=epoch,
            sequence=sequence,
            planogram=planogram.name,
            slots=slots,
        )

    def _keep(
        self, place: Place, before: SlotMemory, after: SlotMemory, now_utc: datetime
    ) -> list[Change]:
        self._memories[place] = after
        if _same(before.held, after.held):
            return []
        return [Change(place[0], after.held, self._event(place, after.held, now_utc))]

    def _event(self, place: Place, held: SlotState, now_utc: datetime) -> NewEvent:
        aisle, slot_id = place
        planogram = self._planograms[aisle]
        slot = planogram.slot(slot_id)
        judged = self._judged.get(place, Judged("", "", ""))
        data = SlotChanged(
            state=held.state,
            previous=held.previous,
            since=held.since_utc,
            sku=slot.sku,
            name=slot.name,
            facings=Facings(expected=held.facings_expected, seen=held.facings_seen),
            confidence=held.confidence,
            observed_secs=held.observed_secs,
            reason=held.reason,
            found=tuple(FoundItem(sku=item.sku, confidence=item.confidence) for item in held.found),
            camera=judged.camera or None,
            planogram=planogram.name,
            model=judged.model,
            calibration=judged.calibration,
            clock=self._clock(),
        )
        return NewEvent(
            id=self._new_id(), time=now_utc, aisle=aisle, subject=f"{aisle}/{slot_id}", data=data
        )


def _same(before: SlotState, after: SlotState) -> bool:
    """True when nothing has changed that others need to know."""
    if before.state is not after.state:
        return False
    return before.since_utc == after.since_utc


def _place(text: str) -> Place:
    aisle, _, slot = text.partition("/")
    return aisle, SlotId.parse(slot)
