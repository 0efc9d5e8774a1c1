"""The gate: whether a look is worth reading, and which parts of it must be left unread.

All comparisons are made on a picture `_WIDE_PX` wide, in logarithms of each colour, after taking
out what the whole picture has gained or lost in brightness and colour. Cells of 4 x 4 of its
pixels form the grid in which changes are followed. A cell that is only lit otherwise (a tube that
flickers, the sun, a shadow) has not changed: it has gained or lost the same in each colour, and
its fine structure, on a picture twice as wide, is what it was.

What can be known from pixels alone:

* A cell that looks as it did when it was last settled is settled at once.
* A small change that stays as it is (an item taken or put back) is settled after
  ``settle_looks`` looks. A hand or a shopper who moves on never stays so long.
* A large change that stays as it is may be a shopper who stands still, a parked cart, or a
  shelf that was refilled. They differ only in time, and in that people sway: a large change is
  settled when nearly all of it has stayed the same for ``large_settle_looks`` looks. Someone who
  stands like a statue for longer is taken for part of the scene; the detector then sees a person,
  where it would see gaps in an empty shelf, and evidence still has to last before a state changes.
* What was there before something large was parked is remembered: when it leaves, the shelf
  behind it is settled at once.
* Of the first look nothing is known. Who stands in it is part of the scene until he leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.backdrop import (
    DARK_OFFSET,
    Backdrop,
    Cells,
    Floats,
    LightLimits,
    changes,
    detail_of,
    grid_of,
)
from edge_agent.frames import ImageBgr
from shelf.states import BoxPx

_WIDE_PX = 160
_DETAIL_WIDE_PX = 2 * _WIDE_PX
_SHARP_WIDE_PX = 640
_TILES = (8, 6)
_FOLLOW = 0.1
_FOLLOW_SHARPNESS = 0.05


class GateKind(StrEnum):
    """What a look is good for."""

    LOOK = "look"
    UNCHANGED = "unchanged"
    DARK = "dark"
    BLURRED = "blurred"
    COVERED = "covered"

    @property
    def is_fresh(self) -> bool:
        """True when the shelf could be seen, whether or not it must be read anew."""
        return self in (GateKind.LOOK, GateKind.UNCHANGED)


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Thresholds of the gate.

    ``dark_below`` is a mean grey (0..255); ``flat_below`` a contrast (standard deviation of
    grey in a tile) under which a tile shows nothing, ``covered_share`` the share of such tiles
    that means a covered lens. ``blurred_below`` is a sharpness relative to the camera's own
    (0.05 is a blur of about 2 px in 1080 lines). ``light`` says which
    changes count, ``same_below`` is a change that is none, in log units. ``large_share`` is the
    share of the picture from which a change is large. After ``unchanged_looks`` a look is read
    all the same.
    """

    dark_below: float = 18.0
    flat_below: float = 3.0
    covered_share: float = 0.9
    blurred_below: float = 0.05
    light: LightLimits = LightLimits()  # noqa: RUF009 (frozen)
    same_below: float = 0.08
    settle_looks: int = 2
    large_share: float = 0.05
    large_settle_looks: int = 6
    unchanged_looks: int = 30


@dataclass(frozen=True, slots=True, eq=False)
class GateResult:
    """The gate's word on one look.

    ``unsettled`` marks what moves or has not settled yet (everything when the look is not
    fresh); ``brightness`` is the mean grey, 0..255; ``sharpness`` is relative to the camera's
    usual, 1 is usual.
    """

    kind: GateKind
    unsettled: Cells
    brightness: float
    sharpness: float
    size_px: tuple[int, int]

    def unsettled_share(self, box_xyxy_px: BoxPx) -> float:
        """Return the share (0..1) of what the picture shows of a box that is unsettled.

        1 for a box that is not in the picture at all.
        """
        rows, columns = self.unsettled.shape
        x1, y1, x2, y2 = box_xyxy_px
        across = cell_overlaps(x1, x2, self.size_px[0], columns)
        down = cell_overlaps(y1, y2, self.size_px[1], rows)
        area = float(across.sum() * down.sum())
        if not area > 0:
            return 1.0
        return min(1.0, float(down @ self.unsettled @ across) / area)


