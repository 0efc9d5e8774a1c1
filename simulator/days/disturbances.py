"""What hinders cameras over the days: light and dark, a failing tube, glare, bumps, covers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan, degrees, exp, pi, sin

import numpy as np

from simulator.days.life import Life
from simulator.days.spans import Span, Spans
from simulator.days.stores import StoreDesign
from simulator.glass import door_edges
from simulator.package import seed_of
from simulator.seeing import Ambience, Cover, Glare, Seeing, Tube, Turn

Random = np.random.Generator

NIGHT_LIGHT = 0.012
"""What is left of the light at night: exit signs."""

BEFORE_HOURS = 0.75
"""Lamps go on so long before the store opens."""

AFTER_HOURS = 1.75
"""And off so long after it closes, when staff have filled the shelves."""


@dataclass(frozen=True)
class Disturbances:
    """What hinders the cameras of a store, and when; see `ambience_at` and `seeing_at`."""

    life: Life
    window: float
    window_side: int
    seed: int
    tubes: Spans[Tube]
    glares: Spans[Glare]
    turns: dict[str, Spans[Turn]]
    covers: dict[str, Spans[Cover]]

    def seeing_at(self, secs: float) -> dict[str, Seeing]:
        """Return what hinders each camera that something hinders."""
        out = {}
        for camera, turns in self.turns.items():
            turned, covered = turns.at(secs), self.covers[camera].at(secs)
            if turned or covered:
                out[camera] = Seeing(
                    turned[-1] if turned else None, covered[-1] if covered else None
                )
        return out

    def ambience_at(self, secs: float) -> Ambience:
        """Return the light in the aisle; cameras have made up for a part of what is missing."""
        life = self.life
        hour, day = life.hour_at(secs), life.day_at(secs)
        on = life.opens_hour - BEFORE_HOURS <= hour < life.closes_hour + AFTER_HOURS
        weather = np.random.default_rng(seed_of("weather", self.seed, day))
        clear, phase = float(weather.uniform(0.35, 1.0)), float(weather.uniform(0, 6))
        clouds = 0.75 + 0.25 * sin(hour * 3.1 + phase) * sin(hour * 1.3)
        sun = max(0.0, sin(pi * (hour - 6.2) / 14.0)) if 6.2 < hour < 20.2 else 0.0
        day_light = self.window * sun * clear * clouds
        whole = (1.0 if on else NIGHT_LIGHT) + day_light
        share = day_light / whole
        flicker = tuple(self._flickering(tube, secs) for tube in self.tubes.at(secs)) if on else ()
        return Ambience(
            light=round(float(whole**0.6), 3) if whole < 1 else round(float(whole**0.4), 3),
            gains=(round(1 + 0.1 * share, 3), 1.0, round(1 - 0.08 * share, 3)),
            slope=round(self.window_side * 0.5 * share, 2),
            tubes=flicker,
            glares=self._shining(secs, on, day_light),
        )

    def _flickering(self, tube: Tube, secs: float) -> Tube:
        """Return the tube at one moment: it comes and goes by chance."""
        random = np.random.default_rng(seed_of("tube", self.seed, round(secs * 10)))
        dark = random.random() < 0.5
        share = tube.share + (1 - tube.share) * float(random.uniform(0, 0.3)) if dark else 1.0
        return replace(tube, share=round(share, 2))

    def _shining(self, secs: float, on: bool, day_light: float) -> tuple[Glare, ...]:
        """Return the glares that there is light for."""
        power = 1.0 if on else min(1.0, 4 * day_light)
        if power < 0.2:
            return ()
        return tuple(replace(g, strength=g.strength * power) for g in self.glares.at(secs))


def draw_disturbances(
    design: StoreDesign, seed: int, until_secs: float, life: Life
) -> Disturbances:
    """Return what will hinder the cameras of a store until ``until_secs``."""
    random = np.random.default_rng(seed_of("disturb", design.number, seed))
    days = until_secs / life.day_secs
    turns, covers = {}, {}
    for name, camera in design.cameras.items():
        bumps = _times(random, life.bumps * days, until_secs)
        turns[name] = Spans([_bump(random, at, camera.focal_px, life) for at in bumps])
        hands = _times(random, life.covers * days, until_secs)
        covers[name] = Spans([_cover(random, at) for at in hands])
    flickers = _open_times(random, life.flickers * days, until_secs, life)
    tubes = [_tube(random, at, design) for at in flickers]
    glares = [
        glare
        for at in _open_times(random, life.glares * days, until_secs, life)
        for glare in _glare(random, at, design)
    ]
    return Disturbances(
        life=life,
        window=design.window,
        window_side=design.window_side,
        seed=seed_of(design.number, seed),
        tubes=Spans(tubes),
        glares=Spans(glares),
        turns=turns,
        covers=covers,
    )


def _times(random: Random, mean: float, until_secs: float) -> list[float]:
    return sorted(
        round(float(at), 1) for at in random.uniform(0, until_secs, int(random.poisson(mean)))
    )


def _open_times(random: Random, mean: float, until_secs: float, life: Life) -> list[float]:
    """Return times at which the store is open."""
    last = life.day_at(until_secs)
    drawn = [
        life.secs_of(
            int(random.integers(0, last + 1)),
            float(random.uniform(life.opens_hour, life.closes_hour)),
        )
        for _ in range(int(random.poisson(mean)))
    ]
    return sorted(round(secs, 1) for secs in drawn if 0 <= secs < until_secs)


def _bump(random: Random, at: float, focal_px: float, life: Life) -> Span[Turn]:
    """A camera is knocked aside, usually by a few pixels, until somebody puts it right."""
    is_small = random.random() < 0.65
    low, high = (0.0, 3.7) if is_small else (3.9, 6.0)
    far_px = exp(float(random.uniform(low, high)))
    angle = float(random.uniform(0, 2 * pi))
    roll = float(random.normal(0, 0.1 if is_small else 1.2))
    if far_px < 5:
        roll = 0.0
    pan, tilt = (degrees(atan(far_px * f / focal_px)) for f in (np.cos(angle), np.sin(angle)))
    lasts = float(random.uniform(0.02, 0.4)) * life.day_secs
    return Span(at, round(at + lasts, 1), Turn(round(pan, 4), round(tilt, 4), round(roll, 3)))


def _cover(random: Random, at: float) -> Span[Cover]:
    """A hand, a balloon, a banner: something hangs before the lens for a while."""
    cover = Cover(
        x=round(float(random.uniform(0.1, 0.9)), 3),
        y=round(float(random.uniform(0.1, 0.9)), 3),
        radius=round(float(random.uniform(0.2, 1.1)), 3),
        grey=round(float(random.uniform(25, 130)), 1),
    )
    return Span(at, round(at + float(random.uniform(20, 300)), 1), cover)


def _tube(random: Random, at: float, design: StoreDesign) -> Span[Tube]:
    right = design.places[-1].x_mm + design.places[-1].bay.width_mm
    x, reach = float(random.uniform(0, right)), float(random.uniform(350, 900))
    tube = Tube(round(x, 1), round(reach, 1), round(float(random.uniform(0.25, 0.7)), 2))
    return Span(at, round(at + float(random.uniform(150, 1500)), 1), tube)


def _glare(random: Random, at: float, design: StoreDesign) -> list[Span[Glare]]:
    """A reflection: of lamps on a cooler's door, else of the sun, which wanders."""
    place = design.places[int(random.integers(0, len(design.places)))]
    height = place.bay.height_mm
    if design.furniture.doors:
        edges = door_edges(place)
        x = float(random.uniform(edges[0], edges[-1]))
        glare = Glare(
            round(x, 1),
            round(float(random.uniform(0.4, 0.9)) * height, 1),
            float(random.uniform(35, 90)),
            float(random.uniform(250, 600)),
            float(random.uniform(90, 220)),
        )
        return [Span(at, round(at + float(random.uniform(20, 250)), 1), glare)]
    if design.window == 0:
        return []
    x = place.x_mm + float(random.uniform(0.1, 0.9)) * place.bay.width_mm
    y = float(random.uniform(0.2, 0.9)) * height
    rx, ry = float(random.uniform(90, 260)), float(random.uniform(120, 320))
    strength = float(random.uniform(60, 200))
    step = 20.0
    return [
        Span(
            round(at + i * step, 1),
            round(at + (i + 1) * step, 1),
            Glare(round(x + i * 12.0, 1), round(y - i * 5.0, 1), rx, ry, strength * sin(pi * s)),
        )
        for i, s in enumerate(np.linspace(0.1, 0.9, int(random.integers(6, 16))))
    ]
