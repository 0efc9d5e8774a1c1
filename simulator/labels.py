"""Random pictures of random shelves, with boxes, to train a detector on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shelf import Planogram, Shelf
from simulator.furniture import random_furniture
from simulator.geometry import Camera
from simulator.items import Item, Tidiness
from simulator.layout import BayPlace, Facing, FacingId, facings_of_shelf, place_bays
from simulator.package import seed_of
from simulator.people import person_sprite, random_person
from simulator.photo import develop, random_film
from simulator.random_camera import random_camera
from simulator.random_planogram import Assortment, random_planogram
from simulator.sprite import Owners, paint
from simulator.stage import BEHIND, Stage

VISIBLE_SHARE = 0.5
"""A box is labelled when more than this of it is seen."""

CUT_SHARE = 0.25
"""A hole that the picture's edge cuts is labelled when more than this of it is inside."""

SMALLEST_PX = 5
PERSON = -2

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class LabelledScene:
    """A picture with what is in it.

    ``image_bgr`` uint8 (H,W,3); ``product_boxes_xyxy_px`` float32 (n,4), one a front unit;
    ``gap_boxes_xyxy_px`` float32 (m,4), one a hole: adjacent empty facings are one hole.
    """

    image_bgr: NDArray[np.uint8]
    product_boxes_xyxy_px: Boxes
    gap_boxes_xyxy_px: Boxes


def training_scene(seed: int, size_px: tuple[int, int]) -> LabelledScene:
    """Return a random scene of ``size_px`` (width, height); the same for the same arguments."""
    random = np.random.default_rng(seed_of("training", seed))
    facing_px = float(np.exp(random.uniform(np.log(20), np.log(210))))
    usual_mm = float(np.exp(random.uniform(np.log(50), np.log(170))))
    scale = facing_px / usual_mm
    view_mm = (size_px[0] / scale, size_px[1] / scale)
    assortment = Assortment(
        usual_width_mm=usual_mm, width_mm=view_mm[0] * 1.5, height_mm=view_mm[1] * 1.4
    )
    planogram = random_planogram(random, assortment)
    places = place_bays(planogram, float(random.uniform(0, 50)))
    camera = random_camera(random, places, size_px, scale, view_mm)
    rows_drawn = 3 if facing_px > 40 else 2
    stage = Stage(camera, places, random_furniture(random), seed, _tidiness(random), rows_drawn)
    contents = _contents(random, planogram, places, _texture_px(facing_px))
    canvas = stage.show(contents).copy()
    owners = stage.owners.copy()
    room = min(camera.position_mm[2] - 900, 700.0)
    for _ in range(int(random.choice([0, 1, 2], p=[0.75, 0.2, 0.05])) if room > 150 else 0):
        x = camera.target_mm[0] + float(random.uniform(-0.55, 0.55)) * view_mm[0]
        person = random_person(random, x, float(random.uniform(150, room)))
        sprite = person_sprite(person, camera)
        if sprite is not None:
            marked = replace(sprite, owner=PERSON)
            paint(canvas, marked, (0, 0, canvas.shape[1], canvas.shape[0]), owners)
    image = develop(canvas, camera, random_film(random), seed_of("noise", seed))
    seen = picture_owners(owners, camera)
    shown = [key for key in stage.facings if contents.get(key)]
    return LabelledScene(
        image,
        _product_boxes(stage, shown, seen),
        _gap_boxes(camera, places, contents, seen),
    )


def picture_owners(owners: Owners, camera: Camera) -> Owners:
    """Return the owner map of a canvas as (H,W) of the picture."""
    coarse, _ = camera.lens_map
    height, width = owners.shape
    x = np.clip(coarse[:, :, 0], 0, width - 1)
    y = np.clip(coarse[:, :, 1], 0, height - 1)
    return owners[y, x]


def _texture_px(facing_px: float) -> int:
    return 380 if facing_px > 90 else 220 if facing_px > 45 else 130


def _tidiness(random: np.random.Generator) -> Tidiness:
    mess = float(random.choice([0.6, 1.0, 2.0, 3.5], p=[0.25, 0.4, 0.25, 0.1]))
    return Tidiness(
        shift_share=0.012 * mess,
        yaw_deg=1.6 * mess,
        roll_deg=0.25 * mess,
        push_mm=7.0 * mess,
        far_back=float(random.choice([0.0, 0.03, 0.1])),
    )


