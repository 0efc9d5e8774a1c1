"""What the commands of ``shelfwatch catalog`` print."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.catalog_evaluate import Evaluation
from detector.catalog_index import CatalogIndex
from edge_agent.catalog_search import SearchResult
from shelf import Planogram

PAIRS = 15
"""Confusions and near-twins that are printed; all are in the JSON."""


def catalog_json(folder: Path, index: CatalogIndex) -> dict[str, Any]:
    """The published form of ``catalog list --json``."""
    products: dict[str, list[Any]] = {}
    for picture in index.pictures:
        row = {"file": picture.file, "sha256": picture.sha256, "size_px": list(picture.size_px)}
        products.setdefault(picture.key, []).append(row)
    return {
        "catalog": str(folder),
        "embedder": index.embedder_identity,
        "products": [{"product": key, "pictures": rows} for key, rows in products.items()],
        "twins": _twins_json(index),
        "remarks": list(index.remarks),
    }


def print_catalog(index: CatalogIndex) -> None:
    """A line per product, then the near-twins and what is wrong."""
    console = Console()
    counts = Counter(picture.key for picture in index.pictures)
    widths: dict[str, list[int]] = {}
    for picture in index.pictures:
        widths.setdefault(picture.key, []).append(picture.size_px[0])
    table = Table("product", "pictures", "width px", box=None)
    for key, count in counts.items():
        low, high = min(widths[key]), max(widths[key])
        table.add_row(escape(key), str(count), str(low) if low == high else f"{low}-{high}")
    console.print(table)
    console.print(f"{len(counts)} products, {len(index.pictures)} pictures", highlight=False)
    print_twins(index)
    print_remarks(index.remarks)


def print_twins(index: CatalogIndex) -> None:
    """Products that a facing cannot tell apart, if any."""
    if not index.twins:
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{len(index.twins)} pairs of near-twins, between which a facing does not decide for sure "
        "(what is planned decides):"
    )
    for twin in index.twins[:PAIRS]:
        a, b = twin.keys
        console.print(f"  {a} / {b} (too alike in {twin.share:.0%} of facings)", markup=False)
    if len(index.twins) > PAIRS:
        console.print(f"  and {len(index.twins) - PAIRS} other pairs; list --json has all")


def print_remarks(remarks: tuple[str, ...]) -> None:
    """What was wrong with pictures or the index, to standard error."""
    for remark in remarks:
        Console(stderr=True, highlight=False).print(remark, markup=False, soft_wrap=True)


def evaluation_json(
    folder: Path, index: CatalogIndex, evaluation: Evaluation, source: str
) -> dict[str, Any]:
    """The published form of ``catalog evaluate --json``; null where nothing could be counted."""
    content = asdict(evaluation)
    content["confusions"] = [
        {"shown": shown, "taken_for": other, "count": count}
        for shown, other, count in evaluation.confusions
    ]
    head = {"catalog": str(folder), "embedder": index.embedder_identity, "facings_from": source}
    finite: dict[str, Any] = _finite({**head, **content})
    return {**finite, "twins": _twins_json(index), "remarks": list(index.remarks)}


def print_evaluation(index: CatalogIndex, result: Evaluation, source: str) -> None:
    """The figures in words, the most frequent confusions and the near-twins."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{result.facings} facings of {result.products} products, {escape(source)}")
    console.print(f"right first {result.top1:.1%}, among the first five {result.top5:.1%}")
    undecided = f", {result.undecided:.1%} undecided between near-twins" if index.twins else ""
    console.print(
        f"named {result.answered:.1%}, of these right {_percent(result.right)}{undecided}; "
        f"of products that the catalogue lacks {result.strangers_taken:.1%} are taken for another"
    )
    console.print(
        f"in slots: {result.right_suspected:.1%} of the right products are called another, "
        f"{_percent(result.wrong_found)} of the wrong ones are found"
    )
    table = Table("strangers taken", "min_similarity", "named", "right", box=None)
    for row in result.thresholds:
        figures = (f"{row.min_similarity:.3f}", f"{row.answered:.1%}", _percent(row.right))
        table.add_row(f"at most {row.strangers:.0%}", *figures)
    console.print(table)
    if result.confusions:
        wrong = sum(count for _, _, count in result.confusions)
        console.print(f"{wrong} confusions, {_percent(result.twin_share)} between near-twins:")
    for shown, other, count in result.confusions[:PAIRS]:
        console.print(f"  {count:3} x {shown} taken for {other}", markup=False)
    if len(result.confusions) > PAIRS:
        console.print(f"  and {len(result.confusions) - PAIRS} other pairs; --json has all")
    print_twins(index)
    print_remarks(index.remarks)


def search_json(
    photo: Path, size_px: tuple[int, int], result: SearchResult, planogram: Planogram | None
) -> dict[str, Any]:
    """The published form of ``catalog search --json``; the box is px of the photograph."""
    return {
        "photo": photo.name,
        "size_px": list(size_px),
        "answer": [match.key for match in result.answer],
        "candidates": [
            {
                "sku": match.key,
                "name": _name(match.key, planogram),
                "similarity": round(match.similarity, 4),
                "print_points": points,
                "slots": _slots(match.key, planogram),
            }
            for match, points in zip(result.candidates, result.points, strict=True)
        ],
        "box_xyxy_px": [round(side, 1) for side in result.region.box],
        "turned_degrees": result.turned_degrees,
    }


def print_search(result: SearchResult, planogram: Planogram | None) -> None:
    """The answer in words, where it belongs, and the candidates."""
    console = Console(highlight=False, soft_wrap=True)
    names = [_name(match.key, planogram) for match in result.answer]
    turned = f", turned by {result.turned_degrees} degrees" if result.turned_degrees else ""
    if not names:
        console.print(
            "not known: nothing in the catalogue is alike enough, or several are equally so"
        )
    elif len(names) > 1:
        console.print(f"undecided between the near-twins {' and '.join(names)}", markup=False)
    else:
        console.print(names[0], markup=False)
    console.print(f"(from {result.region.what}{turned})")
    if planogram is not None:
        _print_places(console, result, planogram)
    table = Table("product", "similarity", "points of its print", box=None)
    for match, points in zip(result.candidates, result.points, strict=True):
        name = escape(_name(match.key, planogram))
        table.add_row(name, f"{match.similarity:.3f}", str(points))
    console.print(table)


def _print_places(console: Console, result: SearchResult, planogram: Planogram) -> None:
    for match in result.answer:
        slots = _slots(match.key, planogram)
        label = f"{_name(match.key, planogram)}: " if len(result.answer) > 1 else ""
        if not slots:
            console.print(f"{label}not in planogram {planogram.name}", markup=False)
        for slot in slots:
            console.print(f"{label}belongs in {slot['slot']}: {slot['place']}", markup=False)


def _slots(sku: str, planogram: Planogram | None) -> list[dict[str, str]]:
    planned = () if planogram is None else planogram.slots
    return [{"slot": str(s.id), "place": s.id.in_words} for s in planned if s.sku == sku]


def _name(sku: str, planogram: Planogram | None) -> str:
    return sku if planogram is None else planogram.names.get(sku, sku)


def _twins_json(index: CatalogIndex) -> list[dict[str, Any]]:
    return [{"products": list(twin.keys), "share": twin.share} for twin in index.twins]


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
