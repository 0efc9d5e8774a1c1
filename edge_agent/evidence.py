"""Pictures that show why a slot changed: of settled parts only, masks applied.

They are cut from the camera's settled picture, so that whoever stands there is not in them. When
the slot itself was not seen settled since its evidence began, the picture is owed until it is;
what surrounds it may be older.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime

from edge_agent.ledger import Change
from edge_agent.outbox import NewEvent
from edge_agent.picture import crop_box, evidence_jpeg
from edge_agent.settled import SettledPicture
from edge_agent.sights import Place
from edge_agent.station import Looked
from shelf import SlotId, SlotReading, State
from shelf.ids import uuid7
from shelf.wire import SlotEvidence

BEFORE_EVERY_SECS = 300.0
"""How old the "before" picture of a stocked slot may grow before a new look replaces it."""

OWED_SECS = 600.0
"""A picture that could not be taken for so long is given up."""

SEEN_SHARE = 0.99
"""So much of the slot must have been seen settled since the time that its picture is of."""


class Evidence:
    """What stocked slots looked like, and which changes still lack their picture."""

    def __init__(self) -> None:
        self._before: dict[Place, tuple[float, bytes]] = {}
        self._owed: dict[Place, tuple[Change, float]] = {}

    def of_look(
        self, looked: Looked, settled: SettledPicture, aisle: str, changes: Iterable[Change]
    ) -> list[NewEvent]:
        """Return the evidence events that this look can give, for new and for owed changes.

        ``settled`` is the camera's settled picture, which holds this look already.
        """
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
            reading, state = readings.get(place[1]), change.state
            now = None
            if reading is not None and reading.state in (state.state, State.UNKNOWN):
                now = _picture(settled, reading, state.since_utc)
            if now is not None:
                events.append(self._event(place, change, now))
            if now is not None or looked.monotonic_secs - since_secs > OWED_SECS:
                del self._owed[place]
        return events

    def remember(
        self,
        looked: Looked,
        settled: SettledPicture,
        aisle: str,
        held: Mapping[SlotId, State],
    ) -> None:
        """Keep what stocked slots look like now, for a later "before"."""
        for reading in looked.readings:
            if not held[reading.slot] is reading.state is State.STOCKED:
                continue
            kept = self._before.get((aisle, reading.slot))
            if kept is not None and looked.monotonic_secs - kept[0] < BEFORE_EVERY_SECS:
                continue
            picture = _picture(settled, reading, looked.captured_at_utc)
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


def _picture(settled: SettledPicture, reading: SlotReading, since_utc: datetime) -> bytes | None:
    """The slot as JPEG; None unless nearly all of it was seen settled since ``since_utc``."""
    box = reading.box_xyxy_px
    if box is None or crop_box(box, settled.size_px) is None:
        return None
    if settled.share_since(box, since_utc) < SEEN_SHARE:
        return None
    return evidence_jpeg(settled.image_bgr, box)
