"""Read a planogram file of any form that is known, by its content."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from pathlib import Path

from shelf import planogram_psa_rows, planogram_pts
from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram
from shelf.planogram_csv import parse_csv
from shelf.planogram_json import parse_json
from shelf.planogram_psa import parse_psa
from shelf.planogram_pts import parse_pts
from shelf.planogram_service_json import parse_service_json

SUFFIXES = (".csv", ".json", ".psa", ".pts")
"""What planogram files in a folder are named; the content tells their form."""

_KEYS = {"bays", "products", "fixtures", "positions"}

_CODE_PAGE = re.compile(rb"^;\s*Codepage\s*=\s*(\d{3,5})\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PlanogramFile:
    """What a file holds: its planograms, and what was doubtful or left out of them."""

    path: Path
    planograms: tuple[Planogram, ...]
    warnings: tuple[Problem, ...]

    def only(self, name: str | None = None) -> Planogram:
        """Return the planogram whose id is ``name``, or the only one.

        Raises `PlanogramError` naming the file's planograms when there is no such one.
        """
        chosen = [p for p in self.planograms if name is None or p.id == name]
        if len(chosen) == 1:
            return chosen[0]
        ids = ", ".join(repr(planogram.id) for planogram in self.planograms)
        if name is not None:
            raise PlanogramError([Problem(str(self.path), f"a planogram {name!r}", ids)])
        raise PlanogramError(
            [
                Problem(
                    str(self.path),
                    "one planogram",
                    f"{len(self.planograms)}: {ids}",
                    "take one out with: shelfwatch planogram convert FILE --only NAME --out OUT",
                )
            ]
        )


def load_planogram(path: Path) -> Planogram:
    """Return the planogram in ``path``; what `read_planograms` warns of is not told.

    The id is the file's own, else its name without the suffix.
    Raises `PlanogramError` naming the file and everything that is wrong with it, also when it
    holds several planograms.
    """
    return read_planograms(path).only()


def read_planograms(path: Path) -> PlanogramFile:
    """Return the planograms in ``path`` with all warnings.

    Known are native CSV and JSON, JSON with products/fixtures/positions, ProSpace ``.psa``
    and PTS. The content tells the form, whatever the file is called.
    Raises `PlanogramError` naming the file and everything that is wrong with it.
    """
    where = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PlanogramError(
            [Problem(where, "a planogram file", error.strerror or str(error))]
        ) from error
    warnings: list[Problem] = []
    text = _decode(raw, where, warnings)
    if "\0" in text:
        raise PlanogramError(
            [Problem(where, "a text file (CSV, JSON, .psa or PTS)", "binary data")]
        )
    planograms = _parse(text, where, path.stem, warnings)
    return PlanogramFile(path, tuple(planograms), tuple(warnings))


def _parse(text: str, where: str, default_id: str, warnings: list[Problem]) -> list[Planogram]:
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(planogram_psa_rows.FIRST_LINE):
        return parse_psa(start, where, default_id, warnings)
    if start.lstrip('"').startswith(planogram_pts.FIRST_CELL):
        return [parse_pts(start, where, default_id, warnings)]
    if not start.startswith(("{", "[")):
        return [parse_csv(text, where, default_id, warnings)]
    try:
        raw = json.loads(start)
    except (json.JSONDecodeError, RecursionError) as error:
        place = where
        if isinstance(error, json.JSONDecodeError):
            place = f"{where}: line {error.lineno} column {error.colno}"
        raise PlanogramError([Problem(place, "JSON", getattr(error, "msg", str(error)))]) from error
    if not isinstance(raw, dict) or not _KEYS & {str(key).lower() for key in raw}:
        found = f"a {type(raw).__name__}"
        if isinstance(raw, dict):
            found = f"the keys {', '.join(list(raw)[:5]) or '(none)'}"
        raise PlanogramError(
            [Problem(where, "an object with bays, or with Products, Fixtures and Positions", found)]
        )
    parse = parse_json if "bays" in raw else parse_service_json
    return [parse(raw, where, default_id, warnings)]


def _decode(raw: bytes, where: str, warnings: list[Problem]) -> str:
    """UTF-16 or UTF-8, else Shift_JIS for PTS, else the code page that a ``.psa`` names.

    Else that of Western Windows, which older planning tools write.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if planogram_pts.FIRST_CELL.encode("cp932") in raw[:64]:
        return _replacing(raw, "cp932", where, warnings)
    named = _CODE_PAGE.search(raw[:1000].replace(b"\r", b"\n"))
    if named is None:
        return raw.decode("cp1252", errors="replace")
    try:
        codec = codecs.lookup(f"cp{int(named[1])}").name
    except LookupError:
        warnings.append(
            Problem(f"{where}: Codepage", "a Windows code page", named[1].decode(), "read as 1252")
        )
        codec = "cp1252"
    return _replacing(raw, codec, where, warnings)


def _replacing(raw: bytes, codec: str, where: str, warnings: list[Problem]) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        warnings.append(
            Problem(
                f"{where}: line {line}",
                f"text in {codec} or UTF-8",
                f"the byte 0x{raw[error.start]:02x}",
                "such characters become \ufffd",
            )
        )
        return raw.decode(codec, errors="replace")
