"""Pictures on packages, made of simple shapes."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

import cv2
import numpy as np

from simulator.art import Colour, Pixels, Random, hsv, mix, readable_on

Artist = Callable[[Pixels, float, float, float, Colour, Random], None]
"""Draws into a picture, in place, at a centre (x, y) and a radius."""


def _ellipse(
    picture: Pixels, x: float, y: float, a: float, b: float, turn: float, colour: Colour
) -> None:
    centre = (round(x * 16), round(y * 16))
    axes = (max(1, round(a * 16)), max(1, round(b * 16)))
    cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA, 4)


def _polygon(picture: Pixels, points: list[tuple[float, float]], colour: Colour) -> None:
    array = np.round(np.asarray(points) * 16).astype(np.int32)
    cv2.fillPoly(picture, [array], colour, cv2.LINE_AA, 4)


def cookie(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Round biscuits with chips."""
    count = int(random.integers(1, 4))
    r = r / (1 + 0.3 * (count - 1))
    base = hsv(random.uniform(0.07, 0.12), random.uniform(0.5, 0.75), random.uniform(0.6, 0.9))
    for i in range(count):
        cx, cy = x + (i - (count - 1) / 2) * r * 1.2, y + (i % 2) * r * 0.5
        _ellipse(picture, cx, cy + r * 0.08, r, r, 0, mix(base, (0, 0, 0), 0.45))
        _ellipse(picture, cx, cy, r, r * 0.97, 0, base)
        _ellipse(
            picture,
            cx - r * 0.1,
            cy - r * 0.1,
            r * 0.78,
            r * 0.75,
            0,
            mix(base, (255, 255, 255), 0.2),
        )
        for _ in range(int(random.integers(4, 11))):
            angle, far = random.uniform(0, 2 * pi), random.uniform(0.1, 0.75) * r
            size = r * random.uniform(0.06, 0.15)
            _ellipse(
                picture,
                cx + far * cos(angle),
                cy + far * sin(angle),
                size,
                size * 0.8,
                0,
                mix(base, (10, 20, 40), 0.75),
            )


