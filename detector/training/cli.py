"""The ``shelfwatch model`` commands that make a detector, by name.

This package's command modules import neither torch nor ultralytics; each command does so when it
runs.
"""

from __future__ import annotations

from collections.abc import Callable

from detector.training.evaluate_cli import evaluate
from detector.training.label_cli import autolabel
from detector.training.quantize_cli import quantize
from detector.training.recogniser_cli import export_recogniser, train_recogniser
from detector.training.train_cli import export, train

TRAINING_COMMANDS: dict[str, Callable[..., None]] = {
    "autolabel": autolabel,
    "train": train,
    "train-recogniser": train_recogniser,
    "export": export,
    "export-recogniser": export_recogniser,
    "quantize": quantize,
    "evaluate": evaluate,
}
