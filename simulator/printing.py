"""The printed side of a package: a layout of fields, a brand, a picture and small print."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.art import (
    FONTS,
    WORDS,
    Colour,
    brand_word,
    flavoured,
    gradient,
    mix,
    palette,
    readable_on,
    text_in,
)
from simulator.pictures import ARTISTS, star

Pixels = NDArray[np.uint8]


WIDE = 1.8
"""Fronts that are so much wider than high have a layout of their own."""


@dataclass(frozen=True)
class Print:
    """A printed front with the colours that its other sides take up."""

    picture: Pixels
    main: Colour
    second: Colour
    brand: str
    font: int


def draw_print(
    shape: tuple[int, int],
    name: str,
    random: np.random.Generator,
    flavour: np.random.Generator | None = None,
) -> Print:
    """Return a front of ``shape`` (H,W) for a product of this ``name`` (may be empty).

    With ``flavour``, ``random`` draws what a brand family shares and ``flavour`` the rest.
    """
    height, width = shape
    main, second, accent = palette(random)
    if flavour is not None:
        main, second, accent = flavoured((main, second, accent), flavour)
    picture = gradient(shape, mix(main, (255, 255, 255), 0.12), mix(main, (0, 0, 0), 0.1))
    if flavour is not None and width > WIDE * height:
        return _wide_print(picture, name, (main, second, accent), random, flavour)
    _field(picture, second, accent, random)
    brand, font = brand_word(random), int(random.choice(FONTS))
    top = float(random.uniform(0.06, 0.2)) * height
    tall = float(random.uniform(0.13, 0.24)) * height
    margin = float(random.uniform(0.05, 0.12)) * width
    logo = (margin, top, width - margin, top + tall)
    middle = (top + tall + height * 0.86) / 2
    radius = min(width * 0.4, (height * 0.84 - top - tall) * 0.45)
    if random.random() < 0.9:
        own = random if flavour is None else flavour
        artist = ARTISTS[int(own.integers(0, len(ARTISTS)))]
        if random.random() < 0.35:
            centre = (round(width / 2), round(middle))
            plate = mix(second, (255, 255, 255), float(random.choice([0.0, 0.6, 0.9])))
            cv2.circle(picture, centre, round(radius * 1.08), plate, -1, cv2.LINE_AA)
        x = width * float(random.uniform(0.42, 0.58))
        artist(picture, x, middle, radius * float(random.uniform(0.7, 1.0)), accent, own)
    _logo(picture, brand, font, logo, (main, second, accent), random)
    _name(picture, name, random, (main, second))
    if random.random() < 0.4:
        _badge(picture, accent, random)
    return Print(picture, main, second, brand, font)


def _wide_print(
    picture: Pixels,
    name: str,
    colours: tuple[Colour, Colour, Colour],
    random: np.random.Generator,
    flavour: np.random.Generator,
) -> Print:
    """Print on a low and wide front: the brand at the left, the picture at the right."""
    height, width = picture.shape[:2]
    main, second, accent = colours
    cut = float(random.uniform(0.55, 0.7))
    points = [(width * cut, 0), (width, 0), (width, height), (width * (cut - 0.08), height)]
    cv2.fillPoly(picture, [np.array(points, np.int32)], second, cv2.LINE_AA)
    brand, font = brand_word(random), int(random.choice(FONTS))
    _logo(
        picture,
        brand,
        font,
        (width * 0.05, height * 0.12, width * 0.52, height * 0.62),
        colours,
        random,
    )
    ink = readable_on(main)
    text_in(picture, name, (width * 0.05, height * 0.68, width * 0.52, height * 0.9), ink, 0)
    artist = ARTISTS[int(flavour.integers(0, len(ARTISTS)))]
    artist(picture, width * 0.8, height * 0.5, height * 0.38, accent, flavour)
    return Print(picture, main, second, brand, font)


def _field(picture: Pixels, second: Colour, accent: Colour, random: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    layout = int(random.integers(0, 9))
    cut = float(random.uniform(0.25, 0.7))
    if layout == 0:
        cv2.rectangle(picture, (0, 0), (width, round(height * cut * 0.6)), second, -1)
    elif layout == 1:
        cv2.rectangle(picture, (0, round(height * cut)), (width, height), second, -1)
    elif layout == 2:
        points = [(0, 0), (width, 0), (width, height * cut * 0.5), (0, height * cut)]
        cv2.fillPoly(picture, [np.array(points, np.int32)], second, cv2.LINE_AA)
    elif layout == 3:
        centre = (width // 2, round(height * cut))
        for i in range(18):
            start = i * 20 + float(random.uniform(0, 1))
            cv2.ellipse(picture, centre, (2 * height, 2 * height), 0, start, start + 10, second, -1)
    elif layout == 4:
        x = round(width * float(random.uniform(0.1, 0.3)))
        cv2.rectangle(picture, (0, 0), (x, height), second, -1)
    elif layout == 5:
        centre = (width // 2, round(height * (cut + 0.9)))
        cv2.circle(picture, centre, round(height * 0.7), second, -1, cv2.LINE_AA)
    elif layout == 6:
        step = max(6, round(height * float(random.uniform(0.05, 0.16))))
        for y in range(0, height, 2 * step):
            cv2.rectangle(picture, (0, y), (width, y + step), second, -1)
    elif layout == 7:
        step = max(8, round(width * float(random.uniform(0.1, 0.25))))
        for i, y in enumerate(range(0, height + step, step)):
            for x in range((i % 2) * step // 2, width + step, step):
                cv2.circle(picture, (x, y), step // 4, second, -1, cv2.LINE_AA)
    for y in random.uniform(0, 1, int(random.integers(0, 3))):
        line = round(float(y) * height)
        cv2.rectangle(picture, (0, line), (width, line + max(2, height // 60)), accent, -1)


def _logo(
    picture: Pixels,
    brand: str,
    font: int,
    box: tuple[float, float, float, float],
    colours: tuple[Colour, Colour, Colour],
    random: np.random.Generator,
) -> None:
    x1, y1, x2, y2 = box
    behind = colours[int(random.integers(0, 3))]
    style = int(random.integers(0, 4))
    pad = (x2 - x1) * 0.1
    if style == 0:
        centre = (round((x1 + x2) / 2), round((y1 + y2) / 2))
        axes = (round((x2 - x1) / 2), round((y2 - y1) * 0.62))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, behind, -1, cv2.LINE_AA)
        cv2.ellipse(picture, centre, axes, 0, 0, 360, readable_on(behind), 2, cv2.LINE_AA)
    elif style == 1:
        cv2.rectangle(picture, (round(x1), round(y1)), (round(x2), round(y2)), behind, -1)
    elif style == 2:
        corners = [(x1, y1 + pad / 2), (x2, y1 - pad / 2), (x2, y2 - pad / 2), (x1, y2 + pad / 2)]
        cv2.fillPoly(picture, [np.array(corners, np.int32)], behind, cv2.LINE_AA)
    else:
        under = picture[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1].reshape(-1, 3).mean(axis=0)
        behind = (int(under[0]), int(under[1]), int(under[2]))
        pad = 0
    ink = readable_on(behind, *colours)
    outline = None if random.random() < 0.6 else readable_on(ink)
    text_in(picture, brand, (x1 + pad, y1 + 3, x2 - pad, y2 - 3), ink, font, outline)


def _name(
    picture: Pixels, name: str, random: np.random.Generator, colours: tuple[Colour, Colour]
) -> None:
    height, width = picture.shape[:2]
    words = name.split() or [str(random.choice(WORDS)), f"{int(random.integers(1, 20)) * 50} g"]
    if not name and random.random() < 0.5:
        words.insert(0, str(random.choice(WORDS)))
    sized = [i for i, word in enumerate(words) if word[:1].isdigit()]
    title = " ".join(words[: sized[0]] if sized else words)
    amount = " ".join(words[sized[0] :]) if sized else ""
    y1 = height * 0.83
    y2 = height * 0.92
    if random.random() < 0.5:
        cv2.rectangle(picture, (0, round(y1 - 4)), (width, round(y2 + 4)), colours[1], -1)
    under = picture[int(y1) : int(y2)].reshape(-1, 3).mean(axis=0)
    ink = readable_on((int(under[0]), int(under[1]), int(under[2])))
    text_in(picture, title, (width * 0.06, y1, width * 0.94, y2), ink, int(random.choice(FONTS)))
    text_in(picture, amount, (width * 0.6, height * 0.945, width * 0.94, height * 0.98), ink, 0)
    for i in range(3):
        y = round(height * (0.948 + 0.013 * i))
        end = round(width * float(random.uniform(0.3, 0.5)))
        cv2.line(picture, (round(width * 0.07), y), (end, y), ink, 1)


def _badge(picture: Pixels, accent: Colour, random: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    r = width * float(random.uniform(0.1, 0.17))
    x = r * 1.3 if random.random() < 0.5 else width - r * 1.3
    y = height * float(random.uniform(0.3, 0.75))
    star(picture, x, y, r, accent, np.random.default_rng(int(random.integers(0, 99))))
    word = str(random.choice(["NEW", "BIO", "+20%", "0%", "XL", "2x"]))
    text_in(picture, word, (x - r * 0.6, y - r * 0.4, x + r * 0.6, y + r * 0.4), (30, 30, 30))


def plain_side(shape: tuple[int, int], front: Print) -> Pixels:
    """Return a side or top of ``shape`` in the front's colours, with its brand."""
    height, width = shape
    picture = gradient(shape, front.main, mix(front.main, (0, 0, 0), 0.15))
    if height > width:
        cv2.rectangle(picture, (0, 0), (width, height // 6), front.second, -1)
        for y in range(round(height * 0.45), round(height * 0.8), 7):
            cv2.line(picture, (width // 6, y), (width - width // 6, y), readable_on(front.main), 1)
    else:
        cv2.line(
            picture, (0, height // 2), (width, height // 2), mix(front.main, (0, 0, 0), 0.4), 1
        )
    area = (width * 0.1, height * 0.1, width * 0.9, min(height * 0.8, height * 0.1 + width * 0.3))
    text_in(picture, front.brand, area, readable_on(front.main, front.second), front.font)
    return picture
