"""Write trained weights as ONNX, with a manifest, after checking that both networks agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from detector.errors import TrainingError
from detector.manifest import (
    MANIFEST_NAME,
    BoxUnit,
    ClassSpec,
    DecoderKind,
    Manifest,
    ModelInput,
    sha256_of,
    write_manifest,
)
from detector.session import OnnxSession
from detector.training.train import build_model

OPSET = 17
STRIDE_PX = 32
#: Largest difference allowed between the two networks, in px of the input and in score.
MAX_BOX_DIFFERENCE_PX = 1.0
MAX_SCORE_DIFFERENCE = 0.02
#: Two gaps that overlap are one hole with doubtful sides; products may stand before one another.
GAP_NMS_IOU = 0.25


def export(
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str,
    thresholds: Mapping[str, float],
    size_px: int = 640,
    facing_px: tuple[float, float] = (16.0, 160.0),
) -> Manifest:
    """Write ``model.onnx`` and ``manifest.yaml`` into ``folder``.

    Height and width of the input are free (multiples of 32 px). Weights are stored in half
    precision, which halves the file; the runtime widens them at load and computes in float32.
    Raises :class:`~detector.errors.TrainingError` when the exported network disagrees with the
    trained one.
    """
    content = torch.load(checkpoint, weights_only=True)
    model = build_model(content["recipe"]["architecture"])
    model.load_state_dict(content["model"])
    model.eval().fuse(verbose=False)
    head = model.model[-1]
    head.export, head.format, head.dynamic = True, "onnx", True
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.onnx"
    example = torch.zeros(1, 3, size_px, size_px)
    torch.onnx.export(
        model,
        (example,),
        str(weights),
        opset_version=OPSET,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {2: "height", 3: "width"}, "output0": {2: "places"}},
        dynamo=False,
    )
    halve_weights(weights)
    check_parity(model, weights, ((size_px, size_px), (size_px // 2, size_px)))
    manifest = Manifest(
        name=name,
        version=version,
        sha256=sha256_of(weights),
        input=ModelInput(size_px=size_px, any_size_multiple_px=STRIDE_PX),
        decoder=DecoderKind.ULTRALYTICS,
        box_unit=BoxUnit.INPUT_PX,
        facing_px=facing_px,
        classes=tuple(
            ClassSpec(
                name=model.names[index],
                threshold=thresholds[model.names[index]],
                nms_iou=GAP_NMS_IOU if model.names[index] == "gap" else None,
            )
            for index in sorted(model.names)
        ),
        licence=licence,
    )
    write_manifest(manifest, folder / MANIFEST_NAME)
    return manifest


def halve_weights(path: Path, min_values: int = 64) -> None:
    """Store the large float32 weights of an ONNX file as float16, each widened by a Cast."""
    network = onnx.load(str(path))
    casts = []
    for weight in network.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        if values.size < min_values or np.abs(values).max() > 6e4:
            continue
        original = weight.name
        stored = numpy_helper.from_array(values.astype(np.float16), f"{original}_half")
        weight.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [original], to=TensorProto.FLOAT))
    nodes = [*casts, *network.graph.node]
    del network.graph.node[:]
    network.graph.node.extend(nodes)
    onnx.checker.check_model(network)
    onnx.save(network, str(path))


def check_parity(
    model: torch.nn.Module, weights: Path, sizes_px: tuple[tuple[int, int], ...]
) -> None:
    """Raise :class:`~detector.errors.TrainingError` unless both networks say the same.

    Compared on noise at each ``(height, width)``; only places with a score above 0.05 count for
    boxes, since the others are never read.
    """
    session = OnnxSession(weights)
    rng = np.random.default_rng(0)
    for height, width in sizes_px:
        coarse = rng.random((1, 3, height // 16, width // 16), dtype=np.float32)
        image = np.ascontiguousarray(coarse.repeat(16, axis=2).repeat(16, axis=3))
        with torch.no_grad():
            result = model(torch.from_numpy(image))
        expected = (result[0] if isinstance(result, tuple) else result).numpy()
        found = session.run("images", image)
        if found.shape != expected.shape:
            raise TrainingError(f"{weights}: expected {expected.shape}, found {found.shape}")
        scores = float(np.abs(found[:, 4:] - expected[:, 4:]).max())
        read = expected[0, 4:].max(axis=0) > 0.05
        shift = np.abs(found[0, :4, read] - expected[0, :4, read])
        boxes = float(shift.max()) if shift.size else 0.0
        if scores > MAX_SCORE_DIFFERENCE or boxes > MAX_BOX_DIFFERENCE_PX:
            raise TrainingError(
                f"{weights}: expected the trained network's output, found scores off by "
                f"{scores:.4f} and boxes off by {boxes:.2f} px at {width}x{height}"
            )
