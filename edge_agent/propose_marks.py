"""``shelfwatch calibrate print`` and ``lens``, and the view of a bay by hung strips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zlib import crc32

import cv2
import numpy as np
import typer
import yaml
from numpy.typing import NDArray

from calibration import Calibration, CalibrationError, Lens
from calibration.calibration_file import PictureSize
from calibration.lens_fit import lens_from_board
from calibration.markers import BoardSpec, HungStrip, Strip
from detector import read_picture
from shelf import ConfigError, Problem
from shelf.settings import Settings, load_settings

DPI = 300


class LensFile(Settings):
    """A measured lens, for all cameras of one model at one zoom and focus."""

    lens: Lens
    picture: PictureSize
    error_px: float
    pictures: int


def print_marks(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go.")],
    strips: Annotated[int, typer.Option(min=0, max=40, help="How many different strips.")] = 4,
) -> None:
    """Write the board for `calibrate lens` and strips for a bay, to print without scaling.

    Example: shelfwatch calibrate print --out marks
    """
    board = BoardSpec()
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_png(out / "board.png", board.picture(DPI))
        for number in range(1, strips + 1):
            strip = Strip(number)
            _write_png(out / f"strip-{number}.png", strip.picture(DPI))
            (out / f"strip-{number}.svg").write_text(strip.svg(), encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{error.filename}: cannot be written: {error.strerror}") from error
    strip = Strip(1)
    typer.echo(
        f"{out}: board.png and {strips} strips, {DPI} dots an inch; print without scaling: a "
        f"square of the board is {board.square_mm:g} mm, a strip {strip.width_mm:g} x "
        f"{strip.height_mm:g} mm"
    )


def measure_lens(
    photo: Annotated[
        list[Path], typer.Option(metavar="PHOTO", help="The board; 8 or more, at many angles.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The lens file to write.")],
) -> None:
    """Measure a camera model's lens from pictures of the printed board, once for all its cameras.

    Example: shelfwatch calibrate lens --photo 1.jpg --photo 2.jpg --photo 3.jpg --out lens.yaml
    """
    pictures = [read_picture(path) for path in photo]
    found = lens_from_board(pictures, BoardSpec())
    for words in found.left_out:
        typer.echo(f"left out: {words}", err=True)
    height_px, width_px = pictures[0].shape[:2]
    content = LensFile(
        lens=found.lens,
        picture=PictureSize(width_px=width_px, height_px=height_px),
        error_px=round(found.error_px, 3),
        pictures=found.pictures,
    ).model_dump(mode="json")
    try:
        out.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{out}: cannot be written: {error.strerror}") from error
    typer.echo(f"{out}: lens from {found.pictures} pictures, error {found.error_px:.2f} px")


def read_lens(path: Path) -> Lens:
    """Return the lens of a lens file or of a calibration file.

    Raises `ConfigError` when it is neither, or a calibration without a lens.
    """
    try:
        return load_settings(path, LensFile).lens
    except ConfigError as error:
        try:
            lens = Calibration.load(path).lens
        except ConfigError:
            raise error from None
    if lens is None:
        raise ConfigError([Problem(f"--lens: {path}: lens", "a measured lens", "none")])
    return lens


def hung_strips(texts: list[str]) -> tuple[HungStrip, ...]:
    """Return strips from texts like ``2:700,480``: number, left and lower edge in mm.

    Raises `ConfigError` for other texts.
    """
    out = []
    for text in texts:
        number, _, place = text.partition(":")
        try:
            x_mm, y_mm = (float(value) for value in place.split(","))
            out.append(HungStrip(Strip(int(number)), x_mm, y_mm))
        except ValueError as error:
            expected = "number:x,y in mm of the bay, like 2:700,480"
            raise ConfigError([Problem("--strip", expected, repr(text))]) from error
    return tuple(out)


def _write_png(path: Path, grey: NDArray[np.uint8]) -> None:
    _, encoded = cv2.imencode(".png", grey)
    content = bytearray(encoded.tobytes())
    path.write_bytes(bytes(_with_density(content)))


def _with_density(png: bytearray) -> bytearray:
    """The PNG with its dots a metre (pHYs), so that it prints at its size."""
    per_metre = round(DPI / 0.0254)
    body = b"pHYs" + per_metre.to_bytes(4, "big") * 2 + b"\x01"
    chunk = (9).to_bytes(4, "big") + body + crc32(body).to_bytes(4, "big")
    end_of_header = 33
    return png[:end_of_header] + bytearray(chunk) + png[end_of_header:]
