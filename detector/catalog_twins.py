"""Near-twins: products so alike in the catalogue that a facing cannot tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.embedding import Embedder
from detector.pictures import read_picture, trim_uniform_border

#: Facings of a product that are made up for each comparison.
FACINGS = 12
#: Widths of facings on shelves.
FACING_WIDTHS_PX = (25, 60)
#: Pictures of one product that are used.
PICTURES = 3
#: Products less alike than the embedder's ``known.min_similarity`` by this are not compared.
REACH = 0.15
#: Two products are near-twins when so many facings of one do not clearly lead over the other.
TWIN_SHARE = 0.2
#: Everything that shapes the answer, for the index.
TWIN_RULE = f"1/{FACINGS}/{FACING_WIDTHS_PX}/{PICTURES}/{REACH}/{TWIN_SHARE}"


@dataclass(frozen=True, slots=True)
class Twin:
    """Two products' keys in alphabetical order.

    ``share``: of facings made up from one product's pictures, those that do not lead over the
    other by the embedder's ``known.min_margin``; of the two directions the larger. 0..1.
    """

    keys: tuple[str, str]
    share: float


def find_twins(
    vectors: FloatArray,
    keys: Sequence[str],
    pictures: Sequence[Path],
    picture_keys: Sequence[str],
    embedder: Embedder,
) -> tuple[Twin, ...]:
    """The near-twins among a catalogue's products, most alike first.

    ``vectors`` (m, d) with their products ``keys`` (m,); ``pictures`` (n,) are the files with
    theirs. Facings are made up from the pictures of products that come near one another.
    """
    products = tuple(dict.fromkeys(keys))
    owner = np.array(keys)
    rows = [np.flatnonzero(owner == key) for key in products]
    likeness = vectors @ vectors.T
    near: dict[int, list[int]] = {}
    floor = embedder.known.min_similarity - REACH
    for a, own in enumerate(rows):
        best = likeness[own].max(axis=0)
        near[a] = [b for b, other in enumerate(rows) if b != a and best[other].max() >= floor]
    shares: dict[tuple[str, str], float] = {}
    for a, others in near.items():
        if not others:
            continue
        files = [f for f, key in zip(pictures, picture_keys, strict=True) if key == products[a]]
        facings = _embedded_facings(files[:PICTURES], embedder)
        own = (facings @ vectors[rows[a]].T).max(axis=1)
        for b in others:
            lead = own - (facings @ vectors[rows[b]].T).max(axis=1)
            share = float(np.mean(lead <= embedder.known.min_margin))
            pair = (min(products[a], products[b]), max(products[a], products[b]))
            shares[pair] = max(share, shares.get(pair, 0.0))
    found = [Twin(pair, round(share, 3)) for pair, share in shares.items() if share >= TWIN_SHARE]
    return tuple(sorted(found, key=lambda twin: (-twin.share, twin.keys)))


def made_up_facing(picture_bgr: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The product as a shelf camera might show it: small, askew, blurred, in other light."""
    width = int(rng.integers(*FACING_WIDTHS_PX, endpoint=True))
    height = max(8, round(picture_bgr.shape[0] * width / picture_bgr.shape[1]))
    # Warped and blurred at four times the size, as a lens does before the sensor samples.
    wide, tall = 4 * width, 4 * height
    fine = cv2.resize(picture_bgr, (wide, tall), interpolation=cv2.INTER_AREA)
    corners = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], dtype=np.float32)
    askew = corners + rng.uniform(-0.07, 0.07, (4, 2)) * (wide, tall)
    warp = cv2.getPerspectiveTransform(askew.astype(np.float32), corners)
    fine = cv2.warpPerspective(fine, warp, (wide, tall), borderMode=cv2.BORDER_REFLECT)
    fine = cv2.GaussianBlur(fine, (0, 0), 4 * rng.uniform(0.3, 1.3))
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    light = rng.uniform(0.5, 1.05) * rng.uniform(0.88, 1.12, 3)
    slope = np.linspace(rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.1), height)[:, None, None]
    lit = small ** rng.uniform(0.7, 1.5) * light * slope
    noisy = lit + rng.normal(0.0, 0.02, lit.shape)
    return np.asarray(np.clip(noisy * 255, 0, 255), dtype=np.uint8)


def _embedded_facings(files: Sequence[Path], embedder: Embedder) -> FloatArray:
    rng = np.random.default_rng(0)
    pictures = [trim_uniform_border(read_picture(path)) for path in files]
    return embedder.embed([made_up_facing(pictures[k % len(files)], rng) for k in range(FACINGS)])
