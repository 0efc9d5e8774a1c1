"""What products are grouped by, from a CSV file: their GTIN and category."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shelf.errors import ConfigError, Problem
from shelf.gtin import gtin_fault

COLUMNS = ("sku", "gtin", "category")
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Products:
    """GTINs and categories by SKU; what is not known has none."""

    gtins: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)


def load_products(path: Path) -> Products:
    """Read ``sku[,gtin][,category]``; raises `shelf.errors.ConfigError` with every problem."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(str(path), "a CSV file in UTF-8", reason)]) from error
    reader = csv.DictReader(text.splitlines())
    names = tuple(reader.fieldnames or ())
    if "sku" not in names or not set(names) <= set(COLUMNS):
        expected = "the columns sku, and gtin or category or both"
        found = ", ".join(names) or "nothing"
        raise ConfigError([Problem(f"{path}: line 1", expected, found)])
    gtins: dict[str, str] = {}
    categories: dict[str, str] = {}
    seen: set[str] = set()
    problems: list[Problem] = []
    for row in reader:
        sku, gtin, category = ((row.get(name) or "").strip() for name in COLUMNS)
        where = f"{path}: line {reader.line_num}"
        if not sku:
            problems.append(Problem(f"{where}: sku", "a value", "nothing"))
        elif sku in seen:
            problems.append(Problem(f"{where}: sku", "each product once", f"{sku} again"))
        elif gtin and (fault := gtin_fault(gtin)):
            problems.append(Problem(f"{where}: gtin", fault, repr(gtin)))
        else:
            seen.add(sku)
            gtins |= {sku: gtin} if gtin else {}
            categories |= {sku: category} if category else {}
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return Products(gtins, categories)
