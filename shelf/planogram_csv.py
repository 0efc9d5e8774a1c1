"""The native planogram file: CSV, one row a slot.

Lines ``# id: NAME``, ``# version: NAME``, ``# valid_from: DATE``, ``# valid_until: DATE``,
``# units: mm|relative`` and, once a bay, ``# bay_mm: NUMBER WIDTH HEIGHT`` may stand before the
header. Several substitutes of one slot are separated by ``|``.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import date
from difflib import get_close_matches

from shelf.errors import PlanogramError, Problem
from shelf.planogram import PlannedSlot, Planogram, Units
from shelf.planogram_build import BoardRow, Row, build_planogram
from shelf.planogram_checks import contradictions
from shelf.planogram_csv_row import BETWEEN_SUBSTITUTES, OPTIONAL, REQUIRED, Cells, read_row

_META = ("id", "version", "valid_from", "valid_until", "units")


def parse_csv(
    text: str, where: str, default_id: str, warnings: list[Problem] | None = None
) -> Planogram:
    """Return the planogram that ``text`` describes; ``where`` names the file in messages.

    What is doubtful is appended to ``warnings``.
    Raises `PlanogramError` with all problems of the file.
    """
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    meta, sizes_mm, problems = _read_meta(lines, where)
    first = next((line for line in lines if not _is_remark(line)), None)
    if first is None:
        raise PlanogramError([Problem(where, "a header line and one row a slot", "an empty file")])
    delimiter = max(",;\t", key=first.count)
    try:
        (_, titles), *table = _records(lines, delimiter)
    except csv.Error as error:
        raise PlanogramError([Problem(where, "CSV", str(error))]) from error
    header = [title.strip().lower() for title in titles]
    problems += _header_problems(header, where)
    if problems:
        raise PlanogramError(problems)
    rows: list[Row] = []
    boards: dict[tuple[int, int], BoardRow] = {}
    for number, cells in table:
        place = f"{where}: row {number}"
        if len(cells) != len(header):
            problems.append(
                Problem(place, f"{len(header)} cells as in the header", str(len(cells)))
            )
            continue
        cell = Cells(dict(zip(header, (c.strip() for c in cells), strict=True)), place)
        row = read_row(cell)
        board_y = cell.length("shelf_y_mm", minimum=-math.inf)
        problems += cell.problems
        if row is None:
            continue
        rows.append(row)
        if board_y is not None:
            board = BoardRow(row.id.bay, row.id.shelf, board_y)
            known = boards.setdefault((board.bay, board.shelf), board)
            if known != board:
                problems.append(
                    Problem(
                        f"{place}: shelf_y_mm",
                        f"{known.y_mm:g} as on the shelf's other rows",
                        f"{board.y_mm:g}",
                    )
                )
    if problems:
        raise PlanogramError(problems + contradictions(rows))
    for bay in sizes_mm.keys() - {row.id.bay for row in rows}:
        problems.append(Problem(f"{where}: bay_mm", "a bay that has slots", str(bay)))
    if problems:
        raise PlanogramError(problems)
    return build_planogram(
        where,
        rows,
        id=meta.get("id") or default_id,
        version=meta.get("version", ""),
        units=Units(meta["units"]) if "units" in meta else None,
        boards=list(boards.values()),
        bay_sizes_mm=sizes_mm,
        valid_from=date.fromisoformat(meta["valid_from"]) if "valid_from" in meta else None,
        valid_until=date.fromisoformat(meta["valid_until"]) if "valid_until" in meta else None,
        warnings=warnings,
    )


def write_csv(planogram: Planogram) -> str:
    """Return ``planogram`` as a native CSV file; `parse_csv` reads the same planogram back.

    Board heights and widths that no file gave are left out, and are estimated again.
    Raises `PlanogramError` for a substitute that contains ``|``.
    """
    out = io.StringIO()
    for key in _META:
        value = getattr(planogram, key)
        if value is not None:
            out.write(f"# {key}: {value}\n")
    for bay in planogram.bays:
        out.write(f"# bay_mm: {bay.number} {_exact(bay.width_mm)} {_exact(bay.height_mm)}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*REQUIRED, *OPTIONAL])
    for bay in planogram.bays:
        for shelf in bay.shelves:
            for slot in shelf.slots:
                writer.writerow(
                    [
                        slot.id.bay,
                        slot.id.shelf,
                        slot.id.position,
                        slot.sku,
                        slot.name,
                        slot.facings_wide,
                        slot.gtin or "",
                        slot.facings_high,
                        _exact(slot.x_mm),
                        _exact(slot.y_mm),
                        _exact(slot.width_mm) if slot.width_is_given else "",
                        _exact(slot.height_mm),
                        slot.min_facings,
                        _exact(slot.priority),
                        _joined(slot),
                        _exact(shelf.y_mm) if shelf.y_is_given else "",
                    ]
                )
    return out.getvalue()


def _exact(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")


def _joined(slot: PlannedSlot) -> str:
    for sku in slot.substitutes:
        if BETWEEN_SUBSTITUTES in sku:
            raise PlanogramError(
                [
                    Problem(
                        f"slot {slot.id}: substitutes",
                        f"SKUs without {BETWEEN_SUBSTITUTES!r}, which separates them in CSV",
                        repr(sku),
                        "convert to JSON instead",
                    )
                ]
            )
    return BETWEEN_SUBSTITUTES.join(slot.substitutes)


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give the line number and the cells of header and rows; a quoted cell may span lines."""
    begins_at = 0

    def feed() -> Iterator[str]:
        nonlocal begins_at
        for number, line in enumerate(lines, start=1):
            if begins_at or not _is_remark(line):
                begins_at = begins_at or number
                yield line + "\n"

    for cells in csv.reader(feed(), delimiter=delimiter):
        yield begins_at, cells
        begins_at = 0


