"""Read a planogram file of any form that is known, by its content."""

from __future__ import annotations

from pathlib import Path

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram
from shelf.planogram_csv import parse_csv
from shelf.planogram_json import parse_json


def load_planogram(path: Path) -> Planogram:
    """Return the planogram in ``path``: native CSV, or JSON with products/fixtures/positions.

    The id is the file's own, else its name without the suffix.
    Raises `PlanogramError` naming the file and everything that is wrong with it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PlanogramError(
            [Problem(str(path), "a planogram file", error.strerror or str(error))]
        ) from error
    text = _decode(raw)
    if "\0" in text:
        raise PlanogramError([Problem(str(path), "a text file (CSV or JSON)", "binary data")])
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return parse_json(text, str(path), path.stem)
    return parse_csv(text, str(path), path.stem)


def _decode(raw: bytes) -> str:
    """UTF-8, else the code page of Western Windows, which older planning tools write."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
