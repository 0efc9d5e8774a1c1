"""Tell near-twins apart by their print: local features of a facing laid over each candidate.

A vector of a whole facing says which family of packages it belongs to; two flavours differ in a
word and a picture. Here points of a facing are matched with points of each candidate's picture,
and the points count that one flat package in perspective can explain. Twins share most of their
design, so both get many; the true one also matches where the other differs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import PictureError
from detector.pictures import read_picture, trim_uniform_border

#: Points kept of one picture, the strongest ones.
MAX_POINTS = 800
#: Longer side that catalogue pictures and facings are brought to; photographs, which show more
#: than the product, get more.
PICTURE_SIDE_PX, PHOTO_SIDE_PX = 320, 400
#: A match counts when its distance is below this share of the next best one's (Lowe 2004).
MAX_RATIO = 0.85
#: Largest distance of an explained point from where its match says it is.
MAX_OFF_PX = 5.0
#: Fewer explained points are chance.
MIN_EXPLAINED = 8
#: A product is proven by so many explained points, and by a lead over the next one that chance
#: (counts spread as their roots) gives only beyond so many standard deviations. On photographs of
#: products in a hand it then answered for 69 %, on painted near-twins 80 px wide for 64 %, and was
#: always right; figures are reported on other products than these.
PROOF_POINTS, PROOF_SIGMAS = 12, 1.5
#: Pictures of one product that are compared.
MAX_PICTURES = 4


@dataclass(frozen=True, slots=True)
class PrintPoints:
    """Points of one picture: ``points_px`` float32 (n, 2), x and y in the resized picture;
    ``descriptors`` float32 (n, 128), unit length.
    """

    points_px: FloatArray
    descriptors: FloatArray


def print_points(picture_bgr: NDArray[np.uint8], side_px: int = PICTURE_SIDE_PX) -> PrintPoints:
    """The strongest points of a picture, BGR uint8 (H, W, 3), resized to ``side_px``.

    RootSIFT (Arandjelovic and Zisserman 2012): robust to light, small turns and blur.
    """
    scale = side_px / max(picture_bgr.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = [max(8, round(side * scale)) for side in picture_bgr.shape[1::-1]]
    grey = cv2.cvtColor(cv2.resize(picture_bgr, size, interpolation=how), cv2.COLOR_BGR2GRAY)
    sift = cv2.SIFT.create(nfeatures=MAX_POINTS, contrastThreshold=0.02)
    points, found = sift.detectAndCompute(grey, None)
    if found is None:
        return PrintPoints(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    sums = np.maximum(found.sum(axis=1, keepdims=True), 1e-9)
    descriptors = np.sqrt(found / sums).astype(np.float32)
    return PrintPoints(np.array([point.pt for point in points], np.float32), descriptors)


def explained_points(reference: PrintPoints, seen: PrintPoints) -> int:
    """How many points of ``reference`` one plane in perspective finds again in ``seen``."""
    if len(reference.points_px) < MIN_EXPLAINED or len(seen.points_px) < MIN_EXPLAINED:
        return 0
    likeness = reference.descriptors @ seen.descriptors.T
    best_two = np.argpartition(-likeness, 1, axis=1)[:, :2]
    values = np.take_along_axis(likeness, best_two, axis=1)
    # Unit vectors: the squared distance is 2 - 2 * cosine.
    near = np.sqrt(np.maximum(2 - 2 * values.max(axis=1), 0))
    next_best = np.sqrt(np.maximum(2 - 2 * values.min(axis=1), 1e-9))
    rows = np.flatnonzero(near < MAX_RATIO * next_best)
    if len(rows) < MIN_EXPLAINED:
        return 0
    columns = best_two[rows, values[rows].argmax(axis=1)]
    source, target = reference.points_px[rows], seen.points_px[columns]
    plane, explained = cv2.findHomography(source, target, cv2.USAC_MAGSAC, MAX_OFF_PX)
    if plane is None or not _is_package(np.asarray(plane, np.float64), reference.points_px):
        return 0
    # One point of the facing may be matched by many of the reference: it is one witness.
    witnesses = np.unique(columns[explained.ravel() > 0])
    return len(witnesses) if len(witnesses) >= MIN_EXPLAINED else 0


class PrintReader:
    """Compares pictures with those of a catalogue's products.

    A product's points are found when it is first asked for, and kept.
    """

    def __init__(
        self, files: Mapping[str, Sequence[Path]], kept_products: int | None = None
    ) -> None:
        """``files``: the pictures of each product, as in ``Catalog.files``.

        ``kept_products``: how many products' points are kept, those asked for last; None: all.
        """
        self._files = files
        self._kept = kept_products
        self._points: OrderedDict[str, list[PrintPoints]] = OrderedDict()

    def explained(self, seen: PrintPoints, keys: Sequence[str]) -> list[int]:
        """Explained points of each product: those of its best picture; 0 without pictures."""
        return [
            max((explained_points(picture, seen) for picture in self._of(key)), default=0)
            for key in keys
        ]

    def proven(self, seen: PrintPoints, keys: Sequence[str]) -> str | None:
        """The product that the print shows, out of two or more; None when it does not tell."""
        leaders = self.leaders(self.explained(seen, keys)) if len(keys) > 1 else []
        return keys[leaders[0]] if len(leaders) == 1 else None

    @staticmethod
    def leaders(counts: Sequence[int]) -> list[int]:
        """Places of the products that the counts leave in question, most points first.

        One is proven; none when no product has enough points.
        """
        order = sorted(range(len(counts)), key=lambda k: -counts[k])
        if not order or counts[order[0]] < PROOF_POINTS:
            return []
        most = counts[order[0]]
        return [k for k in order if most - counts[k] < PROOF_SIGMAS * sqrt(most + counts[k])]

    def _of(self, key: str) -> list[PrintPoints]:
        if key not in self._points:
            self._points[key] = [
                print_points(picture)
                for path in self._files.get(key, ())[:MAX_PICTURES]
                if (picture := _readable(path)) is not None
            ]
            if self._kept is not None and len(self._points) > self._kept:
                self._points.popitem(last=False)
        self._points.move_to_end(key)
        return self._points[key]


def _readable(path: Path) -> NDArray[np.uint8] | None:
    """A catalogue's picture; None where it went away: the vectors then decide alone."""
    try:
        return trim_uniform_border(read_picture(path))
    except PictureError:
        return None


def _is_package(plane: NDArray[np.float64], points_px: FloatArray) -> bool:
    """Whether the reference's outline stays a convex shape of the same handedness and some size."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
    seen = cv2.perspectiveTransform(corners[None], plane)[0]
    to_next, to_over = np.roll(seen, -1, axis=0) - seen, np.roll(seen, -2, axis=0) - seen
    turns = to_next[:, 0] * to_over[:, 1] - to_next[:, 1] * to_over[:, 0]
    area = abs(cv2.contourArea(seen)) / max(float(np.prod(high - low)), 1.0)
    return bool((turns > 0).all() and 0.02 < area < 16)
