"""The tables of a PTS file: rows under headings, told apart by what the headings say."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shelf.errors import PlanogramError, Problem

BAY, SHELF, PLACE = ("台番号", "棚台番号"), ("棚段番号", "段番号"), ("棚位置",)
CODE, NAME = ("商品コード", "JANコード", "JAN"), ("商品名", "商品名称")
WIDE, HIGH = ("フェース数",), ("積上数",)
BAY_HEIGHT, BAY_WIDTH, SHELF_HEIGHT = ("台高さ",), ("台幅",), ("棚高さ", "段高さ")
"""Headings by what they mean; the first is the usual one."""

MAX_NUMBER = 999


@dataclass(frozen=True, slots=True)
class Cells:
    """One row under its headings."""

    where: str
    by_heading: Mapping[str, str]

    def text(self, headings: Sequence[str]) -> str:
        """Return the cell under the first heading that the table has; empty where it has none."""
        return next((self.by_heading[h] for h in headings if h in self.by_heading), "")

    def number(
        self, headings: Sequence[str], faults: list[Problem], *, least: int, most: int
    ) -> int | None:
        """Return a whole number; None where it is missing or, noted in ``faults``, wrong."""
        text = unicodedata.normalize("NFKC", self.text(headings))
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if least <= value <= most and value == int(value):
            return int(value)
        faults.append(
            Problem(f"{self.where}: {headings[0]}", f"a whole number {least}-{most}", repr(text))
        )
        return None


@dataclass(slots=True)
class Tables:
    """The rows of a file by what they describe."""

    bays: list[Cells] = field(default_factory=list)
    shelves: list[Cells] = field(default_factory=list)
    positions: list[Cells] = field(default_factory=list)


def refuse_half_a_row(text: str, lines: Sequence[tuple[int, list[str]]], where: str) -> None:
    """A last line without a line end that is shorter than the one before it is cut off."""
    if text.endswith(("\n", "\r")) or len(lines) < 2:
        return
    (_, before), (number, last) = lines[-2:]
    if len(last) < len(before):
        raise PlanogramError(
            [
                Problem(
                    f"{where}: line {number}",
                    f"{len(before)} cells as in the line before",
                    f"the file's end after {len(last)}",
                    "the file is cut off; export or copy it again",
                )
            ]
        )


def read_tables(
    lines: Iterable[tuple[int, list[str]]],
    where: str,
    problems: list[Problem],
    warnings: list[Problem],
) -> Tables:
    """Return the rows of ``lines``, each a line's number and cells, under their headings.

    Rows before any heading are noted in ``problems``, tables that mean nothing in ``warnings``.
    """
    tables = Tables()
    headings: list[str] = []
    into: list[Cells] | None = None
    for number, cells in lines:
        place = f"{where}: line {number}"
        if not any(cells):
            continue
        if cells[0] in BAY:
            headings = cells
            into = _table_under(headings, tables)
            if into is None:
                warnings.append(
                    Problem(
                        place,
                        "headings of bays, shelves or positions",
                        ",".join(headings),
                        "the rows below are not read",
                    )
                )
        elif not headings:
            problems.append(Problem(place, f"headings from {BAY[0]} on", ",".join(cells)[:60]))
            break
        elif into is not None:
            into.append(Cells(place, dict(zip(headings, cells, strict=False))))
    return tables


def _table_under(headings: Sequence[str], tables: Tables) -> list[Cells] | None:
    def has(names: Sequence[str]) -> bool:
        return any(name in headings for name in names)

    if has(CODE):
        return tables.positions
    if has(SHELF) and has(SHELF_HEIGHT):
        return tables.shelves
    return tables.bays if has(BAY_WIDTH) else None
