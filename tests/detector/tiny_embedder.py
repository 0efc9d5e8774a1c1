"""An embedding network of a few hundred bytes: the mean colours of a grid, at unit length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from tiny_onnx import _bytes, _number, _text, _value

from detector.manifest import sha256_of

SIDE, CELLS = 32, 4
DIMENSION = 3 * CELLS * CELLS
INT, INTS = 2, 7


def grid_network(
    *, batch: int | str = "n", output: str = "vectors", dimension: int | str = DIMENSION
) -> bytes:
    """Bytes of a network ``crops`` -> ``output`` that averages ``CELLS`` x ``CELLS`` cells."""
    cell = [SIDE // CELLS] * 2
    nodes = [
        _node("AveragePool", "crops", "cells", kernel_shape=cell, strides=cell),
        _node("Flatten", "cells", "flat", axis=1),
        _node("LpNormalization", "flat", output, axis=1, p=2),
    ]
    graph = b"".join(_bytes(1, node) for node in nodes) + _text(2, "grid")
    graph += _bytes(11, _value("crops", (batch, 3, SIDE, SIDE)))
    graph += _bytes(12, _value(output, (batch, dimension)))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def write_embedder(folder: Path, network: bytes | None = None, **overrides: Any) -> Path:
    """A model folder with the network and a fitting manifest; None in a key removes it."""
    folder.mkdir(exist_ok=True)
    weights = folder / "model.onnx"
    weights.write_bytes(grid_network() if network is None else network)
    golden = np.zeros((SIDE, SIDE, 3), np.uint8)
    golden[:, : SIDE // 2] = 255
    cv2.imwrite(str(folder / "golden.png"), golden)
    # Half white, half black, minus the mean of a half: each of 48 cells is plus or minus a half.
    head = [1 / DIMENSION**0.5] * 2 + [-1 / DIMENSION**0.5] * 2
    manifest: dict[str, Any] = {
        "kind": "embedder",
        "name": "tiny",
        "version": "1",
        "sha256": sha256_of(weights),
        "input": {"size_px": SIDE, "mean": [0.5, 0.5, 0.5]},
        "dimension": DIMENSION,
        "batch": 4,
        "reference_widths_px": [12, 24],
        "known": {"min_similarity": 0.8, "min_margin": 0.05},
        "golden": {"file": "golden.png", "vector_head": head, "tolerance": 0.01},
        "licence": "CC0-1.0",
    } | overrides
    kept = {key: value for key, value in manifest.items() if value is not None}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(kept))
    return folder


def _node(kind: str, taken: str, given: str, **attributes: int | list[int]) -> bytes:
    parts = b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
    return _text(1, taken) + _text(2, given) + _text(4, kind) + parts


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, INT)
    return _text(1, name) + b"".join(_number(8, item) for item in value) + _number(20, INTS)
