"""Tiny models in a temporary folder, and the pictures beside the checkout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from detector.manifest import sha256_of

sys.path.insert(0, str(Path(__file__).parent))
from tiny_onnx import constant_network

DATA = Path(__file__).parents[3] / "shared" / "data"

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a model folder whose network answers with ``output``; keys override the manifest."""

    def make(
        output: Any,
        *,
        input_shape: tuple[int | str, ...] = (1, 3, 64, 64),
        folder: str = "tiny",
        **overrides: Any,
    ) -> Path:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        weights = path / "model.onnx"
        weights.write_bytes(constant_network(np.asarray(output, np.float32), input_shape))
        manifest: dict[str, Any] = {
            "name": "tiny",
            "version": "1",
            "sha256": sha256_of(weights),
            "input": {"size_px": 64},
            "decoder": "ultralytics",
            "classes": [
                {"name": "product", "threshold": 0.3},
                {"name": "gap", "threshold": 0.3},
            ],
            "licence": "CC0-1.0",
        }
        manifest.update(overrides)
        kept = {key: value for key, value in manifest.items() if value is not None}
        (path / "manifest.yaml").write_text(yaml.safe_dump(kept))
        return path

    return make


@pytest.fixture
def data() -> Path:
    """The folder of real pictures; the test is skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"needs the pictures in {DATA}")
    return DATA
