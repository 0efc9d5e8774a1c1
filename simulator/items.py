"""Units on the shelf: where each stands and what it looks like to a camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import cos, radians, sin

import cv2
import numpy as np

from simulator.geometry import Camera, Floats
from simulator.layout import Facing
from simulator.package import LONG_SIDE_PX, Package, package_of, seed_of
from simulator.shapes import ROUND, Kind
from simulator.sprite import Pixels, Sprite, dim, merge, on_quad, shadow_on_quad, shrink


class Posture(StrEnum):
    """How a unit stands; a lying one has fallen to its side, its front still to the shopper."""

    UPRIGHT = "upright"
    LYING = "lying"


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of a SKU; ``width_mm`` and ``height_mm`` are those of the upright package.

    ``row`` counts from the shelf's front edge; ``serial`` tells units apart; ``texture_px`` is
    the longer side of the texture it is drawn from. ``back_mm`` is how much further back than
    its row it has been pushed.
    """

    sku: str
    name: str
    width_mm: float
    height_mm: float
    row: int
    serial: int = 0
    texture_px: int = LONG_SIDE_PX
    posture: Posture = Posture.UPRIGHT
    back_mm: float = 0.0

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height as it stands or lies."""
        if self.posture is Posture.LYING:
            return self.height_mm, self.width_mm
        return self.width_mm, self.height_mm

    @property
    def front_z_mm(self) -> float:
        """Where its front is when nothing has gone astray, in the aisle."""
        return -4.0 - self.back_mm - self.row * (self.package.depth_mm + 5.0)

    @property
    def package(self) -> Package:
        """How it looks."""
        return package_of(self.sku, self.name, self.width_mm, self.height_mm, self.texture_px)


@dataclass(frozen=True, slots=True)
class Tidiness:
    """How far units stray: standard deviations, and the chance of one standing far back."""

    shift_share: float = 0.012
    yaw_deg: float = 1.6
    roll_deg: float = 0.25
    push_mm: float = 7.0
    far_back: float = 0.03


@dataclass(frozen=True, slots=True)
class Pose:
    """The middle of a unit's front foot in the aisle, its turn and its light."""

    x_mm: float
    y_mm: float
    z_mm: float
    yaw: float
    roll: float
    light: float


def pose_of(item: Item, facing: Facing, seed: int, tidiness: Tidiness) -> Pose:
    """Return where ``item`` stands; what stands on each other stands alike."""
    slot, column = facing.id.slot, facing.id.column
    random = np.random.default_rng(seed_of(seed, slot, column, item.sku, item.row, item.serial))
    room_mm = facing.width_mm
    shift, yaw, roll, push = random.normal(0, 1, 4)
    free = max(room_mm - item.size_mm[0], 0) / 2 + 0.015 * room_mm
    x = facing.centre_x_mm + float(np.clip(shift * tidiness.shift_share * room_mm, -free, free))
    back = abs(push) * tidiness.push_mm
    if random.random() < tidiness.far_back:
        back += float(random.uniform(20, 90))
    z = item.front_z_mm - back
    light = float(np.exp(z / 650.0) * random.uniform(0.94, 1.05))
    turn = float(yaw) * tidiness.yaw_deg
    if item.package.kind is Kind.BAG:
        turn *= 1.6
    return Pose(x, facing.y_mm, z, radians(turn), radians(float(roll) * tidiness.roll_deg), light)


def item_sprite(item: Item, pose: Pose, camera: Camera, owner: int) -> Sprite | None:
    """Return the unit as ``camera`` sees it, on its canvas, with its shadow on the board."""
    is_round = item.package.kind in ROUND and item.posture is Posture.UPRIGHT
    body = _round_sprite(item, pose, camera) if is_round else _box_sprite(item, pose, camera)
    return None if body is None else Sprite(body.x, body.y, body.bgra, owner)


