"""Pictures of bumped cameras with their truth, for the benchmark of registration.

The shop is drawn once by a wide camera without a lens; what a bumped camera takes is warped from
that, which is exact because a bump turns a camera and does not carry it. Blur, vignette, noise and
JPEG come after the warp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import atan, cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import Lens
from simulator.days import DaysShop, design_of
from simulator.items import Item
from simulator.layout import BayPlace, FacingId, all_facings
from simulator.package import seed_of
from simulator.photo import Film
from simulator.seeing import Ambience, Glare, Tube
from simulator.store import StoreState
from simulator.view import View

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

WIDE = 1.5
"""The shop is drawn by a camera that sees so many times the width and height."""

CHANGED_SHARE = 0.6
EMPTY_SHARE = 1 / 3


class Disturbance(StrEnum):
    """What else has changed since the reference picture."""

    NOTHING = "nothing"
    SHOPPERS = "shoppers"
    STOCK = "stock"
    LIGHT = "light"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Bump:
    """How far a camera looks aside: px in the middle of its picture, degrees, and a share."""

    right_px: float = 0.0
    down_px: float = 0.0
    roll_deg: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True)
class _Fixtures:
    """What a view needs to know: here the bays beside may change as all others do."""

    seed: int
    places: tuple[BayPlace, ...]


class CameraScene:
    """One camera of a drawn store, ``wide_px`` wide, and what it takes when it is bumped."""

    def __init__(self, store: int, seed: int, wide_px: int = 960) -> None:
        design = design_of(store)
        self._random = np.random.default_rng(seed_of("registration", store, seed))
        name = sorted(design.cameras)[int(self._random.integers(len(design.cameras)))]
        drawn = design.cameras[name]
        size_px = (wide_px, round(wide_px * drawn.size_px[1] / drawn.size_px[0]))
        self.camera = replace(
            drawn, size_px=size_px, focal_px=drawn.focal_px * wide_px / drawn.size_px[0]
        )
        self._film = design.films[name]
        self._wide = replace(
            self.camera,
            size_px=(round(size_px[0] * WIDE), round(size_px[1] * WIDE)),
            k1=0.0,
            k2=0.0,
        )
        self._shop = DaysShop(design, seed)
        plain = replace(self._film, noise=0.0, jpeg=0, blur_px=0.0, vignette=0.0)
        self._view = View(
            _Fixtures(seed, (*design.places, *design.beside)),
            name,
            self._wide,
            design.furniture,
            plain,
        )
        self._beside = {
            facing.id: (
                Item(
                    f"{facing.planned.sku}",
                    facing.planned.name,
                    facing.width_mm,
                    facing.height_mm,
                    0,
                ),
            )
            for facing in all_facings(design.beside)
        }
        bays = [place for place in design.places if place.bay.number in design.bays_of[name]]
        self.corners_px = _undo_centres(
            self.camera.picture_px(
                np.array(
                    [
                        (place.x_mm + dx, y, 0.0)
                        for place in bays
                        for dx in (0.0, place.bay.width_mm)
                        for y in (0.0, place.bay.height_mm)
                    ]
                )
            )
        )
        width, height = size_px
        self.lens = Lens(
            fx=self.camera.focal_px / width,
            fy=self.camera.focal_px / height,
            k1=self.camera.k1,
            k2=self.camera.k2,
        )

    def reference(self) -> Image:
        """Return the picture that was approved: full shelves, nobody there."""
        state = replace(self._shop.at(2.0), people=(), obstacles=(), ambience=Ambience())
        state = replace(state, contents={**state.contents, **self._beside}, seeing={})
        return self._taken(self._view.picture(state), Bump())

    def flat(self, disturbance: Disturbance) -> Image:
        """Return the shop as the wide camera sees it at some moment."""
        random = self._random
        state = self._shop.at(float(random.uniform(100, 0.55 * self._shop.duration_secs)))
        calm = replace(state, people=(), obstacles=(), ambience=Ambience(), seeing={})
        calm = replace(calm, contents={**calm.contents, **self._beside})
        if disturbance in (Disturbance.STOCK, Disturbance.ALL):
            calm = replace(calm, contents=self._restocked(calm.contents))
        if disturbance in (Disturbance.SHOPPERS, Disturbance.ALL):
            calm = self._crowded(calm)
        if disturbance in (Disturbance.LIGHT, Disturbance.ALL):
            calm = replace(calm, ambience=self._lit(state.ambience))
        return np.array(self._view.picture(calm))

    def bumped(self, flat: Image, bump: Bump) -> Image:
        """Return what the camera takes of ``flat`` after a bump."""
        return self._taken(flat, bump)

    def moved(self, points_px: Floats, bump: Bump) -> Floats:
        """Return where points (n,2) of the reference picture lie after a bump (corner origin)."""
        camera = self.camera
        centre = camera.matrix[:2, 2]
        flat = (camera.undistort(points_px - 0.5) - centre) / camera.focal_px
        rays = np.column_stack([flat, np.ones(len(flat))]) @ self._turn(bump).T
        seen = rays[:, :2] / rays[:, 2:] * bump.zoom * camera.focal_px + centre
        return camera.distort(seen) + 0.5

    def _turn(self, bump: Bump) -> Floats:
        """3x3: from rays before the bump to rays after it."""
        pan, tilt = (atan(px / self.camera.focal_px) for px in (bump.right_px, bump.down_px))
        roll = radians(bump.roll_deg)
        yaw = np.array([[cos(pan), 0, sin(pan)], [0, 1, 0], [-sin(pan), 0, cos(pan)]])
        nod = np.array([[1, 0, 0], [0, cos(tilt), sin(tilt)], [0, -sin(tilt), cos(tilt)]])
        spin = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
        return np.asarray(spin @ nod @ yaw)

    def _taken(self, flat: Image, bump: Bump) -> Image:
        camera = self.camera
        width, height = camera.size_px
        xs, ys = np.linspace(0, width - 1, 49), np.linspace(0, height - 1, 37)
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        rays = (camera.undistort(grid) - camera.matrix[:2, 2]) / (camera.focal_px * bump.zoom)
        before = np.column_stack([rays, np.ones(len(rays))]) @ self._turn(bump)
        where = before[:, :2] / before[:, 2:] * camera.focal_px + self._wide.matrix[:2, 2]
        across = np.interp(np.arange(width), xs, np.arange(49)).astype(np.float32)
        down = np.interp(np.arange(height), ys, np.arange(37)).astype(np.float32)
        coarse = where.reshape(37, 49, 2).astype(np.float32)
        steps = np.meshgrid(across, down)
        maps = cv2.remap(coarse, steps[0], steps[1], cv2.INTER_LINEAR)
        taken = cv2.remap(flat, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return self._finished(taken)

    def _finished(self, taken: cv2.typing.MatLike) -> Image:
        film, random = self._film, self._random
        height, width = taken.shape[:2]
        picture = cv2.GaussianBlur(taken, (0, 0), max(0.35, film.blur_px))
        x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
        fall = (1 - film.vignette * ((x**2 + y**2) / 2) ** 1.3).astype(np.float32)
        noise = random.standard_normal(picture.shape, dtype=np.float32) * film.noise
        out = np.clip(picture * fall[..., None] + noise, 0, 255).astype(np.uint8)
        quality = film.jpeg or 90
        _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)

    def _restocked(
        self, contents: Mapping[FacingId, tuple[Item, ...]]
    ) -> dict[FacingId, tuple[Item, ...]]:
        """Empty a third of the facings and put other products into three of five others."""
        random = self._random
        others = [items[0] for items in contents.values() if items]
        out: dict[FacingId, tuple[Item, ...]] = {}
        for facing, items in contents.items():
            if random.random() < EMPTY_SHARE:
                out[facing] = ()
            elif random.random() < CHANGED_SHARE and others:
                other = others[int(random.integers(len(others)))]
                name = f"{other.name} {int(random.integers(1000))}"
                out[facing] = tuple(replace(i, sku=f"{other.sku}x", name=name) for i in items)
            else:
                out[facing] = items
        return out

    def _crowded(self, state: StoreState) -> StoreState:
        """Put people and what stands about before the shelves, of moments with most of them."""
        random = self._random
        times = random.uniform(100, 0.55 * self._shop.duration_secs, 40)
        moments = [self._shop.at(float(secs)) for secs in times]
        moments.sort(key=lambda moment: -len(moment.people))
        chosen = moments[int(random.integers(0, 8))]
        return replace(state, people=chosen.people, obstacles=chosen.obstacles)

    def _lit(self, ambience: Ambience) -> Ambience:
        random = self._random
        right = max(place.x_mm + place.bay.width_mm for place in self._shop.places)
        tube = Tube(float(random.uniform(0, right)), 600.0, float(random.uniform(0.3, 0.8)))
        glare = Glare(
            float(random.uniform(0, right)), float(random.uniform(300, 1600)), 200.0, 250.0,
            float(random.uniform(60, 180)),
        )  # fmt: skip
        return replace(
            ambience,
            light=float(random.uniform(0.45, 1.3)),
            slope=float(random.uniform(-0.3, 0.3)),
            gains=(float(random.uniform(0.9, 1.1)), 1.0, float(random.uniform(0.9, 1.1))),
            tubes=(tube,),
            glares=(glare,),
        )


def _undo_centres(points_px: Floats) -> Floats:
    """From pixels whose centres are whole numbers to those whose corners are."""
    return points_px + 0.5


__all__ = ["Bump", "CameraScene", "Disturbance", "Film"]
