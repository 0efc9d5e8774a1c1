"""Packages drawn from nothing but their SKU: the same SKU always looks the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from simulator.art import Colour, hsv
from simulator.printing import draw_print, plain_side
from simulator.shapes import ROUND, Kind, Profile, alpha_of, lit_flat, lit_round, lit_soft, profile
from simulator.sprite import Pixels, opaque, premultiply

LONG_SIDE_PX = 380
"""Length of a package's longer side in its texture."""

_WORDS = {
    Kind.BOX: "flakes tea cocoa bars cereal biscuits cookies crackers crispbread wafers tissues",
    Kind.BOTTLE: "oil vinegar ketchup juice cola water shampoo syrup milk sauce cleaner beer wine",
    Kind.CAN: "beans soup tuna can peas sweetcorn tomatoes lemonade tonic chickpeas",
    Kind.JAR: "jam honey mustard olives pickles pesto spread coffee mayonnaise",
    Kind.BAG: "oats muesli granola cakes chips crisps nuts rice flour sugar lentils penne fusilli",
}

_ASPECTS = {
    Kind.BOX: (0.2, 4.0),
    Kind.BOTTLE: (1.9, 5.0),
    Kind.CAN: (0.7, 2.1),
    Kind.JAR: (0.8, 2.0),
    Kind.BAG: (0.8, 2.1),
}
"""Height over width that a shape may have."""

_UNSEEN: Pixels = np.zeros((1, 1, 4), np.uint8)


@dataclass(frozen=True, eq=False)
class Package:
    """How one SKU looks; sizes in mm, textures premultiplied BGRA.

    ``front`` faces the shopper; ``side`` and ``top`` are seen of boxes only. ``lid`` is the
    colour of a round package's upper end, ``outline`` (H,) the half width in each row of
    ``front``, 1 being half of ``width_mm``.
    """

    kind: Kind
    width_mm: float
    height_mm: float
    depth_mm: float
    front: Pixels
    side: Pixels
    top: Pixels
    lid: Colour
    outline: Profile


def seed_of(*parts: object) -> int:
    """Return a 63-bit number that depends only on ``parts``."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def family_of(sku: str) -> str:
    """Return the brand family of a SKU: what stands before a dot, or the SKU itself.

    Members of a family (``40217.1``, ``40217.2``) share shape, brand and layout and differ, as
    flavours do, in some colours and in the picture.
    """
    return sku.partition(".")[0]


def kind_of(sku: str, name: str, width_mm: float, height_mm: float) -> Kind:
    """Return the shape: what the name says, else what the proportions allow."""
    words = set(name.lower().replace(",", " ").split())
    aspect = height_mm / width_mm
    for kind, known in _WORDS.items():
        low, high = _ASPECTS[kind]
        if words & set(known.split()) and low <= aspect <= high:
            return kind
    random = np.random.default_rng(seed_of("kind", family_of(sku)))
    if aspect > 2.1:
        chances = {Kind.BOTTLE: 0.75, Kind.BOX: 0.25}
    elif aspect > 1.15:
        chances = {Kind.BOX: 0.42, Kind.CAN: 0.18, Kind.JAR: 0.16, Kind.BAG: 0.24}
    else:
        chances = {Kind.BOX: 0.72, Kind.JAR: 0.1, Kind.BAG: 0.18}
    return list(chances)[int(random.choice(len(chances), p=list(chances.values())))]


@lru_cache(maxsize=600)
def package_of(
    sku: str, name: str, width_mm: float, height_mm: float, long_side_px: int = LONG_SIDE_PX
) -> Package:
    """Return the look of ``sku`` at the size of one facing; ``name`` is printed on it."""
    kind = kind_of(sku, name, width_mm, height_mm)
    family = family_of(sku)
    random = np.random.default_rng(seed_of("look", family))
    flavour = None if family == sku else np.random.default_rng(seed_of("flavour", sku))
    depth_mm = width_mm
    if kind not in ROUND:
        depth_mm = float(np.clip(width_mm * random.uniform(0.3, 0.8), 30, 160))
    scale = long_side_px / max(width_mm, height_mm)
    width, height = max(24, round(width_mm * scale)), max(24, round(height_mm * scale))
    depth = max(12, round(depth_mm * scale))
    top, foot = label_span(kind, random)
    art = draw_print((round(height * (foot - top)), width), name, random, flavour)
    outline = profile(kind, height, random)
    lid = hsv(random.random(), 0.7, 0.6) if random.random() < 0.6 else (185, 190, 193)
    if flavour is not None:
        lid = art.second
    if kind is Kind.CAN:
        lid = (185, 190, 193)
    if kind in ROUND:
        body = np.full((height, width, 3), glass_colour(random), np.uint8)
        start = round(height * top)
        body[start : start + art.picture.shape[0]] = art.picture
        front = lit_round(body, outline, kind, lid, random)
    elif kind is Kind.BAG:
        front = lit_soft(art.picture, random)
    else:
        front = lit_flat(art.picture, random)
    bgra = opaque(front)
    bgra[:, :, 3] = alpha_of(outline, width)
    return Package(
        kind=kind,
        width_mm=width_mm,
        height_mm=height_mm,
        depth_mm=depth_mm,
        front=premultiply(bgra),
        side=opaque(plain_side((height, depth), art)) if kind is Kind.BOX else _UNSEEN,
        top=opaque(plain_side((depth, width), art)) if kind is Kind.BOX else _UNSEEN,
        lid=lid,
        outline=outline,
    )


def label_span(kind: Kind, random: np.random.Generator) -> tuple[float, float]:
    """Return where the printed part starts and ends, 0 being the package's upper end."""
    if kind is Kind.BOTTLE:
        return float(random.uniform(0.36, 0.46)), float(random.uniform(0.88, 0.98))
    if kind is Kind.JAR:
        return float(random.uniform(0.24, 0.32)), float(random.uniform(0.88, 0.97))
    return 0.0, 1.0


def glass_colour(random: np.random.Generator) -> Colour:
    """Return the colour of a bottle or jar beside its label."""
    return hsv(
        float(random.choice([0.02, 0.07, 0.1, 0.13, 0.3, 0.55, 0.6])),
        float(random.uniform(0.1, 0.85)),
        float(random.uniform(0.2, 0.85)),
    )


def packshot(package: Package) -> Pixels:
    """Return the package alone on white, BGR uint8, as a catalogue shows it."""
    pad = 14
    height, width = package.front.shape[:2]
    out = np.full((height + 2 * pad, width + 2 * pad, 3), 255, np.uint8)
    keep = cv2.merge([cv2.bitwise_not(np.ascontiguousarray(package.front[:, :, 3]))] * 3)
    colours = np.ascontiguousarray(package.front[:, :, :3])
    out[pad : pad + height, pad : pad + width] = cv2.add(keep, colours)
    return out