def foot_shadow(item: Item, pose: Pose, camera: Camera) -> Sprite | None:
    """Return the dark patch on the board under and before a unit; None from below."""
    if camera.position_mm[1] <= pose.y_mm:
        return None
    half, depth = item.size_mm[0] / 2, item.package.depth_mm
    floor = np.array(
        [
            [pose.x_mm - half * 1.02, pose.y_mm, pose.z_mm + 9],
            [pose.x_mm + half * 1.02, pose.y_mm, pose.z_mm + 9],
            [pose.x_mm + half * 1.02, pose.y_mm, pose.z_mm - depth],
            [pose.x_mm - half * 1.02, pose.y_mm, pose.z_mm - depth],
        ]
    )
    scale = camera.px_per_mm((pose.x_mm, pose.y_mm, pose.z_mm))
    return shadow_on_quad(camera.canvas_px(floor), 0.55, 6 * scale)


def seam_shadow(item: Item, pose: Pose, camera: Camera) -> Sprite | None:
    """Return the dark line where a unit stands on another."""
    half, z = item.size_mm[0] / 2, pose.z_mm + 2
    x1, x2, y = pose.x_mm - half, pose.x_mm + half, pose.y_mm
    line = np.array([[x1, y + 3, z], [x2, y + 3, z], [x2, y - 5, z], [x1, y - 5, z]])
    scale = camera.px_per_mm((pose.x_mm, y, z))
    return shadow_on_quad(camera.canvas_px(line), 0.6, 2.5 * scale)


def _corners(item: Item, pose: Pose, depth_mm: float) -> Floats:
    """Return (8,3): front then back, each from the top left clockwise, in the aisle."""
    half, height = item.size_mm[0] / 2 * 0.985, item.size_mm[1] * 0.985
    square = np.array([[-half, height], [half, height], [half, 0], [-half, 0]])
    turned = square @ np.array(
        [[cos(pose.roll), sin(pose.roll)], [-sin(pose.roll), cos(pose.roll)]]
    )
    out = np.empty((8, 3))
    for start, z in ((0, 0.0), (4, -depth_mm)):
        out[start : start + 4, 0] = pose.x_mm + turned[:, 0] * cos(pose.yaw) + z * sin(pose.yaw)
        out[start : start + 4, 1] = pose.y_mm + turned[:, 1]
        out[start : start + 4, 2] = pose.z_mm - turned[:, 0] * sin(pose.yaw) + z * cos(pose.yaw)
    return out


def front_area_px(item: Item, pose: Pose, camera: Camera) -> float:
    """Return how large a unit's front is on the canvas when nothing stands before it."""
    quad = camera.canvas_px(_corners(item, pose, 0.0)[:4]).astype(np.float32)
    return float(cv2.contourArea(quad))


_FACES = {"left": (4, 0, 3, 7), "right": (1, 5, 6, 2), "top": (4, 5, 1, 0), "front": (0, 1, 2, 3)}


def _box_sprite(item: Item, pose: Pose, camera: Camera) -> Sprite | None:
    package = item.package
    flat = package.kind is not Kind.BOX
    if item.posture is Posture.LYING:
        package = _lying(package)
    corners = _corners(item, pose, package.depth_mm)
    px = camera.canvas_px(corners)
    parts = []
    for face, indices in _FACES.items():
        if flat and face != "front":
            continue
        quad = px[list(indices)]
        if not _faces_camera(quad):
            continue
        if face == "front":
            sprite = on_quad(package.front, quad, pose.light)
        elif face == "top":
            sprite = on_quad(package.top, quad, pose.light * 1.04)
        else:
            sprite = on_quad(package.side, quad, pose.light * 0.62)
        if sprite is not None:
            parts.append(sprite)
    return merge(parts, -1) if parts else None


@lru_cache(maxsize=100)
def _lying(package: Package) -> Package:
    """Return the package after it has fallen to its right: what was its side is now its top."""
    return replace(
        package,
        width_mm=package.height_mm,
        height_mm=package.width_mm,
        front=np.ascontiguousarray(np.rot90(package.front, -1)),
        side=np.ascontiguousarray(np.rot90(package.top, -1)),
        top=np.ascontiguousarray(np.rot90(package.side, -1)),
    )


def _faces_camera(quad: Floats) -> bool:
    """Return whether corners given clockwise are seen clockwise (y down), by a pixel's area."""
    x, y = quad[:, 0], quad[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) > 2.0


