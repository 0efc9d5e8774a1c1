"""Why an alert was wrong or an event missed: what was going on at the looks that decided it.

The first cause that fits is named, from the outside in: what the store did, what hindered the
camera, what the detector did, what the matching made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from events_days import World
from events_judge import Judged, pace_of
from events_noise import NEAR_IOU, SAME_IOU, overlaps, true_fronts
from events_play import Player
from events_score import MIN_VISIBLE, MOVED_PX, Alert, Met, Outcome, Score
from events_tape import USUAL, TapedLook

from shelf import SlotId, SlotReading, State

#: Looks before and beyond the rule's own time that belong to a decision.
MORE_LOOKS = 3
#: Looks in which an event is looked for.
SEARCHED_LOOKS = 30
#: A cause holds for a decision when it holds for so much of its looks.
PART = 1 / 3
#: A slot is hidden in part when so much less of it is seen than at best.
HIDDEN_PART = 0.08
DIM = 0.7


@dataclass(frozen=True, slots=True)
class Mistake:
    """An error with its cause, and what was read at the looks that decided it."""

    kind: str
    day: str
    secs: float
    slot: SlotId
    state: State
    truth: str
    cause: str
    detail: str

    def line(self) -> str:
        """Return it as a line of text."""
        return (
            f"{self.day:12} {self.secs:7.0f} s  {self.slot}  {self.kind:15} "
            f"{self.state:12} truth {self.truth:28} {self.cause:22} {self.detail}"
        )


def mistakes(world: World, player: Player, judged: Judged, score: Score) -> list[Mistake]:
    """Return the errors of a camera-day that was judged with all that was read on the way."""
    reader = _Reader(world, player, judged)
    out = []
    for alert in score.alerts:
        if alert.outcome in (Outcome.FALSE, Outcome.REPEATED):
            out.append(reader.of_alert(alert, str(alert.outcome)))
        if alert.is_named is False:
            out.append(reader.of_alert(alert, "wrong SKU named"))
        is_wrong = alert.outcome is Outcome.FALSE
        if alert.is_covered or (alert.is_moved and is_wrong):
            out.append(reader.of_alert(alert, "told unseen"))
    out += [reader.of_alert(end, str(end.outcome)) for end in score.false_ends]
    out += [reader.of_missed(met) for met in score.problems if met.is_missed]
    return sorted(out, key=lambda mistake: (mistake.secs, mistake.slot))


class _Reader:
    def __init__(self, world: World, player: Player, judged: Judged) -> None:
        self._world, self._player, self._judged = world, player, judged
        self._truth = world.truth()
        self._tape = player.tape
        self._pace = pace_of(world)

    def of_alert(self, alert: Alert, kind: str) -> Mistake:
        told = alert.told
        before = self._pace.confirm_secs + MORE_LOOKS * self._pace.every_secs
        window = self._window(told.slot, told.secs - before, told.secs, told.state)
        facts = self._truth.state_at(told.slot, told.secs)
        named = f" named {', '.join(map(str, told.foreign))}" if told.foreign else ""
        cause = self._cause(told.slot, window, told.state, facts.state)
        if kind == Outcome.REPEATED and cause == "matching":
            cause = "flapping"
        return self._mistake(kind, told.secs, told.slot, told.state, cause, window, named)

    def of_missed(self, met: Met) -> Mistake:
        event = met.event
        until = min(event.until_secs, event.seen_secs + SEARCHED_LOOKS * self._pace.every_secs)
        window = self._window(event.slot, event.seen_secs, until, None)
        right = sum(r is not None and r.state is event.state for r in window.readings)
        cause = self._cause(event.slot, window, None, event.state)
        if right * self._pace.every_secs >= self._pace.confirm_secs and cause == "matching":
            cause = "too slow"
        lasts = f" seen {event.seen_secs:.0f}-{event.until_secs:.0f}"
        return self._mistake(
            "missed", event.seen_secs, event.slot, event.state, cause, window, lasts
        )

    def _mistake(
        self,
        kind: str,
        secs: float,
        slot: SlotId,
        state: State,
        cause: str,
        window: _Window,
        more: str,
    ) -> Mistake:
        facts = self._truth.state_at(slot, secs)
        found = ", ".join(f"{count}x{sku}" for sku, count in facts.found)
        return Mistake(
            kind,
            str(self._tape.day),
            secs,
            slot,
            state,
            f"{facts.state} ({found or 'nothing'})",
            cause,
            window.words() + more,
        )

    def _window(self, slot: SlotId, since: float, until: float, told: State | None) -> _Window:
        numbers = [n for n, look in enumerate(self._tape.looks) if since <= look.secs <= until]
        readings = []
        for number in numbers:
            looked = self._judged.looked[number]
            at = [reading for reading in looked.readings if reading.slot == slot]
            readings.append(at[0] if at else None)
        return _Window([self._tape.looks[n] for n in numbers], readings)

    def _cause(self, slot: SlotId, window: _Window, told: State | None, true: State) -> str:
        return next(self._causes(slot, window, told, true))

    def _causes(
        self, slot: SlotId, window: _Window, told: State | None, true: State
    ) -> Iterator[str]:
        truth, times = self._truth, window.times
        if not times:
            yield "no look"
            return
        camera = truth.camera_of(slot)
        spans = [truth.camera_at(camera, secs) for secs in times]
        recent = [r for r in truth.resets if r.since_secs <= times[-1] <= r.until_secs + 300]
        if any(slot in reset.slots for reset in recent):
            yield "promotion"
        if _part(span.moved_px > MOVED_PX for span in spans):
            yield "camera moved"
        if _part(not truth.state_at(slot, secs).is_plain for secs in times):
            yield "not plain"
        best = max(share for _, share in truth.visible[slot])
        hidden = [secs for secs in times if truth.visible_at(slot, secs) < best - HIDDEN_PART]
        if len(hidden) >= PART * len(times):
            yield self._hidden_by(camera, hidden[len(hidden) // 2])
        if _part(
            r is not None and r.state is State.UNKNOWN and r.visibility < 0.6
            for r in window.readings
        ):
            yield "gate unsettled"
        if _part(
            span.light < DIM or self._is_lit_oddly(slot, secs)
            for span, secs in zip(spans, times, strict=True)
        ):
            yield "light"
        facts = [truth.state_at(slot, secs) for secs in times]
        if _part(f.set_back > 0 or f.hidden > 0 for f in facts):
            yield "set back"
        missed, invented = self._detected(slot, window)
        if told is State.MISPLACED or true is State.MISPLACED:
            yield "foreign not detected" if true is State.MISPLACED and missed >= 1 else "identity"
        if told is not None and missed >= 0.5:
            yield "facing not detected"
        if told is None and invented >= 0.5:
            yield "facing invented"
        yield "matching"

    def _is_lit_oddly(self, slot: SlotId, secs: float) -> bool:
        """Whether a lamp above a slot fails, or a reflection lies on it."""
        shop = self._world.shop
        place = next(place for place in shop.places if place.bay.number == slot.bay)
        shelf, planned = next(
            (shelf, s) for shelf in place.bay.shelves for s in shelf.slots if s.id == slot
        )
        x = place.x_mm + planned.x_mm + planned.width_mm / 2
        y = shelf.y_mm + planned.y_mm + planned.height_mm / 2
        light = shop.at(secs).ambience
        return any(
            abs(tube.x_mm - x) < tube.reach_mm and tube.share < DIM for tube in light.tubes
        ) or any(
            ((glare.x_mm - x) / glare.rx_mm) ** 2 + ((glare.y_mm - y) / glare.ry_mm) ** 2 < 2
            for glare in light.glares
        )

    def _hidden_by(self, camera: str, secs: float) -> str:
        state = self._world.shop.at(secs)
        span = self._truth.camera_at(camera, secs)
        if span.covered > 0:
            return "cover before the lens"
        if span.light < DIM:
            return "dark"
        if state.obstacles and not state.people:
            return "cartons or cart before"
        return "people before" if state.people else "glare"

    def _detected(self, slot: SlotId, window: _Window) -> tuple[float, float]:
        """Return how many of the slot's front units were missed, and invented, a look."""
        missed, invented, looks = 0, 0, 0
        looker = self._player.looker
        bays = [bay.number for bay, _, _ in looker.frontal] if looker else []
        for look in window.looks:
            seen = look.tracks[USUAL].seen
            if seen is None or looker is None:
                continue
            looks += 1
            number = bays.index(slot.bay)
            there = true_fronts(self._world, looker, self._tape.day.camera, look.secs)[number]
            part = seen.observed[number]
            boxes = np.array([front.box_xyxy_px for front in there]).reshape(-1, 4)
            same = overlaps(boxes, part.facings_xyxy_px)
            if not same.size:
                missed += sum(front.slot == slot for front in there)
                continue
            own = [n for n, front in enumerate(there) if front.slot == slot]
            missed += int((same[own].max(axis=1) < SAME_IOU).sum()) if own else 0
            invented += self._invented(slot, part.facings_xyxy_px, same)
        return missed / max(looks, 1), invented / max(looks, 1)

    def _invented(self, slot: SlotId, facings: np.ndarray, same: np.ndarray) -> int:
        looker = self._player.looker
        assert looker is not None
        for bay, _, rectifier in looker.frontal:
            if bay.number != slot.bay:
                continue
            shelf, planned = next(
                (shelf, s) for shelf in bay.shelves for s in shelf.slots if s.id == slot
            )
            low = (planned.x_mm, shelf.y_mm + planned.y_mm)
            high = (low[0] + planned.width_mm, low[1] + planned.height_mm)
            middles = (facings[:, :2] + facings[:, 2:]) / 2
            points = rectifier.bay_from_rectified(middles)
            inside = ((points > low) & (points < high)).all(axis=1)
            return int((inside & (same.max(axis=0) < NEAR_IOU)).sum())
        return 0


