"""The network, its weights on disk, and the loss that leaves unlabelled places out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import LOGGER
from ultralytics.utils.loss import v8DetectionLoss

from detector.errors import TrainingError
from detector.model import DEFAULT_MODEL, SHIPPED_MODELS
from detector.training.dataset import Crop, ShelfClass

STRIDES_PX = (8, 16, 32)

#: The weights in a run's folder: the best ones, and everything needed to go on.
BEST, LAST = "best.pt", "last.pt"
#: The weights in a model's folder, for training further.
CHECKPOINT = "checkpoint.pt"
#: Name of the model that comes with the program, where weights are asked for.
SHIPPED = "shipped"

Weights = dict[str, torch.Tensor]


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


class ShelfLoss:
    """The vendor's detection loss with :class:`MaskedBCE` for the classes."""

    def __init__(self, model: DetectionModel) -> None:
        """For ``model``, on the device where its parameters are."""
        self._loss = v8DetectionLoss(model)
        self._loss.bce = MaskedBCE()

    def __call__(
        self, output: Any, batch: dict[str, torch.Tensor], mask: torch.Tensor
    ) -> torch.Tensor:
        """Box, class and edge loss, shape (3,), means over the crops of the batch."""
        self._loss.bce.mask = mask
        loss, _ = self._loss(output, batch)
        return loss / len(mask)


def build_model(architecture: str) -> DetectionModel:
    """The network with random weights and this project's classes."""
    LOGGER.setLevel(logging.WARNING)  # it tells of each build
    try:
        model = DetectionModel(architecture, ch=3, nc=len(ShelfClass), verbose=False)
    except (FileNotFoundError, KeyError, TypeError) as error:
        raise TrainingError(
            f"architecture: expected an Ultralytics model file such as yolo11n.yaml, "
            f"found {architecture!r}: {error}"
        ) from error
    model.args = get_cfg()
    model.names = {int(c): c.name.lower() for c in ShelfClass}
    model.train()
    return model


def freeze_layers(model: DetectionModel, count: int) -> None:
    """Keep the first ``count`` layers as they are, their running means too; the rest trains."""
    if count >= len(model.model):
        raise TrainingError(
            f"freeze: expected fewer than the network's {len(model.model)} layers, found {count}"
        )
    for index, layer in enumerate(model.model):
        layer.train(index >= count)
        for name, parameter in layer.named_parameters():
            # The head's table of distances is a constant.
            parameter.requires_grad = index >= count and "dfl" not in name


def pick_device(wanted: str) -> torch.device:
    """``auto``: the first accelerator that torch finds, else the processor."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def find_weights(where: str, shipped: Path = SHIPPED_MODELS / DEFAULT_MODEL) -> Path:
    """The file that ``where`` stands for: `shipped`, a run's folder, a model's folder, a file.

    ``shipped``: the folder of the model that comes with this version.

    Raises :class:`~detector.errors.TrainingError` naming what was looked for.
    """
    folder = shipped if where == SHIPPED else Path(where)
    if folder.is_file():
        return folder
    for name in (BEST, CHECKPOINT):
        if (folder / name).is_file():
            return folder / name
    if where == SHIPPED:
        raise TrainingError(
            f"shipped: expected {CHECKPOINT} beside the model that comes with this version, found "
            f"none in {folder}; give another with --start-from, or train from random weights"
        )
    raise TrainingError(
        f"{where}: expected a checkpoint, or a folder with {BEST} or {CHECKPOINT}, found neither"
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Content of a checkpoint; its ``model`` as float32 weights by name."""
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        content["model"] = {
            name: value.float() if value.is_floating_point() else value
            for name, value in content["model"].items()
        }
    except Exception as error:  # torch raises many unrelated types
        raise TrainingError(
            f"{path}: expected a checkpoint that `model train` wrote, found something else "
            f"({type(error).__name__})"
        ) from error
    return dict(content)


def load_weights(
    model: torch.nn.Module, weights: Mapping[str, torch.Tensor], where: object
) -> None:
    """Put ``weights`` into ``model``; TrainingError when they are of another network."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise TrainingError(
            f"{where}: expected the weights of this architecture, found others: {first}"
        ) from error


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write all or nothing: a killed run leaves the file before."""
    partial = path.with_suffix(".partial")
    torch.save(dict(content), partial)
    partial.replace(path)


def collate(
    crops: Sequence[Crop], device: torch.device | None = None
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The vendor's batch dictionary and the loss mask for crops of one size."""
    size = crops[0].image_bgr.shape[0]
    stacked = np.stack([crop.image_bgr for crop in crops])[..., ::-1].transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(stacked))
    index = np.concatenate([np.full(len(crop.boxes_px), i) for i, crop in enumerate(crops)])
    boxes = np.concatenate([crop.boxes_px for crop in crops]) / size
    centred = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )
    classes = np.concatenate([crop.class_ids for crop in crops])
    batch = {
        "img": images.to(device).float().div_(255),
        "batch_idx": torch.from_numpy(index).float().to(device),
        "cls": torch.from_numpy(classes).float().view(-1, 1).to(device),
        "bboxes": torch.from_numpy(centred).float().to(device),
    }
    mask = torch.from_numpy(np.stack([_loss_mask(crop, size) for crop in crops]))
    return batch, mask.to(device)


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
