"""Which camera decides about a slot that several cameras see: the one with the better view.

The better view shows the slot larger. The others count only when the better one has not been
able to read the slot for longer than the time between its looks explains, so that no second of
evidence is counted twice. A camera that has contradicted the better one is not believed in the
same point while that one cannot see: it errs there, and a slot must not change its state with
each shopper who hides it from one of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from shelf import SlotId, SlotReading, State

BETTER = 1.15
"""A view takes over from the one that decided when it shows a slot by this factor larger."""

FADING = 0.98
"""What remains of a camera's best view of a slot from one look to the next."""

CONTRADICTIONS = 2
"""What so many looks of the better view in a row have denied is an error, not a moment's delay."""

Place = tuple[str, SlotId]
"""Aisle and slot."""

Said = tuple[State, frozenset[str | None]]
"""A state, with what stands in a slot that is misplaced."""


@dataclass(slots=True)
class _Sight:
    """How one camera sees one slot, and what it said last.

    ``side_px`` is how long a side of the slot is in its picture where all of it can be seen;
    ``contradicted`` is how many looks of the better view have denied what it says.
    """

    side_px: float
    read_secs: float
    said: Said
    contradicted: int = 0


class Sights:
    """What each camera has read of the slots that it shares with others."""

    def __init__(
        self,
        cameras_of: Mapping[tuple[str, int], Iterable[str]],
        max_gap_secs: Mapping[str, float],
        min_confidence: float,
    ) -> None:
        """``cameras_of`` are the cameras by aisle and bay, ``max_gap_secs`` the longest time
        between two looks of each in which it still counts as having watched.

        Readings less sure than ``min_confidence`` are none.
        """
        self._shared = {bay for bay, cameras in cameras_of.items() if len(set(cameras)) > 1}
        self._max_gap_secs = dict(max_gap_secs)
        self._min_confidence = min_confidence
        self._sights: dict[Place, dict[str, _Sight]] = {}
        self._decider: dict[Place, str] = {}

    def decides(self, camera: str, place: Place, reading: SlotReading, now_secs: float) -> bool:
        """Take in what ``camera`` reads at ``now_secs``; return whether it decides about the slot.

        One that cannot read the slot does not, and leaves the word to others.
        """
        if (place[0], place[1].bay) not in self._shared:
            return True
        if reading.state is State.UNKNOWN or reading.confidence < self._min_confidence:
            return False
        sights = self._sights.setdefault(place, {})
        own = sights.setdefault(camera, _Sight(0.0, now_secs, _said(reading)))
        own.side_px = max(_side_px(reading), FADING * own.side_px)
        own.read_secs = now_secs
        if own.said != _said(reading):
            own.said, own.contradicted = _said(reading), 0
        before = self._decider.get(place)
        own_px = own.side_px * (BETTER if camera == before else 1.0)
        others = {name: sight for name, sight in sights.items() if name != camera}
        better = {
            name: sight
            for name, sight in others.items()
            if sight.side_px * (BETTER if name == before else 1.0) > own_px
        }
        if any(self._is_fresh(name, sight, now_secs) for name, sight in better.items()):
            return False
        if better and own.contradicted >= CONTRADICTIONS:
            return False
        for sight in others.values():
            if sight.side_px < own_px:
                sight.contradicted = sight.contradicted + 1 if sight.said != own.said else 0
        own.contradicted = 0
        self._decider[place] = camera
        return True

    def decider(self, place: Place) -> str | None:
        """The camera that decided last about a slot; None for one that is not shared."""
        return self._decider.get(place)

    def is_left_blind(self, camera: str, place: Place, now_secs: float) -> bool:
        """Forget what ``camera`` read, for it has lost the bay; whether no other sees the slot."""
        sights = self._sights.get(place, {})
        sights.pop(camera, None)
        return not any(self._is_fresh(name, sight, now_secs) for name, sight in sights.items())

    def forget(self, place: Place) -> None:
        """Forget a slot: another product is planned there now."""
        self._sights.pop(place, None)
        self._decider.pop(place, None)

    def _is_fresh(self, camera: str, sight: _Sight, now_secs: float) -> bool:
        return now_secs - sight.read_secs <= self._max_gap_secs[camera]


def _side_px(reading: SlotReading) -> float:
    if reading.box_xyxy_px is None:
        return 0.0
    x1, y1, x2, y2 = reading.box_xyxy_px
    return sqrt(max(x2 - x1, 0.0) * max(y2 - y1, 0.0) * reading.visibility)


def _said(reading: SlotReading) -> Said:
    if reading.state is not State.MISPLACED:
        return reading.state, frozenset()
    return reading.state, frozenset(item.sku for item in reading.found)
