"""What is held to be true of every slot of a node, and the events that tell of its changes.

A pure shell around `edge_agent.occupancy`: it is given looks and times, and returns what has to
be written. Threads, files and sockets are its caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from edge_agent.occupancy import (
    Rules,
    SlotMemory,
    SlotPlan,
    age,
    first_memory,
    forget,
    observe,
)
from edge_agent.outbox import NewEvent, StateRow
from edge_agent.sights import Place, Sights
from shelf import (
    PlannedSlot,
    PlanogramInForce,
    PlanogramVersions,
    SlotId,
    SlotReading,
    SlotState,
    State,
)
from shelf.ids import uuid7
from shelf.wire import (
    BaySnapshot,
    Clock,
    Facings,
    FoundItem,
    SlotChanged,
    SlotSnapshot,
)

NO_PLANOGRAM = "no planogram is in force"
IN_RESET = "a reset is in progress"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches which bays, and with what; every event names who decided.

    ``max_gap_secs`` is the longest time between two looks in which the camera still counts as
    having watched.
    """

    camera: str
    aisle: str
    bays: tuple[int, ...]
    model: str
    calibration: str
    max_gap_secs: float


@dataclass(frozen=True, slots=True)
class Change:
    """One slot's change of state: the event to send and the state that it tells of."""

    aisle: str
    state: SlotState
    event: NewEvent


