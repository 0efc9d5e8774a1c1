"""Train the recogniser: views of one product together, those of others apart."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from detector.errors import TrainingError
from detector.training.network import BEST, LAST, load_weights, read_checkpoint, write_checkpoint
from detector.training.product_sides import side_of_product
from detector.training.recipe import changed_fields, read_yaml_recipe
from detector.training.recogniser_data import (
    Batch,
    BatchSampler,
    Product,
    Source,
    load_products,
)
from detector.training.recogniser_network import INPUT_PX, RecogniserNetwork, load_imagenet
from detector.training.splits import Side

#: Time between two saves of a run.
SAVE_SECS = 180.0


class RecogniserRecipe(BaseModel):
    """Everything that shapes a recogniser's training; one YAML file under ``configs/training``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[Source, ...] = Field(min_length=1)
    sides: tuple[Side, ...] = Field((Side.TRAIN,), description="Products to learn from.")
    dimension: int = Field(256, gt=0, description="Length of a vector.")
    minutes: float = Field(gt=0, description="Wall-clock budget; the learning rate ends with it.")
    products_per_batch: int = Field(16, gt=1)
    views: int = Field(3, gt=1, description="Views of one product in a batch.")
    twin_share: float = Field(0.35, ge=0, le=1, description="Products that bring a near-twin.")
    temperature: float = Field(0.07, gt=0)
    learning_rate: float = Field(1e-3, gt=0, description="Of the heads.")
    backbone_rate: float = Field(0.3, ge=0, description="Share of it for the backbone.")
    frozen_blocks: int = Field(4, ge=0, le=18, description="Blocks that stay as they are.")
    weight_decay: float = Field(0.02, ge=0)
    warmup_steps: int = Field(50, ge=0)
    average_steps: int = Field(200, gt=0, description="Horizon of the weight average.")
    threads: int = Field(2, gt=0)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RecogniserProgress:
    """Where a run is. ``loss`` and ``nearest_right`` are running means; the latter is the share
    of views whose nearest other view is of the same product.
    """

    step: int = 0
    elapsed_secs: float = 0.0
    loss: float = 0.0
    nearest_right: float = 0.0


