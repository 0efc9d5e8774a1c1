"""People before the shelves: plain figures with clothes, seen by the same camera."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import cos, pi, sin

import numpy as np

from simulator.art import Colour, hsv, mix
from simulator.figure import Figure
from simulator.geometry import Camera
from simulator.package import seed_of
from simulator.sprite import Clip, Sprite, overlap, shadow_on_quad

HAIR: tuple[Colour, ...] = (
    (18, 16, 16),
    (22, 28, 40),
    (30, 45, 70),
    (45, 70, 105),
    (95, 140, 175),
    (150, 150, 150),
)
"""Hair from black over brown and fair to grey."""


class Prop(StrEnum):
    """What a person has along."""

    NOTHING = "nothing"
    BASKET = "basket"
    TROLLEY = "trolley"
    CARTON = "carton"


@dataclass(frozen=True, slots=True)
class Person:
    """One person at a moment.

    ``x_mm`` and ``z_mm`` are the feet in the aisle. ``heading`` is -1 or 1 for one who walks to
    the left or right, 0 for one who faces the shelf. ``stride`` is the walk's phase in steps.
    ``reach_mm`` is a point that the right hand is at.
    """

    look: int
    x_mm: float
    z_mm: float
    heading: int = 0
    stride: float = 0.0
    reach_mm: tuple[float, float, float] | None = None
    prop: Prop = Prop.NOTHING
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    height_mm: float
    girth: float
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    long_hair: bool
    stripes: bool


def _look_of(person: Person) -> _Look:
    random = np.random.default_rng(seed_of("person", person.look))
    skin = hsv(random.uniform(0.04, 0.08), random.uniform(0.25, 0.6), random.uniform(0.35, 0.95))
    shirt = hsv(random.random(), random.uniform(0, 0.8), random.uniform(0.12, 0.9))
    trousers = hsv(
        random.choice([0.6, 0.62, 0.1]), random.uniform(0, 0.6), random.uniform(0.1, 0.5)
    )
    long_hair, stripes = bool(random.random() < 0.45), bool(random.random() < 0.25)
    if person.is_staff:
        shirt, trousers, stripes = (60, 120, 30), (45, 40, 38), False
    return _Look(
        height_mm=float(random.uniform(1560, 1880)),
        girth=float(random.uniform(0.9, 1.25)),
        skin=skin,
        hair=HAIR[int(random.integers(0, len(HAIR)))],
        shirt=shirt,
        trousers=trousers,
        shoes=hsv(random.random(), random.uniform(0, 0.5), random.uniform(0.1, 0.8)),
        long_hair=long_hair,
        stripes=stripes,
    )


def _area(person: Person, camera: Camera) -> Clip | None:
    """Return the part of the canvas that a person and what is carried may cover."""
    x, z = person.x_mm, person.z_mm
    box: list[tuple[float, ...]] = [
        (x + dx, y, z + dz) for dx in (-1100, 1100) for y in (0, 2050) for dz in (-450, 150)
    ]
    if person.reach_mm is not None:
        box.append(tuple(person.reach_mm))
    px = camera.canvas_px(np.array(box, dtype=np.float64))
    low, high = np.floor(px.min(axis=0)).astype(int), np.ceil(px.max(axis=0)).astype(int)
    clip = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    return overlap(clip, (0, 0, *camera.canvas_size_px))


def person_sprite(person: Person, camera: Camera) -> Sprite | None:
    """Return the person on ``camera``'s canvas, or None when out of sight."""
    if camera.position_mm[2] - person.z_mm < 250:
        return None
    look = _look_of(person)
    k = look.height_mm / 1750
    area = _area(person, camera)
    if area is None:
        return None
    figure = Figure(camera, area)
    x, z, g = person.x_mm, person.z_mm, look.girth
    swing = sin(person.stride * pi) if person.heading else 0.0
    lift = abs(cos(person.stride * pi)) * 18 * k if person.heading else 0.0
    if person.prop is Prop.TROLLEY:
        trolley(figure, x + 620 * (person.heading or 1), z + 40)
    if person.prop is Prop.CARTON:
        _cartons(figure, x + 430, z + 60, person.look)
    hip_y, shoulder_y, head_y = 930 * k, 1430 * k + lift, 1562 * k + lift
    wide_hip, wide_shoulder = 120 * g * k, (165 if person.heading == 0 else 120) * g * k
    figure.trunk(
        x,
        z + 8,
        [(hip_y + 60, wide_hip), (hip_y - 90, wide_hip), (hip_y - 150, 70 * k)],
        look.trousers,
    )
    for side in (-1, 1):
        step = swing * side * 260 * k * person.heading
        spread = 85 * side * k if person.heading == 0 else 20 * side * k
        foot = (x + spread + step, 60.0 + max(0.0, step * side * 0.1), z + side * 20)
        knee = (x + spread * 0.95 + step * 0.45 + 30 * person.heading, 500 * k, z + side * 20)
        hip = (x + side * wide_hip * 0.5, hip_y, z + side * 20)
        toe = (foot[0] + 110 * person.heading, 40.0, z + (20 if person.heading else -90))
        figure.limb([foot, toe], [50 * k, 42 * k], look.shoes)
        figure.limb([hip, knee, foot], [88 * k * g, 70 * k, 52 * k], look.trousers)
    far, near = (-1, 1)
    _arm(figure, person, look, k, shoulder_y, wide_shoulder, far, swing)
    hem = hip_y - 60 * k
    rows = [
        (shoulder_y + 45, wide_shoulder * 0.4),
        (shoulder_y + 25, wide_shoulder * 0.85),
        (shoulder_y - 25, wide_shoulder * 1.15),
        (shoulder_y - 160, wide_shoulder * 1.08),
        ((hip_y + shoulder_y) / 2, (wide_hip + wide_shoulder) / 2 * 0.98),
        (hem, wide_hip * 1.12),
    ]
    figure.trunk(x, z + 10, rows, look.shirt)
    if look.stripes:
        pale = mix(look.shirt, (255, 255, 255), 0.45)
        heights, halves = [y for y, _ in rows], [half for _, half in rows]
        for y in np.arange(hem + 60, shoulder_y - 60, 90 * k):
            ends = [
                (float(h), float(np.interp(h, heights[::-1], halves[::-1]))) for h in (y + 28, y)
            ]
            figure.trunk(x, z + 10, ends, pale)
    _arm(figure, person, look, k, shoulder_y, wide_shoulder, near, swing)
    figure.limb([(x, shoulder_y + 35, z + 10), (x, head_y, z + 10)], [55 * k, 55 * k], look.skin)
    ahead = 18 * person.heading
    figure.limb(
        [(x + ahead, head_y, z + 10), (x + ahead, head_y + 40, z + 10)], [88 * k, 92 * k], look.skin
    )
    back = -26 * person.heading
    hair = [(x + back + ahead, head_y + 30, z + 20), (x + back * 0.4 + ahead, head_y + 75, z + 20)]
    if look.long_hair:
        hair.insert(0, (x + back * 1.4 + ahead, head_y - 110 * k, z + 20))
    radii = ([88 * k] if look.long_hair else []) + [92 * k, 96 * k]
    if person.heading:
        radii = [r * 0.8 for r in radii]
    figure.limb(hair, radii, look.hair)
    if person.prop is Prop.BASKET:
        _basket(figure, x + wide_shoulder + 60, hip_y - 60, z + 60)
    return figure.sprite(np.random.default_rng(seed_of("folds", person.look)))


