"""What stands in the aisle before the shelves for a while: roll cages, pallets, cartons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import cv2
import numpy as np

from simulator.art import BRAND_INKS, Random, brand_word, gradient, hsv, mix, text_in
from simulator.figure import Figure
from simulator.geometry import Camera, Floats
from simulator.package import seed_of
from simulator.people import trolley
from simulator.sprite import (
    Pixels,
    Sprite,
    cut,
    merge,
    on_quad,
    opaque,
    overlap,
    shadow_on_quad,
)

_CARTON_PX = 160
_LOOKS = 24
"""Different prints of cartons."""


class ObstacleKind(StrEnum):
    """What stands in the way."""

    CAGE = "cage"
    PALLET = "pallet"
    CARTONS = "cartons"
    SHELF_CARTON = "shelf_carton"
    TROLLEY = "trolley"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A thing that stands still.

    ``x_mm`` is its middle, ``y_mm`` its foot and ``z_mm`` its back, in the aisle; ``look``
    chooses its cartons.
    """

    kind: ObstacleKind
    x_mm: float
    y_mm: float
    z_mm: float
    look: int


Block = tuple[float, float, float, float, float, float, int]
"""A carton: left, foot, back, width, height, depth in mm, and its print."""


def obstacle_sprite(obstacle: Obstacle, camera: Camera) -> Sprite | None:
    """Return the thing on ``camera``'s canvas, or None when out of sight."""
    if camera.position_mm[2] - obstacle.z_mm < 900:
        return None
    if obstacle.kind is ObstacleKind.TROLLEY:
        return _drawn_trolley(obstacle, camera)
    parts = []
    blocks = _blocks(obstacle)
    if obstacle.kind is not ObstacleKind.SHELF_CARTON:
        parts.append(_shadow(obstacle, blocks, camera))
    if obstacle.kind is ObstacleKind.PALLET:
        parts += _box((obstacle.x_mm - 600, 0, obstacle.z_mm, 1200, 140, 800, -1), camera)
    middle = camera.position_mm[0]
    for block in sorted(blocks, key=lambda b: (b[2], -abs(b[0] + b[3] / 2 - middle), b[1])):
        parts += _box(block, camera)
    if obstacle.kind is ObstacleKind.CAGE:
        parts.append(_bars(obstacle, camera))
    whole = (0, 0, *camera.canvas_size_px)
    seen = [cut(sprite, whole) for sprite in parts if sprite is not None]
    shown = [sprite for sprite in seen if sprite is not None]
    return merge(shown, -1) if shown else None


def _blocks(obstacle: Obstacle) -> list[Block]:
    random = np.random.default_rng(seed_of("obstacle", obstacle.look))
    x, y, z = obstacle.x_mm, obstacle.y_mm, obstacle.z_mm
    brand = int(random.integers(0, _LOOKS))
    if obstacle.kind is ObstacleKind.SHELF_CARTON:
        wide, tall = float(random.uniform(220, 330)), float(random.uniform(110, 190))
        return [(x - wide / 2, y, z, wide, tall, 170.0, brand)]
    wide, deep, foot, top = {
        ObstacleKind.CAGE: (720.0, 800.0, 190.0, float(random.uniform(900, 1650))),
        ObstacleKind.PALLET: (1160.0, 780.0, 145.0, float(random.uniform(500, 1250))),
    }.get(obstacle.kind, (float(random.uniform(380, 620)), 380.0, 0.0, random.uniform(350, 1000)))
    blocks: list[Block] = []
    level = y + foot
    while level < top:
        tall = float(random.uniform(190, 330))
        count = max(1, round(wide / float(random.uniform(330, 520))))
        for column in range(count):
            if level > y + foot and random.random() < 0.12:
                continue
            slack = float(random.uniform(0, 18))
            left = x - wide / 2 + column * wide / count
            look = brand if random.random() < 0.5 else int(random.integers(0, _LOOKS))
            size = wide / count - slack
            blocks.append((left, level, z, size, tall - slack / 2, deep - slack, look))
        level += tall
    return blocks


def _box(block: Block, camera: Camera) -> list[Sprite | None]:
    x, y, z, wide, tall, deep, look = block
    front, side, top = _faces(look)
    x2, y2, z2 = x + wide, y + tall, z + deep
    cam_x, cam_y = camera.position_mm[:2]
    faces: list[tuple[Pixels, list[tuple[float, float, float]], float]] = []
    if cam_y > y2:
        faces.append((top, [(x, y2, z), (x2, y2, z), (x2, y2, z2), (x, y2, z2)], 1.0))
    if cam_x < x:
        faces.append((side, [(x, y2, z), (x, y2, z2), (x, y, z2), (x, y, z)], 0.7))
    if cam_x > x2:
        faces.append((side, [(x2, y2, z2), (x2, y2, z), (x2, y, z), (x2, y, z2)], 0.62))
    faces.append((front, [(x, y2, z2), (x2, y2, z2), (x2, y, z2), (x, y, z2)], 0.86))
    return [on_quad(face, _px(camera, corners), light) for face, corners, light in faces]


def _px(camera: Camera, corners: list[tuple[float, float, float]]) -> Floats:
    return camera.canvas_px(np.array(corners))


