"""The truth about a store that lives for days, worked out from its plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shelf import Planogram, SlotId
from simulator.days.facts import SlotFacts, shelf_facts
from simulator.days.shop import DaysShop
from simulator.days.sight import Sight, moved_px
from simulator.days.truth import About, CameraSpan, SlotSpan, Truth
from simulator.geometry import Camera
from simulator.layout import BayPlace
from simulator.seeing import Cover, Turn, cover_mask, turned
from simulator.store import StoreState

STEP = 0.05
"""Shares of slots are told in steps of this."""


def record(shop: DaysShop, tell: Callable[[float], None] = lambda _share: None) -> Truth:
    """Return what is true of ``shop``; ``tell`` is given the share that is done, 0..1."""
    visible: dict[SlotId, list[tuple[float, float]]] = {}
    cameras: dict[str, list[CameraSpan]] = {}
    eyes = [_Eye(shop, name) for name in shop.design.cameras]
    seconds = math.ceil(shop.duration_secs)
    for secs in range(seconds):
        state = shop.at(float(secs))
        for eye in eyes:
            eye.look(state, visible, cameras.setdefault(eye.name, []))
        if secs % 100 == 0:
            tell(secs / seconds)
    tell(1.0)
    return Truth(
        about=About(
            store=shop.design.number,
            seed=shop.seed,
            duration_secs=shop.duration_secs,
            compress=shop.life.compress,
            starts_hour=shop.life.starts_hour,
            bays=shop.design.bays_of,
            versions=tuple((since, planogram.version) for since, planogram in shop.plan.versions),
        ),
        slots=slot_spans(shop),
        visible={slot: tuple(changes) for slot, changes in sorted(visible.items())},
        cameras={name: tuple(_ended(spans, shop)) for name, spans in cameras.items()},
        resets=shop.plan.resets,
    )


class _Eye:
    """One camera, followed second by second."""

    def __init__(self, shop: DaysShop, name: str) -> None:
        self.name = name
        self._camera = shop.design.cameras[name]
        self._places = shop.places
        self._bays = shop.design.bays_of[name]
        self._doors = shop.design.furniture.doors
        self._sights: dict[Turn | None, tuple[Sight, float]] = {}
        self._now = CameraSpan(-1.0, -1.0)
        self._shares: dict[SlotId, float] = {}

    def look(
        self,
        state: StoreState,
        visible: dict[SlotId, list[tuple[float, float]]],
        spans: list[CameraSpan],
    ) -> None:
        """Add what has changed since the last look."""
        seeing = state.seeing.get(self.name)
        turn, cover = (seeing.turn, seeing.cover) if seeing else (None, None)
        sight, moved = self._sight(turn)
        span = CameraSpan(
            since_secs=state.seconds,
            until_secs=state.seconds,
            moved_px=moved,
            light=round(state.ambience.light, 1),
            covered=_covered(self._camera, cover),
            glares=len(state.ambience.glares),
        )
        if replace(span, since_secs=0.0, until_secs=0.0) != self._now or not spans:
            self._now = replace(span, since_secs=0.0, until_secs=0.0)
            spans.append(span)
        shares = np.round(np.round(sight.shares(state, cover) / STEP) * STEP, 2)
        for slot, share in zip(sight.slots, shares.tolist(), strict=True):
            if self._shares.get(slot) != share:
                self._shares[slot] = share
                visible.setdefault(slot, []).append((state.seconds, share))

    def _sight(self, turn: Turn | None) -> tuple[Sight, float]:
        if turn not in self._sights:
            camera = turned(self._camera, turn)
            sight = Sight(camera, self._places, self._bays, self._doors)
            bays = [(p.bay, p.x_mm) for p in self._places if p.bay.number in self._bays]
            self._sights[turn] = sight, round(moved_px(self._camera, camera, bays), 2)
        return self._sights[turn]


def _covered(camera: Camera, cover: Cover | None) -> float:
    if cover is None:
        return 0.0
    width, height = camera.size_px
    return round(float((cover_mask((width // 8, height // 8), cover) >= 0.5).mean()), 2)


def _ended(spans: list[CameraSpan], shop: DaysShop) -> list[CameraSpan]:
    ends = [span.since_secs for span in spans[1:]] + [shop.duration_secs]
    return [replace(span, until_secs=end) for span, end in zip(spans, ends, strict=True)]


def slot_spans(shop: DaysShop) -> dict[SlotId, tuple[SlotSpan, ...]]:
    """Return what is true of each slot over time, shelf by shelf where something changed."""
    spans: dict[SlotId, list[tuple[float, SlotFacts]]] = {}
    shelves = [(place, shelf.number) for place in shop.places for shelf in place.bay.shelves]
    touched: dict[tuple[int, int], set[float]] = {(p.bay.number, s): {0.0} for p, s in shelves}
    for change in shop.plan.changes:
        slot = change.facing.slot
        touched[slot.bay, slot.shelf].add(change.secs)
    for since, _ in shop.plan.versions:
        for times in touched.values():
            times.add(since)
    for place, shelf in shelves:
        for secs in sorted(touched[place.bay.number, shelf]):
            if secs >= shop.duration_secs:
                continue
            for slot, facts in _facts_at(shop, place, shelf, secs).items():
                known = spans.setdefault(slot, [])
                if not known or known[-1][1] != facts:
                    known.append((secs, facts))
    return {slot: _spans(spans[slot], shop.duration_secs) for slot in sorted(spans)}


def _facts_at(shop: DaysShop, place: BayPlace, shelf: int, secs: float) -> dict[SlotId, SlotFacts]:
    planogram: Planogram = shop.planogram_at(secs)
    bay = planogram.bay(place.bay.number)
    planned = next(s for s in bay.shelves if s.number == shelf).slots
    camera = next(
        shop.design.cameras[name]
        for name, bays in shop.design.bays_of.items()
        if bay.number in bays
    )
    board_mm = shop.design.furniture.board_mm
    facts = shelf_facts(place, shelf, planned, shop.at(secs).contents, camera, board_mm)
    return dict(zip((slot.id for slot in planned), facts, strict=True))


def _spans(changes: list[tuple[float, SlotFacts]], end: float) -> tuple[SlotSpan, ...]:
    ends = [secs for secs, _ in changes[1:]] + [end]
    return tuple(
        SlotSpan(secs, until, facts) for (secs, facts), until in zip(changes, ends, strict=True)
    )
