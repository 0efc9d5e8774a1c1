"""What is printed on packages: colours, words and lettering."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red."""
Random = np.random.Generator

_SYLLABLES = """
ba be bo bri ca co cri da del dor el fa fi flo ga gol gra ha ho jo ka ki la li lo lu ma mi
mo na ni no or pa pe pri ra ri ro sa si so sun ta ti to va ve vi wo ya za zen
"""
_WORDS = """
Crackers Cookies Oats Muesli Flakes Cocoa Wafers Rice Pasta Beans Tomato Soup Tea Coffee Sugar
Honey Jam Juice Cola Water Milk Yoghurt Chips Nuts Raisins Corn Tuna Olives Mustard Ketchup Mayo
Vinegar Oil Soap Shampoo Lotion Cleaner Tissues Crisps Granola Lentils
"""
SYLLABLES = tuple(_SYLLABLES.split())
ENDINGS = ("", "", "x", "s", "lla", "nia", "rio", "max", "ette", "co", "'s", "land")
WORDS = tuple(_WORDS.split())
HUES = (
    0.0,
    0.0,
    0.02,
    0.06,
    0.09,
    0.13,
    0.15,
    0.27,
    0.33,
    0.38,
    0.5,
    0.56,
    0.6,
    0.62,
    0.65,
    0.75,
    0.9,
)
"""Hues of packages: reds, yellows, greens and blues are more usual than violet or pink."""

BRAND_INKS: tuple[Colour, ...] = ((120, 60, 20), (30, 30, 150), (40, 90, 30), (40, 38, 36))
"""What cartons are printed with."""

FONTS = (0, 2, 3, 4, 6, 7)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the colour of hue, saturation and value, each 0..1 (hue wraps)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return int(blue * 255), int(green * 255), int(red * 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return ``share`` of ``second`` in ``first``."""
    blue, green, red = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return blue, green, red


def luma(colour: Colour) -> float:
    """Return the brightness, 0..255."""
    return 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]


def palette(random: Random) -> tuple[Colour, Colour, Colour]:
    """Return the main, second and accent colour of a package."""
    hue = float(random.choice(HUES) + random.normal(0, 0.025))
    style = int(random.integers(0, 6))
    apart = float(random.choice([0.08, 0.5, 0.33, 0.15, 0.6]))
    second = hsv(hue + apart, random.uniform(0.5, 1.0), random.uniform(0.55, 1.0))
    accent = hsv(hue + apart + 0.3, random.uniform(0.6, 1.0), random.uniform(0.7, 1.0))
    if style == 0:
        main = hsv(hue, random.uniform(0.0, 0.08), random.uniform(0.85, 0.97))
    elif style == 1:
        main = hsv(hue, random.uniform(0.3, 0.7), random.uniform(0.12, 0.3))
    elif style == 2:
        main = hsv(hue, random.uniform(0.25, 0.5), random.uniform(0.75, 0.95))
        second = hsv(hue, 0.8, 0.45)
    else:
        main = hsv(hue, random.uniform(0.6, 0.97), random.uniform(0.45, 0.9))
        if style == 3:
            second = hsv(hue, 0.05, 0.95)
    return main, second, accent


def flavoured(
    family: tuple[Colour, Colour, Colour], random: Random
) -> tuple[Colour, Colour, Colour]:
    """Return main, second and accent colour of one flavour of a brand family.

    Near twins keep the family's main colour, others change it too.
    """
    main, _, _ = family
    hue = float(random.random())
    second = hsv(hue, random.uniform(0.55, 1.0), random.uniform(0.45, 1.0))
    accent = hsv(hue + random.uniform(-0.06, 0.06), random.uniform(0.6, 1.0), 0.9)
    if random.random() < 0.5:
        main = hsv(hue, random.uniform(0.5, 0.9), random.uniform(0.5, 0.9))
        second = mix(family[0], (255, 255, 255), 0.3)
    return main, second, accent


def brand_word(random: Random) -> str:
    """Return an invented brand."""
    count = int(random.integers(2, 4))
    word = "".join(str(random.choice(SYLLABLES)) for _ in range(count))
    word += str(random.choice(ENDINGS))
    return word.upper() if random.random() < 0.45 else word.capitalize()


def text_in(
    picture: Pixels,
    text: str,
    box: tuple[float, float, float, float],
    colour: Colour,
    font: int = 0,
    outline: Colour | None = None,
) -> None:
    """Write ``text`` into ``picture`` in place, as large as ``box`` (x1, y1, x2, y2) allows."""
    x1, y1, x2, y2 = box
    if x2 - x1 < 4 or y2 - y1 < 4 or not text:
        return
    (width, height), base = cv2.getTextSize(text, font, 1.0, 2)
    scale = min((x2 - x1) / max(width, 1), (y2 - y1) / max(height + base * 0.5, 1))
    thickness = max(1, round(2.2 * scale))
    x = round((x1 + x2 - width * scale) / 2)
    y = round((y1 + y2 + height * scale) / 2)
    if outline is not None:
        cv2.putText(picture, text, (x, y), font, scale, outline, thickness + 3, cv2.LINE_AA)
    cv2.putText(picture, text, (x, y), font, scale, colour, thickness, cv2.LINE_AA)


def readable_on(background: Colour, *wanted: Colour) -> Colour:
    """Return the first of ``wanted`` that stands out from ``background``, else black or white."""
    for colour in wanted:
        if abs(luma(colour) - luma(background)) > 80:
            return colour
    return (250, 250, 250) if luma(background) < 140 else (25, 20, 20)


def gradient(shape: tuple[int, int], top: Colour, bottom: Colour) -> Pixels:
    """Return a (H,W,3) picture that runs from ``top`` to ``bottom``."""
    ramp = np.linspace(0, 1, shape[0])[:, None, None]
    rows = np.asarray(top) + (np.asarray(bottom) - np.asarray(top)) * ramp
    wide = np.broadcast_to(rows, (shape[0], shape[1], 3))
    return np.ascontiguousarray(wide, dtype=np.uint8)


def blend(under: Pixels, over: Pixels, mask: NDArray[np.floating]) -> Pixels:
    """Return ``over`` where ``mask`` (H,W, 0..1) is 1 and ``under`` where it is 0."""
    share = mask[:, :, None].astype(np.float32)
    return np.asarray(under * (1 - share) + over * share, dtype=np.uint8)
