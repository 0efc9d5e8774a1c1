"""A store's day by plan: problems with their true beginning and end, and everything around them.

Deterministic by its seed. What happens is a list of deliveries in the order of their arrival at
the collector; what is true is a list of problems.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from central.intake import Received
from shelf.states import CameraState, State
from shelf.topics import Node
from shelf.wire import (
    CameraStatus,
    Event,
    Facings,
    Message,
    NodeStatus,
    SlotChanged,
    type_of,
)

NODE = Node("acme", "s1", "e1")
OPENS = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AISLES = ("a11", "a12", "a13")
SLOTS_AN_AISLE = 40
RESET_AISLE = "a13"
RESET = (OPENS + 360 * MINUTE, OPENS + 420 * MINUTE)
BUMP = (OPENS + 180 * MINUTE, OPENS + 200 * MINUTE)
BUMPED = "a12-c1"
OUTAGE = (OPENS + 480 * MINUTE, OPENS + 490 * MINUTE)
CLOSES = OPENS + 720 * MINUTE


class Fate(StrEnum):
    """What people do about a problem."""

    CLAIMED = "claimed"
    FILLED = "filled"
    IGNORED = "ignored"
    FALSELY_DONE = "falsely done"
    NO_STOCK = "no stock"
    WRONG_ALARM = "wrong alarm"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is true: from ``start`` to ``end`` a slot needs somebody."""

    aisle: str
    slot: str
    state: State
    start: datetime
    end: datetime
    fate: Fate


@dataclass(slots=True)
class Day:
    """All of it. ``deliveries`` are in order of time; equal times keep their order."""

    problems: list[Problem] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    _count: int = 0

    def at(self, moment: datetime, what: Callable[[], object]) -> None:
        """Plan something; during a day more may be planned."""
        self._count += 1
        heapq.heappush(self._queue, (moment, self._count, what))

    def run(self) -> Iterator[datetime]:
        """Do everything in order; yield the time after each."""
        while self._queue:
            moment, _, what = heapq.heappop(self._queue)
            what()
            yield moment


def camera_of(aisle: str, slot: str) -> str:
    """Return the camera that watches a slot: two an aisle."""
    return f"{aisle}-c{1 if int(slot[-2:]) <= SLOTS_AN_AISLE // 2 else 2}"


def all_slots(aisle: str) -> list[str]:
    """Return the slots of an aisle."""
    return [f"b01/s1/p{number:02d}" for number in range(1, SLOTS_AN_AISLE + 1)] if aisle else []


def plan_problems(rng: random.Random, number: int) -> list[Problem]:
    """Return problems that do not overlap on a slot and keep clear of reset and bump."""
    fates = [Fate.CLAIMED] * 5 + [Fate.FILLED] * 4 + [*Fate]
    busy: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    problems: list[Problem] = []
    while len(problems) < number:
        aisle = rng.choice(AISLES)
        slot = rng.choice(all_slots(aisle))
        start = OPENS + timedelta(seconds=rng.randint(300, 11 * 3600))
        end = start + timedelta(seconds=rng.randint(400, 5400))
        times = busy.setdefault((aisle, slot), [])
        is_clear = all(end + 5 * MINUTE < a or b + 5 * MINUTE < start for a, b in times)
        is_reset = aisle == RESET_AISLE and start < RESET[1] + MINUTE and RESET[0] < end
        if not is_clear or is_reset or end > CLOSES:
            continue
        times.append((start, end))
        state = rng.choice([State.LOW, State.OUT_OF_STOCK, State.OUT_OF_STOCK, State.MISPLACED])
        problems.append(Problem(aisle, slot, state, start, end, rng.choice(fates)))
    return sorted(problems, key=lambda problem: problem.start)


class Edge:
    """The node: numbers its events, and keeps them while the broker is away."""

    def __init__(self, deliver: Callable[[list[Received]], None], rng: random.Random) -> None:
        self._deliver = deliver
        self._rng = rng
        self._sequence = 0
        self._kept: list[tuple[str, bytes]] = []
        self._sent: list[tuple[str, bytes]] = []
        self.is_cut_off = False

    def slot(self, now: datetime, aisle: str, slot: str, state: State, sku: str = "100") -> None:
        """Say that a slot has changed."""
        changed = SlotChanged(
            state=state,
            previous=State.UNKNOWN,
            since=now - MINUTE,
            sku=sku,
            facings=Facings(expected=4, seen=4 if state is State.STOCKED else 1),
            confidence=0.9,
            observed_secs=60,
            camera=camera_of(aisle, slot),
            planogram="pg-1",
            model="sha256:0",
            calibration="c1",
        )
        self._sequence += 1
        event = Event(
            id=f"{aisle}-{self._sequence}",
            source=NODE.source,
            type=type_of(changed),
            subject=f"{aisle}/{slot}",
            time=now,
            epoch=1,
            sequence=self._sequence,
            data=json.loads(changed.to_json()),
        )
        self._send(now, NODE.events(aisle), event)

    def camera(self, now: datetime, camera: str, state: CameraState) -> None:
        """Say what a camera is worth."""
        status = CameraStatus(camera=camera, state=state, since=now, time=now)
        self._send(now, NODE.camera(camera), status)

    def status(self, now: datetime, state: str) -> None:
        """The broker says that the node has come or gone."""
        status = NodeStatus(state=state, time=now, epoch=1, first_sequence=1)
        self._deliver([Received(NODE.status, status.to_json(), now)])

    def come_back(self, now: datetime) -> None:
        """Send what was kept, and once more what may not have arrived."""
        self.is_cut_off = False
        again = self._sent[-20:]
        self._deliver([Received(t, p, now) for t, p in (*again, *self._kept)])
        self._kept = []

    def _send(self, now: datetime, topic: str, message: Message) -> None:
        payload = message.to_json()
        if self.is_cut_off:
            self._kept.append((topic, payload))
            return
        self._sent.append((topic, payload))
        copies = 2 if self._rng.random() < 0.1 else 1
        self._deliver([Received(topic, payload, now)] * copies)