def _arm(
    figure: Figure,
    person: Person,
    look: _Look,
    k: float,
    y: float,
    wide: float,
    side: int,
    swing: float,
) -> None:
    x, z = person.x_mm + side * wide, person.z_mm + (40 if side > 0 else -20)
    shoulder = (x, y - 20, z)
    hand = (x + 35 * side - swing * side * 230 * k * person.heading, y - 560 * k, z - 30.0)
    if side > 0 and person.reach_mm is not None:
        hand = person.reach_mm
    elif person.prop in (Prop.TROLLEY, Prop.CARTON) and person.heading:
        hand = (person.x_mm + 330 * person.heading, 1020.0, z)
    elbow = (
        (shoulder[0] + hand[0]) / 2 + 40 * side,
        (shoulder[1] + hand[1]) / 2 - 70 * k,
        (shoulder[2] + hand[2]) / 2 + 30,
    )
    figure.limb([shoulder, elbow], [66 * k, 56 * k], look.shirt)
    figure.limb(
        [elbow, hand], [50 * k, 36 * k], mix(look.shirt, look.skin, 0.0 if look.stripes else 1.0)
    )
    figure.limb([hand, (hand[0], hand[1] - 30, hand[2] - 25)], [44 * k, 34 * k], look.skin)


def _basket(figure: Figure, x: float, y: float, z: float) -> None:
    figure.shape(
        [(x - 190, y, z), (x + 190, y, z), (x + 150, y - 210, z), (x - 150, y - 210, z)],
        (40, 40, 190),
    )
    figure.shape(
        [(x - 190, y, z), (x + 190, y, z), (x + 185, y - 30, z), (x - 185, y - 30, z)],
        (60, 60, 230),
    )


