"""Where a training run is: its place, its learning rate, what is told and logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from detector.training.recipe import Stage
from detector.training.validation import ValidationScore


@dataclass(slots=True)
class Progress:
    """Where a run is; ``seen`` crops, ``step`` and ``elapsed_secs`` count from the stage's start.

    ``losses``: running means of box, class and edge loss. ``best_ap50``: of the best checkpoint,
    -1 before the first.
    """

    stage: int = 0
    step: int = 0
    seen: int = 0
    elapsed_secs: float = 0.0
    losses: Sequence[float] = (0.0, 0.0, 0.0)
    learning_rate: float = 0.0
    checkpoints: int = 0
    best_ap50: float = -1.0
    finished: bool = False

    def add_losses(self, new: Sequence[float]) -> None:
        """Take a step's losses into the running means."""
        weight = max(0.02, 1 / self.step)
        self.losses = [
            old + weight * (one - old) for old, one in zip(self.losses, new, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is told and logged at a checkpoint. ``score`` None: there are no validation pictures."""

    stage: str
    progress: Progress
    share_done: float
    score: ValidationScore | None
    best: bool

    def record(self) -> dict[str, Any]:
        """A flat object for the log."""
        place = self.progress
        box, kind, edge = place.losses
        record: dict[str, Any] = {
            "stage": self.stage,
            "share_done": round(self.share_done, 4),
            "elapsed_minutes": round(place.elapsed_secs / 60, 2),
            "crops": place.seen,
            "learning_rate": place.learning_rate,
            "box_loss": round(box, 4),
            "class_loss": round(kind, 4),
            "edge_loss": round(edge, 4),
            "best": self.best,
        }
        if self.score is not None:
            for name, value in asdict(self.score).items():
                record[f"val_{name}"] = None if math.isnan(value) else round(value, 4)
        return record


@dataclass(frozen=True, slots=True)
class Watch:
    """How a caller follows a run and ends it.

    ``step(stage, share, progress)`` after each step, ``checkpoint`` after each measurement;
    ``should_stop`` is asked before each step: True saves everything and returns.
    """

    step: Callable[[Stage, float, Progress], None] = lambda _stage, _share, _progress: None
    checkpoint: Callable[[Checkpoint], None] = lambda _checkpoint: None
    should_stop: Callable[[], bool] = lambda: False


def learning_rate(stage: Stage, step: int, share_done: float) -> float:
    """Linear warm-up in steps, then a cosine over the share of the budget that has passed."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share_done, 1.0)))
    rate = stage.learning_rate * (stage.final_share + (1 - stage.final_share) * cosine)
    return rate * min(1.0, (step + 1) / max(stage.warmup_steps, 1))