@lru_cache(maxsize=_LOOKS + 1)
def _faces(look: int) -> tuple[Pixels, Pixels, Pixels]:
    """Return front, side and top of a carton; -1 is a pallet's wood."""
    random = np.random.default_rng(seed_of("carton", look))
    size = (_CARTON_PX, int(_CARTON_PX * 1.4))
    if look < 0:
        wood = _card((40, 320), hsv(0.09, 0.42, 0.6), random)
        wood[12:28, 20:130] = wood[12:28, 190:300] = (20, 22, 25)
        return opaque(wood), opaque(wood[:, :160].copy()), opaque(wood)
    white = random.random() < 0.25
    card = (
        hsv(0.1, 0.06, random.uniform(0.75, 0.9))
        if white
        else hsv(random.uniform(0.07, 0.1), random.uniform(0.35, 0.5), random.uniform(0.5, 0.72))
    )
    faces = [_card(size, card, random) for _ in range(3)]
    ink = BRAND_INKS[int(random.integers(0, len(BRAND_INKS)))]
    ink = mix(card, ink, 0.75)
    height, width = size
    brand = brand_word(random)
    for face in faces[:2]:
        box = (width * 0.1, height * 0.2, width * 0.9, height * 0.55)
        text_in(face, brand, box, ink, 2)
        text_in(face, "12 x 500 g", (width * 0.1, height * 0.7, width * 0.5, height * 0.85), ink)
        for i in range(7):
            at = round(width * 0.62) + i * 7
            cv2.line(face, (at, round(height * 0.7)), (at, round(height * 0.86)), ink, 1 + i % 3)
    if random.random() < 0.6:
        tape = slice(round(width * 0.45), round(width * 0.55))
        faces[0][: height // 5, tape] = mix(card, (190, 210, 220), 0.5)
        faces[2][:, tape] = mix(card, (190, 210, 220), 0.5)
    cv2.line(faces[2], (0, height // 2), (width, height // 2), mix(card, (0, 0, 0), 0.5), 2)
    return opaque(faces[0]), opaque(faces[1]), opaque(faces[2])


def _card(size: tuple[int, int], colour: tuple[int, int, int], random: Random) -> Pixels:
    face = gradient(size, mix(colour, (255, 255, 255), 0.06), mix(colour, (0, 0, 0), 0.16))
    grain = random.normal(1, 0.025, (size[0], 1, 1)) * random.normal(1, 0.015, (*size, 1))
    out = np.clip(face * grain, 0, 255).astype(np.uint8)
    cv2.rectangle(out, (0, 0), (size[1] - 1, size[0] - 1), mix(colour, (0, 0, 0), 0.35), 1)
    return out


def _shadow(obstacle: Obstacle, blocks: list[Block], camera: Camera) -> Sprite | None:
    x1, x2 = min(b[0] for b in blocks) - 60, max(b[0] + b[3] for b in blocks) + 60
    z1, z2 = obstacle.z_mm - 60, obstacle.z_mm + max(b[5] for b in blocks) + 60
    ring = [(x1, 0.0, z1), (x2, 0.0, z1), (x2, 0.0, z2), (x1, 0.0, z2)]
    return shadow_on_quad(_px(camera, ring), 0.55, 50 * camera.px_per_mm((obstacle.x_mm, 0, z1)))


def _area(camera: Camera, box: list[tuple[float, float, float]]) -> Figure | None:
    px = _px(camera, box)
    low, high = np.floor(px.min(axis=0)).astype(int) - 4, np.ceil(px.max(axis=0)).astype(int) + 4
    clip = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    area = overlap(clip, (0, 0, *camera.canvas_size_px))
    return None if area is None else Figure(camera, area)


def _bars(obstacle: Obstacle, camera: Camera) -> Sprite | None:
    """Return the wire sides of a roll cage, its tray and its wheels."""
    x1, x2, z = obstacle.x_mm - 375, obstacle.x_mm + 375, obstacle.z_mm + 815
    if camera.position_mm[2] - z < 400:
        return None
    figure = _area(camera, [(x, y, z) for x in (x1 - 40, x2 + 40) for y in (0.0, 1720.0)])
    if figure is None:
        return None
    metal = (150, 152, 150)
    figure.limb([(x1, 160, z), (x2, 160, z)], [26, 26], (95, 98, 100))
    for x in (x1, x2):
        figure.limb([(x, 150, z), (x, 1690, z)], [15, 15], metal)
        figure.limb([(x, 70, z), (x + 4, 70, z)], [62, 62], (40, 40, 42))
    for y in (640.0, 1160.0, 1690.0):
        figure.limb([(x1, y, z), (x2, y, z)], [9, 9], metal)
    return figure.sprite(np.random.default_rng(obstacle.look))


def _drawn_trolley(obstacle: Obstacle, camera: Camera) -> Sprite | None:
    x, z = obstacle.x_mm, obstacle.z_mm
    figure = _area(camera, [(x + dx, y, z) for dx in (-420.0, 420.0) for y in (0.0, 1050.0)])
    if figure is None:
        return None
    random = np.random.default_rng(seed_of("trolley", obstacle.look))
    for _ in range(5):
        left, tall = x + float(random.uniform(-280, 120)), float(random.uniform(60, 200))
        colour = hsv(random.random(), random.uniform(0.3, 0.9), random.uniform(0.4, 0.9))
        wide = float(random.uniform(80, 170))
        corners = [(left, 570.0), (left + wide, 570.0), (left + wide, 570 + tall)]
        corners.append((left, 570 + tall))
        figure.shape([(at, y, z) for at, y in corners], colour)
    trolley(figure, x, z)
    return figure.sprite(random)
