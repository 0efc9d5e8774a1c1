"""The furniture of a ProSpace planogram: segments become bays, boards become shelves.

All lengths here are in mm, or in the file's unit where that has no name. x runs to the right
from the planogram's left edge, y up from its floor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shelf.errors import Problem
from shelf.planogram_build import BoardRow, empty_shelf
from shelf.planogram_psa_rows import PsaRow

TYPES = (
    "shelf",
    "chest",
    "bin",
    "polygonal shelf",
    "rod",
    "lateral rod",
    "bar",
    "pegboard",
    "multi-row pegboard",
    "curved rod",
    "obstruction",
    "sign",
    "gravity feed",
    "sub-planogram",
)
"""Fixture.Type by code."""

BOARDS = frozenset({0, 3, 12})
"""The types on which products stand in a row, seen from the front."""

TOLERANCE = 2.0
"""In the file's unit, cm or inches: boards this close in height are one shelf, and a position
may stick out of its board by this."""


@dataclass(slots=True)
class Board:
    """One board and the positions on it, each with its place and its bay (from 1)."""

    row: PsaRow
    left_mm: float
    right_mm: float
    bottom_mm: float
    top_mm: float
    bays: range = range(1, 2)
    positions: list[tuple[PsaRow, float, float, int]] = field(default_factory=list)

    def positions_in(self, bay: int) -> Iterator[tuple[PsaRow, float, float]]:
        """Give row, x and y of the positions in one bay."""
        for row, x_mm, y_mm, its_bay in self.positions:
            if its_bay == bay:
                yield row, x_mm, y_mm


@dataclass(frozen=True, slots=True)
class BayFrame:
    """One segment: its left edge in the planogram and its size."""

    left_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The bays from the left and their shelves: (bay, shelf from the bottom, its boards)."""

    bays: tuple[BayFrame, ...]
    shelves: tuple[tuple[int, int, tuple[Board, ...]], ...]

    def board_rows(self, used: set[tuple[int, int]]) -> list[BoardRow]:
        """Return the heights of the shelves in ``used``, each (bay, shelf)."""
        return [
            BoardRow(bay, shelf, boards[0].top_mm)
            for bay, shelf, boards in self.shelves
            if (bay, shelf) in used
        ]


def read_frame(
    planogram: PsaRow,
    segments: Sequence[PsaRow],
    fixtures: Sequence[tuple[PsaRow, Sequence[PsaRow]]],
    mm: float,
    warnings: list[Problem],
) -> Frame:
    """Return bays and shelves, with all positions placed; ``mm`` is the length of a unit.

    Fixtures that hold products otherwise than on a board are left out, with a warning, and so
    is what hangs on them. A board without products keeps its number.
    """
    boards = []
    placed = []
    for row, positions in fixtures:
        kind = row.code("Type", warnings)
        if kind in BOARDS:
            x, y = row.number("X", warnings) * mm, row.number("Y", warnings) * mm
            width, height = (max(row.number(c, warnings), 0.0) * mm for c in ("Width", "Height"))
            boards.append(Board(row, x, x + width, y, y + height))
            placed.append(positions)
        elif positions:
            name = TYPES[kind] if 0 <= kind < len(TYPES) else "unknown"
            warnings.append(
                Problem(
                    row.place("Type"),
                    "a shelf",
                    f"{kind} ({name})",
                    f"its {len(positions)} positions are left out, not watched",
                )
            )
    bays = _bays(planogram, segments, boards, mm, warnings)
    for board in boards:
        board.bays = _bays_of(board, bays)
    _place(boards, placed, bays, mm, warnings)
    shelves = []
    for bay in range(1, len(bays) + 1):
        groups = _shelves([board for board in boards if bay in board.bays], TOLERANCE * mm)
        for shelf, group in enumerate(groups, start=1):
            if not any(True for board in group for _ in board.positions_in(bay)):
                where = group[0].row.where if len(bays) == 1 else f"{group[0].row.where} bay {bay}"
                warnings.append(empty_shelf(where, shelf))
            shelves.append((bay, shelf, tuple(group)))
    return Frame(tuple(bays), tuple(shelves))


