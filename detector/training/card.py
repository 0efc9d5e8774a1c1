"""The model card: a draft at export, its figures from an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from detector.errors import TrainingError
from detector.manifest import Manifest
from detector.training.metrics import FEW_LABELS

BEGIN = "<!-- figures: `shelfwatch model evaluate --update-card` writes what is between -->"
END = "<!-- /figures -->"
NOT_YET = "Not measured yet: `shelfwatch model evaluate --update-card` does it."


def draft_card(manifest: Manifest) -> str:
    """A card with what is known at export; the rest is asked for, not made up."""
    classes = ", ".join(
        f"`{spec.name}` (from score {spec.threshold:g})" for spec in manifest.classes
    )
    return f"""# {manifest.name} {manifest.version}

Finds {classes} in pictures of store shelves.

## Data

To write: which pictures, how many, from where, who labelled them, how they were divided.

## Licence

{manifest.licence}. To write: what the licences of the pictures and of the starting weights allow.

## Figures

{BEGIN}

{NOT_YET}

{END}

## Known failures

To write: look at the pictures with the most misses.
"""


def update_figures(card: Path, table: str) -> None:
    """Replace what is between the marks of ``card``; TrainingError when it has no marks."""
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{card}: expected a model card, found: {error.strerror}") from error
    start, end = text.find(BEGIN), text.find(END)
    if start < 0 or end < start:
        raise TrainingError(
            f"{card}: expected the marks {BEGIN} and {END} around the figures, found none; "
            "put them where the figures belong"
        )
    updated = f"{text[: start + len(BEGIN)]}\n\n{table.strip()}\n\n{text[end:]}"
    card.write_text(updated, encoding="utf-8")


def figures_table(figures: Mapping[str, float | str], views: Mapping[str, str]) -> str:
    """Markdown of the figures of ``views`` (prefix in ``figures`` to words)."""
    lines = [
        f"Side `{figures['side']}`, weights `{str(figures['model'])[:19]}`. AP as in COCO, over "
        "all detections; precision and recall at the manifest's thresholds, IoU 0.5.",
        "",
        "| pictures | n | class | labels | AP50 | AP50-95 | precision | recall |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for view, words in views.items():
        for name in ("product", "gap"):
            if f"{view}_{name}_ap50" not in figures:
                continue
            keys = ("labels", "ap50", "ap50_95", "precision", "recall")
            cells = [_cell(figures[f"{view}_{name}_{key}"]) for key in keys]
            count = _cell(figures[f"{view}_pictures"])
            lines.append(f"| {words} | {count} | {name} | {' | '.join(cells)} |")
    groups = ("tiny", "small", "medium", "large")
    lines += [
        "",
        "AP50 of products by their shorter side in the input; `-`: fewer than "
        f"{FEW_LABELS} labels.",
        "",
        "| pictures | below 16 px | 16-32 px | 32-64 px | from 64 px |",
        "| --- | --- | --- | --- | --- |",
    ]
    for view, words in views.items():
        cells = []
        for group in groups:
            labels = float(figures.get(f"{view}_product_labels_{group}", 0))
            few = labels < FEW_LABELS
            cells.append("-" if few else _cell(figures[f"{view}_product_ap50_{group}"]))
        lines.append(f"| {words} | {' | '.join(cells)} |")
    if "detect_ms" in figures:
        lines += ["", f"`detect`: median {_cell(figures['detect_ms'])} ms a picture"]
        if "detect_over_reference" in figures:
            ratio = _cell(figures["detect_over_reference"])
            lines[-1] += f", {ratio} times that of the reference model, in turns"
        lines[-1] += "."
    return "\n".join(lines)


def _cell(value: float | str) -> str:
    if isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        return "-" if not isinstance(value, str) else value
    if float(value).is_integer() and value > 1:
        return str(int(value))
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
