"""Train the recogniser: views of one product together, those of others apart."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from detector.training.product_sides import side_of_product
from detector.training.recogniser_data import (
    Batch,
    BatchSampler,
    Product,
    Source,
    load_products,
)
from detector.training.recogniser_network import INPUT_PX, RecogniserNetwork, load_imagenet
from detector.training.splits import Side


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


def train_recogniser(
    recipe: RecogniserRecipe,
    root: Path,
    out: Path,
    *,
    start_from: Path | None = None,
    backbone: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train until the budget ends; returns the averaged weights' file in ``out``.

    ``root``: the folder that the recipe's sources are in. ``start_from``: a file that an earlier
    call wrote; default: ImageNet's weights, from the file ``backbone`` where one is named. A
    checkpoint is written every three minutes.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    sampler = BatchSampler(
        learned_products(recipe, root),
        size_px=INPUT_PX,
        products_per_batch=recipe.products_per_batch,
        views=recipe.views,
        twin_share=recipe.twin_share,
    )
    network = RecogniserNetwork(recipe.dimension)
    if start_from is None:
        load_imagenet(network, backbone)
    else:
        network.load_state_dict(torch.load(start_from, weights_only=True)["model"])
    network.freeze(recipe.frozen_blocks)
    network.train()
    averaged = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = _optimiser(network, recipe)
    target = out / "averaged.pt"
    began = saved = told = time.monotonic()
    step, mean_loss, mean_right = 0, 0.0, 0.0
    while (elapsed := time.monotonic() - began) < recipe.minutes * 60:
        rate = min(1.0, (step + 1) / max(recipe.warmup_steps, 1))
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / (recipe.minutes * 60)))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["peak"]
        batch = sampler(rng)
        vectors = network(as_tensor(batch))
        loss, right = contrast(vectors, batch, recipe.temperature)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step += 1
        keep = min(1 - 1 / recipe.average_steps, 1 - 1 / (1 + step / 4))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.dtype.is_floating_point:
                    averaged[name].mul_(keep).add_(value, alpha=1 - keep)
        mean_loss += 0.05 * (float(loss.detach()) - mean_loss)
        mean_right += 0.05 * (right - mean_right)
        now = time.monotonic()
        if now - told > 30:
            report(
                f"{elapsed / 60:.1f} min, step {step}, rate {rate:.3f}, loss {mean_loss:.3f}, "
                f"nearest view is of the same product {mean_right:.3f}"
            )
            told = now
        if now - saved > 180:
            _save(target, averaged, recipe)
            saved = now
    _save(target, averaged, recipe)
    return target


def learned_products(recipe: RecogniserRecipe, root: Path) -> dict[Source, list[Product]]:
    """The products of the recipe's sources that are on the sides it learns from."""
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


def _save(path: Path, state: dict[str, Any], recipe: RecogniserRecipe) -> None:
    partial = path.with_suffix(".partial")
    torch.save({"model": state, "recipe": recipe.model_dump(mode="json")}, partial)
    partial.replace(path)
