"""The furniture: back wall, boards, price rails, uprights, floor, and what is behind it all."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shelf import Bay, Shelf
from simulator.art import Colour, gradient, hsv, mix, readable_on, text_in
from simulator.furniture import Furniture, Tags, Wall
from simulator.geometry import Camera
from simulator.layout import BayPlace
from simulator.package import seed_of
from simulator.shapes import to_pixels
from simulator.sprite import Pixels, Sprite, on_quad, opaque

RAIL_Z_MM = 10.0
"""How far price rails and uprights stand out before the front plane."""


def _speckle(
    shape: tuple[int, int], random: np.random.Generator, grain: float
) -> NDArray[np.float32]:
    """Return (H,W,1) factors near 1: fine grain and slow blotches."""
    fine = random.normal(0, grain, shape).astype(np.float32)
    slow = random.normal(0, grain * 2, (max(2, shape[0] // 50), max(2, shape[1] // 50)))
    blotches = cv2.resize(slow.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (1 + fine + blotches)[:, :, None]


def _plane(
    colour: Colour, shape: tuple[int, int], random: np.random.Generator
) -> NDArray[np.float32]:
    base = np.full((*shape, 3), colour, np.float32)
    return np.asarray(base * _speckle(shape, random, 0.012), dtype=np.float32)


def _done(picture: NDArray[np.floating]) -> Pixels:
    return opaque(to_pixels(picture))


def _quad(
    camera: Camera, texture: Pixels, corners: list[tuple[float, float, float]]
) -> Sprite | None:
    relative = np.subtract(corners, camera.position_mm) @ camera.rotation[2]
    if relative.min() < 50:
        return None
    return on_quad(texture, camera.canvas_px(np.array(corners)))


def in_sight(camera: Camera, place: BayPlace, style: Furniture) -> bool:
    """Return whether any of a bay may be on the camera's canvas."""
    x1, x2 = place.x_mm - 30, place.x_mm + place.bay.width_mm + 30
    corners = [
        (x, y, z)
        for x in (x1, x2)
        for y in (0.0, place.bay.height_mm)
        for z in (0.0, -style.depth_mm)
    ]
    px = camera.canvas_px(np.array(corners))
    return bool((px.max(axis=0) > 0).all() and (px.min(axis=0) < camera.canvas_size_px).all())


