"""Train the detector from random weights within a budget of minutes.

A loop of its own rather than the vendor's trainer, for three reasons: the learning rate follows
the clock, so a shared machine never leaves a run half annealed; crops come at a chosen facing
size and in several input sizes; and parts of a picture without a reliable label (unsure boxes,
pictures where nobody drew gaps) are left out of the classification loss.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import v8DetectionLoss

from detector.training.dataset import Crop, ShelfClass

STRIDES_PX = (8, 16, 32)


class Bucket(BaseModel):
    """One input size and how often it is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(gt=0, multiple_of=32, description="Side of the square input.")
    batch: int = Field(gt=0, description="Crops in a step of this size.")
    weight: float = Field(gt=0, description="Relative frequency of such steps.")


class TrainRecipe(BaseModel):
    """Everything that shapes a training run; one YAML file under ``configs/training``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str = Field("yolo11n.yaml", description="Ultralytics model file.")
    minutes: float = Field(gt=0, description="Wall-clock budget; the learning rate ends with it.")
    buckets: tuple[Bucket, ...] = Field(min_length=1)
    learning_rate: float = Field(2e-3, gt=0)
    final_share: float = Field(0.02, gt=0, le=1, description="Last learning rate / first one.")
    warmup_steps: int = Field(100, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    average_steps: int = Field(400, gt=0, description="Horizon of the weight average.")
    folder_weights: dict[str, float] = Field(description="How often each folder is drawn.")
    threads: int = Field(2, gt=0)
    seed: int = 0


class MaskedBCE(torch.nn.Module):  # type: ignore[misc]
    """Binary cross-entropy that leaves masked places out unless they hold a target.

    ``mask`` has the loss's shape (batch, places, classes): 1 counts, 0 does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mask: torch.Tensor | None = None

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Element-wise loss."""
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, targets, reduction="none"
        )
        return loss if self.mask is None else loss * torch.maximum(self.mask, (targets > 0).float())


def collate(crops: Sequence[Crop]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The vendor's batch dictionary and the loss mask for crops of one size."""
    size = crops[0].image_bgr.shape[0]
    stacked = np.stack([crop.image_bgr for crop in crops])[..., ::-1].transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(stacked)).float().div_(255)
    index = np.concatenate([np.full(len(crop.boxes_px), i) for i, crop in enumerate(crops)])
    boxes = np.concatenate([crop.boxes_px for crop in crops]) / size
    centred = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )
    batch = {
        "img": images,
        "batch_idx": torch.from_numpy(index).float(),
        "cls": torch.from_numpy(np.concatenate([c.class_ids for c in crops])).float().view(-1, 1),
        "bboxes": torch.from_numpy(centred).float(),
    }
    return batch, torch.from_numpy(np.stack([_loss_mask(crop, size) for crop in crops]))


def train(
    recipe: TrainRecipe,
    sample: Callable[[int, np.random.Generator], Crop],
    out: Path,
    *,
    start_from: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train until the budget ends; returns the averaged weights' file in ``out``.

    ``sample(size_px, rng)`` yields one crop. A checkpoint is written every three minutes, so a run
    that is stopped leaves a usable model. ``start_from``: a file that an earlier call wrote.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    model = build_model(recipe.architecture)
    if start_from is not None:
        model.load_state_dict(torch.load(start_from, weights_only=True)["model"])
    averaged = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = _optimiser(model, recipe)
    criterion = v8DetectionLoss(model)
    criterion.bce = MaskedBCE()
    weights = np.array([bucket.weight for bucket in recipe.buckets])
    began = saved = told = time.monotonic()
    budget_secs = recipe.minutes * 60
    step, seen, losses = 0, 0, np.zeros(3)
    target = out / "averaged.pt"
    while (elapsed := time.monotonic() - began) < budget_secs:
        rate = learning_rate(recipe, step, elapsed / budget_secs)
        for group in optimiser.param_groups:
            group["lr"] = rate
        bucket = recipe.buckets[rng.choice(len(weights), p=weights / weights.sum())]
        batch, mask = collate([sample(bucket.size_px, rng) for _ in range(bucket.batch)])
        criterion.bce.mask = mask
        loss, _ = criterion(model(batch["img"]), batch)
        total = loss.sum() / bucket.batch
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        step, seen = step + 1, seen + bucket.batch
        losses += 0.02 * (loss.detach().numpy() / bucket.batch - losses)
        _average(averaged, model, recipe, step)
        now = time.monotonic()
        if now - told > 30:
            parts = "box {:.3f} class {:.3f} edge {:.3f}".format(*losses)
            report(f"{elapsed / 60:.1f} min, step {step}, {seen} crops, lr {rate:.5f}, {parts}")
            told = now
        if now - saved > 180:
            _save(target, averaged, recipe)
            saved = now
    _save(target, averaged, recipe)
    return target


def build_model(architecture: str) -> DetectionModel:
    """The network with random weights and this project's classes."""
    model = DetectionModel(architecture, ch=3, nc=len(ShelfClass), verbose=False)
    model.args = get_cfg()
    model.names = {int(c): c.name.lower() for c in ShelfClass}
    model.train()
    return model


def learning_rate(recipe: TrainRecipe, step: int, progress: float) -> float:
    """Linear warm-up in steps, then a cosine over the share of the budget that has passed."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    rate = recipe.learning_rate * (recipe.final_share + (1 - recipe.final_share) * cosine)
    return rate * min(1.0, (step + 1) / max(recipe.warmup_steps, 1))


def _optimiser(model: DetectionModel, recipe: TrainRecipe) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99))


def _average(
    averaged: dict[str, torch.Tensor], model: DetectionModel, recipe: TrainRecipe, step: int
) -> None:
    # The horizon grows with the run, so that the random start is soon forgotten.
    keep = 1 - 1 / min(recipe.average_steps, 1 + step / 4)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                averaged[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                averaged[name].copy_(value)


def _save(path: Path, state: dict[str, Any], recipe: TrainRecipe) -> None:
    partial = path.with_suffix(".partial")
    torch.save({"model": state, "recipe": recipe.model_dump(mode="json")}, partial)
    partial.replace(path)


def _loss_mask(crop: Crop, size: int) -> Any:
    """float32 (places, classes) of one crop; places in the order of the network's output."""
    masks = []
    for stride in STRIDES_PX:
        centres = (np.arange(size // stride) + 0.5) * stride
        free = np.ones((len(centres), len(centres)), dtype=np.float32)
        for x1, y1, x2, y2 in crop.ignored_px:
            rows = (centres > y1) & (centres < y2)
            columns = (centres > x1) & (centres < x2)
            free[np.ix_(rows, columns)] = 0.0
        masks.append(free.ravel())
    mask = np.ones((sum(map(len, masks)), len(ShelfClass)), dtype=np.float32)
    mask[:, ShelfClass.PRODUCT] = np.concatenate(masks)
    if not crop.gaps_known:
        mask[:, ShelfClass.GAP] = 0.0
    return mask