@dataclass(slots=True)
class _Scene:
    """What the gate knows of one camera at one picture size.

    ``former`` is the background as it was before something large was parked: the same as
    ``background`` but for the cells that are ``parked``.
    """

    size_px: tuple[int, int]
    background: Backdrop
    former: Backdrop
    parked: Cells
    previous: Floats
    ages: NDArray[np.int32]
    sharpness: Floats
    read: Floats | None = None
    read_unsettled: Cells | None = None
    unchanged_looks: int = 0


class Gate:
    """Decides about the looks of one camera, in their order. Not for several threads at once."""

    def __init__(self, limits: GateLimits | None = None) -> None:
        self._limits = limits or GateLimits()
        self._scene: _Scene | None = None

    def decide(self, image_bgr: ImageBgr) -> GateResult:
        """Return what this look is good for.

        The caller is taken to read every `GateKind.LOOK`; see `read_again`. A change of the
        picture's size starts from nothing.
        """
        height_px, width_px = image_bgr.shape[:2]
        size_px = (width_px, height_px)
        if not width_px or not height_px:
            return GateResult(GateKind.COVERED, np.ones((1, 1), np.bool_), 0.0, 0.0, size_px)
        if self._scene is not None and self._scene.size_px != size_px:
            self._scene = None
        medium = _halved(image_bgr)
        grey = cv2.cvtColor(medium, cv2.COLOR_BGR2GRAY).astype(np.float32)
        now = np.log(_resized(medium, _WIDE_PX).astype(np.float32) + DARK_OFFSET)
        detail = detail_of(_resized(np.asarray(grey), _DETAIL_WIDE_PX))
        brightness = float(grey.mean())
        contrast, energy = _tiles(grey)
        sharpness = self._relative_sharpness(energy, contrast)
        kind = self._obstacle(brightness, contrast, sharpness)
        if kind is not None:
            return GateResult(kind, np.ones(grid_of(now), np.bool_), brightness, sharpness, size_px)
        if self._scene is None:
            nothing = np.zeros(grid_of(now), np.bool_)
            empty = Backdrop(now, detail)
            self._scene = _Scene(
                size_px, empty, empty, nothing, now, nothing.astype(np.int32), energy
            )
        scene = self._scene
        unsettled = self._unsettled(scene, now, detail)
        scene.sharpness = scene.sharpness + _FOLLOW_SHARPNESS * (energy - scene.sharpness)
        kind = self._kind(scene, now, unsettled)
        return GateResult(kind, unsettled, brightness, sharpness, size_px)

    def read_again(self) -> None:
        """Make the next fresh look a `GateKind.LOOK`.

        For a look that could not be read after all, and after a change of model or planogram.
        """
        if self._scene is not None:
            self._scene.read = None

    def start_anew(self) -> None:
        """Forget the scene: the camera looks elsewhere from now on."""
        self._scene = None

    def _obstacle(self, brightness: float, contrast: Floats, sharpness: float) -> GateKind | None:
        limits = self._limits
        if brightness < limits.dark_below:
            return GateKind.DARK
        if float((contrast < limits.flat_below).mean()) >= limits.covered_share:
            return GateKind.COVERED
        return GateKind.BLURRED if sharpness < limits.blurred_below else None

    def _relative_sharpness(self, detail: Floats, contrast: Floats) -> float:
        """Return the median over the tiles that show something; one shopper blurs no camera."""
        usable = contrast >= self._limits.flat_below
        if self._scene is None or not usable.any():
            return 1.0
        return float(np.median(detail[usable] / np.maximum(self._scene.sharpness[usable], 1e-6)))

    def _unsettled(self, scene: _Scene, now: Floats, detail: Floats) -> Cells:
        """Follow every cell one look further and return those that are not settled."""
        limits = self._limits
        scene.background, is_other = scene.background.compared(now, detail, limits.light)
        if scene.parked.any():
            scene.former, is_new = scene.former.compared(now, detail, limits.light)
        else:
            scene.former, is_new = scene.background, is_other
        has_left = is_other & scene.parked & ~is_new
        is_other &= ~has_left
        stays = changes(now, scene.previous) <= limits.light.changed_above
        scene.previous = now
        scene.ages = np.where(is_other, np.where(stays, scene.ages + 1, 1), 0).astype(np.int32)
        small, large = self._adopted(scene.ages, is_other)
        adopted = small | large
        unsettled = is_other & ~adopted
        scene.ages[adopted] = 0
        scene.parked = (scene.parked | large) & ~has_left & ~small
        weight = np.where(adopted | has_left, 1.0, np.where(is_other, 0.0, _FOLLOW))
        scene.background = scene.background.followed(now, detail, weight)
        scene.former = scene.former.followed(now, detail, np.where(scene.parked, 0.0, weight))
        halo = cv2.dilate(unsettled.astype(np.uint8), np.ones((3, 3), np.uint8))
        return np.asarray(halo, dtype=np.bool_)

    def _adopted(self, ages: NDArray[np.int32], is_other: Cells) -> tuple[Cells, Cells]:
        """Return the changed cells that have stayed long enough to belong to the scene.

        Those of small changes and those of large ones.
        """
        limits = self._limits
        count, labels = cv2.connectedComponents(is_other.astype(np.uint8), connectivity=8)
        small, large = np.zeros_like(is_other), np.zeros_like(is_other)
        for label in range(1, count):
            cells = labels == label
            if cells.sum() <= limits.large_share * cells.size:
                small |= cells & (ages >= limits.settle_looks)
            elif np.quantile(ages[cells], 0.1) >= limits.large_settle_looks:
                large |= cells
        return small, large

    def _kind(self, scene: _Scene, now: Floats, unsettled: Cells) -> GateKind:
        if scene.read is not None and scene.read_unsettled is not None:
            is_news = bool((changes(now, scene.read) > self._limits.same_below).any())
            has_settled = bool((scene.read_unsettled & ~unsettled).any())
            scene.unchanged_looks += 1
            is_due = scene.unchanged_looks >= self._limits.unchanged_looks
            if not (is_news or has_settled or is_due):
                return GateKind.UNCHANGED
        scene.read, scene.read_unsettled, scene.unchanged_looks = now, unsettled, 0
        return GateKind.LOOK


