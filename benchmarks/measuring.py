"""What the vision benchmarks share: times taken in turn, and the record of a run."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime


def milliseconds(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Fast-quartile wall time of one call of each, taken in turn, after one to warm up.

    In turn, so that a busy machine slows all alike; the fast quartile, because other programs
    only ever add time.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(runs + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:
                times[name].append((time.perf_counter() - began) * 1000)
    return {name: float(np.percentile(taken, 25)) for name, taken in times.items()}


def write_record(path: Path, figures: Mapping[str, float], **about: str) -> None:
    """Write the figures as one flat object, with ``about`` and where they were taken."""
    record = {
        **figures,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        **about,
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