@dataclass(frozen=True, slots=True)
class _Window:
    looks: Sequence[TapedLook]
    readings: Sequence[SlotReading | None]

    @property
    def times(self) -> list[float]:
        return [look.secs for look in self.looks]

    def words(self) -> str:
        """Say what was read: runs of states, and the last reason."""
        runs: list[list[object]] = []
        for reading in self.readings:
            name = "-" if reading is None else str(reading.state)
            if runs and runs[-1][0] == name:
                runs[-1][1] = int(str(runs[-1][1])) + 1
            else:
                runs.append([name, 1])
        read = " ".join(f"{name}*{count}" for name, count in runs)
        reasons = Counter(r.reason for r in self.readings if r is not None)
        usual = reasons.most_common(2)
        return f"[{read}] " + "; ".join(f'"{words}" {count}' for words, count in usual)


def _is_unseen(reading: SlotReading | None) -> bool:
    """Whether the agent did not read a slot, though it was in plain view."""
    return reading is None or (reading.state is State.UNKNOWN and reading.visibility < MIN_VISIBLE)


def _part(true: Iterator[bool] | Sequence[bool]) -> bool:
    values = list(true)
    return sum(values) >= PART * len(values) if values else False


def by_cause(found: Sequence[Mistake]) -> dict[str, dict[str, int]]:
    """Return how many errors of each kind each cause has."""
    out: dict[str, dict[str, int]] = {}
    for mistake in found:
        row = out.setdefault(mistake.cause, {})
        row[mistake.kind] = row.get(mistake.kind, 0) + 1
    return dict(sorted(out.items(), key=lambda item: -sum(item[1].values())))
