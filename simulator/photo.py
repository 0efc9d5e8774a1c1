"""From the painted canvas to a photograph: lens, light falling off, colour, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.geometry import Camera
from simulator.sprite import Pixels


@dataclass(frozen=True, slots=True)
class Film:
    """How the camera turns light into a picture.

    ``exposure`` multiplies the light, ``gains`` the channels (B,G,R); ``contrast`` 0..1 bends
    the tones into an S; ``vignette`` is the loss in the corners (0..1), ``noise`` the standard
    deviation in grey levels, ``blur_px`` the sigma of the lens's softness, ``jpeg`` the quality
    (0: no JPEG).
    """

    exposure: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 0.25
    saturation: float = 0.92
    vignette: float = 0.25
    noise: float = 3.0
    blur_px: float = 0.55
    jpeg: int = 85


def random_film(random: np.random.Generator) -> Film:
    """Return one of many cameras and lights."""
    warm = random.normal(0, 0.05)
    return Film(
        exposure=float(np.exp(random.normal(0.05, 0.22))),
        gains=(float(1 - warm), float(1 + random.normal(0, 0.015)), float(1 + warm)),
        contrast=float(random.uniform(0, 0.5)),
        saturation=float(random.uniform(0.55, 1.05)),
        vignette=float(random.uniform(0, 0.45)),
        noise=float(random.exponential(3.0)),
        blur_px=float(random.choice([0.4, 0.6, 0.8, 1.1, 1.6], p=[0.3, 0.3, 0.2, 0.15, 0.05])),
        jpeg=int(random.integers(35, 96)),
    )


def develop(canvas_bgr: Pixels, camera: Camera, film: Film, seed: int) -> Pixels:
    """Return the picture (H,W,3) that ``camera`` takes of its ``canvas_bgr``.

    ``seed`` chooses the noise.
    """
    coarse, fine = camera.lens_map
    picture = cv2.remap(canvas_bgr, coarse, fine, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if film.blur_px >= 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), film.blur_px)
    picture = cv2.transform(picture, _saturation(film.saturation))
    if film.vignette > 0:
        picture = cv2.multiply(picture, _vignette(camera.size_px, film.vignette), scale=1 / 255)
    picture = cv2.LUT(picture, _tones(film))
    if film.noise > 0:
        picture = cv2.add(picture, _noise(camera.size_px, film.noise, seed), dtype=cv2.CV_8U)
    if film.jpeg:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, film.jpeg])
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(picture, dtype=np.uint8)


@lru_cache(maxsize=8)
def _vignette(size_px: tuple[int, int], loss: float) -> Pixels:
    width, height = size_px
    x = np.linspace(-1, 1, width)[None, :]
    y = np.linspace(-1, 1, height)[:, None]
    light = (255 * (1 - loss * ((x**2 + y**2) / 2) ** 1.3)).astype(np.uint8)
    return np.asarray(cv2.merge([light] * 3), dtype=np.uint8)


def _saturation(amount: float) -> NDArray[np.float32]:
    grey = np.tile(np.array([0.114, 0.587, 0.299]), (3, 1))
    return (grey * (1 - amount) + np.eye(3) * amount).astype(np.float32)


@lru_cache(maxsize=16)
def _tones(film: Film) -> Pixels:
    level = np.arange(256) / 255.0
    table = np.empty((1, 256, 3), np.uint8)
    for channel, gain in enumerate(film.gains):
        light = np.clip(1 - np.exp(-level * film.exposure * gain * 1.9), 0, None) / (
            1 - np.exp(-1.9)
        )
        light = np.clip(0.55 * light + 0.45 * level * film.exposure * gain, 0, 1)
        bent = light * light * (3 - 2 * light)
        table[0, :, channel] = np.clip(
            255 * (light * (1 - film.contrast) + bent * film.contrast), 0, 255
        )
    return table


@lru_cache(maxsize=2)
def _noise_tile(size_px: tuple[int, int], sigma: float) -> NDArray[np.int8]:
    width, height = size_px
    random = np.random.default_rng(20261121)
    tile = np.empty((height + 256, width + 256, 3), np.int8)
    for row in tile:  # one at a time: as floats, the whole would be four times as large
        fine = random.standard_normal(row.shape, dtype=np.float32)
        row[:] = np.clip(np.round(fine * sigma), -127, 127)
    return tile


def _noise(size_px: tuple[int, int], sigma: float, seed: int) -> NDArray[np.int8]:
    width, height = size_px
    tile = _noise_tile(size_px, round(sigma * 4) / 4)
    x, y = (int(n) for n in np.random.default_rng(seed).integers(0, 256, 2))
    return np.ascontiguousarray(tile[y : y + height, x : x + width])
