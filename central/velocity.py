"""Sales velocity by product, from a CSV file: units sold a day."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from central.alerts.ranking import DEFAULT_UNITS_PER_DAY
from shelf.errors import ConfigError, Problem

REQUIRED = ("sku", "units_per_day")
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Velocities:
    """Units a day by site and SKU; under the site ``""`` what holds for all."""

    units: dict[tuple[str, str], float] = field(default_factory=dict)

    def units_per_day(self, site: str, sku: str) -> float:
        """Return the velocity of a product; `DEFAULT_UNITS_PER_DAY` when no row names it."""
        for key in ((site, sku), ("", sku)):
            if key in self.units:
                return self.units[key]
        return DEFAULT_UNITS_PER_DAY


def load_velocities(path: Path) -> Velocities:
    """Read ``sku,units_per_day[,site]``; raises `shelf.errors.ConfigError` with every problem."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(str(path), "a CSV file in UTF-8", reason)]) from error
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        found = ", ".join(reader.fieldnames or ()) or "nothing"
        expected = f"the columns {', '.join(REQUIRED)}"
        raise ConfigError([Problem(f"{path}: line 1", expected, found)])
    units: dict[tuple[str, str], float] = {}
    problems: list[Problem] = []
    for row in reader:
        sku, site = (row.get("sku") or "").strip(), (row.get("site") or "").strip()
        where = f"{path}: line {reader.line_num}"
        number = _number(row.get("units_per_day") or "")
        if not sku:
            problems.append(Problem(f"{where}: sku", "a value", "nothing"))
        elif number is None:
            found = repr(row.get("units_per_day") or "")
            problems.append(Problem(f"{where}: units_per_day", "a number from 0", found))
        elif (site, sku) in units:
            problems.append(Problem(f"{where}: sku", "each product once a site", f"{sku} again"))
        else:
            units[site, sku] = number
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return Velocities(units)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