def _round_sprite(item: Item, pose: Pose, camera: Camera) -> Sprite | None:
    package = item.package
    r, height = item.width_mm / 2 * 0.985, item.height_mm * 0.985
    axis_z = pose.z_mm - r
    away = np.array([pose.x_mm - camera.position_mm[0], axis_z - camera.position_mm[2]])
    away /= np.linalg.norm(away)
    side_x, side_z = -away[1] * r, away[0] * r
    lean = pose.roll * height
    foot = np.array([pose.x_mm, pose.y_mm, axis_z])
    head = foot + np.array([lean, height, 0.0])
    wide = np.array([side_x, 0.0, side_z])
    near = np.array([-away[0] * r, 0.0, -away[1] * r])
    px = camera.canvas_px(
        np.stack([head - wide, head + wide, foot + wide, foot - wide, head + near, foot + near])
    )
    left_top, right_top, right_foot, left_foot = px[:4]
    if left_top[0] > right_top[0]:
        return None
    bend_top = float(px[4, 1] - (left_top[1] + right_top[1]) / 2)
    bend_foot = float(px[5, 1] - (left_foot[1] + right_foot[1]) / 2)
    low = np.floor(px.min(axis=0) - (1, abs(bend_top) + 1)).astype(int)
    high = np.ceil(px.max(axis=0) + np.array([2, abs(bend_foot) + 2])).astype(int)
    width, tall = (int(n) for n in high - low)
    if width > 4000 or tall > 4000 or right_top[0] - left_top[0] < 1:
        return None
    texture = shrink(package.front, right_top[0] - left_top[0], float(left_foot[1] - left_top[1]))
    rows, columns = texture.shape[:2]
    ys, xs = np.mgrid[0:tall, 0:width].astype(np.float32)
    xs += low[0]
    ys += low[1]
    middle_top, middle_foot = (left_top + right_top) / 2, (left_foot + right_foot) / 2
    t = (ys - middle_top[1]) / max(middle_foot[1] - middle_top[1], 1e-3)
    centre = middle_top[0] + (middle_foot[0] - middle_top[0]) * t
    half_top, half_foot = (right_top[0] - left_top[0]) / 2, (right_foot[0] - left_foot[0]) / 2
    u = (xs - centre) / np.maximum(half_top + (half_foot - half_top) * t, 0.5)
    tilt = (right_top[1] - left_top[1]) / 2 * u
    outline = package.outline
    share = outline[np.clip((t * outline.size).astype(int), 0, outline.size - 1)]
    bend = np.sqrt(np.clip(share**2 - u**2, 0, 1)) * (bend_top + (bend_foot - bend_top) * t)
    v = (ys - bend - tilt - middle_top[1]) / max(middle_foot[1] - middle_top[1], 1e-3)
    map_x = ((u + 1) / 2 * columns - 0.5).astype(np.float32)
    map_y = (v * rows - 0.5).astype(np.float32)
    drawn: Pixels = np.asarray(
        cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT),
        dtype=np.uint8,
    )
    sprite = Sprite(int(low[0]), int(low[1]), dim(drawn, pose.light))
    if bend_top <= 0.6:
        return sprite
    at_top = float(outline[2])
    lid = _lid(
        package, pose.light, middle_top, half_top * at_top, bend_top * at_top, low, (tall, width)
    )
    return merge([sprite, lid], -1)


def _lid(
    package: Package,
    light: float,
    middle: Floats,
    half_width: float,
    half_height: float,
    low: Floats,
    shape: tuple[int, int],
) -> Sprite:
    bgra = np.zeros((*shape, 4), np.uint8)
    centre = (round((middle[0] - low[0]) * 16), round((middle[1] - low[1]) * 16))
    for scale, factor in ((1.0, 0.75), (0.9, 1.1), (0.8, 0.92)):
        colour = tuple(min(255, int(c * light * factor)) for c in package.lid)
        axes = (max(8, round(half_width * scale * 16)), max(4, round(half_height * scale * 16)))
        cv2.ellipse(bgra, centre, axes, 0, 0, 360, (*colour, 255), -1, cv2.LINE_AA, 4)
    return Sprite(int(low[0]), int(low[1]), bgra)