def _halved(image_bgr: ImageBgr) -> cv2.typing.MatLike:
    """Return the picture at half, a quarter ... of its size, at least `_SHARP_WIDE_PX` wide.

    Halving by area is several times faster than any other reduction.
    """
    half: cv2.typing.MatLike = image_bgr
    while half.shape[1] >= 2 * _SHARP_WIDE_PX and half.shape[0] >= 2:
        size = (half.shape[1] // 2, half.shape[0] // 2)
        half = cv2.resize(half, size, interpolation=cv2.INTER_AREA)
    return half


def _resized(image: cv2.typing.MatLike, width_px: int) -> cv2.typing.MatLike:
    height_px = max(1, round(image.shape[0] * width_px / image.shape[1]))
    is_smaller = image.shape[1] > width_px
    how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return cv2.resize(image, (width_px, height_px), interpolation=how)


def _tiles(grey: Floats) -> tuple[Floats, Floats]:
    """Return contrast (standard deviation) and detail of each tile, independent of brightness.

    Detail is the energy of the Laplacian over the variance: both grow with the square of the
    exposure, and only the first falls when the picture blurs.
    """
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    mean, square, energy = (
        cv2.resize(part, _TILES, interpolation=cv2.INTER_AREA)
        for part in (grey, grey * grey, laplacian * laplacian)
    )
    variance = np.maximum(np.asarray(square - mean * mean, dtype=np.float32), 0)
    detail = np.asarray(energy, dtype=np.float32) / (variance + 1.0)
    return np.sqrt(variance), detail.astype(np.float32)


def cell_overlaps(low: float, high: float, extent_px: int, cells: int) -> NDArray[np.float64]:
    """Return how much of each of ``cells`` equal parts of 0..extent lies between low and high."""
    edges = np.linspace(0, extent_px, cells + 1)
    overlaps = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.asarray(np.clip(overlaps, 0, None), dtype=np.float64)
