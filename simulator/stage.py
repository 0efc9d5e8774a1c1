"""The shelves as one camera sees them, kept as a canvas on which only changes are repainted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from shelf import Shelf
from simulator import fixture
from simulator.furniture import Furniture
from simulator.geometry import Camera
from simulator.items import (
    Item,
    Tidiness,
    foot_shadow,
    front_area_px,
    item_sprite,
    pose_of,
    seam_shadow,
)
from simulator.layout import BayPlace, Facing, FacingId, facings_of_shelf, tops_of_shelf
from simulator.package import seed_of
from simulator.sprite import Clip, Owners, Pixels, Sprite, cut, overlap, paint

Contents = Mapping[FacingId, tuple[Item, ...]]
"""What stands at each facing, from the front; a facing that is not named is empty."""

NOBODY = -1
BEHIND = -3
"""Marks units that stand behind another of the same facing."""

ROWS_DRAWN = 3
"""Units drawn behind each other: what is further back is hidden by these."""

_NOTHING = Sprite(0, 0, np.zeros((0, 0, 4), np.uint8))


@dataclass(frozen=True, slots=True)
class _Place:
    """A step of the painter: one facing's units in one row from the front."""

    facing: Facing
    depth: int


class Stage:
    """Paints shelves, far things first; not for use by several threads at once.

    Only what changed between two calls of `show` is painted again, and the canvas is the same
    as if all of it had been.
    """

    def __init__(
        self,
        camera: Camera,
        places: tuple[BayPlace, ...],
        furniture: Furniture,
        seed: int,
        tidiness: Tidiness = Tidiness(),  # noqa: B008 (frozen)
        rows_drawn: int = ROWS_DRAWN,
    ) -> None:
        self.camera = camera
        self.furniture = furniture
        self._seed = seed
        self._tidiness = tidiness
        self._rows_drawn = rows_drawn
        self._steps: list[Sprite | _Place] = []
        self.facings: dict[FacingId, Facing] = {}
        self._numbers: dict[FacingId, int] = {}
        self._sprites: dict[tuple[FacingId, Item], list[Sprite]] = {}
        self._shown: dict[FacingId, tuple[Item, ...]] = {}
        random = np.random.default_rng(seed_of(seed, "around"))
        self._backdrop = fixture.surroundings(camera, furniture, random)
        self._whole: Clip = (0, 0, *camera.canvas_size_px)
        self._plan(places)
        self._compose_backdrop()
        self._canvas = self._backdrop.copy()
        self._owners = np.full(self._canvas.shape[:2], NOBODY, np.int16)
        self._repaint(self._whole)

    def number_of(self, facing: FacingId) -> int:
        """Return the number that marks a facing's front unit in the owner map."""
        return self._numbers[facing]

    def show(self, contents: Contents) -> Pixels:
        """Return the canvas (H,W,3) with these contents; do not write to it."""
        dirty: list[Clip] = []
        for key in self.facings:
            items = contents.get(key, ())
            before = self._shown.get(key, ())
            if items == before:
                continue
            for shown in (before, items):
                dirty += [s.box for s in self._units(key, shown[: self._rows_drawn])]
            self._shown[key] = items
        for clip in _joined(dirty, self._whole):
            self._repaint(clip)
        return self._canvas

    @property
    def owners(self) -> Owners:
        """(H,W): at each pixel of the canvas the facing whose front unit is seen, or -1."""
        return self._owners

    def front_sprite(self, key: FacingId) -> Sprite | None:
        """Return the front unit of a facing as if nothing stood before it."""
        items = self._shown.get(key, ())
        sprites = self._units(key, items[:1])
        return sprites[-1] if sprites else None

    def front_area_px(self, key: FacingId) -> float:
        """Return how many pixels of the canvas a facing's front unit would cover alone.

        Its sides and top, which neighbours usually hide, do not count.
        """
        sprite = self.front_sprite(key)
        if sprite is None:
            return 0.0
        item = self._shown[key][0]
        pose = pose_of(item, self.facings[key], self._seed, self._tidiness)
        whole = float(np.count_nonzero(sprite.bgra[:, :, 3] > 127))
        return min(whole, front_area_px(item, pose, self.camera))

    def _plan(self, places: tuple[BayPlace, ...]) -> None:
        camera, style, seed = self.camera, self.furniture, self._seed
        self._add(fixture.floor(camera, places, style, seed))
        cam_x, cam_y = camera.position_mm[:2]
        far_first = sorted(places, key=lambda p: -abs(p.x_mm + p.bay.width_mm / 2 - cam_x))
        for place in far_first:
            if not fixture.in_sight(camera, place, style):
                continue
            self._add(fixture.back_wall(camera, place, style, seed))
            if style.side_panels:
                for sprite in fixture.side_panels(camera, place, style, seed):
                    self._add(sprite)
            above = [shelf for shelf in place.bay.shelves if shelf.y_mm > cam_y]
            below = [shelf for shelf in place.bay.shelves if shelf.y_mm <= cam_y]
            for shelf in reversed(above):
                self._plan_shelf(place, shelf)
                underside = shelf.y_mm - style.board_mm
                self._add(fixture.board_faces(camera, place, underside, style, seed))
            for shelf in below:
                self._add(fixture.board_faces(camera, place, shelf.y_mm, style, seed))
                self._plan_shelf(place, shelf)
                self._plan_rail(place, shelf)
            for shelf in above:
                self._plan_rail(place, shelf)
            self._add(fixture.kick_plate(camera, place, style, seed))
        ordered = sorted(places, key=lambda p: p.x_mm)
        for left, right in pairwise(ordered):
            edge = left.x_mm + left.bay.width_mm
            height = max(left.bay.height_mm, right.bay.height_mm)
            self._add(fixture.upright(camera, edge, right.x_mm, height, style))

    def _plan_shelf(self, place: BayPlace, shelf: Shelf) -> None:
        """Plan what stands on a shelf, deep rows first, and the shadow of the board above."""
        cam_x = self.camera.position_mm[0]
        planned = facings_of_shelf(shelf, place.x_mm) + tops_of_shelf(shelf, place.x_mm)
        facings = [f for f in planned if self._in_sight(f)]
        facings.sort(key=lambda f: (f.id.level, -abs(f.centre_x_mm - cam_x)))
        for facing in facings:
            self._numbers[facing.id] = len(self.facings)
            self.facings[facing.id] = facing
        for depth in reversed(range(self._rows_drawn)):
            self._steps += [_Place(facing, depth) for facing in facings]
        if shelf is not place.bay.shelves[-1]:
            self._add(fixture.under_shadow(self.camera, place, shelf, self.furniture))

    def _plan_rail(self, place: BayPlace, shelf: Shelf) -> None:
        rail = fixture.price_rail(self.camera, place, shelf, self.furniture, self._seed)
        for sprite in rail:
            self._add(sprite)

    def _in_sight(self, facing: Facing) -> bool:
        """Return whether units of a facing may be on the canvas, with room to spare."""
        x1, x2 = facing.x_mm, facing.x_mm + facing.width_mm
        y1, y2 = facing.y_mm - 0.1 * facing.height_mm, facing.y_mm + 1.2 * facing.height_mm
        depth = -self.furniture.depth_mm
        box = [(x, y, z) for x in (x1, x2) for y in (y1, y2) for z in (0.0, depth)]
        px = self.camera.canvas_px(np.array(box))
        return bool((px.max(axis=0) > 0).all() and (px.min(axis=0) < self._whole[2:]).all())

    def _add(self, sprite: Sprite | None) -> None:
        seen = None if sprite is None else cut(sprite, self._whole)
        if seen is not None:
            self._steps.append(seen)

    def _compose_backdrop(self) -> None:
        """Paint what lies behind all units into the backdrop, and forget its sprites."""
        count = 0
        for step in self._steps:
            if isinstance(step, _Place):
                break
            paint(self._backdrop, step, self._whole)
            count += 1
        del self._steps[:count]

    def _units(self, key: FacingId, items: tuple[Item, ...]) -> list[Sprite]:
        return [sprite for item in items for sprite in self._unit(key, item)]

    def _unit(self, key: FacingId, item: Item) -> list[Sprite]:
        known = self._sprites.get((key, item))
        if known is None:
            facing = self.facings[key]
            pose = pose_of(item, facing, self._seed, self._tidiness)
            draw_shadow = foot_shadow if key.level == 0 else seam_shadow
            shadow = draw_shadow(item, pose, self.camera)
            body = item_sprite(item, pose, self.camera, NOBODY)
            known = []
            if body is not None and overlap(body.box, self._whole):
                known = [s for s in (shadow, body) if s is not None]
            if len(self._sprites) > 4000:
                self._sprites.clear()
            self._sprites[key, item] = known
        return known

    def _repaint(self, clip: Clip) -> None:
        x1, y1, x2, y2 = clip
        self._canvas[y1:y2, x1:x2] = self._backdrop[y1:y2, x1:x2]
        self._owners[y1:y2, x1:x2] = NOBODY
        for step in self._steps:
            if isinstance(step, Sprite):
                paint(self._canvas, step, clip, self._owners)
                continue
            key = step.facing.id
            items = self._shown.get(key, ())
            if step.depth >= len(items):
                continue
            owner = self._numbers[key] if step.depth == 0 else BEHIND
            *shadows, body = self._unit(key, items[step.depth]) or [_NOTHING]
            for shadow in shadows:
                paint(self._canvas, shadow, clip)
            paint(self._canvas, replace(body, owner=owner), clip, self._owners)


def _joined(clips: Iterable[Clip], whole: Clip) -> list[Clip]:
    """Return boxes that cover ``clips`` inside ``whole`` without overlapping each other."""
    out: list[Clip] = []
    for clip in clips:
        inside = overlap(clip, whole)
        if inside is None:
            continue
        merged = inside
        again = True
        while again:
            again = False
            for other in out:
                if overlap(merged, other):
                    out.remove(other)
                    merged = (
                        min(merged[0], other[0]),
                        min(merged[1], other[1]),
                        max(merged[2], other[2]),
                        max(merged[3], other[3]),
                    )
                    again = True
                    break
        out.append(merged)
    return out
