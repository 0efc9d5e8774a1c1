"""Endless training crops, cut at a random scale from labelled pictures.

A detector's recall depends on the size of a facing in its input more than on anything else, so a
crop starts from the facing width wanted (log-uniform between two limits) and the picture's own
median facing gives the zoom. Crops are made on the fly: a resize takes about a millisecond, a
training step a hundred times that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, box_areas, clip_boxes
from detector.errors import TrainingError
from detector.letterbox import PAD_VALUE
from detector.training.labels import PictureLabels
from detector.training.splits import UNREADABLE
from detector.training.tally import Tally

OTHER_SIZE = "pictures of another size than their labels, skipped"


Item = TypeVar("Item")


class ShelfClass(IntEnum):
    """Class ids of the shipped detector."""

    PRODUCT = 0
    GAP = 1


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How crops are cut. Widths are of a typical facing, in pixels of the training input."""

    min_facing_px: float = 14.0
    max_facing_px: float = 170.0
    max_zoom: float = 4.0
    aspect_jitter: float = 0.12
    outside_share: float = 0.12
    min_visible_share: float = 0.4
    gap_centred_share: float = 0.45
    grey_share: float = 0.08
    blur_share: float = 0.12
    noise_share: float = 0.12


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture in memory with its labels; ``image_bgr`` is uint8 (H, W, 3)."""

    image_bgr: NDArray[np.uint8]
    labels: PictureLabels


@dataclass(frozen=True, slots=True)
class Crop:
    """One training example.

    ``image_bgr`` uint8 (size, size, 3); ``boxes_px`` float32 (n, 4) with ``class_ids`` (n,);
    ``ignored_px`` float32 (m, 4): places where a product may or may not be; ``gaps_known`` False:
    no statement about gaps anywhere in the crop.
    """

    image_bgr: NDArray[np.uint8]
    boxes_px: FloatArray
    class_ids: NDArray[np.int64]
    ignored_px: FloatArray
    gaps_known: bool


def load_pictures(
    labels: Sequence[PictureLabels], roots: Sequence[Path], tally: Tally | None = None
) -> list[LabelledPicture]:
    """Read the pictures that the labels name; each is looked for below ``roots``, in order.

    Pictures that cannot be read, or have another size than their labels say, are skipped and
    counted. Raises :class:`~detector.errors.TrainingError` naming the pictures that are not there.
    """
    tally = tally if tally is not None else Tally()
    pictures, missing = [], []
    for label in labels:
        path = next((p for root in roots if (p := root / label.picture).is_file()), None)
        if path is None:
            missing.append(label.picture)
            continue
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            tally.add(UNREADABLE, label.picture)
        elif (image.shape[1], image.shape[0]) != label.size_px:
            tally.add(OTHER_SIZE, label.picture)
        else:
            pictures.append(LabelledPicture(np.asarray(image, dtype=np.uint8), label))
    if missing:
        named = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise TrainingError(
            f"pictures: expected {len(labels)} below {' or '.join(map(str, roots))}, "
            f"found {len(labels) - len(missing)}; missing: {named}; "
            "--pictures names the folder that holds the first part of these names"
        )
    return pictures


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` of ``items``, evenly spread over their order."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


class CropSampler:
    """Draws a folder by its weight, a picture of it at random, and cuts a crop."""

    def __init__(
        self,
        pictures: Sequence[LabelledPicture],
        folder_weights: Mapping[str, float] | None = None,
        settings: CropSettings | None = None,
    ) -> None:
        """A picture's folder is the first part of its name in the label file.

        ``folder_weights``: how often each folder is drawn, 0 never; None draws all equally often.
        Raises :class:`~detector.errors.TrainingError` for a folder without a weight or pictures.
        """
        self._settings = settings or CropSettings()
        self._pools: dict[str, list[LabelledPicture]] = {}
        for picture in pictures:
            folder = picture.labels.picture.split("/")[0]
            self._pools.setdefault(folder, []).append(picture)
        self._names = sorted(self._pools)
        if folder_weights is None:
            folder_weights = dict.fromkeys(self._names, 1.0)
        needed = {name for name, weight in folder_weights.items() if weight > 0}
        if not needed <= set(self._pools) <= set(folder_weights) or not needed:
            raise TrainingError(
                f"folder_weights: expected {', '.join(self._names)} as in the labels, "
                f"found {', '.join(sorted(folder_weights))}; a folder of weight 0 is not drawn, "
                "and without folder_weights all are drawn equally often"
            )
        weights = np.array([folder_weights[name] for name in self._names], dtype=np.float64)
        self._chances = weights / weights.sum()

    @property
    def picture_count(self) -> int:
        """Pictures that can be drawn: the crops of one epoch."""
        drawn = (chance > 0 for chance in self._chances)
        return sum(len(self._pools[n]) for n, use in zip(self._names, drawn, strict=True) if use)

    def __call__(self, size_px: int, rng: np.random.Generator) -> Crop:
        """One training crop, ``size_px`` square."""
        pool = self._pools[self._names[rng.choice(len(self._names), p=self._chances)]]
        return cut_crop(pool[rng.integers(len(pool))], size_px, self._settings, rng)


def cut_crop(
    picture: LabelledPicture,
    size_px: int,
    settings: CropSettings,
    rng: np.random.Generator,
    *,
    plain: bool = False,
) -> Crop:
    """A random ``size_px`` square crop of one picture with its labels.

    ``plain``: keep the picture's light, colours and sharpness, and do not mirror it.
    """
    labels = picture.labels
    height, width = picture.image_bgr.shape[:2]
    zoom = _zoom(labels, (width, height), size_px, settings, rng)
    jitter = float(np.exp(rng.uniform(-settings.aspect_jitter, settings.aspect_jitter)))
    zoom_x, zoom_y = zoom * jitter**0.5, zoom / jitter**0.5
    left = _offset(width, size_px / zoom_x, settings, rng)
    top = _offset(height, size_px / zoom_y, settings, rng)
    gaps = labels.gaps
    if gaps is not None and len(gaps) and rng.random() < settings.gap_centred_share:
        # Gaps are ten times rarer than products; look where one is more often than chance would.
        x1, y1, x2, y2 = gaps[rng.integers(len(gaps))]
        wide, high = size_px / zoom_x, size_px / zoom_y
        left = _clamp((x1 + x2) / 2 - rng.uniform(0.25, 0.75) * wide, width, wide)
        top = _clamp((y1 + y2) / 2 - rng.uniform(0.25, 0.75) * high, height, high)
    image = _cut(picture.image_bgr, left, top, zoom_x, zoom_y, size_px)
    scale = np.array([zoom_x, zoom_y, zoom_x, zoom_y], dtype=np.float32)
    offset = np.array([left, top, left, top], dtype=np.float32)

    def mapped(boxes: FloatArray) -> tuple[FloatArray, NDArray[np.float32]]:
        whole = ((boxes - offset) * scale).astype(np.float32)
        inside = clip_boxes(whole, size_px, size_px)
        share = box_areas(inside) / np.maximum(box_areas(whole), 1e-6)
        return inside, share.astype(np.float32)

    products, product_share = mapped(labels.products)
    unsure, unsure_share = mapped(labels.unsure)
    gap_boxes, gap_share = mapped(gaps if gaps is not None else np.zeros((0, 4), np.float32))
    kept = product_share >= settings.min_visible_share
    kept_gaps = gap_share >= settings.min_visible_share
    boxes = np.concatenate([products[kept], gap_boxes[kept_gaps]])
    classes = np.concatenate(
        [
            np.full(int(kept.sum()), int(ShelfClass.PRODUCT)),
            np.full(int(kept_gaps.sum()), int(ShelfClass.GAP)),
        ]
    )
    large = (boxes[:, 2] - boxes[:, 0] >= 4) & (boxes[:, 3] - boxes[:, 1] >= 4)
    ignored = np.concatenate([products[~kept & (product_share > 0)], unsure[unsure_share > 0]])
    if not plain and rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes, ignored = _mirror(boxes, size_px), _mirror(ignored, size_px)
    return Crop(
        image_bgr=image if plain else vary_appearance(image, settings, rng),
        boxes_px=boxes[large],
        class_ids=classes[large],
        ignored_px=ignored,
        gaps_known=gaps is not None,
    )


def vary_appearance(
    image_bgr: NDArray[np.uint8], settings: CropSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Light, colour, blur, noise and compression as store cameras show them; a new array."""
    gain = float(np.exp(rng.normal(0.0, 0.22)))
    cast = np.exp(rng.normal(0.0, 0.07, 3))
    lift = rng.normal(0.0, 8.0)
    table = np.clip(np.arange(256)[:, None] * gain * cast + lift, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image_bgr, table.reshape(256, 1, 3)), dtype=np.uint8)
    saturation = rng.uniform(0.5, 1.4)
    if rng.random() < settings.grey_share:
        saturation = 0.0
    if abs(saturation - 1.0) > 0.1:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        image = np.asarray(cv2.addWeighted(image, saturation, grey, 1 - saturation, 0), np.uint8)
    if rng.random() < settings.blur_share:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    if rng.random() < settings.noise_share:
        noise = rng.normal(0, rng.uniform(2, 9), image.shape).astype(np.float32)
        image = np.clip(image.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    return image


def _zoom(
    labels: PictureLabels,
    size: tuple[int, int],
    size_px: int,
    settings: CropSettings,
    rng: np.random.Generator,
) -> float:
    boxes = labels.products
    facing = float(np.median(boxes[:, 2] - boxes[:, 0])) if len(boxes) >= 3 else min(size) / 20
    largest = min(settings.max_facing_px, size_px * 0.45)
    wanted = float(np.exp(rng.uniform(np.log(settings.min_facing_px), np.log(largest))))
    smallest_zoom = 0.75 * size_px / max(size)
    return float(np.clip(wanted / facing, min(smallest_zoom, settings.max_zoom), settings.max_zoom))


def _offset(side: int, window: float, settings: CropSettings, rng: np.random.Generator) -> float:
    spill = settings.outside_share * window if rng.random() < 0.3 else 0.0
    low, high = sorted((-spill, side - window + spill))
    return float(rng.uniform(low, high))


def _clamp(start: float, side: int, window: float) -> float:
    low, high = sorted((0.0, side - window))
    return float(min(max(start, low), high))


def _cut(
    image: NDArray[np.uint8], left: float, top: float, zoom_x: float, zoom_y: float, size_px: int
) -> NDArray[np.uint8]:
    source = image
    if min(zoom_x, zoom_y) < 0.6:
        # Affine warps sample points; shrink with area averaging first, then warp at about 1:1.
        width, height = round(image.shape[1] * zoom_x), round(image.shape[0] * zoom_y)
        shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        source = np.asarray(shrunk, dtype=np.uint8)
        left, top, zoom_x, zoom_y = left * zoom_x, top * zoom_y, 1.0, 1.0
    # Pixel centres: input pixel i shows picture position left + (i + 0.5) / zoom.
    matrix = np.array(
        [
            [zoom_x, 0.0, -left * zoom_x + 0.5 * zoom_x - 0.5],
            [0.0, zoom_y, -top * zoom_y + 0.5 * zoom_y - 0.5],
        ]
    )
    how = cv2.INTER_CUBIC if zoom_x > 1.5 else cv2.INTER_LINEAR
    warped = cv2.warpAffine(
        source,
        matrix,
        (size_px, size_px),
        flags=how,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(PAD_VALUE,) * 3,
    )
    return np.asarray(warped, dtype=np.uint8)


def _mirror(boxes: FloatArray, size_px: int) -> FloatArray:
    flipped = boxes.copy()
    flipped[:, 0], flipped[:, 2] = size_px - boxes[:, 2], size_px - boxes[:, 0]
    return flipped
