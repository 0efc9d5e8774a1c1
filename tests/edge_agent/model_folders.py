"""Model folders as operators leave them: good, other, broken, half copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from detector.manifest import DEFAULT_MODEL, MANIFEST_NAME, SHIPPED_MODELS, sha256_of

SHIPPED = SHIPPED_MODELS / DEFAULT_MODEL
NOTE = b"\x32\x05other"
"""A doc string in ONNX's encoding: appended, it changes the file's hash and nothing else."""


def copy_of_shipped(folder: Path) -> Path:
    """Copy the shipped model to ``folder``."""
    return Path(shutil.copytree(SHIPPED, folder))


def other_model(folder: Path, version: str = "other") -> Path:
    """Write a model with other weights that sees the same as the shipped one."""
    copy_of_shipped(folder)
    weights = folder / "model.onnx"
    weights.write_bytes(weights.read_bytes() + NOTE)
    edit_manifest(folder, version=version, sha256=sha256_of(weights))
    return folder


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Write other values into a manifest."""
    path = folder / MANIFEST_NAME
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def bad_hash(folder: Path) -> None:
    """Weights that are not the manifest's."""
    edit_manifest(folder, version="bad")
    with (folder / "model.onnx").open("ab") as weights:
        weights.write(b"x")


def bad_shapes(folder: Path) -> None:
    """A class too many for the network's output."""
    classes = [{"name": name, "threshold": 0.3} for name in ("product", "gap", "hand")]
    edit_manifest(folder, version="bad", classes=classes)


def wrong_golden(folder: Path) -> None:
    """A network that is fed the wrong colours."""
    spec = {"size_px": 640, "any_size_multiple_px": 32, "colour": "bgr"}
    edit_manifest(folder, version="bad", input=spec)


def weights_missing(folder: Path) -> None:
    """A copy that was broken off after the manifest."""
    (folder / "model.onnx").unlink()


def manifest_missing(folder: Path) -> None:
    """A copy that was broken off before the manifest."""
    (folder / MANIFEST_NAME).unlink()


def weights_cut(folder: Path) -> None:
    """A copy that was broken off within the weights."""
    weights = folder / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:100_000])


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "bad hash": (bad_hash, "sha256: expected"),
    "bad shapes": (bad_shapes, "with 3 classes: expected an output"),
    "wrong golden": (wrong_golden, "golden: expected the"),
    "weights missing": (weights_missing, "file: expected"),
    "manifest missing": (manifest_missing, "expected a model folder"),
    "weights cut": (weights_cut, "sha256: expected"),
}
"""What may be wrong with a folder, and the words that say so."""