def surroundings(camera: Camera, style: Furniture, random: np.random.Generator) -> Pixels:
    """Return the canvas before anything stands on it: a blurred shop, BGR."""
    width, height = camera.canvas_size_px
    small = (max(8, height // 8), max(8, width // 8))
    base = gradient(
        small, mix(style.around, (255, 255, 255), 0.35), mix(style.around, (0, 0, 0), 0.4)
    )
    for _ in range(25):
        x, y = int(random.integers(0, small[1])), int(random.integers(0, small[0]))
        w, h = int(random.integers(2, small[1] // 3 + 3)), int(random.integers(1, 7))
        colour = hsv(random.random(), random.uniform(0, 0.7), random.uniform(0.1, 0.95))
        cv2.rectangle(base, (x, y), (x + w, y + h), colour, -1)
    soft = cv2.GaussianBlur(base, (0, 0), 2.0)
    return np.asarray(
        cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8
    )


def floor(
    camera: Camera, places: tuple[BayPlace, ...], style: Furniture, seed: int
) -> Sprite | None:
    """Return the floor before the bays: tiles with a dim reflection of the lights."""
    random = np.random.default_rng(seed_of(seed, "floor"))
    left = places[0].x_mm - 1500
    right = places[-1].x_mm + places[-1].bay.width_mm + 1500
    reach = min(1500.0, camera.position_mm[2] - 150)
    shape = (max(8, int(reach / 5)), int((right - left) / 5))
    picture = _plane(style.floor, shape, random)
    tile = int(random.choice([60, 80, 120]))
    picture[::tile] *= 0.75
    picture[:, ::tile] *= 0.75
    near_wall = np.linspace(0, 1, shape[0])[:, None, None]
    picture *= 0.45 + 0.55 * np.clip(near_wall * 4, 0, 1)
    return _quad(
        camera, _done(picture), [(left, 0, 0), (right, 0, 0), (right, 0, reach), (left, 0, reach)]
    )


def back_wall(camera: Camera, place: BayPlace, style: Furniture, seed: int) -> Sprite | None:
    """Return the wall behind a bay, darker below each board and towards the sides."""
    random = np.random.default_rng(seed_of(seed, "wall", place.bay.number))
    bay, scale = place.bay, 0.5
    shape = (int(bay.height_mm * scale), int(bay.width_mm * scale))
    picture = _plane(style.wall_colour, shape, random)
    if style.wall is Wall.PEGBOARD:
        step = max(6, int(25 * scale))
        dots = np.zeros(shape, np.uint8)
        for y in range(step // 2, shape[0], step):
            for x in range(step // 2, shape[1], step):
                cv2.circle(dots, (x, y), max(1, step // 6), 255, -1, cv2.LINE_AA)
        picture *= 1 - 0.7 * (dots[:, :, None] / 255.0)
    elif style.wall is Wall.SLATS:
        picture[:: max(8, int(60 * scale))] *= 0.5
        picture[1 :: max(8, int(60 * scale))] *= 1.15
    elif style.wall is Wall.METAL:
        brushed = random.normal(1, 0.03, (shape[0], 1, 1))
        picture *= brushed
        picture[:, :: max(40, shape[1] // 2)] *= 0.6
    light = np.full(shape[0], 0.62)
    y_mm = bay.height_mm - np.arange(shape[0]) / scale
    for shelf in bay.shelves:
        under = (shelf.y_mm + shelf.height_mm - style.board_mm) - y_mm
        inside = (y_mm >= shelf.y_mm) & (under >= -style.board_mm)
        share = np.clip(under / max(shelf.height_mm, 1), 0, 1)
        light[inside] = (0.3 + 0.32 * np.sqrt(share) - 0.1 * share**4)[inside]
    across = np.linspace(-1, 1, shape[1])
    picture *= light[:, None, None] * (1 - 0.35 * np.abs(across) ** 5)[None, :, None]
    x1, x2, z = place.x_mm, place.x_mm + bay.width_mm, -style.depth_mm
    top = bay.height_mm
    return _quad(camera, _done(picture), [(x1, top, z), (x2, top, z), (x2, 0, z), (x1, 0, z)])


def side_panels(camera: Camera, place: BayPlace, style: Furniture, seed: int) -> list[Sprite]:
    """Return the inner faces of a bay's sides that the camera sees."""
    random = np.random.default_rng(seed_of(seed, "side", place.bay.number))
    picture = _plane(mix(style.board, style.wall_colour, 0.4), (160, 40), random)
    towards_back = np.linspace(0.8, 0.4, 40)[None, :, None]
    height, depth = place.bay.height_mm, -style.depth_mm
    x1, x2 = place.x_mm, place.x_mm + place.bay.width_mm
    out = []
    if camera.position_mm[0] > x1:
        texture = _done(picture * towards_back[:, ::-1])
        out.append(
            _quad(
                camera, texture, [(x1, height, depth), (x1, height, 0), (x1, 0, 0), (x1, 0, depth)]
            )
        )
    if camera.position_mm[0] < x2:
        texture = _done(picture * towards_back)
        out.append(
            _quad(
                camera, texture, [(x2, height, 0), (x2, height, depth), (x2, 0, depth), (x2, 0, 0)]
            )
        )
    return [sprite for sprite in out if sprite is not None]


def upright(camera: Camera, x1: float, x2: float, height: float, style: Furniture) -> Sprite | None:
    """Return the front of the post between two bays."""
    random = np.random.default_rng(5)
    picture = _plane(mix(style.board, (0, 0, 0), 0.25), (200, 12), random)
    picture[::10, 4:8] *= 0.35
    z = RAIL_Z_MM
    return _quad(camera, _done(picture), [(x1, height, z), (x2, height, z), (x2, 0, z), (x1, 0, z)])


def board_faces(
    camera: Camera, place: BayPlace, y_mm: float, style: Furniture, seed: int
) -> Sprite | None:
    """Return the face of a board that the camera sees: upper from above, lower from below.

    ``y_mm`` is the height of that face.
    """
    random = np.random.default_rng(seed_of(seed, "board", place.bay.number, y_mm))
    from_above = camera.position_mm[1] > y_mm
    picture = _plane(style.board, (60, 200), random)
    light = np.linspace(0.36, 0.95, 60) if from_above else np.linspace(0.25, 0.42, 60)
    picture *= light[:, None, None]
    x1, x2, z = place.x_mm, place.x_mm + place.bay.width_mm, -style.depth_mm
    corners = [(x1, y_mm, z), (x2, y_mm, z), (x2, y_mm, 0.0), (x1, y_mm, 0.0)]
    if not from_above:
        corners = [(x1, y_mm, z), (x2, y_mm, z), (x2, y_mm, 0.0), (x1, y_mm, 0.0)]
    return _quad(camera, _done(picture), corners)


def under_shadow(camera: Camera, place: BayPlace, shelf: Shelf, style: Furniture) -> Sprite | None:
    """Return the shadow that the board above throws over the upper part of a shelf."""
    top = shelf.y_mm + shelf.height_mm - style.board_mm
    reach = min(130.0, shelf.height_mm * 0.45)
    texture = np.zeros((48, 4, 4), np.uint8)
    texture[:, :, 3] = (150 * np.linspace(1, 0, 48) ** 1.6)[:, None]
    x1, x2 = place.x_mm, place.x_mm + place.bay.width_mm
    return _quad(
        camera, texture, [(x1, top, 0), (x2, top, 0), (x2, top - reach, 0), (x1, top - reach, 0)]
    )


def price_rail(
    camera: Camera, place: BayPlace, shelf: Shelf, style: Furniture, seed: int
) -> list[Sprite]:
    """Return a board's front edge with its price labels."""
    random = np.random.default_rng(seed_of(seed, "rail", place.bay.number, shelf.number))
    bay: Bay = place.bay
    scale = float(np.clip(camera.px_per_mm((place.x_mm, shelf.y_mm, 0)) * 1.3, 0.5, 3.0))
    tall = style.rail_mm + style.lip_mm
    shape = (max(6, round(tall * scale)), max(20, round(bay.width_mm * scale)))
    picture = _plane(style.rail, shape, random)
    picture *= np.interp(
        np.linspace(0, 1, shape[0]), [0, 0.1, 0.2, 0.85, 1], [1.12, 1.0, 0.92, 1.0, 0.6]
    )[:, None, None]
    strip = np.clip(picture, 0, 255).astype(np.uint8)
    hanging: list[Sprite] = []
    x1, z = place.x_mm, RAIL_Z_MM
    for slot in shelf.slots:
        if style.tags is Tags.PLAIN and random.random() < 0.75:
            continue
        width = min(62.0, slot.width_mm * 0.9)
        x = slot.x_mm + float(random.uniform(0, max(slot.width_mm - width, 0.1) * 0.5))
        special = random.random() < 0.12
        colour = (60, 220, 250) if special and style.tag[0] > 200 else style.tag
        big = style.tags is Tags.HANGING
        size = (round((tall * (1.25 if big else 0.78)) * scale), round(width * scale))
        label = _price_label(size, colour, slot.name, random)
        if big:
            top = shelf.y_mm - style.rail_mm * 0.3
            low = top - size[0] / scale
            sprite = _quad(
                camera,
                opaque(label),
                [
                    (x1 + x, top, z + 3),
                    (x1 + x + width, top, z + 3),
                    (x1 + x + width, low, z + 6),
                    (x1 + x, low, z + 6),
                ],
            )
            if sprite is not None:
                hanging.append(sprite)
            continue
        left, top_px = round(x * scale), round(shape[0] * 0.14)
        area = strip[top_px : top_px + size[0], left : left + size[1]]
        area[:] = label[: area.shape[0], : area.shape[1]]
    y1, y2 = shelf.y_mm + style.lip_mm, shelf.y_mm - style.rail_mm
    x2 = x1 + bay.width_mm
    front = _quad(camera, opaque(strip), [(x1, y1, z), (x2, y1, z), (x2, y2, z), (x1, y2, z)])
    return [s for s in (front, *hanging) if s is not None]


def _price_label(
    shape: tuple[int, int], colour: Colour, name: str, random: np.random.Generator
) -> Pixels:
    height, width = max(4, shape[0]), max(6, shape[1])
    label = gradient((height, width), colour, mix(colour, (0, 0, 0), 0.08))
    ink = readable_on(colour)
    price = f"{int(random.integers(0, 15))}.{int(random.integers(0, 10))}9"
    text_in(label, price, (width * 0.42, height * 0.25, width * 0.96, height * 0.95), ink)
    text_in(label, name[:18], (width * 0.05, height * 0.05, width * 0.7, height * 0.3), ink)
    x = width * 0.06
    while x < width * 0.36 and height > 8:
        bar = float(random.uniform(0.5, 2.0))
        cv2.line(label, (round(x), round(height * 0.45)), (round(x), round(height * 0.9)), ink, 1)
        x += bar + 1
    return label


def kick_plate(camera: Camera, place: BayPlace, style: Furniture, seed: int) -> Sprite | None:
    """Return the plate between the lowest board and the floor."""
    random = np.random.default_rng(seed_of(seed, "kick"))
    top = place.bay.shelves[0].y_mm - style.rail_mm
    if top < 10:
        return None
    picture = _plane(mix(style.board, (0, 0, 0), 0.45), (24, 200), random)
    picture *= np.linspace(0.75, 0.5, 24)[:, None, None]
    x1, x2 = place.x_mm, place.x_mm + place.bay.width_mm
    return _quad(camera, _done(picture), [(x1, top, 0), (x2, top, 0), (x2, 0, 0), (x1, 0, 0)])