def _bays(
    planogram: PsaRow,
    segments: Sequence[PsaRow],
    boards: Sequence[Board],
    mm: float,
    warnings: list[Problem],
) -> list[BayFrame]:
    """Segments from the left. Most files write their places to OffsetX, some to X or nowhere."""
    height = planogram.number("Height", warnings) * mm
    whole = planogram.number("Width", warnings) * mm
    whole = whole or max((board.right_mm for board in boards), default=0.0)
    if not segments:
        return [BayFrame(0.0, whole, height)]
    widths = [segment.number("Width", warnings) * mm for segment in segments]
    widths = [width if width > 0 else whole / len(segments) for width in widths]
    lefts = [sum(widths[:index]) for index in range(len(widths))]
    for column in ("X", "OffsetX"):
        given = [segment.number(column, warnings) * mm for segment in segments]
        if len(set(given)) == len(given) and any(given):
            lefts = given
    bays = [
        BayFrame(left, width, segment.number("Height", warnings) * mm or height)
        for segment, left, width in zip(segments, lefts, widths, strict=True)
    ]
    return sorted(bays, key=lambda bay: bay.left_mm)


def _bays_of(board: Board, bays: Sequence[BayFrame]) -> range:
    """The bays that a board spans: at least one, those that it fills by half or lies in."""
    width = board.right_mm - board.left_mm
    middle = (board.left_mm + board.right_mm) / 2
    spanned = [
        number
        for number, bay in enumerate(bays, start=1)
        if min(board.right_mm, bay.left_mm + bay.width_mm) - max(board.left_mm, bay.left_mm)
        > min(width, bay.width_mm) / 2
    ]
    if not spanned:
        spanned = [_bay_at(middle, bays)]
    return range(spanned[0], spanned[-1] + 1)


def _bay_at(x_mm: float, bays: Sequence[BayFrame]) -> int:
    return max(sum(bay.left_mm <= x_mm for bay in bays), 1)


def _place(
    boards: Sequence[Board],
    placed: Sequence[Sequence[PsaRow]],
    bays: Sequence[BayFrame],
    mm: float,
    warnings: list[Problem],
) -> None:
    """Put the positions on their boards; x counts from the planogram's left or the board's."""
    tolerance = TOLERANCE * mm
    spots = [
        [(row, row.number("X", warnings) * mm, row.number("Y", warnings) * mm) for row in rows]
        for rows in placed
    ]

    def all_fit(shift: bool) -> bool:
        return all(
            board.left_mm - tolerance <= x + shift * board.left_mm < board.right_mm + tolerance
            for board, its_spots in zip(boards, spots, strict=True)
            for _, x, _ in its_spots
        )

    from_board = not all_fit(False) and all_fit(True)
    if from_board:
        warnings.append(
            Problem(
                f"{boards[0].row.where}: positions",
                "X from the planogram's left edge",
                "X from each fixture's left edge",
                "read so",
            )
        )
    for board, its_spots in zip(boards, spots, strict=True):
        for row, spot_x, spot_y in its_spots:
            x, y = spot_x, spot_y
            if from_board:
                x += board.left_mm
                y += board.bottom_mm if y < board.bottom_mm else 0.0
            elif not board.left_mm - tolerance <= x < board.right_mm + tolerance:
                warnings.append(
                    Problem(
                        row.place("X"),
                        f"{board.left_mm / mm:g} to {board.right_mm / mm:g}, on its fixture",
                        f"{x / mm:g}",
                        "it stays on that shelf",
                    )
                )
            middle = x + max(row.number("Width", []), 0.0) * mm / 2
            bay = min(max(_bay_at(middle, bays), board.bays[0]), board.bays[-1])
            board.positions.append((row, x, y, bay))


def _shelves(boards: Sequence[Board], tolerance_mm: float) -> list[list[Board]]:
    """Boards from the bottom, those side by side at one height together."""
    groups: list[list[Board]] = []
    for board in sorted(boards, key=lambda board: (board.top_mm, board.left_mm)):
        if groups and board.top_mm - groups[-1][0].top_mm <= tolerance_mm:
            groups[-1].append(board)
        else:
            groups.append([board])
    return groups
