"""Tables of figures: the same rows on the page, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from central.metrics.figures import share
from central.metrics.hours import Times
from shelf.kpi import Figures

SHOWN_ROWS = 15
"""How many rows of a table are on the page; the others are in its CSV."""

SHOWN_TILES = 200
"""How many stores are drawn as coloured tiles, the worst of them."""

MIN_COVERAGE = 0.7
"""Of what was seen for less than this, nobody can say how good it is: it has no rank."""

BANDS = (0.98, 0.95, 0.9, 0.8)
"""Availability from which a place has the colour of each band; below the last, the fifth."""


Value = str | int | float | None
"""What stands in a table beside figures."""


@dataclass(frozen=True)
class Row:
    """One line. ``keys`` are its values beside the figures, ``label`` what the page says.

    ``times`` tell its rank; figures and link, of which a page needs few, are made when asked for.
    """

    keys: Mapping[str, Value]
    label: str
    times: Times | None = None
    make_figures: Callable[[], Figures] | None = None
    make_link: Callable[[], str] | None = None

    @cached_property
    def figures(self) -> Figures | None:
        """The figures, None where nothing was ever heard."""
        return self.make_figures() if self.make_figures else None

    @property
    def href(self) -> str | None:
        """Where the page leads that tells more."""
        return self.make_link() if self.make_link else None

    @property
    def availability(self) -> float | None:
        """Availability alone, as the figures have it."""
        times = self.times
        return share(times.available_ms, times.observed_ms) if times else None

    @property
    def band(self) -> int | None:
        """0 for the best to 4 for the worst, None where nothing was seen."""
        found = self.availability
        return None if found is None else sum(found < limit for limit in BANDS)

    @property
    def is_ranked(self) -> bool:
        """True when enough was seen to compare it."""
        return self.times is not None and is_enough(self.times)

    def values(self) -> dict[str, Any]:
        """Return all of it, flat, with the names that the API uses."""
        return {**self.keys, **(flat(self.figures) if self.figures else {})}


@dataclass(frozen=True, slots=True)
class Table:
    """A table by its name in the URL. ``refused`` says why it cannot be had; it has no rows."""

    name: str
    rows: Sequence[Row] = field(default_factory=tuple)
    refused: str = ""
    note: str = ""

    @property
    def shown(self) -> Sequence[Row]:
        """The rows that are on the page."""
        return self.rows[:SHOWN_ROWS]

    def to_csv(self) -> str:
        """Return all rows, with a header; numbers have no unit and no separator."""
        lines = [row.values() for row in self.rows]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(lines[0]) if lines else ["nothing"])
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in line.items()} for line in lines)
        return text.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Return all rows as plain values."""
        return {"table": self.name, "rows": [row.values() for row in self.rows]}


def _harmless(value: object) -> object:
    """Keep a spreadsheet from taking a name for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def flat(figures: Figures) -> dict[str, Any]:
    """Return figures without what is nested in them."""
    values = figures.model_dump()
    for name in ("time_to_detect_secs", "time_to_restock_secs"):
        spread = values.pop(name) or {"median": None, "p90": None}
        stem = name.removesuffix("_secs")
        values |= {f"{stem}_median_secs": spread["median"], f"{stem}_p90_secs": spread["p90"]}
    return values


def is_enough(times: Times) -> bool:
    """True when enough was seen to say how good it is."""
    return times.observed_ms > 0 and times.observed_ms >= MIN_COVERAGE * times.planned_ms


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Return rows by availability, the lowest first; those of which too little was seen follow.

    A store that sees little must look neither best nor worst: it has no rank.
    """

    def order(row: Row) -> tuple[bool, float, float, str]:
        times = row.times
        if times is None or not row.is_ranked:
            seen = times.observed_ms / times.planned_ms if times and times.planned_ms else 0
            return True, seen, 0, row.label
        found = times.available_ms / times.observed_ms
        return False, found, -times.out_of_stock_ms, row.label

    return sorted(rows, key=order)