def train_recogniser(
    recipe: RecogniserRecipe,
    products: dict[Source, list[Product]],
    out: Path,
    *,
    start_from: Path | None = None,
    backbone: Path | None = None,
    resume: bool = False,
    watch: Callable[[float, RecogniserProgress], bool] = lambda _share, _progress: True,
) -> Path:
    """Train until the budget ends; returns the averaged weights' file in ``out``.

    ``products``: of :func:`learned_products`. ``start_from``: weights that an earlier
    call wrote; default: ImageNet's, from the file ``backbone`` where one is named. ``resume``
    goes on with the run in ``out``. ``watch(share, progress)`` is called after each step; False
    saves and returns. Progress is saved every three minutes.

    Raises :class:`~detector.errors.TrainingError` when ``out`` holds a run already, or with
    ``resume`` none, or one of another recipe.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = RecogniserNetwork(recipe.dimension)
    network.freeze(recipe.frozen_blocks)
    network.train()
    averaged = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = _optimiser(network, recipe)
    place = RecogniserProgress()
    last = out / LAST
    if resume:
        saved = _saved_run(last, recipe)
        load_weights(network, saved["model"], last)
        averaged = saved["averaged"]
        optimiser.load_state_dict(saved["optimiser"])
        place = RecogniserProgress(**json.loads(saved["place"]))
        rng.bit_generator.state = json.loads(saved["rng"])
    else:
        if last.exists():
            raise TrainingError(
                f"{out}: expected no run in it, found {LAST}; --resume goes on with it, or name "
                "another --out"
            )
        if start_from is None:
            load_imagenet(network, backbone)
        else:
            load_weights(network, read_checkpoint(start_from)["model"], start_from)
        averaged = {name: value.clone() for name, value in network.state_dict().items()}
    sampler = BatchSampler(
        products,
        size_px=INPUT_PX,
        products_per_batch=recipe.products_per_batch,
        views=recipe.views,
        twin_share=recipe.twin_share,
    )
    out.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        content = {
            "model": network.state_dict(),
            "averaged": averaged,
            "optimiser": optimiser.state_dict(),
            "place": json.dumps(asdict(place)),
            "rng": json.dumps(rng.bit_generator.state),
            "recipe": recipe.model_dump(mode="json"),
        }
        write_checkpoint(last, content)
        write_checkpoint(out / BEST, {"model": averaged, "recipe": content["recipe"]})

    budget_secs, before = recipe.minutes * 60, place.elapsed_secs
    began = saved_at = time.monotonic()
    while (share := place.elapsed_secs / budget_secs) < 1:
        rate = min(1.0, (place.step + 1) / max(recipe.warmup_steps, 1))
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["peak"]
        batch = sampler(rng)
        loss, right = contrast(network(as_tensor(batch)), batch, recipe.temperature)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step = place.step + 1
        keep = min(1 - 1 / recipe.average_steps, 1 - 1 / (1 + step / 4))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.dtype.is_floating_point:
                    averaged[name].mul_(keep).add_(value, alpha=1 - keep)
        weight = max(0.05, 1 / step)
        place = RecogniserProgress(
            step=step,
            elapsed_secs=before + time.monotonic() - began,
            loss=place.loss + weight * (float(loss.detach()) - place.loss),
            nearest_right=place.nearest_right + weight * (right - place.nearest_right),
        )
        if time.monotonic() - saved_at > SAVE_SECS:
            save()
            saved_at = time.monotonic()
        if not watch(min(place.elapsed_secs / budget_secs, 1.0), place):
            break
    save()
    return out / BEST


def read_recogniser_recipe(path: Path) -> RecogniserRecipe:
    """The recipe in ``path``; every problem is named at once in a TrainingError."""
    return read_yaml_recipe(path, RecogniserRecipe)


def _saved_run(path: Path, recipe: RecogniserRecipe) -> dict[str, Any]:
    if not path.is_file():
        raise TrainingError(f"{path.parent}: expected a run to go on with, found no {path.name}")
    saved = read_checkpoint(path)
    if "optimiser" not in saved:
        raise TrainingError(
            f"{path}: expected a run to go on with, found weights alone; they are a start: "
            "--start-from"
        )
    changed = changed_fields(saved["recipe"], recipe.model_dump(mode="json"))
    if changed:
        raise TrainingError(
            f"{path}: expected the recipe that it was begun with, found other values: "
            f"{'; '.join(changed)}"
        )
    return saved


def learned_products(recipe: RecogniserRecipe, root: Path) -> dict[Source, list[Product]]:
    """The products of the recipe's sources, below ``root``, on the sides it learns from."""
    kept = {
        source: [
            product
            for product in products
            if product.scene is not None or side_of_product(product.key) in recipe.sides
        ]
        for source, products in load_products(recipe.sources, root, recipe.seed).items()
    }
    return {source: products for source, products in kept.items() if products}


def as_tensor(batch: Batch) -> torch.Tensor:
    """float32 (n, 3, S, S), RGB in 0..1."""
    stacked = np.stack(batch.pictures)[..., ::-1].transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(stacked)).float().div_(255)


def contrast(vectors: torch.Tensor, batch: Batch, temperature: float) -> tuple[torch.Tensor, float]:
    """Supervised contrastive loss, and the share of views whose nearest other is their product's.

    Pairs of one scene but not known to be one product count neither as alike nor as different.
    Source: Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, the "out" form.
    """
    labels, scenes = torch.from_numpy(batch.products), torch.from_numpy(batch.scenes)
    same = labels[:, None] == labels[None, :]
    self_pair = torch.eye(len(labels), dtype=torch.bool)
    one_scene = (scenes[:, None] == scenes[None, :]) & (scenes[:, None] >= 0) & ~same
    likeness = vectors @ vectors.T / temperature
    likeness = likeness.masked_fill(self_pair | one_scene, -1e4)
    log_share = likeness - torch.logsumexp(likeness, dim=1, keepdim=True)
    positive = same & ~self_pair
    loss = -(log_share * positive).sum(1) / positive.sum(1).clamp_min(1)
    nearest = likeness.argmax(dim=1)
    return loss.mean(), float((labels[nearest] == labels).float().mean())


def _optimiser(network: RecogniserNetwork, recipe: RecogniserRecipe) -> torch.optim.Optimizer:
    groups = []
    for module, rate in (("backbone", recipe.learning_rate * recipe.backbone_rate), ("", 0.0)):
        rate = rate or recipe.learning_rate
        for decays in (True, False):
            values = [
                value
                for name, value in network.named_parameters()
                if value.requires_grad
                and name.startswith("backbone") == bool(module)
                and (value.ndim > 1) == decays
            ]
            decay = recipe.weight_decay if decays else 0.0
            groups.append({"params": values, "peak": rate, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])
