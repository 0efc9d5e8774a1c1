"""Pictures that show why a slot changed: from settled looks only, masks applied.

When the look that decides a change is not settled around the slot (somebody stands there), the
picture is owed and taken from the next look that is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from edge_agent.ledger import Change, Place
from edge_agent.outbox import NewEvent
from edge_agent.picture import crop_box, evidence_jpeg
from edge_agent.station import Looked
from shelf import BoxPx, SlotId, SlotReading, State
from shelf.ids import uuid7
from shelf.wire import SlotEvidence

BEFORE_EVERY_SECS = 300.0
"""How old the "before" picture of a stocked slot may grow before a new look replaces it."""

OWED_SECS = 600.0
"""A picture that could not be taken for so long is given up."""

SETTLED = 0.01
"""Largest share of a picture that may be in motion or under a mask's edge."""


class Evidence:
    """What stocked slots looked like, and which changes still lack their picture."""

    def __init__(self) -> None:
        self._before: dict[Place, tuple[float, bytes]] = {}
        self._owed: dict[Place, tuple[Change, float]] = {}

    def of_look(self, looked: Looked, aisle: str, changes: Iterable[Change]) -> list[NewEvent]:
        """Return the evidence events that this look can give, for new and for owed changes."""
        for change in changes:
            place = (aisle, change.state.slot)
            self._owed.pop(place, None)
            if change.state.state.is_problem:
                self._owed[place] = (change, looked.monotonic_secs)
        readings = {reading.slot: reading for reading in looked.readings}
        events = []
        for place, (change, since_secs) in list(self._owed.items()):
            if place[0] != aisle:
                continue
            now = self._picture(looked, readings.get(place[1]), change.state.state)
            if now is not None:
                events.append(self._event(place, change, now))
            if now is not None or looked.monotonic_secs - since_secs > OWED_SECS:
                del self._owed[place]
        return events

    def remember(self, looked: Looked, aisle: str, held: Mapping[SlotId, State]) -> None:
        """Keep what stocked slots look like now, for a later "before"."""
        for reading in looked.readings:
            if held[reading.slot] is not State.STOCKED:
                continue
            kept = self._before.get((aisle, reading.slot))
            if kept is not None and looked.monotonic_secs - kept[0] < BEFORE_EVERY_SECS:
                continue
            picture = self._picture(looked, reading, State.STOCKED)
            if picture is not None:
                self._before[aisle, reading.slot] = (looked.monotonic_secs, picture)

    def forget(self, aisle: str) -> None:
        """Forget all pictures of an aisle, whose slots may hold other products from now on."""
        for kept in (self._before, self._owed):
            for place in [place for place in kept if place[0] == aisle]:
                del kept[place]

    def _event(self, place: Place, change: Change, now: bytes) -> NewEvent:
        before = self._before.get(place)
        data = SlotEvidence(
            changed=change.event.id,
            now=base64.b64encode(now).decode(),
            before=None if before is None else base64.b64encode(before[1]).decode(),
        )
        return NewEvent(
            id=str(uuid7()),
            time=change.event.time,
            aisle=change.aisle,
            subject=change.event.subject,
            data=data,
        )

    @staticmethod
    def _picture(looked: Looked, reading: SlotReading | None, state: State) -> bytes | None:
        """The slot as JPEG, when it is seen in ``state`` and nothing moves in the picture."""
        if reading is None or reading.state is not state or reading.box_xyxy_px is None:
            return None
        height, width = looked.image_bgr.shape[:2]
        shown: BoxPx | None = crop_box(reading.box_xyxy_px, (width, height))
        if shown is None or looked.unsettled(shown) > SETTLED:
            return None
        return evidence_jpeg(looked.image_bgr, reading.box_xyxy_px)