class Ledger:
    """The slots of the planograms in force on a node. Not thread-safe: one thread owns it.

    Of several cameras on a bay the better view of each slot decides, see `edge_agent.sights`.
    Slots whose plan changes with a version are unknown until they are seen, those that stay the
    same keep their state. In a reset every slot is unknown.
    """

    def __init__(
        self,
        planograms: Mapping[str, PlanogramVersions],
        watches: Iterable[Watch],
        rules: Rules,
        now_secs: float,
        now_utc: datetime,
        *,
        new_id: Callable[[], str] = lambda: str(uuid7()),
        clock: Callable[[], Clock] = lambda: Clock.UNSYNCED,
    ) -> None:
        """Begin with every slot unknown; ``clock`` says whether ``now_utc`` can be trusted."""
        self._planograms = dict(planograms)
        self._in_force = {
            aisle: versions.in_force(now_utc) for aisle, versions in self._planograms.items()
        }
        self._rules = rules
        self._new_id = new_id
        self._clock = clock
        self._watches = {watch.camera: watch for watch in watches}
        self._cameras_of: dict[tuple[str, int], list[str]] = {}
        for watch in self._watches.values():
            for bay in watch.bays:
                self._cameras_of.setdefault((watch.aisle, bay), []).append(watch.camera)
        self._sights = Sights(
            self._cameras_of,
            {watch.camera: watch.max_gap_secs for watch in self._watches.values()},
            rules.min_confidence,
        )
        self._memories: dict[Place, SlotMemory] = {
            (aisle, slot.id): first_memory(slot, now_secs, now_utc)
            for aisle, now in self._in_force.items()
            for slot in _slots(now)
        }

    def resume(
        self, rows: Iterable[StateRow], now_secs: float, now_utc: datetime
    ) -> tuple[list[Change], list[str]]:
        """Take up the states of an earlier run, as old as they are.

        What was held by another plan of a slot says nothing of the one in force: such a slot
        becomes unknown, as all do in a reset. Returns these changes, and the rows of slots that
        are planned no more (or cannot be read), which the caller deletes.
        """
        changes: list[Change] = []
        gone: list[str] = []
        for row in rows:
            try:
                place = _place(row.slot)
                slot = self._planned(place)
                memory = SlotMemory.from_json(
                    slot or _stand_in(place[1]), row.json, now_secs, now_utc
                )
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("state row left out", slot=row.slot, error=repr(error))
                gone.append(row.slot)
                continue
            self._memories[place] = memory
            changes += self._replan(place, now_secs, now_utc)
            if slot is None:
                gone.append(row.slot)
        changes += self._hold_resets(now_utc)
        return changes, gone

    def in_force(self, aisle: str) -> PlanogramInForce:
        """Return what the slots of an aisle are judged by since the last `follow`."""
        return self._in_force[aisle]

    def follow(self, now_secs: float, now_utc: datetime) -> list[Change]:
        """Judge by what is in force at ``now_utc`` from now on."""
        changes = []
        for aisle, versions in self._planograms.items():
            before, self._in_force[aisle] = self._in_force[aisle], versions.in_force(now_utc)
            if self._in_force[aisle].planogram is before.planogram:
                continue
            places = {(aisle, slot.id): None for slot in _slots(before)}
            places |= {(aisle, slot.id): None for slot in _slots(self._in_force[aisle])}
            for place in places:
                changes += self._replan(place, now_secs, now_utc)
        return changes + self._hold_resets(now_utc)

    def state(self, aisle: str, slot: SlotId) -> SlotState:
        """Return what is held of one slot."""
        return self._memories[aisle, slot].held

    def take(
        self,
        watch: Watch,
        readings: Iterable[SlotReading],
        now_secs: float,
        now_utc: datetime,
        *,
        lost_bays: Iterable[int] = (),
        why_lost: str = "",
    ) -> list[Change]:
        """Take in one look, judged by what is `in_force`; returns the changes it leads to.

        Events that this camera decides name ``watch`` from now on.
        ``lost_bays`` are bays that the camera no longer sees where it should: slots that no other
        camera sees are unknown at once, for the reason ``why_lost``.
        """
        self._watches[watch.camera] = watch
        lost = set(lost_bays)
        changes: list[Change] = []
        for place, memory in list(self._memories.items()):
            if (
                place[0] == watch.aisle
                and place[1].bay in lost
                and self._sights.is_left_blind(watch.camera, place, now_secs)
            ):
                changes += self._keep(place, memory, forget(memory, now_utc, why_lost), now_utc)
        for reading in readings:
            if reading.slot.bay in lost:
                continue
            place = (watch.aisle, reading.slot)
            if not self._sights.decides(watch.camera, place, reading, now_secs):
                continue
            memory = self._memories[place]
            after = observe(memory, reading, self._rules, now_secs, now_utc, watch.max_gap_secs)
            changes += self._keep(place, memory, after, now_utc)
        return changes

    def tick(self, now_secs: float, now_utc: datetime) -> list[Change]:
        """Let time pass: planograms change, slots that nobody could see become unknown."""
        changes = self.follow(now_secs, now_utc)
        for place, memory in list(self._memories.items()):
            after = age(memory, self._rules, now_secs, now_utc)
            changes += self._keep(place, memory, after, now_utc)
        return changes

    def rows(self, changes: Iterable[Change]) -> list[StateRow]:
        """Return the state rows to write in one transaction with the changes' events."""
        places = {(change.aisle, change.state.slot) for change in changes}
        return [
            StateRow(f"{aisle}/{slot}", self._memories[aisle, slot].to_json())
            for aisle, slot in sorted(places)
            if (aisle, slot) in self._memories
        ]

    def all_rows(self) -> list[StateRow]:
        """Return the rows of all slots that have been seen, with when that was."""
        return [
            StateRow(f"{aisle}/{slot}", memory.to_json())
            for (aisle, slot), memory in self._memories.items()
            if memory.held.state is not State.UNKNOWN
        ]

    def snapshot(
        self, aisle: str, bay: int, epoch: int, sequence: int, now_utc: datetime
    ) -> BaySnapshot:
        """Return the compact snapshot of one planned bay as of event ``sequence``."""
        planogram = self._in_force[aisle].planogram
        if planogram is None:
            raise KeyError(bay)
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

    def decider(self, aisle: str, slot: SlotId) -> str | None:
        """Return the camera that decides about a slot; None for a bay without a camera."""
        watch = self._watch_of((aisle, slot))
        return None if watch is None else watch.camera

    def _watch_of(self, place: Place) -> Watch | None:
        cameras = self._cameras_of.get((place[0], place[1].bay))
        if cameras is None:
            return None
        return self._watches[self._sights.decider(place) or cameras[0]]

    def _planned(self, place: Place) -> PlannedSlot | None:
        now = self._in_force.get(place[0])
        try:
            return now.planogram.slot(place[1]) if now and now.planogram else None
        except KeyError:
            return None

    def _replan(self, place: Place, now_secs: float, now_utc: datetime) -> list[Change]:
        """Begin a slot anew unless it is planned as it was; what was told of it is taken back."""
        memory, slot = self._memories.get(place), self._planned(place)
        if memory is not None and slot is not None and memory.plan == SlotPlan.of(slot):
            return []
        self._sights.forget(place)
        planned = slot or _stand_in(place[1])
        fresh = first_memory(planned, now_secs, now_utc)
        changes = []
        if memory is not None and {memory.held.state, memory.held.previous} != {State.UNKNOWN}:
            reason = self._why_replanned(place)
            held = replace(fresh.held, previous=memory.held.state, reason=reason)
            fresh = replace(fresh, held=held)
            changes.append(self._change(place, held, planned, now_utc))
        if slot is None:
            self._memories.pop(place, None)
        else:
            self._memories[place] = fresh
        return changes

    def _why_replanned(self, place: Place) -> str:
        now = self._in_force.get(place[0])
        if now is not None and now.planogram is None:
            return NO_PLANOGRAM
        return "no longer planned" if self._planned(place) is None else "planned otherwise now"

    def _hold_resets(self, now_utc: datetime) -> list[Change]:
        """Make every slot of an aisle in a reset unknown: it is being rebuilt."""
        changes = []
        for place, memory in list(self._memories.items()):
            if self._in_force[place[0]].reset:
                changes += self._keep(place, memory, forget(memory, now_utc, IN_RESET), now_utc)
        return changes

    def _keep(
        self, place: Place, before: SlotMemory, after: SlotMemory, now_utc: datetime
    ) -> list[Change]:
        self._memories[place] = after
        if after.held.state is before.held.state and after.held.since_utc == before.held.since_utc:
            return []
        slot = self._planned(place)
        assert slot is not None
        return [self._change(place, after.held, slot, now_utc)]

    def _change(
        self, place: Place, held: SlotState, slot: PlannedSlot, now_utc: datetime
    ) -> Change:
        aisle, slot_id = place
        watch = self._watch_of(place)
        now = self._in_force.get(aisle)
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
            camera=watch.camera if watch else None,
            planogram=now.planogram.name if now and now.planogram else "",
            model=watch.model if watch else "",
            calibration=watch.calibration if watch else "",
            clock=self._clock(),
        )
        subject = f"{aisle}/{slot_id}"
        event = NewEvent(id=self._new_id(), time=now_utc, aisle=aisle, subject=subject, data=data)
        return Change(aisle, held, event)


def _slots(now: PlanogramInForce) -> Iterator[PlannedSlot]:
    return iter(()) if now.planogram is None else now.planogram.slots


def _stand_in(slot_id: SlotId) -> PlannedSlot:
    """A slot of which nothing is planned any more: no product, so that its alert can end."""
    return PlannedSlot(slot_id, "", "", 1, 0.0, 1.0, 1.0)


def _place(text: str) -> Place:
    aisle, _, slot = text.partition("/")
    return aisle, SlotId.parse(slot)
