"""Which version of an aisle's planogram is in force at a time, and whether a reset is going on.

A version begins on the day ``valid_from`` and ends after the day ``valid_until``, at midnight in
the store's time zone; where two overlap, the one that began later counts, so a version without
an end is replaced by the next. During a reset the staff rebuild the shelves from one version to
the next: what is seen then is no fault, and alerts are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path

from shelf.errors import PlanogramError, Problem
from shelf.planogram import Planogram
from shelf.planogram_file import SUFFIXES, read_planograms

ONE_DAY = timedelta(days=1)
MAX_HOURS = 168


@dataclass(frozen=True, slots=True)
class PlanogramInForce:
    """What holds at one time: None where no version is valid; ``reset`` while alerts are held."""

    planogram: Planogram | None
    reset: bool


@dataclass(frozen=True, slots=True)
class ResetWindow:
    """A reset from ``start`` up to, not including, ``end``.

    Times without a time zone are the store's. Raises ``ValueError`` unless it ends after it
    starts, and when only one of the two has a time zone.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if (self.start.tzinfo is None) != (self.end.tzinfo is None):
            raise ValueError("expected start and end both with a time zone or both without")
        if self.end <= self.start:
            raise ValueError(f"expected an end after the start {self.start}, got {self.end}")


@dataclass(frozen=True, slots=True)
class ResetHours:
    """A reset around each change of version: hours before and after the midnight between them.

    Raises ``ValueError`` for less than none or more than a week.
    """

    before: float = 0.0
    after: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.before <= MAX_HOURS and 0 <= self.after <= MAX_HOURS):
            raise ValueError(f"expected 0-{MAX_HOURS} hours, got {self.before} and {self.after}")


class PlanogramVersions:
    """The versions of one aisle's planogram, in the order in which they begin.

    ``zone`` is the store's time zone. ``resets`` are windows that somebody has announced;
    ``reset_hours`` adds one around each change from one version to another.
    Raises `PlanogramError` where it cannot be said which of two versions counts: when two begin
    on the same day, or two of different content have one name.
    """

    def __init__(
        self,
        planograms: Iterable[Planogram],
        zone: tzinfo,
        *,
        resets: Sequence[ResetWindow] = (),
        reset_hours: ResetHours | None = None,
    ) -> None:
        self.planograms = tuple(sorted(planograms, key=_first_day))
        self._zone = zone
        problems = list(_contradictions(self.planograms))
        if not self.planograms:
            problems.append(Problem("planograms", "at least one version", "none"))
        if problems:
            raise PlanogramError(problems)
        self._resets = [(self._utc(window.start), self._utc(window.end)) for window in resets]
        if reset_hours is not None:
            for day in self._begins():
                midnight = self._utc(datetime.combine(day, time.min))
                self._resets.append(
                    (
                        midnight - timedelta(hours=reset_hours.before),
                        midnight + timedelta(hours=reset_hours.after),
                    )
                )

    def in_force(self, at: datetime) -> PlanogramInForce:
        """Return what holds at ``at``, which has a time zone.

        Raises ``ValueError`` for a time without one.
        """
        if at.tzinfo is None:
            raise ValueError(f"expected a time with a time zone, got {at}")
        reset = any(start <= self._utc(at) < end for start, end in self._resets)
        return PlanogramInForce(self.on(at.astimezone(self._zone).date()), reset)

    def on(self, day: date) -> Planogram | None:
        """Return the version in force on a day of the store's calendar, None where none is."""
        valid = [planogram for planogram in self.planograms if planogram.is_valid_on(day)]
        return valid[-1] if valid else None

    def changes(self) -> list[tuple[date, Planogram | None]]:
        """Return each day on which another version begins to count than the day before, or none."""
        edges = {p.valid_from for p in self.planograms if p.valid_from}
        edges |= {
            p.valid_until + ONE_DAY
            for p in self.planograms
            if p.valid_until and p.valid_until < date.max
        }
        days = sorted(edges - {date.min})
        return [(day, self.on(day)) for day in days if self.on(day) is not self.on(day - ONE_DAY)]

    @property
    def resets(self) -> list[tuple[datetime, datetime]]:
        """All resets, announced and around changes: from and up to, in the store's time."""
        return [
            (start.astimezone(self._zone), end.astimezone(self._zone))
            for start, end in sorted(self._resets)
        ]

    def warnings(self) -> list[Problem]:
        """Return the gaps between versions, when nothing is watched, and the overlaps."""
        found = []
        for earlier, later in pairwise(self.planograms):
            ends, begins = earlier.valid_until, _first_day(later)
            if ends is not None and begins <= ends:
                found.append(
                    Problem(
                        f"{later.name}: valid_from",
                        f"a day after {ends}, the last of {earlier.name}",
                        str(begins),
                        f"while both are valid, {later.name} counts",
                    )
                )
        for begins in self._begins():
            gap = [
                p.valid_until for p in self.planograms if p.valid_until and p.valid_until < begins
            ]
            if gap and self.on(begins - ONE_DAY) is None:
                found.append(
                    Problem(
                        "planograms",
                        "a version for every day",
                        f"none from {max(gap) + ONE_DAY} to {begins - ONE_DAY}",
                        "nothing is watched on these days",
                    )
                )
        return found

    def _begins(self) -> list[date]:
        """The days on which other content comes into force than the day before."""
        begins = []
        for day, after in self.changes():
            before = self.on(day - ONE_DAY)
            if after and (before is None or before.content_hash != after.content_hash):
                begins.append(day)
        return begins

    def _utc(self, at: datetime) -> datetime:
        return (at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC)


def read_versions(source: Path | Sequence[Path]) -> tuple[list[Planogram], list[Problem]]:
    """Return the planograms in the files of a folder, or in several files, and all warnings.

    Each file holds one version. Of a folder, files named as in `SUFFIXES` are read, by name.
    Raises `PlanogramError` with everything that is wrong with any of them.
    """
    paths = [source] if isinstance(source, Path) else list(source)
    problems: list[Problem] = []
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            expected = f"planogram files ({', '.join(SUFFIXES)})"
            problems.append(Problem(str(path), expected, "none"))
        files += inside
    planograms = []
    warnings: list[Problem] = []
    for path in files:
        try:
            file = read_planograms(path)
            warnings += file.warnings
            planograms.append(file.only())
        except PlanogramError as error:
            problems += error.problems
    if problems:
        raise PlanogramError(problems)
    return planograms, warnings


def _first_day(planogram: Planogram) -> date:
    return planogram.valid_from or date.min


def _contradictions(planograms: Sequence[Planogram]) -> Iterator[Problem]:
    by_name: dict[str, Planogram] = {}
    for planogram in planograms:
        other = by_name.setdefault(planogram.name, planogram)
        if other.content_hash != planogram.content_hash:
            yield Problem(
                planogram.name,
                "one content for each id and version",
                "two files of this name that differ",
                "give each a version of its own; events name it",
            )
    for earlier, later in pairwise(planograms):
        if _first_day(earlier) == _first_day(later):
            yield Problem(
                f"{later.name}: valid_from",
                f"another day than that of {earlier.name}",
                str(later.valid_from or "none"),
                "it cannot be said which of the two counts",
            )
