"""Write a trained recogniser as ONNX with its manifest, after checking that both agree."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from detector.errors import TrainingError
from detector.manifest import MANIFEST_NAME, sha256_of, write_manifest
from detector.recogniser import INPUT, OUTPUT
from detector.recogniser_manifest import (
    CropInput,
    EmbedderManifest,
    Fit,
    GoldenCrop,
    Rule,
)
from detector.session import OnnxSession
from detector.training.export import OPSET, halve_weights
from detector.training.network import (
    CHECKPOINT,
    load_weights,
    read_checkpoint,
    write_checkpoint,
)
from detector.training.recogniser_network import INPUT_PX, RecogniserNetwork
from detector.training.recogniser_views import Picture, as_input

#: Smallest cosine allowed between the two networks' vectors of one crop.
MIN_PARITY = 0.9995


def export_recogniser(
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str,
    golden: Picture,
    known: Rule,
    stranger: Rule | None = None,
    reference_widths_px: tuple[int, ...] = (),
) -> EmbedderManifest:
    """Write network, checkpoint to train on from, golden crop and manifest into ``folder``.

    The number of crops is free. Weights are stored in half precision and computed in float32.
    Raises :class:`~detector.errors.TrainingError` when the exported network disagrees with the
    trained one.
    """
    content = read_checkpoint(checkpoint)
    network = RecogniserNetwork(content["recipe"]["dimension"])
    load_weights(network, content["model"], checkpoint)
    network.eval()
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.onnx"
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, INPUT_PX, INPUT_PX),),
        str(weights),
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "crops"}, OUTPUT: {0: "crops"}},
        dynamo=False,
    )
    halve_weights(weights)
    tensor = _tensor([golden, golden[:, ::-1], golden[::-1]])
    with torch.no_grad():
        expected = network(torch.from_numpy(tensor)).numpy()
    found = OnnxSession(weights.read_bytes()).run(INPUT, tensor)
    likeness = float((expected * found).sum(axis=1).min())
    if likeness < MIN_PARITY:
        raise TrainingError(
            f"{weights}: expected the trained network's vectors, found a cosine of {likeness:.5f}"
        )
    cv2.imwrite(str(folder / "golden.png"), golden)
    manifest = EmbedderManifest(
        kind="embedder",
        name=name,
        version=version,
        sha256=sha256_of(weights),
        input=CropInput(size_px=INPUT_PX, fit=Fit.STRETCH),
        dimension=found.shape[1],
        reference_widths_px=reference_widths_px,
        known=known,
        stranger=stranger,
        golden=GoldenCrop(
            file="golden.png", vector_head=tuple(round(float(v), 5) for v in found[0, :16])
        ),
        licence=licence,
    )
    halved = {
        name: value.half() if value.is_floating_point() else value
        for name, value in content["model"].items()
    }
    write_checkpoint(folder / CHECKPOINT, {"model": halved, "recipe": content["recipe"]})
    write_manifest(manifest, folder / MANIFEST_NAME)
    return manifest


def _tensor(pictures: list[Picture]) -> np.ndarray:
    stacked = np.stack([as_input(picture, INPUT_PX) for picture in pictures])
    return np.ascontiguousarray(stacked[..., ::-1].transpose(0, 3, 1, 2), np.float32) / 255
