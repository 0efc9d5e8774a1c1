"""Package bodies: outlines, and the light on round, soft and flat surfaces."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.art import Colour

Pixels = NDArray[np.uint8]
Profile = NDArray[np.float64]
"""(H,) half width of a body in each row from the top, 1 being the whole half."""


class Kind(StrEnum):
    """The shapes of packages."""

    BOX = "box"
    BOTTLE = "bottle"
    CAN = "can"
    JAR = "jar"
    BAG = "bag"


ROUND = (Kind.BOTTLE, Kind.CAN, Kind.JAR)


def profile(kind: Kind, height_px: int, random: np.random.Generator) -> Profile:
    """Return the outline of a body of ``kind``."""
    t = np.linspace(0, 1, height_px)
    if kind is Kind.BOX:
        return np.ones(height_px)
    if kind is Kind.BAG:
        waist = random.uniform(0.0, 0.05)
        wrinkle = 0.008 * np.sin(t * random.uniform(30, 60) + random.uniform(0, 6))
        waisted = 1 - waist * np.cos((t - 0.5) * 2 * np.pi) ** 2
        return np.asarray(np.clip(waisted - 0.01 + wrinkle, 0.5, 1))
    if kind is Kind.CAN:
        rim = 0.03
        ends = np.where((t < rim) | (t > 1 - rim), 0.93, 1.0)
        return np.asarray(ends - 0.02 * (np.abs(t - 0.5) > 0.44))
    if kind is Kind.JAR:
        lid = random.uniform(0.13, 0.2)
        neck = random.uniform(0.82, 0.92)
        body = np.interp(t, [lid, lid + 0.08, 0.95, 1.0], [neck, 1.0, 1.0, 0.93])
        return np.where(t < lid, neck * 1.02, body)
    cap = random.uniform(0.06, 0.13)
    neck = random.uniform(0.3, 0.5)
    shoulder = random.uniform(cap + 0.12, 0.42)
    waist = random.uniform(0.86, 1.0)
    start = random.uniform(cap + 0.02, cap + (shoulder - cap) * 0.6)
    rise = np.clip((t - start) / (shoulder - start), 0, 1)
    body = neck + (1 - neck) * (np.sin(rise * np.pi - np.pi / 2) + 1) / 2
    pinch = 1 - (1 - waist) * np.exp(-(((t - random.uniform(0.5, 0.75)) / 0.1) ** 2))
    foot = np.interp(t, [0, 0.96, 1.0], [1, 1, 0.9])
    return np.asarray(np.where(t < cap, neck * 1.15, body * pinch * foot))


def to_pixels(values: NDArray[np.floating]) -> Pixels:
    """Return grey levels as bytes."""
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def across(outline: Profile, width_px: int) -> NDArray[np.float32]:
    """Return (H,W): how far each pixel lies from the axis, 1 at the outline."""
    x = (np.arange(width_px) + 0.5) / width_px * 2 - 1
    return (x[None, :] / outline[:, None]).astype(np.float32)


def alpha_of(outline: Profile, width_px: int) -> Pixels:
    """Return the alpha (H,W) of a body, its edge one pixel soft."""
    inside = (1 - np.abs(across(outline, width_px))) * outline[:, None] * width_px / 2
    return (np.clip(inside + 0.5, 0, 1) * 255).astype(np.uint8)


def lit_round(
    picture: Pixels, outline: Profile, kind: Kind, lid: Colour, random: np.random.Generator
) -> Pixels:
    """Return ``picture`` wrapped round a body with its lid, cap or rims, and highlights."""
    height, width = picture.shape[:2]
    u = np.clip(across(outline, width), -1, 1)
    x = np.linspace(-1, 1, width)
    turned = 0.45 * x + 0.55 * np.arcsin(x) / (np.pi / 2)
    columns = ((turned + 1) / 2 * (width - 1)).astype(int)
    base = picture[:, columns].astype(np.float32)
    rows = np.linspace(0, 1, height)
    if kind is Kind.CAN:
        metal = (rows < 0.035) | (rows > 0.965)
        base[metal] = (178, 182, 184)
        base[(rows > 0.035) & (rows < 0.05)] *= 0.7
    else:
        top = int(height * (0.1 if kind is Kind.BOTTLE else 0.16))
        edge = np.flatnonzero(np.abs(np.diff(outline)) > 0.02)
        if edge.size:
            top = int(min(edge[0] + 1, height * 0.25))
        base[:top] = lid
        ribs = 0.88 + 0.12 * np.sign(np.sin(np.arange(width) / width * 90))
        base[:top] *= ribs[None, :, None]
        base[max(top - 2, 0) : top + 2] *= 0.6
    round_off = np.sqrt(np.clip(1 - u**2, 0, 1))
    light = 0.38 + 0.66 * round_off
    at = random.uniform(-0.5, -0.2)
    gloss = 0.5 if kind is Kind.CAN else 0.35
    shine = gloss * np.exp(-(((u - at) / 0.1) ** 2)) + 0.16 * np.exp(-(((u - 0.62) / 0.12) ** 2))
    base = base * light[:, :, None] + 255 * (shine * round_off)[:, :, None] * 0.8
    return to_pixels(base)


def lit_soft(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Return ``picture`` on a filled bag: bulge, creases, sealed ends."""
    height, width = picture.shape[:2]
    x = np.linspace(-1, 1, width)[None, :]
    y = np.linspace(-1, 1, height)[:, None]
    light = 1.08 - 0.45 * np.abs(x) ** 3 - 0.3 * np.abs(y) ** 4
    creases = random.normal(0, 1, (max(3, height // 40), max(3, width // 40))).astype(np.float32)
    field = cv2.resize(creases, (width, height), interpolation=cv2.INTER_CUBIC)
    light = light + 0.09 * field * (0.3 + np.abs(x) ** 1.5)
    gloss = np.exp(-(((x + 0.45 + 0.15 * y + 0.05 * field) / 0.1) ** 2)) * (1 - np.abs(y) ** 3)
    out = picture.astype(np.float32) * light[:, :, None] + 55 * gloss[:, :, None]
    seal = max(3, int(height * 0.045))
    teeth = 0.8 + 0.2 * np.sign(np.sin(np.arange(seal) * 2.0))[:, None, None]
    out[:seal] *= teeth
    out[-seal:] *= teeth
    return to_pixels(out)


def lit_flat(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Return ``picture`` on cardboard: a slow change of light and worn edges."""
    height, width = picture.shape[:2]
    x = np.linspace(0, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    light = 1.06 - 0.13 * y + 0.05 * np.sin(x * np.pi) - 0.04 * x
    edge = np.minimum(np.minimum(x, 1 - x) * width, np.minimum(y, 1 - y) * height)
    light = light - 0.22 * np.exp(-((edge / 2.2) ** 2))
    sheen = 16 * np.exp(-(((x - y * 0.5 - random.uniform(-0.2, 0.8)) / 0.18) ** 2))
    out = picture.astype(np.float32) * light[:, :, None] + sheen[:, :, None]
    return to_pixels(out)
