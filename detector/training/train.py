"""Train the detector by a recipe: from random weights, from a checkpoint, on a few pictures.

A loop of its own rather than the vendor's trainer, for three reasons: the learning rate may follow
the clock, so a shared machine never leaves a run half annealed; crops come at a chosen facing
size and in several input sizes; and parts of a picture without a reliable label (unsure boxes,
pictures where nobody drew gaps) are left out of the classification loss.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.nn.tasks import DetectionModel

from detector.errors import TrainingError
from detector.training.dataset import CropSampler, LabelledPicture, spread
from detector.training.network import (
    BEST,
    LAST,
    ShelfLoss,
    Weights,
    build_model,
    collate,
    find_weights,
    freeze_layers,
    load_weights,
    pick_device,
    read_checkpoint,
    write_checkpoint,
)
from detector.training.progress import Checkpoint, Progress, Watch, learning_rate
from detector.training.recipe import Stage, TrainRecipe, changed_fields
from detector.training.validation import Validation

#: What a run's folder holds beside its weights: one JSON object a checkpoint.
LOG_NAME = "log.jsonl"


def train(
    recipe: TrainRecipe,
    pictures: Sequence[LabelledPicture],
    validation: Sequence[LabelledPicture],
    out: Path,
    *,
    resume: bool = False,
    watch: Watch | None = None,
) -> Path:
    """Train through the recipe's stages; returns the file of the best averaged weights in ``out``.

    Best is the highest mean AP50 on crops of ``validation`` at a checkpoint; the start counts
    too, so fine-tuning never returns something worse there. Without validation pictures the last
    weights are the best. ``resume`` goes on with the run in ``out``.

    Raises :class:`~detector.errors.TrainingError` when ``out`` holds a run already, or with
    ``resume`` none, or one of another recipe or other pictures.
    """
    run = _Run(recipe, pictures, validation, out, watch or Watch())
    if resume:
        run.resume()
    else:
        run.start()
    return run.go()


class _Run:
    """One run's network, optimiser, averages and place, as they are saved."""

    def __init__(
        self,
        recipe: TrainRecipe,
        pictures: Sequence[LabelledPicture],
        validation: Sequence[LabelledPicture],
        out: Path,
        watch: Watch,
    ) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.out, self.watch = recipe, out, watch
        self.device = pick_device(recipe.device)
        self.rng = np.random.default_rng(recipe.seed)
        self.samplers = [CropSampler(pictures, stage.folder_weights) for stage in recipe.stages]
        self.data = _fingerprint([*pictures, *validation])
        self.model = build_model(recipe.architecture).to(self.device)
        self.loss = ShelfLoss(self.model)
        measured = spread(validation, recipe.validation_pictures)
        self.validation: Validation | None = None
        if measured:
            probe = build_model(recipe.architecture).to(self.device)
            self.validation = Validation(measured, _largest_px(recipe), probe)
        self.averaged: Weights = {}
        self.place = Progress()
        self.saved_optimiser: dict[str, Any] | None = None

    def start(self) -> None:
        """Begin a new run in an empty place."""
        if (self.out / LAST).exists():
            raise TrainingError(
                f"{self.out}: expected no run in it, found {LAST}; --resume goes on with it, "
                "or name another --out"
            )
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / LOG_NAME).unlink(missing_ok=True)
        if self.recipe.start_from is not None:
            path = find_weights(self.recipe.start_from)
            load_weights(self.model, read_checkpoint(path)["model"], path)
        self.averaged = {name: value.clone() for name, value in self.model.state_dict().items()}
        if self.recipe.start_from is not None:
            self._checkpoint(0.0)

    def resume(self) -> None:
        """Take up the run that was saved."""
        path = self.out / LAST
        if not path.is_file():
            raise TrainingError(f"{self.out}: expected a run to go on with, found no {LAST}")
        saved = read_checkpoint(path)
        missing = {"recipe", "data", "averaged", "optimiser", "place", "rng", "torch_rng"} - set(
            saved
        )
        if missing:
            raise TrainingError(
                f"{path}: expected a run to go on with, found no {', '.join(sorted(missing))}; "
                "weights alone are a start: --start-from"
            )
        changed = changed_fields(saved["recipe"], self.recipe.model_dump(mode="json"))
        if changed:
            raise TrainingError(
                f"{path}: expected the recipe that it was begun with, found other values: "
                f"{'; '.join(changed)}"
            )
        if saved["data"] != self.data:
            raise TrainingError(
                f"{path}: expected the labels that it was begun with, found others; start a new "
                f"run with --start-from {self.out} for new pictures"
            )
        load_weights(self.model, saved["model"], path)
        self.averaged = {name: value.to(self.device) for name, value in saved["averaged"].items()}
        self.place = Progress(**json.loads(saved["place"]))
        self.rng.bit_generator.state = json.loads(saved["rng"])
        torch.set_rng_state(saved["torch_rng"])
        self.saved_optimiser = saved["optimiser"]

    def go(self) -> Path:
        """Work through what is left; returns early, saved, when asked to stop."""
        while not self.place.finished:
            stage = self.recipe.stages[self.place.stage]
            if not self._run_stage(stage, self.samplers[self.place.stage]):
                break
            if self.place.stage + 1 == len(self.recipe.stages):
                self.place.finished = True
            else:
                best = self.place.best_ap50
                self.place = Progress(stage=self.place.stage + 1, best_ap50=best)
                self.model.load_state_dict(self.averaged)
            self._save()
        return self.out / BEST

    def _run_stage(self, stage: Stage, sampler: CropSampler) -> bool:
        """Whether the stage's budget was used up; False: asked to stop."""
        place = self.place
        self.model.train()
        freeze_layers(self.model, stage.freeze)
        optimiser = _optimiser(self.model, stage)
        if self.saved_optimiser is not None:
            optimiser.load_state_dict(self.saved_optimiser)
            self.saved_optimiser = None
        weights = np.array([bucket.weight for bucket in stage.buckets])
        crops = _crop_budget(stage, sampler.picture_count)
        before = place.elapsed_secs
        began = time.monotonic()
        while (share := _share_done(stage, place, crops)) < 1:
            if self.watch.should_stop():
                self._save(optimiser)
                return False
            place.learning_rate = learning_rate(stage, place.step, share)
            for group in optimiser.param_groups:
                group["lr"] = place.learning_rate
            bucket = stage.buckets[self.rng.choice(len(weights), p=weights / weights.sum())]
            drawn = [sampler(bucket.size_px, self.rng) for _ in range(bucket.batch)]
            batch, mask = collate(drawn, self.device)
            losses = self.loss(self.model(batch["img"]), batch, mask)
            optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
            optimiser.step()
            place.step, place.seen = place.step + 1, place.seen + bucket.batch
            place.elapsed_secs = before + time.monotonic() - began
            place.add_losses(losses.detach().cpu().tolist())
            self._average(stage)
            share = _share_done(stage, place, crops)
            self.watch.step(stage, share, place)
            if share * self.recipe.checkpoints >= place.checkpoints + 1:
                place.checkpoints = int(share * self.recipe.checkpoints)
                self._checkpoint(share)
                self._save(optimiser)
                began, before = time.monotonic(), place.elapsed_secs
        return True

    def _checkpoint(self, share: float) -> None:
        score = None if self.validation is None else self.validation.measure(self.averaged)
        best = score is None or score.mean_ap50 >= self.place.best_ap50
        if best:
            if score is not None:
                self.place.best_ap50 = score.mean_ap50
            recipe = self.recipe.model_dump(mode="json")
            write_checkpoint(self.out / BEST, {"model": self.averaged, "recipe": recipe})
        stage = self.recipe.stages[self.place.stage]
        told = Checkpoint(stage.name, self.place, share, score, best)
        with (self.out / LOG_NAME).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(told.record()) + "\n")
        self.watch.checkpoint(told)

    def _save(self, optimiser: torch.optim.Optimizer | None = None) -> None:
        content = {
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimiser": None if optimiser is None else optimiser.state_dict(),
            "place": json.dumps(asdict(self.place)),
            "rng": json.dumps(self.rng.bit_generator.state),
            "torch_rng": torch.get_rng_state(),
            "recipe": self.recipe.model_dump(mode="json"),
            "data": self.data,
        }
        write_checkpoint(self.out / LAST, content)

    def _average(self, stage: Stage) -> None:
        # The horizon grows with the run, so that the random start is soon forgotten.
        keep = 1 - 1 / min(stage.average_steps, 1 + self.place.step / 4)
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.dtype.is_floating_point:
                    self.averaged[name].mul_(keep).add_(value, alpha=1 - keep)
                else:
                    self.averaged[name].copy_(value)


def _optimiser(model: DetectionModel, stage: Stage) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": stage.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=stage.learning_rate, betas=(0.9, 0.99))


def _crop_budget(stage: Stage, picture_count: int) -> int | None:
    if stage.epochs is not None:
        return max(1, round(stage.epochs * picture_count))
    return stage.crops


def _share_done(stage: Stage, place: Progress, crops: int | None) -> float:
    if crops is not None:
        return place.seen / crops
    assert stage.minutes is not None
    return place.elapsed_secs / (stage.minutes * 60)


def _largest_px(recipe: TrainRecipe) -> int:
    return max(bucket.size_px for stage in recipe.stages for bucket in stage.buckets)


def _fingerprint(pictures: Sequence[LabelledPicture]) -> str:
    lines = sorted(picture.labels.to_json() for picture in pictures)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