def _read_meta(
    lines: Sequence[str], where: str
) -> tuple[dict[str, str], dict[int, tuple[float, float]], list[Problem]]:
    meta: dict[str, str] = {}
    sizes_mm: dict[int, tuple[float, float]] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not _is_remark(line):
            break
        key, colon, value = line.lstrip("# \t").partition(":")
        key, value = key.strip().lower(), value.strip()
        place = f"{where}: line {number}: {key}"
        if colon and key == "bay_mm":
            size = _bay_size(value)
            if size is None:
                problems.append(
                    Problem(place, "bay, width and height like '1 1250 2000'", repr(value))
                )
            elif size[0] in sizes_mm:
                problems.append(Problem(place, "each bay once", f"bay {size[0]} twice"))
            else:
                sizes_mm[size[0]] = size[1:]
        if not colon or key not in _META:
            continue
        meta[key] = value
        if key.startswith("valid_") and _date_fault(value):
            problems.append(Problem(place, "a date like 2026-11-21", repr(value)))
        if key == "units" and value not in tuple(Units):
            problems.append(Problem(place, "mm or relative", repr(value)))
    return meta, sizes_mm, problems


def _bay_size(text: str) -> tuple[int, float, float] | None:
    try:
        bay, width, height = text.split()
        size = int(bay), float(width), float(height)
    except ValueError:
        return None
    return size if all(math.isfinite(part) and part > 0 for part in size) else None


def _date_fault(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return True
    return False


def _header_problems(header: list[str], where: str) -> list[Problem]:
    problems = []
    known = (*REQUIRED, *OPTIONAL)
    for name in REQUIRED:
        if name not in header:
            problems.append(
                Problem(f"{where}: header", f"a column {name!r}", ",".join(header) or "nothing")
            )
    for name in header:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"columns are {', '.join(known)}"
            problems.append(Problem(f"{where}: header", "a known column", repr(name), hint))
        elif header.count(name) > 1:
            problems.append(Problem(f"{where}: header", f"{name!r} once", "it twice"))
    return problems