def trolley(figure: Figure, x: float, z: float) -> None:
    """Draw a shopping trolley along the shelf, its middle at ``x``, ``z`` (mm)."""
    figure.shape(
        [(x - 380, 1000, z), (x + 380, 940, z), (x + 330, 560, z), (x - 300, 520, z)],
        (150, 155, 158),
        110,
    )
    for i in range(9):
        at = x - 360 + i * 88
        figure.limb([(at, 975 - i * 5, z), (at * 0.9 + x * 0.1, 545.0, z)], [5, 5], (95, 98, 100))
    figure.limb([(x - 300, 520, z), (x + 330, 200, z)], [16, 16], (110, 112, 115))
    for at in (x - 280, x + 320):
        figure.limb([(at, 75, z), (at + 5, 75, z)], [62, 62], (35, 35, 38))


def _cartons(figure: Figure, x: float, z: float, look: int) -> None:
    random = np.random.default_rng(seed_of("cartons", look))
    y = 180.0
    figure.limb([(x - 260, 140, z), (x + 300, 140, z)], [28, 28], (70, 70, 75))
    for at in (x - 230, x + 260):
        figure.limb([(at, 65, z), (at + 5, 65, z)], [60, 60], (35, 35, 38))
    for _ in range(2):
        wide, tall = random.uniform(230, 290), random.uniform(240, 330)
        card = hsv(0.09, 0.45, random.uniform(0.55, 0.75))
        figure.shape(
            [(x - wide, y, z), (x + wide, y, z), (x + wide, y + tall, z), (x - wide, y + tall, z)],
            card,
        )
        figure.shape(
            [
                (x - wide, y + tall * 0.46, z),
                (x + wide, y + tall * 0.46, z),
                (x + wide, y + tall * 0.54, z),
                (x - wide, y + tall * 0.54, z),
            ],
            mix(card, (255, 255, 255), 0.35),
        )
        figure.shape(
            [
                (x - wide, y + tall, z),
                (x + wide, y + tall, z),
                (x + wide * 0.9, y + tall, z - 350),
                (x - wide * 0.9, y + tall, z - 350),
            ],
            mix(card, (0, 0, 0), 0.25),
        )
        y += float(tall)


def random_person(random: np.random.Generator, x_mm: float, z_mm: float) -> Person:
    """Return somebody who stands or walks at a place."""
    heading = int(random.choice([-1, 0, 0, 1]))
    reach = None
    if heading == 0 and random.random() < 0.6:
        reach = (x_mm + float(random.uniform(-200, 450)), float(random.uniform(600, 1700)), 20.0)
    return Person(
        look=int(random.integers(0, 1 << 30)),
        x_mm=x_mm,
        z_mm=z_mm,
        heading=heading,
        stride=float(random.random() * 2),
        reach_mm=reach,
        prop=Prop(str(random.choice(list(Prop), p=[0.45, 0.2, 0.2, 0.15]))),
        is_staff=bool(random.random() < 0.2),
    )


def person_shadow(person: Person, camera: Camera) -> Sprite | None:
    """Return the soft shadow on the floor round a person's feet."""
    if camera.position_mm[2] - person.z_mm < 600:
        return None
    x, z = person.x_mm, person.z_mm
    turn = np.linspace(0, 2 * pi, 16, endpoint=False)
    ring = np.column_stack([x + 330 * np.cos(turn), np.zeros(16), z + 190 * np.sin(turn)])
    return shadow_on_quad(camera.canvas_px(ring), 0.5, 60 * camera.px_per_mm((x, 0.0, z)))