def fruit(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Round fruits with leaves and highlights."""
    hue = float(random.choice([0.0, 0.03, 0.08, 0.13, 0.27, 0.33, 0.8, 0.95]))
    count = int(random.integers(1, 5))
    size = r if count == 1 else r * 0.6
    for _ in range(count):
        cx = x if count == 1 else x + random.uniform(-0.5, 0.5) * r
        cy = y if count == 1 else y + random.uniform(-0.4, 0.4) * r
        body = hsv(hue + random.uniform(-0.02, 0.02), 0.9, random.uniform(0.65, 0.95))
        _ellipse(picture, cx, cy, size, size * 0.95, 0, mix(body, (0, 0, 0), 0.35))
        _ellipse(picture, cx - size * 0.06, cy - size * 0.06, size * 0.9, size * 0.85, 0, body)
        _ellipse(
            picture,
            cx - size * 0.35,
            cy - size * 0.38,
            size * 0.24,
            size * 0.15,
            -35,
            mix(body, (255, 255, 255), 0.65),
        )
        _ellipse(
            picture, cx + size * 0.3, cy - size * 1.0, size * 0.4, size * 0.16, -25, (50, 140, 60)
        )


def bowl(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """A bowl with something in it."""
    food = hsv(random.uniform(0.02, 0.17), random.uniform(0.4, 0.9), random.uniform(0.6, 0.95))
    for _ in range(28):
        angle, far = random.uniform(0, 2 * pi), random.uniform(0, 0.85) * r
        _ellipse(
            picture,
            x + far * cos(angle),
            y - r * 0.2 + far * sin(angle) * 0.45,
            r * 0.16,
            r * 0.11,
            random.uniform(0, 180),
            mix(
                food,
                (0, 0, 0) if random.random() < 0.5 else (255, 255, 255),
                random.uniform(0, 0.35),
            ),
        )
    china = hsv(random.random(), random.uniform(0, 0.7), random.uniform(0.6, 1.0))
    points = [(x - r, y - r * 0.1), (x + r, y - r * 0.1)]
    points += [(x + r * cos(a), y - r * 0.1 + r * 0.8 * sin(a)) for a in np.linspace(0, pi, 14)]
    _polygon(picture, points, china)
    _polygon(
        picture,
        [(x - r, y - r * 0.1), (x + r, y - r * 0.1), (x + r, y + r * 0.02), (x - r, y + r * 0.02)],
        mix(china, (255, 255, 255), 0.5),
    )


def leaf(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """A few leaves."""
    count = int(random.integers(2, 6))
    for i in range(count):
        turn = 360 / count * i + random.uniform(0, 40)
        green = hsv(random.uniform(0.25, 0.4), 0.7, random.uniform(0.35, 0.75))
        a = turn * pi / 180
        _ellipse(picture, x + cos(a) * r * 0.5, y + sin(a) * r * 0.5, r * 0.5, r * 0.2, turn, green)
        cv2.line(
            picture,
            (round(x), round(y)),
            (round(x + cos(a) * r * 0.9), round(y + sin(a) * r * 0.9)),
            mix(green, (255, 255, 255), 0.4),
            max(1, round(r * 0.04)),
            cv2.LINE_AA,
        )


def star(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """A star or a burst."""
    tips = int(random.choice([5, 8, 12, 18]))
    inner = 0.45 if tips == 5 else 0.78
    points = [
        (
            x + (r if i % 2 == 0 else r * inner) * sin(i * pi / tips),
            y - (r if i % 2 == 0 else r * inner) * cos(i * pi / tips),
        )
        for i in range(2 * tips)
    ]
    _polygon(picture, points, colour)
    if random.random() < 0.6:
        _ellipse(picture, x, y, r * 0.5, r * 0.5, 0, readable_on(colour))


def waves(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Swinging bands."""
    freq, phase = random.uniform(0.6, 1.6), random.uniform(0, 6)
    for i in range(int(random.integers(2, 5))):
        shade = mix(colour, (255, 255, 255), 0.22 * i)
        t = np.linspace(-1.2, 1.2, 20)
        edge = y + r * (0.45 * i - 0.5) + np.sin(t * pi * freq + phase + i * 0.5) * r * 0.25
        points = [(x + a * r, float(b)) for a, b in zip(t, edge, strict=True)]
        points += [
            (x + a * r, float(b) + r * 0.35) for a, b in zip(t[::-1], edge[::-1], strict=True)
        ]
        _polygon(picture, points, shade)


def drops(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Drops or bubbles."""
    for _ in range(int(random.integers(3, 9))):
        size = r * random.uniform(0.12, 0.4)
        cx, cy = x + random.uniform(-0.8, 0.8) * r, y + random.uniform(-0.8, 0.8) * r
        shade = mix(colour, (255, 255, 255), random.uniform(0.1, 0.6))
        _ellipse(picture, cx, cy, size, size, 0, shade)
        _polygon(
            picture,
            [
                (cx - size * 0.85, cy - size * 0.5),
                (cx, cy - size * 2.0),
                (cx + size * 0.85, cy - size * 0.5),
            ],
            shade,
        )
        _ellipse(
            picture, cx - size * 0.3, cy - size * 0.2, size * 0.22, size * 0.3, 20, (250, 250, 250)
        )


def wheat(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Ears of grain."""
    gold = hsv(random.uniform(0.1, 0.14), 0.75, 0.88)
    for lean in (-0.35, 0.0, 0.35)[: int(random.integers(2, 4))]:
        cv2.line(
            picture,
            (round(x), round(y + r)),
            (round(x + lean * r * 2), round(y - r)),
            mix(gold, (0, 0, 0), 0.3),
            max(1, round(r * 0.05)),
            cv2.LINE_AA,
        )
        for i in range(6):
            t = i / 6
            for side in (-1, 1):
                _ellipse(
                    picture,
                    x + lean * r * (0.9 + 1.1 * t) + side * r * 0.13,
                    y - r * (-0.1 + 0.95 * t),
                    r * 0.17,
                    r * 0.08,
                    55 * side + 90,
                    mix(gold, (0, 0, 0), 0.15 * (i % 2)),
                )


def chips(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """Crisps and flakes that overlap."""
    base = hsv(random.uniform(0.08, 0.15), random.uniform(0.55, 0.85), random.uniform(0.75, 0.98))
    for _ in range(int(random.integers(6, 16))):
        cx, cy = x + random.normal(0, 0.45) * r, y + random.normal(0, 0.35) * r
        turn, a = random.uniform(0, 180), r * random.uniform(0.22, 0.42)
        _ellipse(
            picture, cx + r * 0.03, cy + r * 0.05, a, a * 0.65, turn, mix(base, (0, 0, 0), 0.5)
        )
        _ellipse(
            picture,
            cx,
            cy,
            a,
            a * 0.62,
            turn,
            mix(
                base,
                (255, 255, 255) if random.random() < 0.5 else (0, 20, 60),
                random.uniform(0, 0.3),
            ),
        )


def face(picture: Pixels, x: float, y: float, r: float, colour: Colour, random: Random) -> None:
    """A cartoon figure."""
    skin = hsv(random.random(), random.uniform(0.3, 0.8), random.uniform(0.7, 1.0))
    for side in (-1, 1):
        _ellipse(
            picture,
            x + side * r * 0.6,
            y - r * 0.65,
            r * 0.3,
            r * random.uniform(0.3, 0.6),
            side * 20,
            mix(skin, (0, 0, 0), 0.2),
        )
    _ellipse(picture, x, y, r * 0.85, r * 0.8, 0, skin)
    for side in (-1, 1):
        _ellipse(picture, x + side * r * 0.3, y - r * 0.2, r * 0.2, r * 0.25, 0, (255, 255, 255))
        _ellipse(picture, x + side * r * 0.27, y - r * 0.17, r * 0.09, r * 0.12, 0, (20, 20, 20))
    _ellipse(picture, x, y + r * 0.35, r * 0.35, r * 0.15, 0, (60, 40, 160))


ARTISTS: tuple[Artist, ...] = (
    cookie,
    fruit,
    bowl,
    leaf,
    star,
    waves,
    drops,
    wheat,
    chips,
    face,
)