def _contents(
    random: np.random.Generator,
    planogram: Planogram,
    places: Sequence[BayPlace],
    texture_px: int,
) -> dict[FacingId, tuple[Item, ...]]:
    empty_slot = float(random.choice([0.0, 0.03, 0.08, 0.25], p=[0.25, 0.35, 0.3, 0.1]))
    empty_facing = float(random.choice([0.0, 0.02, 0.06, 0.2], p=[0.25, 0.35, 0.3, 0.1]))
    taken = float(random.choice([0.0, 0.05, 0.2]))
    strange = float(random.choice([0.0, 0.02, 0.06]))
    slots = list(planogram.slots)
    contents: dict[FacingId, tuple[Item, ...]] = {}
    for place in places:
        for shelf in place.bay.shelves:
            gone = {s.id for s in shelf.slots if random.random() < empty_slot}
            columns: dict[tuple[object, int], int] = {}
            for facing in facings_of_shelf(shelf, place.x_mm):
                column = (facing.id.slot, facing.id.column)
                if column not in columns:
                    levels = facing.planned.facings_high
                    is_empty = facing.id.slot in gone or random.random() < empty_facing
                    full = random.random() < 0.75
                    columns[column] = (
                        0 if is_empty else levels if full else int(random.integers(1, levels + 1))
                    )
                if facing.id.level >= columns[column]:
                    continue
                planned = facing.planned
                width, height = facing.width_mm, facing.height_mm
                if random.random() < strange:
                    other = slots[int(random.integers(0, len(slots)))]
                    if other.facing_width_mm <= width and other.facing_height_mm <= height * 1.2:
                        planned = other
                        width, height = other.facing_width_mm, other.facing_height_mm
                first = 0
                if facing.planned.facings_high == 1 and random.random() < taken:
                    first = int(random.integers(1, 3))
                count = int(random.integers(1, 4))
                contents[facing.id] = tuple(
                    Item(planned.sku, planned.name, width, height, first + i, texture_px=texture_px)
                    for i in range(count)
                )
    return contents


def _product_boxes(stage: Stage, shown: Sequence[FacingId], seen: Owners) -> Boxes:
    count = len(stage.facings)
    ys, xs = np.nonzero(seen >= 0)
    ids = seen[ys, xs]
    pixels = np.bincount(ids, minlength=count)
    low = np.full((count, 2), 1 << 30)
    high = np.full((count, 2), -1)
    for axis, values in enumerate((xs, ys)):
        np.minimum.at(low[:, axis], ids, values)
        np.maximum.at(high[:, axis], ids, values)
    boxes = []
    for key in shown:
        number = stage.number_of(key)
        if pixels[number] == 0:
            continue
        whole = stage.front_area_px(key)
        x1, y1 = low[number]
        x2, y2 = high[number] + 1
        if pixels[number] > VISIBLE_SHARE * whole and min(x2 - x1, y2 - y1) >= SMALLEST_PX:
            boxes.append((x1, y1, x2, y2))
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def _gap_boxes(
    camera: Camera,
    places: Sequence[BayPlace],
    contents: dict[FacingId, tuple[Item, ...]],
    seen: Owners,
) -> Boxes:
    boxes = []
    for place in places:
        for shelf in place.bay.shelves:
            for hole in holes(shelf, place.x_mm, contents):
                box = _gap_box(camera, shelf, hole, seen)
                if box is not None:
                    boxes.append(box)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def holes(
    shelf: Shelf, bay_x_mm: float, contents: dict[FacingId, tuple[Item, ...]]
) -> list[list[Facing]]:
    """Return runs of adjacent empty facings of the lowest level, left to right."""
    lowest = [f for f in facings_of_shelf(shelf, bay_x_mm) if f.id.level == 0]
    lowest.sort(key=lambda f: f.x_mm)
    runs: list[list[Facing]] = []
    open_run = False
    for facing in lowest:
        if contents.get(facing.id):
            open_run = False
        elif open_run:
            runs[-1].append(facing)
        else:
            runs.append([facing])
            open_run = True
    return runs


def _gap_box(
    camera: Camera, shelf: Shelf, hole: list[Facing], seen: Owners
) -> tuple[float, float, float, float] | None:
    x1, x2 = hole[0].x_mm, hole[-1].x_mm + hole[-1].width_mm
    tall = max(f.planned.height_mm for f in hole)
    y1, y2 = shelf.y_mm, shelf.y_mm + min(tall, shelf.height_mm - 30)
    corners = np.array([[x1, y2, 0.0], [x2, y2, 0.0], [x2, y1, 0.0], [x1, y1, 0.0]])
    px = camera.picture_px(corners)
    width, height = camera.size_px
    low, high = px.min(axis=0), px.max(axis=0)
    inside_low = np.clip(low, 0, (width, height))
    inside_high = np.clip(high, 0, (width, height))
    area = float(np.prod(high - low))
    inside = float(np.prod(inside_high - inside_low))
    if inside <= CUT_SHARE * area or (inside_high - inside_low).min() < SMALLEST_PX:
        return None
    mask = np.zeros(seen.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(px).astype(np.int32), 1)
    here = seen[mask > 0]
    if (
        here.size == 0
        or np.count_nonzero(here == PERSON) > (1 - VISIBLE_SHARE) * here.size
        or np.count_nonzero((here >= 0) | (here == BEHIND)) > 0.5 * here.size
    ):
        return None
    return float(inside_low[0]), float(inside_low[1]), float(inside_high[0]), float(inside_high[1])
